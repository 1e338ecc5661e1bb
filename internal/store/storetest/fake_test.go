package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestAFakeKeepsTheContractButForDecisions(t *testing.T) {
	for _, name := range []string{
		"AreReadBackAsTheyWereWritten", "AreAllVisitedPageByPage", "AreNoLongerVisitedAfterAnError", "AreNotVisitedInAnEmptyStore",
		"CanBeWrittenAndDeletedAgain", "AreRefusedWholeWhereOneHasAnotherContext", "AreRefusedWhereAKeyComesTwice",
	} {
		t.Run(name, func(t *testing.T) { tupleTests[name](t, NewFake()) })
	}
	t.Run("TuplesInOneWrite", func(t *testing.T) { limitTests["TuplesInOneWrite"](t, NewFake()) })
	for name, test := range callTests {
		t.Run(name, func(t *testing.T) { test(t, NewFake()) })
	}
}

func TestAFakeTellsWhoBreaksTheContract(t *testing.T) {
	tuple := plain("group:acme/a", "member", "user:u")
	for name, breach := range map[string]func(f *Fake) error{
		"too large": func(f *Fake) error {
			return f.Write(t.Context(), []store.Tuple{sized(t, "user:u", store.MaxContextBytes+1)}, nil)
		},
		"twice":    func(f *Fake) error { return f.Write(t.Context(), []store.Tuple{tuple, tuple}, nil) },
		"too many": func(f *Fake) error { return f.Write(t.Context(), nil, make([]store.Key, store.MaxTuplesPerWrite+1)) },
	} {
		fake := NewFake()
		if err := breach(fake); !errors.Is(err, store.ErrRefused) || fake.Broken() == nil {
			t.Errorf("%s: got %v, noted %v", name, err, fake.Broken())
		}
	}
	closed := NewFake()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := closed.Get(t.Context(), tuple.Key); err != nil || closed.Broken() == nil {
		t.Errorf("a call after Close: got %v, noted %v", err, closed.Broken())
	}
}

func TestHooksOfAFakeComeBeforeAndAfter(t *testing.T) {
	fake := NewFake()
	tuple := plain("group:acme/a", "member", "user:u")
	fail := func(context.Context, []store.Tuple, []store.Key) error { return store.ErrUnavailable }
	fake.Hook(Hooks{Write: fail})
	if err := fake.Write(t.Context(), []store.Tuple{tuple}, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	expectNotThere(t, fake, tuple.Key)
	fake.Hook(Hooks{Written: fail})
	if err := fake.Write(t.Context(), []store.Tuple{tuple}, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	expectThere(t, fake, tuple)
}
