package engine

import (
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// heldUser is a User that has its finalizer, changed unless change is nil.
func heldUser(version int, change func(*v1alpha1.User)) *v1alpha1.User {
	object := userAt("a", version)
	object.Finalizers = []string{v1alpha1.Finalizer}
	if change != nil {
		change(object)
	}
	return object
}

// The one that leads may have seen each change, and waits until the others have seen the last of them. They say so at once only
// of what may have changed an answer.
func TestWhatWasSkippedIsToldOfAtOnce(t *testing.T) {
	suspended := func(o *v1alpha1.User) { o.Spec.Suspended = true }
	ref := kinds.RefOf(userAt("a", 1))
	for name, test := range map[string]struct {
		known *v1alpha1.User
		then  func(*Engine)
		want  string
	}{
		"one that came and went": {nil, func(e *Engine) {
			e.Observe(heldUser(101, nil))
			e.Forget(ref, "102")
		}, "102"},
		"one that came, was changed and went": {nil, func(e *Engine) {
			e.Observe(heldUser(101, nil))
			e.Observe(heldUser(102, func(o *v1alpha1.User) { o.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)} }))
			e.Forget(ref, "103")
		}, "103"},
		"one that went before it had its finalizer": {nil, func(e *Engine) {
			e.Observe(heldUser(101, func(o *v1alpha1.User) { o.Finalizers = nil }))
			e.Forget(ref, "102")
		}, ""},
		"one that was suspended for a moment": {heldUser(100, nil), func(e *Engine) {
			e.Observe(heldUser(101, suspended))
			e.Observe(heldUser(102, nil))
		}, "102"},
		"one of which the operator wrote the status twice": {heldUser(100, nil), func(e *Engine) {
			e.Observe(heldUser(101, func(o *v1alpha1.User) { o.Status.ObservedGeneration = 1 }))
			e.Observe(heldUser(102, func(o *v1alpha1.User) { o.Status.ObservedGeneration = 2 }))
		}, "100"},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Options{Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Log: logr.Discard()})
			e.load()
			evaluate := func() {
				for refs, batch := e.next(ref.Namespace); len(batch) > 0; refs, batch = e.next(ref.Namespace) {
					e.evaluateBatch(refs, batch)
				}
			}
			if test.known != nil {
				e.Observe(test.known)
				evaluate()
			}
			test.then(e)
			evaluate()
			if got := e.Progress().Marks[kinds.User]; got != test.want {
				t.Errorf("others are told of version %q at once, want %q", got, test.want)
			}
		})
	}
}

// What came and went, or was changed and changed back, while the leader's watch was cut off: another replica may have seen the first
// half, and be asked by it.
func TestWhatAListHidesIsToldOfAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		known, listed *v1alpha1.User
		want          string
	}{
		"one that was made, and is being deleted": {nil, heldUser(102, func(o *v1alpha1.User) { o.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)} }), "102"},
		"one that was suspended for a moment":     {heldUser(100, nil), heldUser(102, nil), "102"},
		"one that has not changed":                {heldUser(100, nil), heldUser(100, nil), "100"},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Options{Clock: clocktesting.NewFakeClock(time.Unix(0, 0)), Log: logr.Discard()})
			e.progress.relist(kinds.User)
			e.progress.saw(kinds.User, "100")
			e.load()
			observe := func(object *v1alpha1.User) {
				e.Observe(object)
				for refs, batch := e.next("acme"); len(batch) > 0; refs, batch = e.next("acme") {
					e.evaluateBatch(refs, batch)
				}
			}
			if test.known != nil {
				observe(test.known)
			}
			e.progress.relist(kinds.User)
			e.progress.saw(kinds.User, "200")
			observe(test.listed)
			if got := e.Progress().Marks[kinds.User]; got != test.want {
				t.Errorf("others are told of version %q at once, want %q", got, test.want)
			}
		})
	}
}
