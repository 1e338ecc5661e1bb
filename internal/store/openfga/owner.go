package openfga

import (
	"context"
	"errors"
	"fmt"
	"slices"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// An external store says in one tuple which installation owns it. Others find it by the same name, as when two
// clusters share a server, and would replace its model and delete its tuples. The tuple is under one of two relations,
// because OpenFGA can't change a tuple: a new owner's is written in the transaction that deletes the old one's. The
// first owner's is always under the same, so that of two that claim an empty store at once only one succeeds.
const (
	ownerObject = "organization:~installation"
	ownerUser   = "user:~installation"
)

var (
	firstOwnerKey = store.Key{Object: ownerObject, Relation: store.RelationGrantA, User: ownerUser}
	nextOwnerKey  = store.Key{Object: ownerObject, Relation: store.RelationGrantB, User: ownerUser}
)

// Unmarked in RemoteOptions.Adopt stands for a store in which there is something, and no owner.
const Unmarked = "unmarked"

var foreignStore = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "bailiwick_store_foreign",
	Help: "1 while the external store of the configured name belongs to somebody else; nothing in it is read or changed.",
})

func init() { metrics.Registry.MustRegister(foreignStore) }

// ownership is what a store says of its owner.
type ownership struct {
	// id of the installation; empty if there is none, Unmarked if the tuple can't be read.
	id string
	// key of the tuple.
	key store.Key
}

func (s *Store) ownership(ctx context.Context) (ownership, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.client.Read(ctx, &openfgav1.ReadRequest{
		StoreId:     s.storeID,
		TupleKey:    &openfgav1.ReadRequestTupleKey{Object: ownerObject},
		PageSize:    wrapperspb.Int32(1),
		Consistency: openfgav1.ConsistencyPreference_HIGHER_CONSISTENCY,
	})
	if err != nil {
		return ownership{}, mapped("reading whose the store is", err)
	}
	if len(response.GetTuples()) == 0 {
		return ownership{}, nil
	}
	tuple := tupleOf(response.GetTuples()[0].GetKey())
	found := ownership{id: Unmarked, key: tuple.Key}
	if ids := slices.Collect(condition.Permissions(tuple.Context)); len(ids) == 1 {
		found.id = ids[0]
	}
	return found, nil
}

// admit returns an error unless the store may be ours: it is, it holds nothing yet, or we are told to adopt it. It reads
// only.
func (s *Store) admit(ctx context.Context, options RemoteOptions) (ownership, error) {
	found, err := s.ownership(ctx)
	if err != nil || found.id == options.Owner || found.id != "" && found.id == options.Adopt {
		return found, err
	}
	if found.id == "" {
		if unused, err := s.unused(ctx); err != nil || unused || options.Adopt == Unmarked {
			return found, err
		}
		return found, fmt.Errorf("%w: store %s (%s) has content and no owner. Name another store with --openfga-store-name, or take this one over, "+
			"which replaces its model and deletes its tuples, with --openfga-adopt-store=%s", store.ErrForeign, options.StoreName, s.storeID, Unmarked)
	}
	return found, fmt.Errorf("%w: store %s (%s) belongs to installation %s, and this is installation %s. Name another store with --openfga-store-name "+
		"or, if the other installation is gone, take this one over with --openfga-adopt-store=%s",
		store.ErrForeign, options.StoreName, s.storeID, found.id, options.Owner, found.id)
}

// unused says whether a store without an owner holds nothing of somebody else's. Our own model is there without tuples
// where a first start was interrupted.
func (s *Store) unused(ctx context.Context) (bool, error) {
	page, err := s.readPage(ctx, "")
	if err != nil || len(page.GetTuples()) > 0 {
		return false, mappedUnlessNil("looking for tuples in the store", err)
	}
	id, found, err := s.newestModel(ctx)
	return id != "" || !found, mappedUnlessNil("reading the model of the store", err)
}

func mappedUnlessNil(doing string, err error) error {
	if err == nil {
		return nil
	}
	return mapped(doing, err)
}

// claim makes a store ours that has been admitted and has our model.
func (s *Store) claim(ctx context.Context, before ownership, options RemoteOptions) error {
	s.installation = options.Owner
	if before.id == options.Owner {
		return nil
	}
	mark := saying(firstOwnerKey, options.Owner)
	var replaced []store.Key
	if before.id != "" {
		replaced = []store.Key{before.key}
	}
	if before.key == firstOwnerKey {
		mark.Key = nextOwnerKey
	}
	const doing = "marking the store as ours"
	err := s.write(ctx, doing, []store.Tuple{mark}, replaced)
	if err == nil {
		return nil
	}
	// Somebody else may have been faster.
	if _, foreign := s.admit(ctx, options); errors.Is(foreign, store.ErrForeign) {
		return foreign
	}
	return err
}

// keepOwner finds out whether the store is still ours, and marks it again where somebody has deleted the mark. It may
// run beside a write, so it carries only what never changes.
func (s *Store) keepOwner(ctx context.Context) error {
	if s.epoch == nil {
		return nil
	}
	found, err := s.ownership(ctx)
	switch {
	case err != nil:
		return err
	case found.id == "":
		return s.write(ctx, "marking the store as ours again", []store.Tuple{saying(firstOwnerKey, s.installation), *s.epoch}, nil)
	case found.id != s.installation:
		return fmt.Errorf("reading whose the store is: %w", store.ErrReplaced)
	}
	return nil
}
