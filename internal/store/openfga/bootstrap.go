package openfga

import (
	"context"
	"errors"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// bootstrap finds the store by its name, or makes it, and sees to it that its newest model is ours.
func (s *Store) bootstrap(ctx context.Context, name string) error {
	if err := s.find(ctx, name); err != nil {
		return err
	}
	return s.prepareModel(ctx, name)
}

// bootstrapShared does the same with a store that others can reach, unless it is somebody else's.
func (s *Store) bootstrapShared(ctx context.Context, options RemoteOptions) error {
	if err := s.find(ctx, options.StoreName); err != nil {
		return err
	}
	before, err := s.admit(ctx, options)
	switch {
	case errors.Is(err, store.ErrForeign):
		foreignStore.Set(1)
		return err
	case err != nil:
		return err
	}
	foreignStore.Set(0)
	if err := s.prepareModel(ctx, options.StoreName); err != nil {
		return err
	}
	return s.claim(ctx, before, options)
}

func (s *Store) find(ctx context.Context, name string) error {
	var err error
	if s.storeID, err = s.findStore(ctx, name); err != nil {
		return mapped("looking for the store "+name, err)
	}
	if s.storeID == "" {
		if s.storeID, err = s.createStore(ctx, name); err != nil {
			return mapped("creating the store "+name, err)
		}
	}
	return nil
}

func (s *Store) prepareModel(ctx context.Context, name string) error {
	var err error
	if s.modelID, err = s.findModel(ctx); err != nil {
		return mapped("reading the model of the store "+name, err)
	}
	if s.modelID == "" {
		if s.modelID, err = s.writeModel(ctx); err != nil {
			return mapped("writing the model of the store "+name, err)
		}
	}
	return nil
}

// findStore returns the oldest store of that name: if two were ever made, everyone agrees on one.
func (s *Store) findStore(ctx context.Context, name string) (string, error) {
	var oldest *openfgav1.Store
	for token := ""; ; {
		response, err := s.listStores(ctx, name, token)
		if err != nil {
			return "", err
		}
		for _, found := range response.GetStores() {
			// Servers before 1.6 do not know the filter by name.
			if found.GetName() == name && (oldest == nil || older(found, oldest)) {
				oldest = found
			}
		}
		if token = response.GetContinuationToken(); token == "" {
			return oldest.GetId(), nil
		}
	}
}

func older(a, b *openfgav1.Store) bool {
	if at, bt := a.GetCreatedAt().AsTime(), b.GetCreatedAt().AsTime(); !at.Equal(bt) {
		return at.Before(bt)
	}
	return a.GetId() < b.GetId()
}

func (s *Store) listStores(ctx context.Context, name, token string) (*openfgav1.ListStoresResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.client.ListStores(ctx, &openfgav1.ListStoresRequest{
		Name: name, PageSize: wrapperspb.Int32(pageSize), ContinuationToken: token,
	})
}

func (s *Store) createStore(ctx context.Context, name string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.client.CreateStore(ctx, &openfgav1.CreateStoreRequest{Name: name})
	return response.GetId(), err
}

// findModel returns the id of the newest model if it is ours, else nothing. A model can't be changed,
// and one that is not the newest must not be used: whoever asks without an id gets the newest.
func (s *Store) findModel(ctx context.Context) (string, error) {
	id, _, err := s.newestModel(ctx)
	return id, err
}

// newestModel is the id of the newest model if it is ours, and whether there is any model.
func (s *Store) newestModel(ctx context.Context) (id string, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	response, err := s.client.ReadAuthorizationModels(ctx, &openfgav1.ReadAuthorizationModelsRequest{
		StoreId: s.storeID, PageSize: wrapperspb.Int32(1),
	})
	if err != nil || len(response.GetAuthorizationModels()) == 0 {
		return "", false, err
	}
	newest := response.GetAuthorizationModels()[0]
	id = newest.GetId()
	newest.Id = ""
	if !proto.Equal(newest, Model()) {
		return "", true, nil
	}
	return id, true, nil
}

// renewModel makes our model the newest again, if it is not. The id by which we ask stays: that model is still there.
func (s *Store) renewModel(ctx context.Context) error {
	newest, err := s.findModel(ctx)
	if err == nil && newest == "" {
		_, err = s.writeModel(ctx)
	}
	return err
}

func (s *Store) writeModel(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	model := Model()
	response, err := s.client.WriteAuthorizationModel(ctx, &openfgav1.WriteAuthorizationModelRequest{
		StoreId:         s.storeID,
		SchemaVersion:   model.GetSchemaVersion(),
		TypeDefinitions: model.GetTypeDefinitions(),
		Conditions:      model.GetConditions(),
	})
	return response.GetAuthorizationModelId(), err
}
