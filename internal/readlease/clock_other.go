//go:build !linux

package readlease

import "time"

var started = time.Now()

// SinceBoot is how long this process has been running. It may stand still while the machine is suspended: then the wall clock
// tells.
func SinceBoot() time.Duration { return time.Since(started) }
