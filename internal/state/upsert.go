package state

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// upsertAll replaces what is known of objects. Organizations come first: they say whether the others are paused.
func (e *evaluation) upsertAll(objects []client.Object) {
	for _, organizations := range []bool{true, false} {
		for _, object := range objects {
			if _, is := object.(*v1alpha1.Organization); is == organizations {
				e.upsert(object)
			}
		}
	}
}

// upsert replaces what is known of an object.
func (e *evaluation) upsert(object client.Object) {
	ref := kinds.RefOf(object)
	written, isOurs := object.(v1alpha1.Object)
	if !isOurs {
		e.namespace(ref.Name, object)
		return
	}
	by, carriedOut := e.authored(ref, written), e.tenant.carriedOut(ref, written)
	effective, counts := e.putPaused(ref, written)
	e.delete(ref)
	if counts {
		e.set(ref, effective)
		if e.tenant.waits(ref) {
			by = carriedOut
		}
		e.tenant.setAuthored(ref, by)
	}
	e.markHistory(ref)
	if ref.Kind == kinds.Organization {
		e.pauseOrganization(ref.Name, IsPaused(written))
	}
}

// remove takes an object out of the state: it gives nothing any more, and nothing finds it.
func (e *evaluation) remove(ref kinds.Ref) {
	if ref.Kind == kinds.Namespace {
		e.namespace(ref.Name, nil)
		return
	}
	e.markHistory(ref)
	e.deletePause(ref)
	e.delete(ref)
	if ref.Kind == kinds.Organization {
		e.pauseOrganization(ref.Name, false)
	}
}

// set puts an object into its node and into the indexes, and marks what must be evaluated.
func (e *evaluation) set(ref kinds.Ref, object v1alpha1.Object) {
	keeperOf(ref.Kind).set(e, ref, object)
	e.mark(ref)
}

// delete takes an object out of its node and the indexes, if it is there, and marks what must be evaluated.
func (e *evaluation) delete(ref kinds.Ref) {
	if e.tenant.effective(ref) == nil {
		return
	}
	e.authorless(ref)
	keeperOf(ref.Kind).delete(e, ref)
	e.mark(ref)
}

// namespace notes that there is one, or with nil that there is none.
func (e *evaluation) namespace(name string, object client.Object) {
	if object == nil {
		delete(e.tenant.namespaces, name)
	} else {
		e.tenant.namespaces[name] = namespace{terminating: !object.GetDeletionTimestamp().IsZero()}
	}
	e.mark(kinds.Ref{Kind: kinds.Organization, Name: name})
}
