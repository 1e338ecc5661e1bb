package integration

import (
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	testingclock "k8s.io/utils/clock/testing"
)

// travelClock runs as the real clock does, until a spec stops it at an instant of its own. Timers fire
// when it gets to them. It is the clock of the operator's deadlines and of its store's decisions.
type travelClock struct {
	*testingclock.FakeClock
	mu      sync.Mutex
	stopped bool
	end     chan struct{}
}

// firstStop is where the clock of the next operator is stopped from its start on; zero is nowhere.
var firstStop time.Time

func newTravelClock() *travelClock {
	c := &travelClock{FakeClock: testingclock.NewFakeClock(time.Now()), end: make(chan struct{})}
	if !firstStop.IsZero() {
		c.stopAt(firstStop)
	}
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-c.end:
				return
			case now := <-ticker.C:
				c.mu.Lock()
				if !c.stopped {
					c.SetTime(now)
				}
				c.mu.Unlock()
			}
		}
	}()
	return c
}

// StopAt stops the clock at an instant; it may be set on and back as often as a spec likes. Whoever is
// about to set a timer by the time that it was does so before, and roles say what they would say a second
// later, since that second may never come.
func (c *travelClock) StopAt(instant time.Time) {
	GinkgoHelper()
	if !c.standsStill() {
		Eventually(checkCounts).Should(Succeed())
	}
	Eventually(func() float64 { return measured(activeWorkers) }).Should(BeZero())
	c.stopAt(instant)
}

func (c *travelClock) stopAt(instant time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	c.SetTime(instant)
}

func (c *travelClock) standsStill() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped
}

// pass lets time pass for a clock that was stopped.
func (c *travelClock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		c.Step(d)
	}
}

// StartAt starts an operator whose clock stands at an instant.
func (o *operatorUnderTest) StartAt(instant time.Time) {
	GinkgoHelper()
	firstStop = instant
	defer func() { firstStop = time.Time{} }()
	o.Start()
}
