package engine

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
	toolscache "k8s.io/client-go/tools/cache"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Where objects come and go all the time, one of those that are listed is always gone by the time that the state is looked at. A
// replica that waited for it, and listed again later, would lose its lease to answer by when another one leads.
func TestWhatWentAfterItWasListedIsNotWaitedFor(t *testing.T) {
	listings := 0
	var e *Engine
	evaluate := func(ref kinds.Ref) {
		for refs, batch := e.next(ref.Organization()); len(batch) > 0; refs, batch = e.next(ref.Organization()) {
			e.evaluateBatch(refs, batch)
		}
	}
	e = New(Options{
		Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Log: logr.Discard(),
		Versions: func(context.Context) (Versions, error) {
			listings++
			known, unknown := userAt("a", 101), userAt("b", 102)
			known.Finalizers, unknown.Finalizers = []string{v1alpha1.Finalizer}, []string{v1alpha1.Finalizer}
			listed := Versions{Of: map[kinds.Ref]string{}, Listed: map[string]string{}}
			for kind := range lists() {
				listed.Listed[kind] = "102"
			}
			if listings > 1 {
				return listed, nil
			}
			listed.Of[kinds.RefOf(known)], listed.Of[kinds.RefOf(unknown)] = "101", "102"
			e.Observe(known)
			evaluate(kinds.RefOf(known))
			e.Observe(unknown)
			e.Forget(kinds.RefOf(known), "103")
			e.Forget(kinds.RefOf(unknown), "104")
			evaluate(kinds.RefOf(known))
			return listed, nil
		},
	})
	e.load()
	e.catchUp(t.Context())
	if listings != 1 {
		t.Errorf("it was listed %d times what there is, want once", listings)
	}
	if len(e.gone) != 0 {
		t.Errorf("%v is still noted as gone", e.gone)
	}
}

// An informer that lists anew finds that an object is gone, while its watch shows already that it was made again.
func TestWhatWasMadeAgainAfterItsDeletionWasMissedIsWaitedFor(t *testing.T) {
	e := New(Options{Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Log: logr.Discard()})
	e.load()
	evaluate := func() {
		for refs, batch := e.next("acme"); len(batch) > 0; refs, batch = e.next("acme") {
			e.evaluateBatch(refs, batch)
		}
	}
	user := func(version int) *v1alpha1.User {
		object := userAt("a", version)
		object.Finalizers = []string{v1alpha1.Finalizer}
		return object
	}
	ref := kinds.RefOf(user(90))
	e.Observe(user(90))
	evaluate()
	// The informer lists, and watches.
	e.progress.relist(kinds.User)
	e.progress.saw(kinds.User, "100")
	e.noteGone(1)
	before := e.progress.watched()
	e.progress.add(event{ref, "120"})
	e.progress.saw(kinds.User, "120")
	listed := Versions{Of: map[kinds.Ref]string{ref: "120"}, Listed: map[string]string{kinds.User: "130"}}
	// It hands out that the object is gone, and then that it is there.
	e.handler(kinds.User).OnDelete(toolscache.DeletedFinalStateUnknown{Obj: user(90)})
	evaluate()
	if e.prove(listed, before) == nil {
		t.Error("the state is said to include what it has not seen yet")
	}
	e.handler(kinds.User).OnAdd(user(120), false)
	evaluate()
	if e.known(ref) == nil {
		t.Error("the object is taken for gone")
	}
	if missing := e.prove(listed, before); missing != nil {
		t.Errorf("%v is missing", missing)
	}
}

// Others are told that the state includes what the watch has shown of an object that was made again, and is being deleted, only
// when it was evaluated.
func TestAMissedDeletionSaysNothingOfWhatCameLater(t *testing.T) {
	e := New(Options{Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Log: logr.Discard()})
	e.load()
	ref := kinds.RefOf(userAt("a", 90))
	e.Observe(userAt("a", 90))
	evaluate := func() {
		for refs, batch := e.next("acme"); len(batch) > 0; refs, batch = e.next("acme") {
			e.evaluateBatch(refs, batch)
		}
	}
	evaluate()
	e.progress.relist(kinds.User)
	e.progress.saw(kinds.User, "100")
	before := e.progress.watched()
	for _, version := range []string{"120", "125"} {
		e.progress.add(event{ref, version})
		e.progress.saw(kinds.User, version)
	}
	e.handler(kinds.User).OnDelete(toolscache.DeletedFinalStateUnknown{Obj: userAt("a", 90)})
	evaluate()
	if missing := e.prove(Versions{Listed: map[string]string{kinds.User: "110"}}, before); missing != nil {
		t.Fatalf("%v is missing", missing)
	}
	if got := e.Progress().Position[kinds.User]; got != "110" {
		t.Errorf("the state is said to include version %s, want 110", got)
	}
}
