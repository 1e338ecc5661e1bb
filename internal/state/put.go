package state

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// putAll replaces what is known of objects. Organizations come first: they say whether the others are paused.
func (p *evaluation) putAll(objects []client.Object) {
	for _, organizations := range []bool{true, false} {
		for _, object := range objects {
			if _, is := object.(*v1alpha1.Organization); is == organizations {
				p.put(object)
			}
		}
	}
}

// put replaces what is known of an object.
func (p *evaluation) put(object client.Object) {
	ref := kinds.RefOf(object)
	written, isOurs := object.(v1alpha1.Object)
	if !isOurs {
		p.namespace(ref.Name, object)
		return
	}
	by, carriedOut := p.authored(ref, written), p.state.carriedOut(ref, written)
	stands, counts := p.putPaused(ref, written)
	p.leave(ref)
	if counts {
		p.enter(ref, stands)
		if p.state.waits(ref) {
			by = carriedOut
		}
		p.state.setAuthored(ref, by)
	}
	p.recall(ref)
	if ref.Kind == kinds.Organization {
		p.pauseOrganization(ref.Name, IsPaused(written))
	}
}

// remove takes an object out of the state: it gives nothing any more, and nothing finds it.
func (p *evaluation) remove(ref kinds.Ref) {
	if ref.Kind == kinds.Namespace {
		p.namespace(ref.Name, nil)
		return
	}
	p.recall(ref)
	p.forgetPause(ref)
	p.leave(ref)
	if ref.Kind == kinds.Organization {
		p.pauseOrganization(ref.Name, false)
	}
}

// enter puts an object in its place and into the indexes, and notes what must be evaluated.
func (p *evaluation) enter(ref kinds.Ref, object v1alpha1.Object) {
	keeperOf(ref.Kind).enter(p, ref, object)
	p.mark(ref)
}

// leave takes an object out of its place and the indexes, where it has one, and notes what must be evaluated.
func (p *evaluation) leave(ref kinds.Ref) {
	if p.state.standing(ref) == nil {
		return
	}
	p.authorless(ref)
	keeperOf(ref.Kind).leave(p, ref)
	p.mark(ref)
}

// namespace notes that there is one, or with nil that there is none.
func (p *evaluation) namespace(name string, object client.Object) {
	if object == nil {
		delete(p.state.namespaces, name)
	} else {
		p.state.namespaces[name] = namespace{terminating: !object.GetDeletionTimestamp().IsZero()}
	}
	p.mark(kinds.Ref{Kind: kinds.Organization, Name: name})
}

// nameAndAge is all of an object's metadata that the state keeps in memory.
func nameAndAge(o client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), CreationTimestamp: o.GetCreationTimestamp()}
}
