// Package elapsed tells time where it must not be told too short.
package elapsed

import "time"

// Within says whether less than a length of time has passed since an instant, by the monotonic clock as by the wall clock: the
// one stands still while a machine is suspended, and the other can be set back.
func Within(length time.Duration, since, now time.Time) bool {
	wall := now.Round(0).Sub(since.Round(0))
	return now.Sub(since) < length && 0 <= wall && wall < length
}
