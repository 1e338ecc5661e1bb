//go:build !linux

package readlease

import "time"

// SystemClock is the machine's. Where there is no clock that counts a suspend, the wall clock tells.
var SystemClock = Clock{Wall: time.Now, Boot: func() time.Duration { return time.Since(started) }}

var started = time.Now()
