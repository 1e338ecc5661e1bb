package state_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// chain are roles that inherit each from the next, the first from all others; the last gives P2.
func chain(length int) []client.Object {
	roles := make([]client.Object, 0, length)
	for n := range length {
		role := build.Role("acme", fmt.Sprint("chain-", n))
		if n < length-1 {
			role.Inherits(fmt.Sprint("chain-", n+1))
		} else {
			role.Grants("P2")
		}
		roles = append(roles, role.Obj())
	}
	return roles
}

func TestARoleGivesWhatItCan(t *testing.T) {
	role := func(inherits ...string) *v1alpha1.Role {
		return build.Role("acme", "subject").Inherits(inherits...).Grants("P0").Obj()
	}
	parent := build.Role("acme", "parent").Grants("P1").Obj()
	ring := func(names ...string) (roles []client.Object) {
		for n, name := range names {
			roles = append(roles, build.Role("acme", name).Inherits(names[(n+1)%len(names)]).Grants("P2").Obj())
		}
		return roles
	}
	large := build.Role("acme", "large").Obj()
	large.Spec.PermissionGrants = []v1alpha1.PermissionEntry{{Permission: "P2", Conditions: bulky(200)}}
	// A context takes one of these, and a role has four.
	halves := func(name string, inherits []string, permissions ...string) *v1alpha1.Role {
		role := build.Role("acme", name).Inherits(inherits...).Obj()
		for _, permission := range permissions {
			role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: permission, Conditions: bulky(150)})
		}
		return role
	}
	base := build.Role("acme", "subject").OfType(v1alpha1.RoleBase).Inherits("parent").Grants("P0").Obj()

	for name, c := range map[string]struct {
		roles  []client.Object
		gives  string
		reason string
		says   []string
	}{
		"all is well": {[]client.Object{role("parent"), parent}, "P0 P1", v1alpha1.ReasonValid, []string{"gives 1 permissions, and 1 more"}},
		"a parent is missing": {[]client.Object{role("gone", "parent"), parent}, "P0 P1", v1alpha1.ReasonRoleNotFound,
			[]string{"spec.inherits: 1 of 2 entries give nothing, all else holds", "no Role gone"}},
		"a parent is broken": {[]client.Object{role("large", "parent"), parent, large}, "P0 P1", v1alpha1.ReasonRoleInvalid, []string{"the Role large"}},
		"a grandparent is missing": {[]client.Object{role("middle"), build.Role("acme", "middle").Inherits("gone").Grants("P1").Obj()}, "P0 P1",
			v1alpha1.ReasonValid, nil},
		"it is in a cycle": {append(ring("other", "subject"), role("other", "parent"), parent), "P0 P1", v1alpha1.ReasonInheritanceCycle,
			[]string{"from the Role other", "subject > other > subject"}},
		"it inherits from itself": {[]client.Object{role("subject", "parent"), parent}, "P0 P1", v1alpha1.ReasonInheritanceCycle, []string{"subject > subject"}},
		"a parent is in a cycle":  {append(ring("a", "b"), role("a", "parent"), parent), "P0 P1 P2", v1alpha1.ReasonValid, nil},
		"two cycles at once": {[]client.Object{
			role("a", "b", "parent"), build.Role("acme", "a").Inherits("subject").Obj(), build.Role("acme", "b").Inherits("subject").Obj(), parent,
		}, "P0 P1", v1alpha1.ReasonInheritanceCycle, []string{"2 of 3 entries", "subject > a > subject", "subject > b > subject"}},
		"several things": {append(ring("other", "subject"), role("gone", "other", "parent"), parent), "P0 P1", v1alpha1.ReasonInheritanceCycle,
			[]string{"2 of 3 entries", "no Role gone", "from the Role other"}},
		"a Base role inherits":    {[]client.Object{base, parent}, "P0", v1alpha1.ReasonBaseRoleInherits, []string{"nothing from the Role parent", "all else holds"}},
		"a parent is a Base role": {[]client.Object{role("parent"), build.Role("acme", "parent").OfType(v1alpha1.RoleBase).Grants("P1").Obj()}, "P0 P1", v1alpha1.ReasonValid, nil},
		"a Base role leads back": {[]client.Object{role("parent"), build.Role("acme", "parent").OfType(v1alpha1.RoleBase).Inherits("subject").Grants("P1").Obj()}, "P0 P1",
			v1alpha1.ReasonValid, nil},
		"256 ancestors": {append(chain(256), role("chain-0")), "P0 P2", v1alpha1.ReasonValid, nil},
		"257 ancestors": {append(chain(257), role("chain-0")), "P0", v1alpha1.ReasonRoleTooLarge,
			[]string{"nothing is inherited from the Role chain-0", "more than 256 roles", "all else holds"}},
		"a parent has too many": {append(chain(258), role("chain-0", "parent"), parent), "P0 P1", v1alpha1.ReasonValid, nil},
		"too large with what is inherited": {[]client.Object{halves("subject", []string{"other", "third"}, "P0"), halves("other", nil, "P1", "P2"), halves("third", nil, "P3", "P4")},
			"P0", v1alpha1.ReasonRoleTooLarge, []string{"2 of 2 entries", "the Role other", "the Role third"}},
		"large with what is inherited, and fits": {[]client.Object{halves("subject", []string{"other"}, "P0"), halves("other", nil, "P1", "P2", "P3")},
			"P0 P1 P2 P3", v1alpha1.ReasonValid, nil},
	} {
		t.Run("[F5] "+name, func(t *testing.T) {
			all := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
			all.Put(governed()...)
			assignment := build.RoleAssignment("acme", "ann").Gives("subject").ToUser("ann").Obj()
			all.Put(append(slices.Clone(c.roles), assignment)...)
			var gives []string
			for _, held := range all.Held(types.NamespacedName{Namespace: "acme", Name: "ann"}, scope.Path{Organization: "acme"}) {
				gives = append(gives, held.Grant.Permission)
			}
			slices.Sort(gives)
			if got := strings.Join(slices.Compact(gives), " "); got != c.gives {
				t.Errorf("it gives %q, want %q", got, c.gives)
			}
			outcome, _ := all.Outcome(kinds.Ref{Kind: kinds.Role, Namespace: "acme", Name: "subject"})
			if outcome.Reason != c.reason || outcome.Ready != (c.reason == v1alpha1.ReasonValid) {
				t.Errorf("got %+v, want %s", outcome, c.reason)
			}
			for _, part := range c.says {
				if !strings.Contains(outcome.Message, part) {
					t.Errorf("it says %q, want %q in it", outcome.Message, part)
				}
			}
			if given, _ := all.Outcome(kinds.RefOf(assignment)); !given.InForce {
				t.Errorf("its assignment: %+v", given)
			}
		})
	}
}

