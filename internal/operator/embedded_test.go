package operator

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// fillVolume lets no file of this process grow, until the returned function is called.
func fillVolume(t *testing.T) (makeRoom func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // writing too far is then an error and not the end
	t.Cleanup(func() { signal.Reset(syscall.SIGXFSZ) })
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	set := func(limit syscall.Rlimit) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	makeRoom = func() { set(before) }
	t.Cleanup(makeRoom)
	set(syscall.Rlimit{Cur: 4096, Max: before.Max})
	return makeRoom
}

func TestAVolumeThatCannotBeUsedIsWaitedFor(t *testing.T) {
	for name, test := range map[string]struct {
		// spoil makes the volume useless, and returns what makes it good again.
		spoil func(t *testing.T, volume string) (mend func())
		says  string
	}{
		"not mounted": {func(t *testing.T, volume string) func() {
			t.Helper()
			away := volume + "-away"
			if err := os.Rename(volume, away); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := os.Rename(away, volume); err != nil {
					t.Fatal(err)
				}
			}
		}, "no such file"},
		"full": {func(t *testing.T, _ string) func() {
			t.Helper()
			return fillVolume(t)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			volume := filepath.Join(t.TempDir(), "volume")
			if err := os.Mkdir(volume, 0o700); err != nil {
				t.Fatal(err)
			}
			said := make(chan string, 100)
			e := &embeddedStore{
				options: openfga.EmbeddedOptions{Path: filepath.Join(volume, "store.db")},
				serving: openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
				log:     funcr.New(func(_, line string) { said <- line }, funcr.Options{}), retryEvery: time.Millisecond,
			}
			t.Cleanup(func() {
				if err := e.close(); err != nil {
					t.Error(err)
				}
			})
			mend := test.spoil(t, volume)
			if err := e.open(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), e.options.Path) {
				t.Fatalf("got %v", err)
			}
			o := &Operator{embedded: e}
			connect := o.connect(Options{})
			if _, err := connect(t.Context()); !errors.Is(err, store.ErrUnavailable) || o.HTTPAddress() != "" {
				t.Errorf("before it is open: %v, served at %q", err, o.HTTPAddress())
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- e.run(ctx) }()
			if line := <-said; !strings.Contains(line, "it is tried again") {
				t.Errorf("the log says %s", line)
			}
			mend()
			for {
				if _, err := connect(t.Context()); err == nil {
					break
				}
				select {
				case err := <-ended:
					t.Fatalf("it has ended: %v", err)
				case <-time.After(time.Millisecond):
				}
			}
			if o.HTTPAddress() == "" || o.GRPCAddress() == "" {
				t.Error("the API is not served")
			}
			if left, err := filepath.Glob(e.options.Path + ".*"); err != nil || len(left) > 0 {
				t.Errorf("taken for damage: %v, %v", left, err)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("but not a path that SQLite does not take", func(t *testing.T) {
		e := &embeddedStore{options: openfga.EmbeddedOptions{Path: filepath.Join(t.TempDir(), "what?.db")}}
		if err := e.open(t.Context()); err == nil || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	})
}
