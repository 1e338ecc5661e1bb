package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// KillAPIServer ends the API server at once, as a crash would, and returns when it is gone. The rest of the plane
// goes on, and what was stored stays.
func (p *Plane) KillAPIServer(ctx context.Context) error {
	pid, err := p.guard.find("kube-apiserver")
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true, func(context.Context) (bool, error) {
		switch err := syscall.Kill(pid, syscall.SIGKILL); {
		case errors.Is(err, syscall.ESRCH):
			return true, nil
		default:
			return false, err
		}
	})
	if err != nil {
		return fmt.Errorf("killing the API server: %w", err)
	}
	return nil
}

// StartAPIServer starts it again, at the same address and with the same users, and returns when it serves requests.
func (p *Plane) StartAPIServer() error {
	log, err := p.openLog("kube-apiserver")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	apiserver := p.env.APIServer
	apiserver.Out, apiserver.Err = log, log
	if err := apiserver.Start(); err != nil {
		return fmt.Errorf("starting the API server again: %w\n%s", err, p.LogTail("kube-apiserver"))
	}
	return nil
}

// find is the process of a program that runs under the guard.
func (g *guard) find(name string) (int, error) {
	running, err := os.ReadDir(filepath.Join(g.directory, "running"))
	if err != nil {
		return 0, err
	}
	for _, entry := range running {
		command, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		program, _, _ := bytes.Cut(command, []byte{0})
		if err == nil && filepath.Base(string(program)) == name {
			return strconv.Atoi(entry.Name())
		}
	}
	return 0, fmt.Errorf("no %s is running", name)
}
