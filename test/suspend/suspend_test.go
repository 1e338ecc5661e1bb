package suspend_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/bailiwick-dev/bailiwick/test/suspend"
)

func TestAProcessStandsStillAndGoesOn(t *testing.T) {
	child := exec.Command("sh", "-c", "while :; do :; done")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if err := suspend.Process(child.Process); err != nil {
			t.Fatal(err)
		}
		if state := stateOf(t, child.Process.Pid); state != "T" {
			t.Fatalf("its state is %s", state)
		}
		if err := child.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
		t.Errorf("its end was not seen: %v", err)
	}
	if err := suspend.Process(child.Process); err == nil {
		t.Error("a process that has ended stands still")
	}
}

func TestAProcessThatHasEndedAndWasNotSeenToIsNotWaitedFor(t *testing.T) {
	child := exec.Command("true")
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := output.Read(make([]byte, 1)); err == nil {
		t.Fatal("it says something")
	}
	for stateOf(t, child.Process.Pid) != "Z" { // the kernel closes what is open before that
		runtime.Gosched()
	}
	if err := suspend.Process(child.Process); err == nil {
		t.Error("a process that has ended stands still")
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// stateOf is the letter that stands for the state of a process.
func stateOf(t *testing.T, pid int) string {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, fields, _ := strings.Cut(string(content), ") ")
	state, _, _ := strings.Cut(fields, " ")
	return state
}
