package query_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// A world that follows its objects, and time, says what one that is made anew says.
func TestAWorldThatIsUpdatedIsTheOneMadeAnew(t *testing.T) {
	for seed := range seeds.Of(t, 50) {
		random := rand.New(rand.NewPCG(seed, 2))
		clock := clocktesting.NewFakePassiveClock(noon)
		followed := query.New(query.Objects{Organization: "acme"}, clock)
		there := map[kinds.Ref]v1alpha1.Object{}
		for range 6 {
			clock.SetTime(clock.Now().Add(time.Duration(random.IntN(90)) * time.Minute))
			var changes query.Changes
			next := map[kinds.Ref]v1alpha1.Object{}
			for _, object := range embedded(with(randomObjects(random)...)) {
				next[kinds.RefOf(object)] = object
				changes.Put = append(changes.Put, clone(object))
			}
			for ref := range there {
				if next[ref] == nil {
					changes.Gone = append(changes.Gone, ref)
				}
			}
			there = next
			random.Shuffle(len(changes.Put), func(a, b int) { changes.Put[a], changes.Put[b] = changes.Put[b], changes.Put[a] })
			followed.Update(changes)

			var all []v1alpha1.Object
			for _, object := range there {
				all = append(all, clone(object))
			}
			anew := query.New(query.Objects{Organization: "acme", Read: all}, clock)
			for what, say := range map[string]func(*query.World) any{
				"review": func(w *query.World) any { return slices.Collect(w.Review()) },
				"tree":   func(w *query.World) any { return w.Tree() },
				"behind": func(w *query.World) any { return w.Behind() },
				"nearly": func(w *query.World) any { return w.Nearly("alice") },
			} {
				if got, want := say(followed), say(anew); !reflect.DeepEqual(got, want) {
					t.Fatalf("seed %d: the %s is\n%+v, want\n%+v", seed, what, got, want)
				}
			}
		}
	}
}

func clone(object v1alpha1.Object) v1alpha1.Object { return object.DeepCopyObject().(v1alpha1.Object) }

// What is asked about nothing in particular is what is nearly held: each obstacle with what is behind it.
func TestWhatIsNearlyHeldNamesWhatIsInItsWay(t *testing.T) {
	near := func(objects ...v1alpha1.Object) (texts []string) {
		for _, n := range worldOf(embedded(with(objects...))).Nearly("alice") {
			text := n.But + ":"
			for _, holding := range n.Holds {
				text += " " + holding.Permission + " at " + holding.At
			}
			texts = append(texts, text)
		}
		return texts
	}
	for name, c := range map[string]struct {
		objects []v1alpha1.Object
		want    []string
	}{
		"nothing":           {[]v1alpha1.Object{toAlice().Obj()}, nil},
		"suspended":         {[]v1alpha1.Object{toAlice().Obj(), build.User("acme", "alice").KnownAs("alice@acme").Suspended().Obj()}, []string{"the User alice is suspended: Edit at acme View at acme"}},
		"ended":             {[]v1alpha1.Object{temporary().From(noon.Add(-time.Hour)).Until(noon.Add(-3 * time.Minute)).Obj()}, []string{"expired 3m ago"}},
		"a role that isn't": {[]v1alpha1.Object{build.RoleAssignment("acme", "a").Gives("missing").ToUser("alice").Obj()}, []string{"RoleNotFound"}},
		"a fault":           {[]v1alpha1.Object{build.PermissionGrant("acme", "g").ToUser("alice").Grants("None").Obj()}, []string{"PermissionNotFound"}},
		"another's":         {[]v1alpha1.Object{build.PermissionGrant("acme", "g").ToUser("bob").Grants("None").Obj()}, nil},
	} {
		got := near(c.objects...)
		fits := len(got) == len(c.want)
		for n := range min(len(got), len(c.want)) {
			fits = fits && strings.Contains(got[n], c.want[n])
		}
		if !fits {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// What a role gives comes with the role that it is from, the nearest first, and without what is not inherited.
func TestARoleShowsWhatItGivesAndFromWhere(t *testing.T) {
	w := worldOf(embedded(with(
		build.Role("acme", "lead").Inherits("editor", "missing").Grants("Delete").Grants("None").Obj(),
		build.RoleAssignment("acme", "bob-lead").Gives("lead").ToUser("bob").Obj(),
	)))
	role, there := w.Role("lead")
	if _, other := w.Role("missing"); !there || other {
		t.Fatal("the wrong roles are there")
	}
	var gives []string
	for _, entry := range role.Gives {
		text := entry.From + " " + entry.Permission
		for _, condition := range entry.Conditions {
			text += " if " + condition.String()
		}
		if entry.Fault != "" {
			text += " not"
		}
		gives = append(gives, text)
	}
	if want := []string{"lead Delete", "lead None not", "editor View", "editor Edit if color Equals red"}; !slices.Equal(gives, want) {
		t.Errorf("it gives %q, want %q", gives, want)
	}
	if role.NotInherited["missing"] == "" || role.NotInherited["editor"] != "" {
		t.Errorf("it does not inherit %v", role.NotInherited)
	}
	if editor, _ := w.Role("editor"); !slices.Equal(editor.Children, []string{"lead"}) {
		t.Errorf("editor's children are %v", editor.Children)
	}
}

// Where not everything could be read nothing is evaluated, and what the operator has found is shown.
func TestWithoutAllKindsTheTreeShowsWhatTheOperatorFound(t *testing.T) {
	objects := embedded(with(toAlice().Obj()))
	for _, unread := range []string{"", kinds.Organization} {
		w := worldOf(without(unread, slices.Clone(objects)))
		if unread != "" {
			w = worldOf(without(unread, slices.Clone(objects)), unread)
		}
		if held := w.Tree().Held; len(held) != 1 || !held[0].InForce {
			t.Errorf("without %q: %+v", unread, held)
		}
	}
}
