// Package readlease lets replicas that do not lead answer decisions from memory, and has the one that leads wait for them:
// before an object is Ready, and before one that is deleted is gone, every replica that may answer knows of it, or may not
// answer any more. docs/design.md says how, and what each part is for.
package readlease

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Engine is what is known of this replica's state: see engine.Engine.
type Engine interface {
	Progress() engine.Progress
	CatchUp(ctx context.Context)
	// History is this replica's own, which is the same as long as its version is. FollowHistory sets the leader's, for a follower.
	History() (state.History, int64)
	FollowHistory(ofLeader state.History)
}

// Options are what read leases need.
type Options struct {
	// Name is this process among all that there have been.
	Name string
	// Engine has this replica's state.
	Engine Engine
	// Client reads from the API server itself.
	Client client.Client
	// Rules are the rules by which this replica evaluates objects, in words of their own.
	Rules string
	// Namespace is the operator's own.
	Namespace string
	// Duration is how long a lease lasts. A change waits no longer than this for a replica that does not answer.
	Duration time.Duration
	// Leads says whether this replica leads for certain, by its clock.
	Leads func() bool
	Clock Clock
	Log   logr.Logger
}

// Parts of a lease's duration.
const (
	// renewals is how often a lease is renewed while it lasts.
	renewals = 6
	// patience is the part of it that a change waits before whoever holds it up gets no more leases: what is granted lasts for
	// the rest.
	patience = 10
	// margin is the part by which a replica ends its lease early: clocks don't run equally fast.
	margin = 20
)

const (
	// callTimeout ends a request to the API server.
	callTimeout = 5 * time.Second
	// retryEvery is how often what failed is tried again.
	retryEvery = time.Second
	// maxClockDifference is how much a replica's clock may differ from the leader's before it answers no more: it would keep
	// deadlines wrongly.
	maxClockDifference = time.Second
	// evictedFor is how long a replica whose Lease was deleted asks for none.
	evictedFor = 10 * time.Minute
	// forgottenAfter is how long the Lease of a reader is kept that writes no more.
	forgottenAfter = time.Hour
)

// Leases are those of one replica, whether it leads or not.
type Leases struct {
	Options

	// held is what this replica may answer by.
	held atomic.Pointer[held]
	// begun is set when this replica begins to lead. Nobody waits for it from then on, so it answers by the lease that it has
	// only as long as it leads: until what it carries out is what it answers by.
	begun atomic.Bool
	// without is why it has no lease, as it was told last.
	without atomic.Pointer[string]
	// clockDifference is by how much the clock of this replica differs from the leader's, at least; nil where it leads.
	clockDifference atomic.Pointer[time.Duration]

	// noting is held while this replica's history is noted.
	noting sync.Mutex

	mu sync.Mutex
	// wake has whatever is due done.
	wake chan struct{}
	// word is the leader's, as last seen, and notes what the readers wrote last, by name.
	word  word
	notes map[string]note

	leading leading
	reading reading
}

// New are leases that nobody holds. Start keeps them.
func New(options Options) *Leases {
	l := &Leases{
		Options: options,
		wake:    make(chan struct{}, 1),
		notes:   map[string]note{},
		leading: leading{changed: make(chan struct{}), waiting: map[*waiter]struct{}{}},
		reading: reading{requests: map[int64]instant{}},
	}
	l.lacks("it has just been started")
	return l
}

// lacks notes why this replica has no lease, or is to lose the one that it has.
func (l *Leases) lacks(why string) { l.without.Store(&why) }

// processLength is the length of what tells the processes of a host apart.
const processLength = 8

// NewName is a name for a process on a host that no other one has had. config/webhook/lease_policy.yaml has such names made alike.
func NewName(host string) string { return fmt.Sprintf("%.63s-%s", host, rand.String(processLength)) }

// hostOf is the host in the name of a reader's Lease, with what is before it.
func hostOf(lease string) string { return lease[:max(0, len(lease)-processLength)] }

// granted is how long a lease lasts, from when the leader has granted it.
func (l *Leases) granted() time.Duration { return l.Duration - l.Duration/patience }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Leases) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable: it grants leases while this replica leads, and else asks for one.
func (l *Leases) Start(ctx context.Context) error {
	process.Store(l)
	timer := time.NewTicker(min(retryEvery, l.Duration/renewals/4))
	defer timer.Stop()
	defer l.release()
	for {
		progress := l.Engine.Progress()
		l.turn(ctx, progress)
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		case <-progress.Moved:
		case <-timer.C:
		}
	}
}

func (l *Leases) turn(ctx context.Context, progress engine.Progress) {
	ctx, end := liveness.Begin(ctx, "keeping read leases")
	defer end()
	defer liveness.Outside(ctx)() // it waits for the API server only
	var err error
	if l.isLeading() {
		err = l.grant(ctx, progress)
	} else {
		err = l.ask(ctx, progress)
	}
	if err != nil && ctx.Err() == nil {
		l.Log.Error(err, "read leases: trying again")
	}
}

func (l *Leases) awake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Seen notes what a watch shows of a Lease.
func (l *Leases) Seen(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case lease.Name == wordName:
		if read, err := readWord(lease); err == nil {
			l.word = read
		}
	case strings.HasPrefix(lease.Name, readerPrefix): // others that have our label are none of ours
		if read, err := readNote(lease); err == nil {
			read.seen = l.Clock.Boot()
			l.notes[lease.Name] = read
			l.leading.announce()
		}
	}
	l.awake()
}

// Gone notes that a Lease is gone. Whoever had it may answer until it would have ended.
func (l *Leases) Gone(lease *coordinationv1.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lease.Name == wordName {
		l.word = word{}
	}
	delete(l.notes, lease.Name)
	l.awake()
}

// held is a lease of this replica.
type held struct {
	// since is before the leader granted it.
	since instant
}

// Enter says whether this replica may answer from memory now. It is asked before the state is, and again before the answer
// is given: the process may have stood still meanwhile.
func (l *Leases) Enter() error {
	lease := l.held.Load()
	if lease == nil {
		return fmt.Errorf("this replica does not lead, and has no lease to answer by: %s", *l.without.Load())
	}
	if !lease.since.within(l.granted()-l.Duration/margin, l.Clock) {
		return errors.New("this replica's lease to answer by has ended")
	}
	if l.begun.Load() && !l.Leads() {
		return errors.New("this replica has begun to lead, and can't tell whether it still does")
	}
	return nil
}
