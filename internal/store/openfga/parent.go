package openfga

import (
	"context"

	"github.com/openfga/openfga/pkg/storage"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// saidParent is the key of a context under which an object stands whose parent the question says.
type saidParent struct{}

// parentOnce is a datastore that does not say again where an object lies if the question says it already:
// OpenFGA does not notice that it is the same, and would look at everything above the object twice.
type parentOnce struct{ storage.OpenFGADatastore }

// Read implements storage.RelationshipTupleReader.
func (d parentOnce) Read(
	ctx context.Context, storeID string, filter storage.ReadFilter, options storage.ReadOptions,
) (storage.TupleIterator, error) {
	object, said := ctx.Value(saidParent{}).(string)
	if said && filter.Object == object && filter.Relation == store.RelationParent {
		return storage.NewStaticTupleIterator(nil), nil
	}
	return d.OpenFGADatastore.Read(ctx, storeID, filter, options)
}
