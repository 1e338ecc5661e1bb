package readlease

import "time"

// Clock tells the time in two ways, since each of them fails in another: the wall clock can be set, and what else there is may
// stand still while a machine is suspended.
type Clock struct {
	Wall func() time.Time
	// Boot is how long the machine has been running, suspended or not.
	Boot func() time.Duration
}

// instant is a moment by both.
type instant struct {
	wall time.Time
	boot time.Duration
}

func (c Clock) now() instant { return instant{c.Wall().Round(0), c.Boot()} }

// within says whether an instant is less than this long ago by either, and both agree.
func (i instant) within(d time.Duration, clock Clock) bool {
	now := clock.now()
	byWall, byBoot := now.wall.Sub(i.wall), now.boot-i.boot
	return byBoot < d && byWall < d && (byWall-byBoot).Abs() < maxClockDifference
}