// Whoever opens a cycle, or makes room, gives the others what they could not inherit.
func TestADeletionOfARoleGivesWhatItsHeirsThenInherit(t *testing.T) {
	all := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	closing := build.Role("acme", "a").Inherits("b").Obj()
	all.Put(append(governed(), closing, build.Role("acme", "b").Inherits("c").Obj(), build.Role("acme", "c").Inherits("a").Grants("P1").Obj())...)
	lacking := all.MissingPrivileges("ann@example.com", closing, nil)
	if len(lacking.Privileges) != 1 || lacking.Privileges[0].Grant.Permission != "P1" {
		t.Errorf("[F5] [G12] got %+v, want P1", lacking)
	}
	all.Put(build.PermissionGrant("acme", "held").ToUser("ann").Grants("P1").Obj())
	if lacking := all.MissingPrivileges("ann@example.com", closing, nil); !lacking.Empty() {
		t.Errorf("[F5] [G12] whoever holds it: got %+v", lacking)
	}
	if lacking := all.MissingPrivileges("nobody", build.Role("acme", "c").Inherits("a").Grants("P1").Obj(), nil); !lacking.Empty() {
		t.Errorf("[F5] [G12] what is deleted gives nothing itself: got %+v", lacking)
	}
}

func TestWhoeverClosesACycleIsToldWhatItTakesAway(t *testing.T) {
	a, b, c := build.Role("acme", "a").Inherits("b").Obj(), build.Role("acme", "b").Inherits("c").Grants("P1").Obj(), build.Role("acme", "c").Grants("P2").Obj()
	closing := c.DeepCopy()
	closing.Spec.Inherits = []string{"a"}
	all := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	all.Put(append(governed(), a.DeepCopy(), b.DeepCopy(), c.DeepCopy())...)
	want := "spec.inherits: this closes a cycle: nothing is inherited from the Role a, which inherits from this one: c > a > b > c: remove one of these from another's inherits; " +
		"this takes away: P1 from who has the Role a, P2 from who has the Role a, P2 from who has the Role b"
	if got := all.ClosesCycle(c, closing); got != want {
		t.Errorf("[F5] got %q, want %q", got, want)
	}
	for name, pair := range map[string][2]*v1alpha1.Role{
		"it stays as it is":       {b, b},
		"it inherits from a role": {c, build.Role("acme", "c").Inherits("other").Obj()},
		"it is a Base role":       {nil, build.Role("acme", "new").OfType(v1alpha1.RoleBase).Inherits("new").Obj()},
	} {
		if got := all.ClosesCycle(pair[0], pair[1]); got != "" {
			t.Errorf("[F5] %s: got %q", name, got)
		}
	}
	all.Put(closing.DeepCopy())
	if got := all.ClosesCycle(closing, closing); got != "" {
		t.Errorf("[F5] it is closed already: got %q", got)
	}
	all.Remove(kinds.RefOf(c))
	if got := all.ClosesCycle(nil, closing); !strings.Contains(got, "this closes a cycle") || !strings.Contains(got, "P1 from who has the Role a") || strings.Contains(got, "P2") {
		t.Errorf("[F5] by making the role that is missing: got %q", got)
	}
}

