package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

var callTests = map[string]func(*testing.T, store.Store){
	"PingAnswers": func(t *testing.T, s store.Store) {
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"AwaitChecksEnds": func(t *testing.T, s store.Store) {
		if err := s.AwaitChecks(t.Context()); err != nil {
			t.Error(err)
		}
	},
	"EndWithTheirContext": func(t *testing.T, s store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		tuple := plain("group:acme/a", "member", "user:u")
		_, _, get := s.Get(ctx, tuple.Key)
		_, check := s.Check(ctx, question(organization, "user:u", "App:View"))
		for name, err := range map[string]error{
			"Write": s.Write(ctx, []store.Tuple{tuple}, nil),
			"Get":   get,
			"Walk":  s.Walk(ctx, func(store.Tuple) error { return nil }),
			"Check": check,
			"Ping":  s.Ping(ctx),
		} {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: got %v, want it unavailable", name, err)
			}
		}
	},
	"RefuseWhatIsNoValue": func(t *testing.T, s store.Store) {
		asked := question(organization, "user:u", "App:View")
		asked.Attributes = map[string]any{"color": make(chan int)}
		_, err := s.Check(t.Context(), asked)
		expectRefused(t, err)
	},
}
