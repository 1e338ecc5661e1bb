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
		if err := CheckReadLease(Options{Lease: election, DecisionsOnly: true}); err != nil {
			t.Errorf("%+v is refused: %v", election, err)
		}
		left := readLeaseDuration(Options{Lease: election}) * 2 / 3
		look := time.Duration((1 + leaderelection.JitterFactor) * float64(election.RetryPeriod))
		if needed := election.Duration + 2*look; left < needed {
			t.Errorf("with %+v %s of a read lease are left when the leader dies, and another one may lead after %s", election, left, needed)
		}
	}
}

func TestARetryPeriodWithWhichAReadLeaseWouldEndTooSoonIsRefused(t *testing.T) {
	long := LeaseOptions{Duration: 6 * time.Second, RetryPeriod: time.Second + time.Millisecond}
	answering := AskingOptions{DecisionServiceAccounts: true}
	for what, test := range map[string]struct {
		options Options
		refused bool
	}{
		"of a replica that may lead and answers": {Options{Lease: long, LeaderElect: true, Asking: answering}, true},
		"of one that only answers":               {Options{Lease: long, DecisionsOnly: true, Asking: answering}, true},
		"where nobody is asked":                  {Options{Lease: long, LeaderElect: true}, false},
		"where there is one replica":             {Options{Lease: long, Asking: answering}, false},
	} {
		if err := CheckReadLease(test.options); (err != nil) != test.refused {
			t.Errorf("%s: %v, want it refused: %t", what, err, test.refused)
		}
	}
}
