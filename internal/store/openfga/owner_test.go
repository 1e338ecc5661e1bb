package openfga_test

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// content is all that a store holds: its models, and its tuples with what they say.
func content(t *testing.T, running *server.Server, storeID string) (found []string) {
	t.Helper()
	client := anyone(t, running)
	models, err := client.ReadAuthorizationModels(t.Context(), &openfgav1.ReadAuthorizationModelsRequest{StoreId: storeID})
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range models.GetAuthorizationModels() {
		found = append(found, model.String())
	}
	tuples, err := client.Read(t.Context(), &openfgav1.ReadRequest{StoreId: storeID})
	if err != nil {
		t.Fatal(err)
	}
	for _, tuple := range tuples.GetTuples() {
		found = append(found, tuple.String())
	}
	return found
}

// of are the options of an installation.
func of(t *testing.T, running *server.Server, owner, adopt string) openfga.RemoteOptions {
	t.Helper()
	options := optionsFor(t, running)
	options.Owner, options.Adopt, options.Timeout = owner, adopt, patience
	return options
}

// expectForeign opens a store in vain, and expects that nothing in it is changed.
func expectForeign(t *testing.T, running *server.Server, storeID string, options openfga.RemoteOptions, words ...string) {
	t.Helper()
	before := content(t, running, storeID)
	_, err := openfga.Remote(t.Context(), options)
	_, glanced := openfga.OpenRemoteReadOnly(t.Context(), options)
	for doing, err := range map[string]error{"opening": err, "a dry run": glanced} {
		if !errors.Is(err, store.ErrForeign) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: got %v, want it refused as somebody else's", doing, err)
			continue
		}
		for _, word := range append(words, storeID, "--openfga-store-name", "--openfga-adopt-store=") {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", doing, err, word)
			}
		}
	}
	if after := content(t, running, storeID); !slices.Equal(before, after) {
		t.Errorf("the store held\n%q, and holds\n%q", before, after)
	}
}

func TestAStoreOfAnotherInstallationIsRefusedUnlessAdopted(t *testing.T) {
	running := startOnSQLite(t)
	first := openRemote(t, of(t, running, "first", ""))
	takeOver(t, first)
	write(t, first, granted)
	expectForeign(t, running, first.StoreID(), of(t, running, "second", ""), "first", "second", "--openfga-adopt-store=first")
	expectForeign(t, running, first.StoreID(), of(t, running, "second", "third"), "--openfga-adopt-store=first")
	expectForeign(t, running, first.StoreID(), of(t, running, "second", openfga.Unmarked), "--openfga-adopt-store=first")
	expectCheck(t, first, true)

	// There and back, so that each of the two relations is taken over from the other.
	for _, owner := range [][2]string{{"second", "first"}, {"third", "second"}} {
		now := openRemote(t, of(t, running, owner[0], owner[1]))
		if now.StoreID() != first.StoreID() {
			t.Errorf("adopted store %s, not %s", now.StoreID(), first.StoreID())
		}
		takeOver(t, now)
		write(t, now, granted)
		expectForeign(t, running, first.StoreID(), of(t, running, owner[1], ""), "--openfga-adopt-store="+owner[0])
		// The flag may stay: it names who had the store.
		again := openRemote(t, of(t, running, owner[0], owner[1]))
		expectCheck(t, again, true)
	}
	if err := first.Write(t.Context(), nil, []store.Key{granted.Key}); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("who had the store got %v", err)
	}
	if err := first.Walk(t.Context(), func(store.Tuple) error { return nil }); !errors.Is(err, store.ErrReplaced) {
		t.Errorf("who had the store compared it: %v", err)
	}
}

