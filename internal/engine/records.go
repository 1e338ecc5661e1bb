package engine

import (
	"iter"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// record is an object as it was last evaluated.
type record struct {
	object client.Object
	// counts means that the state has it. An object that is being deleted, or has no finalizer yet, may not count.
	counts bool
}

// records are those of all objects, by kind and name.
type records map[string]map[types.NamespacedName]record

func (r records) of(ref kinds.Ref) record { return r[ref.Kind][ref.Key()] }

// set replaces that of an object, which is gone where the record has none.
func (r records) set(ref kinds.Ref, now record) {
	if now.object == nil {
		delete(r[ref.Kind], ref.Key())
		return
	}
	if r[ref.Kind] == nil {
		r[ref.Kind] = map[types.NamespacedName]record{}
	}
	r[ref.Kind][ref.Key()] = now
}

// all are those of all objects.
func (r records) all() iter.Seq2[kinds.Ref, record] {
	return func(yield func(kinds.Ref, record) bool) {
		for kind, byName := range r {
			for name, found := range byName {
				if !yield(kinds.Named(kind, name), found) {
					return
				}
			}
		}
	}
}

// evaluated is an object that is evaluated, in a version that is its own or that of its deletion.
type evaluated struct {
	record

	version string
}
