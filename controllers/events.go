package controllers

import (
	"maps"
	"sync"
	"time"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
)

const (
	// eventsAtOnce and eventsPerSecond bound the Events about one kind's objects of an organization.
	eventsAtOnce    = 25
	eventsPerSecond = 1
	// allAgain is after how long without an Event there may be all of these at once again.
	allAgain = eventsAtOnce / eventsPerSecond * time.Second
)

// eventLimits bound the Events of each organization: each Event is a write to the API server, and one edit can have thousands of
// objects stall. What there is no Event of, the status says all the same.
type eventLimits struct {
	mu     sync.Mutex
	limits map[string]*eventLimit
}

// eventLimit is that of one organization, and when it was asked last.
type eventLimit struct {
	flowcontrol.PassiveRateLimiter
	asked time.Time
}

// allow says whether there may be one more Event about an object of a namespace. What is in none, as an Organization, is told of always.
func (l *eventLimits) allow(namespace string, by clock.PassiveClock) bool {
	if namespace == "" {
		return true
	}
	now := by.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	limit := l.limits[namespace]
	if limit == nil {
		maps.DeleteFunc(l.limits, func(_ string, other *eventLimit) bool { return now.Sub(other.asked) >= allAgain })
		if l.limits == nil {
			l.limits = map[string]*eventLimit{}
		}
		limit = &eventLimit{PassiveRateLimiter: flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(eventsPerSecond, eventsAtOnce, by)}
		l.limits[namespace] = limit
	}
	limit.asked = now
	return limit.TryAccept()
}
