package controlplane

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

//go:embed guard.sh
var guardScript string

// guard ends the programs of a plane and removes its directory, at the latest when this process dies.
type guard struct {
	directory string

	stdin io.Closer
	cmd   *exec.Cmd
	once  sync.Once
}

// newGuard makes the directory of a plane, and the guard over it.
func newGuard() (*guard, error) {
	directory, err := os.MkdirTemp("", "bailiwick-controlplane-")
	if err != nil {
		return nil, fmt.Errorf("making the directory of the control plane: %w", err)
	}
	for _, name := range []string{"launch", "programs", "running"} {
		if err := os.Mkdir(filepath.Join(directory, name), 0o700); err != nil {
			return nil, fmt.Errorf("making the directory of the control plane: %w", err)
		}
	}
	cmd := exec.Command("/bin/sh", "-c", guardScript, "guard", directory)
	// A group of its own, so that it doesn't get the interrupt of a terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the guard of the control plane: %w", err), os.RemoveAll(directory))
	}
	return &guard{directory: directory, stdin: stdin, cmd: cmd}, nil
}

// launcher returns the path of an executable that runs the program at the given path under the guard.
func (g *guard) launcher(program string) (string, error) {
	name := filepath.Base(program)
	alias := filepath.Join(g.directory, "programs", name)
	if err := os.Symlink(program, alias); err != nil && !os.IsExist(err) {
		return "", err
	}
	path := filepath.Join(g.directory, "launch", name)
	script := fmt.Sprintf("#!/bin/sh\n: >'%s'/running/$$ && exec '%s' \"$@\"\n", g.directory, alias)

	if there, err := os.ReadFile(path); err == nil && string(there) == script {
		return path, nil // a shell that has just begun with it would find it empty while it is written
	}
	// A child that is forked while the file is open for writing makes its execution fail (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return path, os.WriteFile(path, []byte(script), 0o700)
}

// end returns when everything that was started under the guard is gone, and the directory with it.
func (g *guard) end() {
	g.once.Do(func() {
		_ = g.stdin.Close()
		_ = g.cmd.Wait()
	})
}
