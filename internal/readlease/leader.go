package readlease

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// leading is what a leader knows. It needs the lock of Leases.
type leading struct {
	// on is set while this replica leads.
	on bool
	// epoch is this leader's, and published the one that the word in the cluster has. rewound is how often versions had gone
	// back by then.
	epoch, published string
	rewound          int
	// history is this replica's, historyVersion is greater after each change of it, and
	// publishedHistory the one that the word in the cluster has. omitted is how many organizations have no room in it.
	history                          state.History
	historyVersion, publishedHistory int64
	omitted                          int
	// crowded is how many readers had no room among those with leases.
	crowded int
	// noted is the engine's own version of history.
	noted int64
	// version is that of the word in the cluster. A leader of before has another one, and can't write it any more.
	version string
	// holders may answer, by the names of their Leases.
	holders map[string]*holder
	waiting map[*waiter]struct{}
	// changed is closed when somebody who waits may go on.
	changed chan struct{}
}

// holder is a reader that may answer.
type holder struct {
	// epoch is the one in which it was granted its lease; empty for a leader's of before.
	epoch string
	grant grant
	// history is the version that the word had in which it was granted its first lease of this epoch.
	history int64
	// until is when it may answer no more, by the time since boot: its lease counts from its request, which this replica has
	// seen later. before is the same of what it was granted in the epochs before: until then it may answer by that.
	until, before time.Duration
}

// waiter is a change that waits until every reader knows of it.
type waiter struct {
	marks   engine.Position
	history int64
	rewound int
	began   time.Duration
}

func (d *leading) announce() {
	close(d.changed)
	d.changed = make(chan struct{})
}

func (l *Leases) isLeading() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leading.on
}

// Begin makes this replica the one that grants leases. Those that the leader before it has granted are waited for. It is
// called when this replica's state includes all that there is, and returns when no other replica can grant any more, or ctx
// ends.
func (l *Leases) Begin(ctx context.Context) {
	for ctx.Err() == nil {
		err := l.takeOver(ctx)
		if err == nil {
			return
		}
		l.Log.Error(err, "read leases: nothing becomes Ready, and nothing goes, before the leases of the leader before are known; trying again")
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
}

func (l *Leases) takeOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var before coordinationv1.Lease
	err := l.Client.Get(ctx, client.ObjectKey{Namespace: l.Namespace, Name: wordName}, &before)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("reading the Lease %s: %w", wordName, err)
	}
	found := err == nil
	longest := l.Duration
	history, historyVersion := l.noteHistory()
	now := word{Epoch: string(uuid.NewUUID()), Rules: l.Rules, Readers: map[string]grant{}, History: history, HistoryVersion: historyVersion}
	if !found {
		// Whoever deleted it did not end the leases that it told of.
		var readers coordinationv1.LeaseList
		if err := l.Client.List(ctx, &readers, client.InNamespace(l.Namespace), client.HasLabels{Label}, client.Limit(maxReaders+1)); err != nil {
			return fmt.Errorf("listing the readers' Leases: %w", err)
		}
		for n := range readers.Items {
			now.Readers[readers.Items[n].Name] = grant{}
		}
		if len(readers.Items) > maxReaders {
			now.Readers = unknownReader() // there is no room for all: until their leases would have ended, somebody is waited for
		}
	}
	if found {
		if seconds := before.Spec.LeaseDurationSeconds; seconds != nil { // those of another length were granted, perhaps
			longest = max(longest, time.Duration(*seconds)*time.Second)
		}
		last, err := readWord(&before)
		if err != nil {
			// Whoever it was about may answer: somebody is waited for.
			last.Readers = unknownReader()
		}
		for name := range last.Readers {
			now.Readers[name] = grant{} // nobody's request: it gives nothing anew
		}
	}
	lease := l.leaseOf(wordName, l.Name, now)
	lease.ResourceVersion = before.ResourceVersion
	l.mu.Lock()
	l.begun.Store(true)
	l.mu.Unlock()
	if found {
		err = l.Client.Update(ctx, lease)
	} else {
		err = l.Client.Create(ctx, lease)
	}
	if err != nil {
		return fmt.Errorf("writing the Lease %s: %w", wordName, err)
	}

	rewound := l.Engine.Progress().Rewound
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clockDifference.Store(nil)
	d := &l.leading
	d.on, d.epoch, d.published, d.rewound, d.version = true, now.Epoch, now.Epoch, rewound, lease.ResourceVersion
	d.publishedHistory = historyVersion
	d.holders = map[string]*holder{}
	delete(now.Readers, readerPrefix+l.Name)
	for name := range now.Readers {
		// Nothing was granted after this, so nothing lasts longer.
		d.holders[name] = &holder{until: l.Clock.Boot() + longest}
	}
	d.announce()
	l.awake()
	return nil
}

