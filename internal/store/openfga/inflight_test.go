package openfga

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestAwaitChecksWaitsForThoseThatBeganBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{checks: newInFlight()}
		first, second := s.checks.begin(), s.checks.begin()
		returned := await(t, s)
		synctest.Wait()
		third := s.checks.begin()
		first()
		synctest.Wait()
		expectPending(t, returned)
		second()
		synctest.Wait()
		if err := <-returned; err != nil {
			t.Error(err)
		}
		third()
	})
}

func TestAwaitChecksEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, s := range map[string]*Store{
			"in flight":   {checks: newInFlight()},
			"in the dark": {checks: newInFlight(), grace: time.Hour},
		} {
			end := s.checks.begin()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := s.AwaitChecks(ctx); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: got %v, want it unavailable", name, err)
			}
			cancel()
			end()
		}
	})
}

func TestAwaitChecksOfARemoteStoreTakesTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{checks: newInFlight(), grace: time.Second}
		began := time.Now()
		end := s.checks.begin()
		returned := await(t, s)
		time.AfterFunc(3*time.Second, end)
		if err := <-returned; err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("returned %v after %v, want it after our own decision, which took 3 s", err, time.Since(began))
		}
		began = time.Now()
		if err := s.AwaitChecks(t.Context()); err != nil || time.Since(began) != time.Second {
			t.Errorf("returned %v after %v, want it after 1 s", err, time.Since(began))
		}
	})
}

func TestAwaitChecksKnowsTheDecisionsOfApplications(t *testing.T) {
	for method, counts := range map[string]bool{
		openfgav1.OpenFGAService_Check_FullMethodName:       true,
		openfgav1.OpenFGAService_BatchCheck_FullMethodName:  true,
		openfgav1.OpenFGAService_ListObjects_FullMethodName: false,
		openfgav1.OpenFGAService_Read_FullMethodName:        false,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &Store{checks: newInFlight()}
			g := &guard{
				ready: func() bool { return true }, authorize: func([]string) error { return nil }, checks: s.checks, timeout: time.Hour,
			}
			finish := make(chan struct{})
			go func() {
				_, _ = g.unary(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: method}, func(context.Context, any) (any, error) {
					<-finish
					return nil, nil
				})
			}()
			synctest.Wait()
			returned := await(t, s)
			synctest.Wait()
			if counts {
				expectPending(t, returned)
				close(finish)
			} else {
				defer close(finish)
			}
			if err := <-returned; err != nil {
				t.Errorf("%s: %v", method, err)
			}
		})
	}
}

func await(t *testing.T, s *Store) <-chan error {
	returned := make(chan error, 1)
	go func() { returned <- s.AwaitChecks(t.Context()) }()
	return returned
}

func expectPending(t *testing.T, returned <-chan error) {
	t.Helper()
	select {
	case err := <-returned:
		t.Errorf("returned %v while an earlier decision is in flight", err)
	default:
	}
}
