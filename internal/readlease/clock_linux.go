package readlease

import (
	"time"

	"golang.org/x/sys/unix"
)

// SystemClock is the machine's.
var SystemClock = Clock{Wall: time.Now, Boot: sinceBoot}

func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic(err) // every Linux has this clock
	}
	return time.Duration(now.Nano())
}