// unknownReader stands for whoever may answer where that is not known. It never says that it has caught up.
func unknownReader() map[string]grant { return map[string]grant{readerPrefix + "unknown": {}} }

// End is the end of what Begin began.
func (l *Leases) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading.on = false
	l.held.Store(nil)
	l.leading.announce()
}

// Wait returns when no replica may answer by a state that does not include what this one's did. The error is that of ctx.
func (l *Leases) Wait(ctx context.Context, now engine.Progress) error {
	_, history := l.noteHistory()
	w := &waiter{marks: now.Marks, history: history, rewound: now.Rewound, began: l.Clock.Boot()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leading.waiting[w] = struct{}{}
	defer delete(l.leading.waiting, w)
	for {
		again, over := l.leading.over(w, l.notes, l.Clock.Boot())
		if over {
			// Who does not lead any more does not know who may answer.
			if l.Leads() {
				return nil
			}
			again = retryEvery
		}
		changed := l.leading.changed
		l.mu.Unlock()
		timer := time.NewTimer(again)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		now = l.Engine.Progress()
		l.mu.Lock()
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the replicas that answer: %w", context.Cause(ctx))
		}
		if now.Rewound != w.rewound { // who answers in the epoch that this begins has listed what there is since
			w.marks, w.rewound = now.Marks, now.Rewound
		}
	}
}

// noteHistory notes this replica's history, and returns it with its version. Replicas that answer learn of a change before anybody
// else does.
func (l *Leases) noteHistory() (state.History, int64) {
	l.noting.Lock() // what was found first is noted first
	defer l.noting.Unlock()
	all, version := l.Engine.History()
	l.mu.Lock()
	defer l.mu.Unlock()
	d := &l.leading
	if d.noted == version {
		return d.history, d.historyVersion
	}
	d.noted = version
	now, omitted := bounded(all)
	if !d.history.Equal(now) {
		d.history = now
		d.historyVersion++
		l.awake()
	}
	if (omitted > 0) != (d.omitted > 0) {
		l.Log.Info("about organizations in which something is paused or held back, and that are left out here, only the replica that leads answers: there are too many", "omitted", omitted)
	}
	d.omitted = omitted
	return d.history, d.historyVersion
}

// over says whether a change waits for nobody any more, else after what time to look again.
func (d *leading) over(w *waiter, notes map[string]note, now time.Duration) (again time.Duration, over bool) {
	if !d.on || w.rewound != d.rewound {
		return retryEvery, false
	}
	again, over = retryEvery, true
	for name, h := range d.holders {
		if d.holdsUp(name, h, w, notes, now) {
			over = false
			again = min(again, h.until-now)
		}
	}
	return again, over
}

// holdsUp says whether a change waits for a reader.
func (d *leading) holdsUp(name string, h *holder, w *waiter, notes map[string]note, now time.Duration) bool {
	said, known := notes[name]
	switch {
	case now >= h.until, known && said.Released:
		return false
	case h.epoch == d.epoch && now >= h.before && h.history >= w.history && h.grant.Since.Includes(w.marks): // it answers nothing before it knows
		return false
	}
	return !known || said.Epoch != d.epoch || said.History < w.history || !said.Includes.Includes(w.marks)
}

// owes says whether a change has waited for a reader for so long that it gets no more leases before it has caught up.
func (l *Leases) owes(name string, h *holder, now time.Duration) bool {
	if h == nil {
		return false
	}
	for w := range l.leading.waiting {
		if now-w.began >= l.Duration/patience && l.leading.holdsUp(name, h, w, l.notes, now) {
			return true
		}
	}
	return false
}

