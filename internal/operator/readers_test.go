package operator

import (
	"testing"
	"time"

	"k8s.io/client-go/tools/leaderelection"
)

// [D3] Else no replica would answer when a leader dies.
func TestAReadLeaseOutlastsAChangeOfLeaders(t *testing.T) {
	for _, election := range []LeaseOptions{
		{Duration: 6 * time.Second, RetryPeriod: 500 * time.Millisecond}, // the defaults of the flags
		{Duration: 15 * time.Second, RetryPeriod: 2 * time.Second},
		{Duration: 6 * time.Second, RetryPeriod: time.Second},
	} {
		left := readLeaseDuration(Options{Lease: election}) * 2 / 3
		look := time.Duration((1 + leaderelection.JitterFactor) * float64(election.RetryPeriod))
		if needed := election.Duration + 2*look; left < needed {
			t.Errorf("with %+v %s of a read lease are left when the leader dies, and another one may lead after %s", election, left, needed)
		}
	}
}
