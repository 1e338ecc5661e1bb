package engine

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"
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
