package state

import (
	"fmt"
	"iter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// keeper is what the state does with the objects of one kind. It is in the file of that kind, beside what an object of it yields; what
// it escalates is in escalation_*.go.
type keeper interface {
	// find is the node of an object, nil where there is none.
	find(t *tenant, ref kinds.Ref) node
	// each are the nodes of all objects of the kind. Those without an object have still to be evaluated.
	each(t *tenant) iter.Seq2[kinds.Ref, node]
	// set puts an object into its node and into the indexes, and marks what else must be evaluated.
	set(e *evaluation, ref kinds.Ref, object v1alpha1.Object)
	// delete takes an object out of its node and the indexes. The node stays until the evaluation is over, because it says what the
	// object gave before.
	delete(e *evaluation, ref kinds.Ref)
	// evaluate evaluates the objects of the kind that are marked, after all kinds before it in kinds.All.
	evaluate(e *evaluation)
	// brake takes over from what is written what counts at once even while the object is paused, because it only takes away.
	brake(kept, written v1alpha1.Object)
	// sameStatus says whether what is read of a status is the same.
	sameStatus(was, is v1alpha1.Object) bool
	// receivers are the objects by whose names an object gives something, with the fields that name them.
	receivers(object v1alpha1.Object) []receiver
	// escalates adds to an escalation check what replacing an object by another gives; either may be nil.
	escalates(c *escalationCheck, old, object client.Object)
}

// node is what the state keeps of one object.
type node interface {
	// effective is the object that counts, with its spec and no more of its metadata than the state keeps; nil where there is
	// none any more.
	effective() v1alpha1.Object
	lastOutcome() Outcome
}

// receiver is an object that another one gives something to, by its name.
type receiver struct{ field, kind, name string }

// plain is for a kind of which nothing counts while it is paused, of whose status nothing is read, and that gives nobody
// anything.
type plain struct{}

func (plain) brake(_, _ v1alpha1.Object) {}

func (plain) sameStatus(_, _ v1alpha1.Object) bool { return true }

func (plain) receivers(v1alpha1.Object) []receiver { return nil }

// givesNothing is for a kind that gives nothing, so that nobody has to hold anything to write it: the kinds without a verb.
type givesNothing struct{}

func (givesNothing) escalates(_ *escalationCheck, old, object client.Object) {
	panic(fmt.Sprintf("state: neither a %T nor a %T gives anything that could be held", old, object)) // a mistake in the program
}

// nodeAt is the node of a name, nil where there is none.
func nodeAt[K comparable, N any, P interface {
	*N
	node
}](nodes map[K]P, key K) node {
	if found := nodes[key]; found != nil {
		return found
	}
	return nil
}

// eachIn are all nodes of a kind whose objects are in a namespace.
func eachIn[P node](kind string, nodes map[types.NamespacedName]P) iter.Seq2[kinds.Ref, node] {
	return func(yield func(kinds.Ref, node) bool) {
		for key, found := range nodes {
			if !yield(kinds.Named(kind, key), found) {
				return
			}
		}
	}
}

// eachClusterWide are all nodes of a kind whose objects are in none.
func eachClusterWide[P node](kind string, nodes map[string]P) iter.Seq2[kinds.Ref, node] {
	return func(yield func(kinds.Ref, node) bool) {
		for name, found := range nodes {
			if !yield(kinds.Ref{Kind: kind, Name: name}, found) {
				return
			}
		}
	}
}

// orNil is an object, and nil where there is none: a pointer of a type is no nil of an interface.
func orNil[T any, O interface {
	*T
	v1alpha1.Object
}](object O) v1alpha1.Object {
	if object == nil {
		return nil
	}
	return object
}

// nameAndAge is all of an object's metadata that the state keeps in memory.
func nameAndAge(o client.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), CreationTimestamp: o.GetCreationTimestamp()}
}

// find is the node of an object, nil where there is none.
func (t *tenant) find(ref kinds.Ref) node {
	if ref.Kind == kinds.Namespace {
		return nil
	}
	return keeperOf(ref.Kind).find(t, ref)
}

// effective is an object as the state has it, with its spec and no more of its metadata than the state keeps; nil where there
// is none.
func (t *tenant) effective(ref kinds.Ref) v1alpha1.Object {
	if found := t.find(ref); found != nil {
		return found.effective()
	}
	return nil
}

// effectiveNamed is a copy of an object as the state has it, with the name that the state does not keep in all of them.
func (t *tenant) effectiveNamed(ref kinds.Ref) v1alpha1.Object {
	object := t.effective(ref)
	if object == nil {
		return nil
	}
	named := object.DeepCopyObject().(v1alpha1.Object)
	named.SetNamespace(ref.Namespace)
	named.SetName(ref.Name)
	return named
}
