package readlease

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is how long the machine has been running, suspended or not.
func SinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err) // every Linux has this clock
	}
	return time.Duration(now.Nano())
}