// grant grants leases to those who ask, and says no more about those that have ended.
func (l *Leases) grant(ctx context.Context, progress engine.Progress) error {
	if !l.Leads() {
		return nil
	}
	l.noteHistory()
	granting, changed, released := l.prepare(progress.Rewound)
	if len(granting) > 0 || changed {
		if err := l.publish(ctx, granting); err != nil {
			return err
		}
	}
	for _, name := range released {
		if err := l.remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// prepare has changes wait for whoever is to be granted a lease, before anything is granted.
func (l *Leases) prepare(rewound int) (granting []string, changed bool, released []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, now := &l.leading, l.Clock.Boot()
	if rewound != d.rewound {
		d.rewound, d.epoch = rewound, string(uuid.NewUUID())
		d.announce()
	}
	changed = d.epoch != d.published || len(d.holders) > 0 && d.historyVersion != d.publishedHistory
	for name, h := range d.holders {
		if now >= h.until || l.notes[name].Released {
			delete(d.holders, name)
			changed = true
		}
	}
	ofHost := map[string]int{}
	for name := range d.holders {
		ofHost[hostOf(name)]++
	}
	crowded := 0
	for name, asked := range l.notes {
		h := d.holders[name]
		if asked.Released || name == readerPrefix+l.Name || h == nil && now-asked.seen > forgottenAfter {
			released = append(released, name)
			continue
		}
		renewed := h != nil && h.epoch == d.epoch
		switch {
		case asked.Epoch != d.epoch:
		case asked.seen+l.granted() <= now, renewed && (asked.Request <= h.grant.Request || h.until-now > l.granted()*(renewals-1)/renewals):
		case l.owes(name, h, now):
		case h == nil && (len(d.holders) >= maxReaders || ofHost[hostOf(name)] >= maxReadersOfHost):
			crowded++
		default:
			if h == nil {
				ofHost[hostOf(name)]++
			}
			if !renewed {
				first := &holder{epoch: d.epoch}
				if h != nil {
					first.before = max(h.until, h.before)
				}
				h = first
				d.holders[name] = h
			}
			h.grant.Request, h.until = asked.Request, asked.seen+l.granted()
			granting = append(granting, name)
		}
	}
	if (crowded > 0) != (d.crowded > 0) {
		l.Log.Info("more replicas ask for read leases than get one: find out who makes their Leases", "without", crowded, "most", maxReaders, "mostOfOnePod", maxReadersOfHost)
	}
	d.crowded = crowded
	return granting, changed, released
}

// grants are what was granted and may not have ended, by the names of their Leases.
func (d *leading) grants() map[string]grant {
	grants := map[string]grant{}
	for name, h := range d.holders {
		grants[name] = h.grant
	}
	return grants
}

// publish writes the leader's word.
func (l *Leases) publish(ctx context.Context, granting []string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// What has been let go without waiting for a reader is included in this, since it is asked for after that reader counts.
	marks := l.Engine.Progress().Marks
	l.noteHistory()
	l.mu.Lock()
	d := &l.leading
	for _, name := range granting {
		h := d.holders[name]
		h.grant.At = l.Clock.Wall()
		if h.grant.Since == nil {
			h.grant.Since, h.history = marks, d.historyVersion
		}
	}
	d.announce()
	now := word{Epoch: d.epoch, Rules: l.Rules, Readers: d.grants(), History: d.history, HistoryVersion: d.historyVersion}
	lease := l.leaseOf(wordName, l.Name, now)
	lease.ResourceVersion = d.version
	l.mu.Unlock()

	if !l.Leads() {
		return nil
	}
	err := l.Client.Update(ctx, lease)
	if err != nil {
		return errors.Join(fmt.Errorf("writing the Lease %s: %w", wordName, err), l.reread(ctx))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d.version, d.published, d.publishedHistory = lease.ResourceVersion, now.Epoch, now.HistoryVersion
	return nil
}

// reread finds out what stands in the cluster after a write that failed: it may have happened all the same, and somebody may
// have edited the Lease, or deleted it. Where it is another leader's, it is left alone.
func (l *Leases) reread(ctx context.Context) error {
	var found coordinationv1.Lease
	err := l.Client.Get(ctx, client.ObjectKey{Namespace: l.Namespace, Name: wordName}, &found)
	l.mu.Lock()
	d := &l.leading
	epoch, published := d.epoch, d.published
	again := word{Epoch: published, Rules: l.Rules, Readers: d.grants(), History: d.history, HistoryVersion: d.historyVersion}
	l.mu.Unlock()
	switch {
	case apierrors.IsNotFound(err):
		// This replica may write no other, and whoever leads next waits for those that it names.
		found = *l.leaseOf(wordName, l.Name, again)
		if err := l.Client.Create(ctx, &found); err != nil {
			return fmt.Errorf("writing the Lease %s: %w", wordName, err)
		}
	case err != nil:
		return fmt.Errorf("reading the Lease %s: %w", wordName, err)
	}
	if stands, err := readWord(&found); err != nil || stands.Epoch != epoch && stands.Epoch != published {
		return errors.Join(err, errors.New("another replica grants read leases, or somebody has edited them"))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d.version = found.ResourceVersion
	return nil
}

// remove deletes the Lease of a reader that has given it back.
func (l *Leases) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := l.Client.Delete(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: name}})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the Lease %s: %w", name, err)
	}
	return nil
}
