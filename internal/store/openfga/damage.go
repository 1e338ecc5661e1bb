package openfga

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	servererrors "github.com/openfga/openfga/pkg/server/errors"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// ErrDamaged means that the embedded store's file does not hold what it held. Nothing that it says counts any
// more; all of it can be made anew from the cluster.
var ErrDamaged = errors.New("the store's file is damaged")

// suffix is behind the path of a damaged file that is kept for whoever wants to know what has happened. Only one
// is kept, the first, so that a disk that damages every file is not filled as well.
const suffix = ".damaged"

var damagedFile = prometheus.NewGauge(prometheus.GaugeOpts{
	Name: "bailiwick_store_damaged_file",
	Help: "1 while a damaged file of the embedded store lies beside the present one, for somebody to look at and remove.",
})

func init() { metrics.Registry.MustRegister(damagedFile) }

// damaged marks an error as damage.
func damaged(err error) error {
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// isDamage recognizes damage while the store is in use. It is narrow, so that no request can make a sound file look
// damaged.
func isDamage(err error) bool {
	if errors.Is(err, ErrDamaged) || errors.Is(err, proto.Error) {
		return true
	}
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	switch primary(failure) {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	case sqlite3.SQLITE_ERROR: // it says so of what is wrong with a statement too
		return strings.Contains(failure.Error(), "no such table")
	}
	return false
}

// environmental recognizes errors of how the file can be reached now, as when it is locked or the disk is full. At a
// start, when nothing but the operator asks and everything can be made anew, every other error is damage. Of several
// errors one is enough: on a full volume a migration fails, and then what it should have made is missing.
func environmental(err error) bool {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.ContainsFunc(several.Unwrap(), environmental)
	}
	if cause := errors.Unwrap(err); cause != nil {
		return environmental(cause)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return true
	}
	if failure, ok := errors.AsType[*sqlite.Error](err); ok {
		switch primary(failure) {
		case sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
			sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
			return true
		}
	}
	return false
}

// primary is the code without what extends it.
func primary(failure *sqlite.Error) int {
	const mask = 0xFF
	return failure.Code() & mask
}

// setAside takes a damaged file out of the way, which nobody has open, and says what has become of it.
func setAside(path string) (string, error) {
	kept := path + suffix
	_, err := os.Lstat(kept)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Rename(path, kept); err != nil {
			return "", err
		}
		// What was not yet written into it is a part of it, and would be written into the next one.
		if err := os.Rename(path+"-wal", kept+"-wal"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return "kept as " + kept, unlessMissing(os.Remove(path + "-shm"))
	case err != nil:
		return "", err
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := unlessMissing(os.Remove(file)); err != nil {
			return "", err
		}
	}
	return "removed, because there is an earlier one, " + kept, nil
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// watch looks at every error of the server on a file. From the first one on that says that the file is damaged,
// nobody is answered.
type watch struct {
	// read is set once everything in the file has been read. Until then every internal error of the server is damage
	// that is not of the environment.
	read    atomic.Bool
	once    sync.Once
	damaged chan struct{}
	because error
}

func newWatch() *watch { return &watch{damaged: make(chan struct{})} }

// found is why the file is damaged, nil as long as it is not.
func (w *watch) found() error {
	select {
	case <-w.damaged:
		return w.because
	default:
		return nil
	}
}

func (w *watch) examine(err error) error {
	if err != nil && (isDamage(err) || !w.read.Load() && isInternal(err) && !environmental(err)) {
		w.once.Do(func() {
			w.because = fmt.Errorf("%w: %s", ErrDamaged, reason(err))
			close(w.damaged)
		})
	}
	if found := w.found(); found != nil {
		return status.Error(codes.Unavailable, found.Error())
	}
	return err
}

// isInternal says whether the server failed, and did not refuse the request.
func isInternal(err error) bool {
	_, ok := errors.AsType[servererrors.InternalError](err)
	return ok
}

func (w *watch) unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	response, err := handle(ctx, request)
	if err = w.examine(err); err != nil {
		return nil, err
	}
	return response, nil
}

func (w *watch) stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if err := w.examine(nil); err != nil {
		return err
	}
	return w.examine(handle(server, stream))
}