func TestAStoreWithoutAnOwnerIsTakenOnlyWhereItIsEmpty(t *testing.T) {
	model := &openfgav1.WriteAuthorizationModelRequest{SchemaVersion: "1.1", TypeDefinitions: []*openfgav1.TypeDefinition{{Type: "user"}, {
		Type:      "document",
		Relations: map[string]*openfgav1.Userset{"owner": {Userset: &openfgav1.Userset_This{This: &openfgav1.DirectUserset{}}}},
		Metadata: &openfgav1.Metadata{Relations: map[string]*openfgav1.RelationMetadata{"owner": {
			DirectlyRelatedUserTypes: []*openfgav1.RelationReference{{Type: "user"}},
		}}},
	}}}
	for name, test := range map[string]struct {
		model, tuple, free bool
	}{
		"nothing":            {free: true},
		"a model":            {model: true},
		"a model and tuples": {model: true, tuple: true},
	} {
		t.Run(name, func(t *testing.T) {
			running := startOnSQLite(t)
			client := anyone(t, running)
			made, err := client.CreateStore(t.Context(), &openfgav1.CreateStoreRequest{Name: "bailiwick"})
			if err != nil {
				t.Fatal(err)
			}
			if test.model {
				model.StoreId = made.GetId()
				if _, err := client.WriteAuthorizationModel(t.Context(), model); err != nil {
					t.Fatal(err)
				}
			}
			if test.tuple {
				if _, err := client.Write(t.Context(), &openfgav1.WriteRequest{StoreId: made.GetId(), Writes: &openfgav1.WriteRequestWrites{
					TupleKeys: []*openfgav1.TupleKey{{Object: "document:1", Relation: "owner", User: "user:anne"}},
				}}); err != nil {
					t.Fatal(err)
				}
			}
			adopt := ""
			if !test.free {
				expectForeign(t, running, made.GetId(), of(t, running, "here", ""), "no owner", "--openfga-adopt-store=unmarked")
				adopt = openfga.Unmarked
			}
			taken := openRemote(t, of(t, running, "here", adopt))
			if taken.StoreID() != made.GetId() {
				t.Errorf("took store %s, not %s", taken.StoreID(), made.GetId())
			}
			takeOver(t, taken)
			write(t, taken, granted)
			expectCheck(t, taken, true)
			expectForeign(t, running, made.GetId(), of(t, running, "there", openfga.Unmarked))
		})
	}
}

func TestOfTwoThatClaimOneStoreAtOnceOneGetsIt(t *testing.T) {
	running := startOnSQLite(t)
	var got [8]*openfga.Store
	var claims sync.WaitGroup
	// There is one store of the name; those made at once would be several.
	made, err := anyone(t, running).CreateStore(t.Context(), &openfgav1.CreateStoreRequest{Name: "bailiwick"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range got {
		options := of(t, running, string(rune('a'+n)), "")
		claims.Go(func() {
			for {
				opened, err := openfga.Remote(t.Context(), options)
				if errors.Is(err, store.ErrUnavailable) {
					continue // the database was locked
				}
				if err == nil {
					got[n] = opened
				} else if !errors.Is(err, store.ErrForeign) {
					t.Error(err)
				}
				return
			}
		})
	}
	claims.Wait()
	owners := 0
	for _, opened := range got {
		if opened != nil {
			closeInTheEnd(t, opened)
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d got store %s", owners, made.GetId())
	}
}

func TestAnOwnerWhoseMarkWasDeletedMarksTheStoreAgain(t *testing.T) {
	running := startOnSQLite(t)
	opened := openRemote(t, of(t, running, "here", ""))
	takeOver(t, opened)
	write(t, opened, granted)
	if _, err := anyone(t, running).Write(t.Context(), &openfgav1.WriteRequest{StoreId: opened.StoreID(), Deletes: &openfgav1.WriteRequestDeletes{
		TupleKeys: []*openfgav1.TupleKeyWithoutCondition{{Object: "organization:~installation", Relation: "grant_a", User: "user:~installation"}},
	}}); err != nil {
		t.Fatal(err)
	}
	expectForeign(t, running, opened.StoreID(), of(t, running, "there", ""), "no owner")
	if found := keysIn(t, opened); len(found) != 1 {
		t.Errorf("the comparison saw %v", found)
	}
	expectForeign(t, running, opened.StoreID(), of(t, running, "there", ""), "belongs to installation here")
}
