package readlease

import (
	"context"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
)

// reading is what a reader knows. Only Start uses it.
type reading struct {
	// epoch is the last one for which it has proved that its state includes all that there is, and rewound how often versions
	// had gone back by then.
	epoch   string
	rewound int
	// told is the leader's word of which the state knows the history. It holds on when the word is gone, as the lease does.
	told word
	// request is the number of its last request, and requests when each was made that a grant may still be of use for.
	request  int64
	requests map[int64]instant
	// written says that its Lease has been made, and said is what stands in it.
	written bool
	said    note
	asked   time.Duration
	// evicted is until when it asks for no lease.
	evicted time.Duration
}

// ask asks for a lease where it is time to, and says how far this replica is.
func (l *Leases) ask(ctx context.Context, progress engine.Progress) error {
	leader, r := l.leaders(), &l.reading
	if leader.Epoch != "" {
		r.told = leader
	}
	l.Engine.FollowHistory(r.told.History)
	switch {
	case leader.Epoch == "":
		l.lacks("no replica leads")
		return nil
	case leader.Rules != l.Rules:
		l.lacks("it evaluates objects by other rules than the replica that leads: finish the update, or give all replicas the same flags")
		return nil
	case l.Clock.Boot() < r.evicted:
		l.lacks("its Lease was deleted")
		return nil
	}
	if r.epoch != leader.Epoch || r.rewound != progress.Rewound || !progress.Proven {
		if !l.prove(ctx, leader.Epoch, progress.Rewound) {
			l.lacks("it has not seen yet all that there is in the cluster")
			return nil
		}
		progress = l.Engine.Progress()
	}
	if r.due(progress, l.Clock.Boot(), l.granted()/renewals) {
		if err := l.write(ctx, progress.Position); err != nil {
			return err
		}
	}
	return l.accept(leader, progress.Position)
}

func (l *Leases) leaders() word {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.word
}

// prove sees to it that this replica's state includes all that there is since an epoch has begun. A watch does not say that: it
// may hang, and versions of before can't be compared.
func (l *Leases) prove(ctx context.Context, epoch string, rewound int) bool {
	ctx, cancel := context.WithTimeout(ctx, l.Duration)
	defer cancel()
	l.Engine.CatchUp(ctx)
	now := l.Engine.Progress()
	if ctx.Err() != nil || !now.Proven || now.Rewound != rewound {
		return false
	}
	l.reading.epoch, l.reading.rewound = epoch, rewound
	// What became of an object meanwhile is known, and not that anything was: others may wait for this.
	l.reading.said.Epoch = ""
	return true
}

// due says whether there is something to write: what somebody may wait for, or a request in time.
func (r *reading) due(now engine.Progress, boot, every time.Duration) bool {
	if !r.written || r.said.Epoch != r.epoch || r.said.History != r.told.HistoryVersion || boot-r.asked >= every {
		return true
	}
	// Only what may change an answer is waited for.
	for kind, mark := range now.Marks {
		said := engine.Position{kind: r.said.Includes[kind]}
		if !said.Includes(engine.Position{kind: mark}) && !said.Includes(engine.Position{kind: now.Position[kind]}) {
			return true
		}
	}
	return false
}

// write says how far this replica is, and asks for a lease.
func (l *Leases) write(ctx context.Context, includes engine.Position) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r := &l.reading
	r.request++
	at := l.Clock.now() // before anybody can grant it
	maps.DeleteFunc(r.requests, func(_ int64, made instant) bool { return at.boot-made.boot >= l.Duration })
	r.requests[r.request] = at
	said := note{Request: r.request, Epoch: r.epoch, Includes: includes, History: r.told.HistoryVersion}
	lease := l.leaseOf(readerPrefix+l.Name, l.Name, said)
	var err error
	if r.written {
		err = l.Client.Patch(ctx, lease, patchOf(lease))
	} else if err = l.Client.Create(ctx, lease); apierrors.IsAlreadyExists(err) {
		r.written = true // it was made by a request that was not answered
	}
	switch {
	case r.written && apierrors.IsNotFound(err):
		l.held.Store(nil)
		clear(r.requests) // what was granted to them counts no more
		r.written, r.evicted = false, at.boot+evictedFor
		l.Log.Info("the Lease of this replica was deleted: it answers no decisions from memory for a while", "lease", lease.Name, "for", evictedFor.String())
		return nil
	case err != nil:
		return fmt.Errorf("writing the Lease %s: %w", lease.Name, err)
	}
	r.written, r.said, r.asked = true, said, at.boot
	return nil
}

// accept takes the lease that a word grants, once the state includes what it has to. It knows the history in that word.
func (l *Leases) accept(leader word, includes engine.Position) error {
	r := &l.reading
	granted := leader.Readers[readerPrefix+l.Name]
	since, asked := r.requests[granted.Request]
	if !asked || leader.Epoch != r.epoch || !includes.Includes(granted.Since) {
		l.lacks("the replica that leads has not granted one yet")
		return nil
	}
	for number := range r.requests {
		if number < granted.Request {
			delete(r.requests, number)
		}
	}
	if last := l.held.Load(); last != nil && last.since == since {
		return nil
	}
	// The leader's clock showed this at some moment between the request and now.
	difference := max(since.wall.Sub(granted.At), granted.At.Sub(l.Clock.Wall()), 0)
	l.clockDifference.Store(&difference)
	if difference > maxClockDifference {
		delete(r.requests, granted.Request)
		l.held.Store(nil)
		l.lacks(fmt.Sprintf("its clock differs from the leader's by %s", difference.Round(time.Millisecond)))
		return fmt.Errorf("this replica's clock differs from the leader's by more than %s, so that it would keep deadlines wrongly: it showed %s when the leader's showed %s; set it right",
			maxClockDifference, l.Clock.Wall().Format(time.RFC3339), granted.At.Format(time.RFC3339))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.begun.Load() { // else nobody will wait for it
		l.held.Store(&held{since})
	}
	return nil
}

// release gives the lease back.
func (l *Leases) release() {
	l.held.Store(nil)
	if !l.reading.written {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	lease := l.leaseOf(readerPrefix+l.Name, l.Name, note{Released: true})
	if err := l.Client.Patch(ctx, lease, patchOf(lease)); client.IgnoreNotFound(err) != nil {
		l.Log.Error(err, "the lease to answer by could not be given back: changes wait until it ends")
	}
}
