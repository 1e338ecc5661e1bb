package controlplane

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/bailiwick-dev/bailiwick/test/suspend"
)

// stopTimeout is the grace period of a program: what Kubernetes gives a Pod by default.
const stopTimeout = 30 * time.Second

// Process is a program that runs beside the plane, and no longer than it.
type Process struct {
	name string
	cmd  *exec.Cmd
	env  []string
	done chan struct{}
	err  error
}

// Run starts a program that dies with the plane. It gets the environment of this process with env
// added, its temporary files are the plane's, and its output goes to a log named after it.
func (p *Plane) Run(program string, env []string, args ...string) (*Process, error) {
	name := filepath.Base(program)
	path, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	launcher, err := p.guard.launcher(path)
	if err != nil {
		return nil, fmt.Errorf("preparing to run %s: %w", name, err)
	}
	log, err := p.openLog(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()

	cmd := exec.Command(launcher, args...)
	env = append([]string{"TMPDIR=" + p.Directory()}, env...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A group of its own, so that an interrupt at the terminal doesn't end it before its turn.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	process := &Process{name: name, cmd: cmd, env: env, done: make(chan struct{})}
	go func() {
		process.err = cmd.Wait()
		close(process.done)
	}()
	return process, nil
}

// PID is the id of its process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Command starts the program once more, when it has ended: what it is called, and with what. It dies with
// the plane all the same.
func (p *Process) Command() []string {
	return slices.Concat([]string{"env"}, p.env, p.cmd.Args)
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop asks the program to end and waits for it. It is an error if the program fails, or must be
// killed because it does not end within the grace period.
func (p *Process) Stop() error {
	// It may have ended already; Wait tells how.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within %s", p.name, stopTimeout)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// Pause has the program stand still, as a machine does that swaps or is moved.
func (p *Process) Pause() error { return suspend.Process(p.cmd.Process) }

// Resume has it go on, as if no time had passed.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Process) Kill() error {
	err := p.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-p.done
	return err
}
