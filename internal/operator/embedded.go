package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// embeddedStore is the store in this process, with the API on which applications ask it. While its file can't be
// opened, since the volume is full, read-only or not there, it is a store that does not answer, and is tried again.
type embeddedStore struct {
	options openfga.EmbeddedOptions
	serving openfga.APIOptions
	log     logr.Logger
	// retryEvery is how often it is tried.
	retryEvery time.Duration

	mu    sync.Mutex
	store *openfga.EmbeddedStore
	api   *openfga.API
	err   error
}

// addEmbedded adds the store in this process. Decisions that its API is asked for come from memory, where that may answer.
func (o *Operator) addEmbedded(ctx context.Context, options Options, ready func() bool, memory decision.Memory, certificate *tls.Config) error {
	e := &embeddedStore{
		options: options.Embedded.EmbeddedOptions, serving: options.Embedded.API,
		log: options.Log.WithName("openfga"), retryEvery: filesEvery,
	}
	e.options.Log = e.log
	// Until the store has been compared with the cluster it may hold what has ended meanwhile.
	e.serving.Ready, e.serving.TLS = ready, certificate
	e.serving.Memory = func(question store.Question) (allowed, answered bool) { return decision.FromMemory(memory, question) }
	if options.Asking.OpenFGAKeysFile != "" {
		file := apikeys.Open(options.Asking.OpenFGAKeysFile, e.log)
		o.files[installation.PartOpenFGAKeys] = file.Check
		if err := errors.Join(encrypted(e.serving.HTTPAddress, certificate), encrypted(e.serving.GRPCAddress, certificate)); err != nil {
			return err
		}
		e.serving.Admit = admitForAll(file)
	}
	o.embedded = e
	if err := e.open(ctx); err != nil && !errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if err := o.manager.Add(everyReplica(e.run)); err != nil {
		return fmt.Errorf("adding the embedded store: %w", err)
	}
	return nil
}

// open opens the file and binds the addresses of the API.
func (e *embeddedStore) open(ctx context.Context) error {
	var api *openfga.API
	opened, err := openfga.Embedded(ctx, e.options)
	if err == nil {
		if api, err = opened.Listen(e.serving); err != nil {
			opened, err = nil, errors.Join(err, opened.Close())
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.store, e.api, e.err = opened, api, err
	return err
}

// get returns the store and its API, or why they are not there yet.
func (e *embeddedStore) get() (*openfga.EmbeddedStore, *openfga.API, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.store, e.api, e.err
}

// run serves the API from when the file is open. It ends with an error when the file is damaged: the next start begins
// with an empty one, and fills it before anybody is answered.
func (e *embeddedStore) run(ctx context.Context) error {
	opened, api, err := e.get()
	if err != nil {
		e.log.Error(err, "the store's file can't be opened: it is tried again, and nobody is answered until then", "every", e.retryEvery.String())
	}
	for ; err != nil; opened, api, err = e.get() {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(e.retryEvery):
		}
		if err := e.open(ctx); err != nil && !errors.Is(err, store.ErrUnavailable) {
			return err
		}
	}
	serving, ctx := errgroup.WithContext(ctx)
	serving.Go(func() error { return api.Start(ctx) })
	serving.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case <-opened.Damaged():
			return openfga.ErrDamaged
		}
	})
	return serving.Wait()
}

func (e *embeddedStore) close() error {
	opened, _, _ := e.get()
	if opened == nil {
		return nil
	}
	return opened.Close()
}

// HTTPAddress is where applications ask the embedded store over HTTP; empty until its file is open.
func (o *Operator) HTTPAddress() string {
	if _, api, err := o.embedded.get(); err == nil {
		return api.HTTPAddress()
	}
	return ""
}

// GRPCAddress is where applications ask the embedded store over gRPC; empty until its file is open.
func (o *Operator) GRPCAddress() string {
	if _, api, err := o.embedded.get(); err == nil {
		return api.GRPCAddress()
	}
	return ""
}