func TestWhatGivesAPermissionIsNamedAlsoWhereTheStoreHoldsTheSame(t *testing.T) {
	red, blue := build.Equals("color", "red"), build.Equals("color", "blue")
	for name, c := range map[string]struct {
		before, edit []client.Object
		want         []string
	}{
		"an own entry in place of another one, of two that are inherited as well": {
			[]client.Object{build.Role("acme", "parent").Grants("P1", "P2").Obj(), build.Role("acme", "child").Inherits("parent").Grants("P1").Obj()},
			[]client.Object{build.Role("acme", "child").Inherits("parent").Grants("P2").Obj()},
			[]string{"P1 parent", "P2 child", "P2 parent"},
		},
		"an inherited entry with conditions, of a permission that is given without any": {
			[]client.Object{build.Role("acme", "parent").GrantsIf("P0", red).Obj(), build.Role("acme", "child").Inherits("parent").Grants("P0").Obj()},
			[]client.Object{build.Role("acme", "parent").GrantsIf("P0", blue).Obj()},
			[]string{"P0 child", "P0 parent color In [blue]"},
		},
	} {
		all := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
		all.Put(append(governed(), build.RoleAssignment("acme", "gives").Gives("child").ToUser("ann").Obj())...)
		all.Put(c.before...)
		all.Put(c.edit...)
		var got []string
		for _, held := range all.HeldAnywhere(types.NamespacedName{Namespace: "acme", Name: "ann"}) {
			by := held.Through[len(held.Through)-1].Name
			got = append(got, strings.TrimSpace(fmt.Sprint(held.Grant.Permission, " ", by, " ", held.Grant.TestsText())))
		}
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("[F5] %s: got %q, want %q", name, got, c.want)
		}
	}
}
