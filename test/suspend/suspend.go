// Package suspend has programs stand still.
package suspend

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Process returns when nothing of a child process runs any more, until it gets SIGCONT. The signal alone is not enough: on a
// busy machine its threads run on until the one that is to take it has its turn.
func Process(child *os.Process) error {
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("sending SIGSTOP: %w", err)
	}
	for {
		// Its end is left for os.Process.Wait to see.
		err := unix.Waitid(unix.P_PID, child.Pid, nil, unix.WSTOPPED, nil)
		if !errors.Is(err, unix.EINTR) {
			return os.NewSyscallError("waitid", err)
		}
	}
}
