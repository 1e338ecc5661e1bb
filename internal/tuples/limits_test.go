package tuples

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// largest is the largest n below most with which the grants fit into so many contexts.
func largest(t *testing.T, most, contexts int, grants func(n int) []policy.Grant) int {
	t.Helper()
	n := sort.Search(most, func(n int) bool {
		_, err := Contexts(grants(n+1), contexts)
		return err != nil
	})
	if _, err := Contexts(grants(n), contexts); n == 0 || n == most || err != nil {
		t.Fatalf("%d: %v", n, err)
	}
	return n
}

// room is what may stay unused of a context, where its size is bounded and not measured: some bytes for
// each entry.
func room(entries int) int { return entryOverhead * (entries + 2) }

func TestOneContextIsFilledToTheLimitAndNotBeyond(t *testing.T) {
	for name, grants := range map[string]func(n int) []policy.Grant{
		"a long name": func(n int) []policy.Grant { return []policy.Grant{{Permission: strings.Repeat("p", n)}} },
		"a long value": func(n int) []policy.Grant {
			return []policy.Grant{{Permission: "App:View", Tests: []policy.Test{equals("color", strings.Repeat("v", n))}}}
		},
		"beside another": func(n int) []policy.Grant {
			return []policy.Grant{
				{Permission: "App:View", Tests: []policy.Test{equals("color", "red")}},
				{Permission: "B" + strings.Repeat("p", n)},
			}
		},
		"many characters of several bytes": func(n int) []policy.Grant { return []policy.Grant{{Permission: strings.Repeat("é", n/2)}} },
	} {
		n := largest(t, 2*store.MaxContextBytes, 1, grants)
		contexts, err := Contexts(grants(n), 1)
		if err != nil || len(contexts) != 1 {
			t.Fatalf("%s: %d contexts, %v", name, len(contexts), err)
		}
		size := proto.Size(contexts[0])
		if size > store.MaxContextBytes || size < store.MaxContextBytes-room(2) {
			t.Errorf("%s: the largest context that fits has %d bytes, and the limit is %d", name, size, store.MaxContextBytes)
		}
	}
}

func TestManyGrantsFillUpToFourContexts(t *testing.T) {
	grants := func(n int) []policy.Grant { return manyGrants(n, 250) }
	before := 0
	for count := 1; count <= MaxContexts; count++ {
		n := largest(t, 1000, count, grants)
		contexts, err := Contexts(grants(n), MaxContexts)
		if err != nil || len(contexts) != count {
			t.Fatalf("%d grants: %d contexts, %v; want %d", n, len(contexts), err, count)
		}
		seen := map[string]bool{}
		for _, context := range contexts {
			if size := proto.Size(context); size > store.MaxContextBytes || size < store.MaxContextBytes-room(n/count)-250 {
				t.Errorf("%d grants in %d contexts: one has %d bytes, and the limit is %d", n, count, size, store.MaxContextBytes)
			}
			for permission := range permissionsOf(context) {
				seen[permission] = true
			}
		}
		if len(seen) != n {
			t.Errorf("%d of %d permissions are in the contexts", len(seen), n)
		}
		if n <= before {
			t.Errorf("%d contexts take %d grants, one less took %d", count, n, before)
		}
		before = n
	}
	if contexts, err := Contexts(grants(before+1), MaxContexts); !errors.Is(err, ErrTooLarge) || contexts != nil {
		t.Errorf("%d grants: got %d contexts, %v; want %v", before+1, len(contexts), err, ErrTooLarge)
	}
}

func TestAPermissionThatNoContextHoldsIsTooLarge(t *testing.T) {
	test := policy.Test{Attribute: "color", Type: v1alpha1.AttributeString, Operator: v1alpha1.ConditionIn}
	for i := range 200 { // as many and as long as the API allows
		test.Values = append(test.Values, policy.Value{Type: v1alpha1.AttributeString, Text: fmt.Sprintf("%0256d", i)})
	}
	huge := policy.Grant{Permission: "App:View", Tests: []policy.Test{test}}
	for name, grants := range map[string][]policy.Grant{
		"alone": {huge}, "first": {huge, {Permission: "B"}}, "last": {{Permission: "A"}, huge},
	} {
		if contexts, err := Contexts(grants, MaxContexts); !errors.Is(err, ErrTooLarge) || contexts != nil {
			t.Errorf("%s: got %d contexts, %v; want %v", name, len(contexts), err, ErrTooLarge)
		}
	}
}

func TestNoContextIsBeyondTheLimitWhateverItHolds(t *testing.T) {
	const seed = 6
	random := rand.New(rand.NewPCG(seed, seed))
	word := func(longest int) string {
		return strings.Repeat(string(rune('a'+random.IntN(26))), 1+random.IntN(longest))
	}
	for round := range 150 {
		var grants []policy.Grant
		for i := range 1 + random.IntN(400) {
			grant := policy.Grant{Permission: fmt.Sprint(i, word(250))}
			for range random.IntN(3) {
				test := equals(word(120), word(250))
				test.Operator = []v1alpha1.ConditionType{v1alpha1.ConditionIn, v1alpha1.ConditionNotEquals}[random.IntN(2)]
				grant.Tests = append(grant.Tests, test)
			}
			grants = append(grants, grant)
		}
		contexts, err := Contexts(grants, MaxContexts)
		if err != nil && !errors.Is(err, ErrTooLarge) {
			t.Fatal(err)
		}
		entries := 0
		for _, context := range contexts {
			entries += len(permissionsOf(context)) + len(context.GetFields()["rules"].GetStructValue().GetFields())
			if size := proto.Size(context); size > store.MaxContextBytes {
				t.Fatalf("seed %d, round %d: a context has %d bytes", seed, round, size)
			}
		}
		if err == nil && entries != len(grants) {
			t.Fatalf("seed %d, round %d: %d of %d permissions are in the contexts", seed, round, entries, len(grants))
		}
	}
}
