package openfga

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"github.com/openfga/openfga/pkg/server"
	serverconfig "github.com/openfga/openfga/pkg/server/config"
	"github.com/openfga/openfga/pkg/storage/sqlcommon"
	"github.com/spf13/viper"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// EmbeddedOptions say where the embedded store keeps its data.
type EmbeddedOptions struct {
	// Path is the SQLite file. It is created if it is not there; its directory must be. Empty means
	// a temporary file that goes with Close, for tests and trials.
	Path string
	// StoreName is the name of the store in OpenFGA. Default "bailiwick".
	StoreName string
	// Timeout ends every call and request. Default 10 s.
	Timeout time.Duration
	// Clock is the time by which the served API decides. Default time.Now.
	Clock func() time.Time
	// Log is told what has become of a damaged file. Default: nobody is.
	Log logr.Logger
}

// EmbeddedStore is a store in this process, which can serve OpenFGA's API to applications.
type EmbeddedStore struct {
	*Store
	service openfgav1.OpenFGAServiceServer
	watch   *watch
	clock   func() time.Time
}

// Damaged is closed when the file turns out to be damaged: nobody is answered any more. Close then takes the
// file out of the way, so that whoever opens it next begins with an empty one.
func (e *EmbeddedStore) Damaged() <-chan struct{} { return e.watch.damaged }

// Walk implements store.Store.
func (e *EmbeddedStore) Walk(ctx context.Context, visit func(store.Tuple) error) error {
	err := e.Store.Walk(ctx, visit)
	if err == nil {
		e.watch.read.Store(true)
	}
	return err
}

// Embedded opens an OpenFGA server in this process. The context bounds the opening. A file that is damaged is
// kept aside, and an empty one opened. An error says what is wrong with the file; it is ErrUnavailable if the file can't
// be used now, as where the volume is full, read-only or not there, or if the store in it does not answer.
//
// OpenFGA takes the limit on the cost of a condition from the whole process's settings, so opening
// the first embedded store raises it for every OpenFGA server in this process.
func Embedded(ctx context.Context, options EmbeddedOptions) (*EmbeddedStore, error) {
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	options.StoreName = cmp.Or(options.StoreName, defaultStoreName)
	raiseConditionCost()
	opened, err := open(ctx, options)
	if errors.Is(err, ErrDamaged) && options.Path != "" {
		became, failed := setAside(options.Path)
		if failed != nil {
			return nil, errors.Join(err, fmt.Errorf("taking the damaged file %s out of the way: %w. Everything in it can be made anew "+
				"from the cluster's resources: move it away, and start again", options.Path, failed))
		}
		options.Log.Error(err, "the store's file was damaged; everything in it is made anew from the cluster", "file", options.Path, "damaged", became)
		opened, err = open(ctx, options)
	}
	if _, missing := os.Lstat(options.Path + suffix); options.Path != "" && missing == nil {
		damagedFile.Set(1)
	}
	if err != nil && environmental(err) && !errors.Is(err, store.ErrUnavailable) {
		return nil, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return opened, err
}

func open(ctx context.Context, options EmbeddedOptions) (*EmbeddedStore, error) {
	file, err := openFile(ctx, options.Path)
	if err != nil {
		return nil, err
	}
	return embed(ctx, file, options)
}

// embed runs a server on a file. The file is closed with it, and when it does not come to that.
func embed(ctx context.Context, file *file, options EmbeddedOptions) (*EmbeddedStore, error) {
	embedded, err := serveFile(file, options)
	if err != nil {
		return nil, err
	}
	if err := embedded.bootstrap(ctx, options.StoreName); err != nil {
		if found := embedded.watch.found(); found != nil {
			err = found
		}
		return nil, errors.Join(err, embedded.Close())
	}
	end := embedded.close
	embedded.close = sync.OnceValue(func() error {
		err := end()
		if found := embedded.watch.found(); found != nil && options.Path != "" {
			became, failed := setAside(options.Path)
			options.Log.Error(found, "the next start makes everything in the store anew from the cluster", "file", options.Path, "damaged", became)
			err = errors.Join(err, failed)
		}
		return err
	})
	return embedded, nil
}

// serveFile is a server on a file of which nothing has been asked yet. The file is closed with it, and when it
// does not come to that.
func serveFile(file *file, options EmbeddedOptions) (*EmbeddedStore, error) {
	openFGA, err := server.NewServerWithOpts(
		server.WithDatastore(parentOnce{file.datastore}),
		server.WithContinuationTokenSerializer(sqlcommon.NewSQLContinuationTokenSerializer()),
		// Without it a call's deadline would not reach the database.
		server.WithContextPropagationToDatastore(true),
		server.WithRequestTimeout(options.Timeout),
		server.WithExperimentals(serverconfig.DefaultConfig().Experimentals...),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded store: %w", err), file.close())
	}
	service := &oneWriter{Server: openFGA, turn: make(chan struct{}, 1)}
	watch := newWatch()
	return &EmbeddedStore{
		service: service,
		watch:   watch,
		clock:   options.Clock,
		Store: &Store{
			client:  openfgav1.NewOpenFGAServiceClient(newInProcess(service, watch.unary)),
			timeout: options.Timeout,
			checks:  newInFlight(),
			close: sync.OnceValue(func() error {
				openFGA.Close()
				return file.close()
			}),
		},
	}, nil
}

// raiseConditionCost is done once: viper is not made for writing beside reading.
var raiseConditionCost = sync.OnceFunc(func() {
	viper.Set("maxConditionEvaluationCost", store.EmbeddedConditionCost)
})

// oneWriter lets writes wait for each other in order. SQLite takes one writer at a time and leaves
// the others to try again and again, so that some starve.
type oneWriter struct {
	*server.Server
	turn chan struct{}
}

// Write implements openfgav1.OpenFGAServiceServer.
func (w *oneWriter) Write(ctx context.Context, request *openfgav1.WriteRequest) (*openfgav1.WriteResponse, error) {
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-w.turn }()
	return w.Server.Write(ctx, request)
}
