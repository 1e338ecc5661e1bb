package state_test

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// costs is an organization in which a test counts what writes cost.
type costs struct {
	*testing.T
	*state.State
}

// newCosts is one in which mallory holds nothing.
func newCosts(t *testing.T, objects ...client.Object) costs {
	declares := build.ResourceType("flow").OfType("flow")
	for n := range 250 {
		declares = declares.Permits(permission(n), build.String("color"), build.Number("size"))
	}
	s := state.New(state.Limits{ConditionCost: 10_000}, clocktesting.NewFakePassiveClock(epoch))
	s.Put(declares.Obj(), namespace("acme"), build.Organization("acme").Obj(), build.User("acme", "mallory").KnownAs("mallory").Obj())
	s.Put(copies(objects...)...)
	return costs{t, s}
}

func permission(n int) string { return fmt.Sprintf("P%03d", n) }

// counting says how many objects are evaluated, and how many pairs of privileges compared.
func (c costs) counting(do func()) (evaluated, compared int64) {
	evaluated, compared = c.Evaluated("acme"), c.Compared("acme")
	do()
	return c.Evaluated("acme") - evaluated, c.Compared("acme") - compared
}

// [F8] What a write costs does not grow with the square of what it touches, so that one organization takes no time from others.
func TestF8AUserAmongManyOfOneSubjectCostsAsMuchAsAmongTwo(t *testing.T) {
	c := newCosts(t)
	named := func(n int) *v1alpha1.User { return build.User("acme", fmt.Sprintf("u%03d", n)).KnownAs("same").Obj() }
	evaluated, _ := c.counting(func() {
		for n := range 800 {
			c.Put(named(n))
		}
		for n := range 800 {
			c.Put(named(n)) // their own statuses come back
		}
		for n := range 400 {
			c.Remove(kinds.RefOf(named(n)))
		}
	})
	// The User, and the Organization, of which it could be an owner; where the oldest goes, two more Users.
	if most := int64(3 * 2000); evaluated > most {
		t.Errorf("2,000 writes of Users with one subject evaluate %d objects, want at most three each", evaluated)
	}
}

// [F8] What children inherit is compared once.
func TestF8APrivilegeOfManyChildrenIsComparedOnce(t *testing.T) {
	entries := func(name string, from int) *build.RoleBuilder {
		role := build.Role("acme", name)
		for n := range 200 {
			role = role.GrantsIf("P000", build.Equals("color", fmt.Sprint(from+n)))
		}
		return role
	}
	objects := []client.Object{entries("root", 0).Obj()}
	for n := range 100 {
		objects = append(objects, build.Role("acme", fmt.Sprint("child", n)).Inherits("root").Obj())
	}
	c := newCosts(t, objects...)
	var missing state.MissingPrivileges
	_, compared := c.counting(func() {
		missing = c.MissingPrivileges("mallory", objects[0], entries("root", 100).Obj())
	})
	if len(missing.Privileges) != 100 {
		t.Errorf("%d privileges are missing, want the 100 that are new", len(missing.Privileges))
	}
	if most := int64(100 * 200); compared > most {
		t.Errorf("%d pairs are compared, want at most %d: those of the role, and not of each child", compared, most)
	}
}

// [F8] What the store is told of an entry is made when it is written, however many others and children there are, and the list of
// those of one permission once for each edit.
func TestF8AnEntryOfARoleIsEncodedOnceForAllChildren(t *testing.T) {
	const entries = 50
	conditioned := func(from int) *v1alpha1.Role {
		role := build.Role("acme", "root")
		for n := range entries {
			role = role.GrantsIf("P000", build.Equals("color", fmt.Sprint(from+n)))
		}
		return role.Obj()
	}
	objects := children(100, conditioned(0))
	for n, child := range objects[1:] { // which also gives something that the others do not
		child.(*v1alpha1.Role).Spec.PermissionGrants = build.Role("acme", "").Grants(permission(1 + n)).Obj().Spec.PermissionGrants
	}
	c := newCosts(t, objects...)
	for _, edit := range []struct { // in this order: what is tried and refused is of the role that was carried out
		name string
		make func()
	}{
		{"carried out", func() { c.Put(conditioned(1)) }},
		{"tried", func() { c.TooLarge(conditioned(1), conditioned(2)) }},
		{"refused", func() { c.MissingPrivileges("mallory", conditioned(1), conditioned(2)) }},
	} {
		encoded, merged := c.Encoded("acme"), c.Merged("acme")
		edit.make()
		encoded, merged = c.Encoded("acme")-encoded, c.Merged("acme")-merged
		if encoded > 1 || merged > 1 {
			t.Errorf("%s: %d entries are encoded and %d lists made for an edit of one of %d entries of a role with 100 children", edit.name, encoded, merged, entries)
		}
	}
	child, _ := c.Outcome(kinds.Named(kinds.Role, types.NamespacedName{Namespace: "acme", Name: "child7"}))
	if child.Own != 1 || child.Inherited != 1 || !child.Ready {
		t.Errorf("a child inherits %d permissions: %s", child.Inherited, child.Message)
	}
}

// [F8] A role with one parent has what it inherits from there, and looks for no ancestors. What its grants consist of is shared, so
// that an edit of a role at the limits leaves little to be collected.
func TestF8AnEditOfTheFirstOfAChainLooksForNoAncestorsAndCopiesNoGrants(t *testing.T) {
	c := newCosts(t, inheriting(256)...)
	edits := []client.Object{build.Role("acme", "r000").Grants("P001", "P002").Obj(), build.Role("acme", "r000").Grants("P003").Obj()}
	n, checked := 0, c.Checked("acme")
	perRole := testing.AllocsPerRun(10, func() {
		c.Put(edits[n%2])
		n++
	}) / 256
	if checked = c.Checked("acme") - checked; checked > 0 || perRole > 100 {
		t.Errorf("%d ancestors are looked for, and %g objects in memory made for each role", checked, perRole)
	}
	last, _ := c.Outcome(kinds.Named(kinds.Role, types.NamespacedName{Namespace: "acme", Name: "r255"}))
	if last.Own != 1 || last.Inherited != 249 || !last.Ready {
		t.Errorf("the last role gives %d permissions, and %d of others: %s", last.Own, last.Inherited, last.Message)
	}
}

// inheriting are roles of which each but the first inherits from the one before.
func inheriting(length int) (objects []client.Object) {
	for n := range length {
		role := build.Role("acme", fmt.Sprintf("r%03d", n)).Grants(permission(n % 250))
		if n > 0 {
			role = role.Inherits(fmt.Sprintf("r%03d", n-1))
		}
		objects = append(objects, role.Obj())
	}
	return objects
}

func children(count int, of *v1alpha1.Role) []client.Object {
	objects := []client.Object{of}
	for n := range count {
		objects = append(objects, build.Role("acme", fmt.Sprint("child", n)).Inherits(of.Name).Obj())
	}
	return objects
}

// [F8] An edit of a role that many inherit from evaluates each of them once, and a refused one none.
func TestF8AnEditOfARoleEvaluatesEachChildOnceAndARefusedOneNone(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"300 empty children": children(300, build.Role("acme", "r000").Obj()),
		"a chain of 256":     inheriting(256),
	} {
		c := newCosts(t, append(objects, build.User("acme", "boss").KnownAs("boss").Obj(), build.PermissionGrant("acme", "all").ToUser("boss").Grants("P001", "P002").Obj())...)
		old := objects[0].(*v1alpha1.Role)
		now := build.Role("acme", "r000").Grants("P001", "P002").Obj()
		refused, _ := c.counting(func() {
			if why := c.TooLarge(old, now); why != "" {
				t.Error(why)
			}
			if c.MissingPrivileges("mallory", old, now).Empty() {
				t.Errorf("%s: mallory gives what she does not hold", name)
			}
		})
		if refused != 2 {
			t.Errorf("%s: a refused edit evaluates %d roles, want the edited one for its size and for what it gives", name, refused)
		}
		allowed, _ := c.counting(func() {
			if missing := c.MissingPrivileges("boss", old, now); !missing.Empty() {
				t.Errorf("%s: the boss lacks %v", name, missing)
			}
		})
		if allowed != int64(len(objects)) {
			t.Errorf("%s: an edit evaluates %d roles, want each of %d once", name, allowed, len(objects))
		}
		text := old.DeepCopy()
		text.Spec.Description = "another text"
		if nothing, _ := c.counting(func() { c.MissingPrivileges("mallory", old, text) }); nothing != 0 {
			t.Errorf("%s: another text evaluates %d roles", name, nothing)
		}
	}
}

// [F8] 10,000 entries for one subject at one scope, of which few fit into the store, are more than a suite waits for if each of them
// has all the others measured again.
func TestF8AnEntryThatDoesNotFitIsMeasuredByItself(t *testing.T) {
	var objects []client.Object
	for n := range 100 {
		grant := build.PermissionGrant("acme", fmt.Sprintf("g%03d", n)).ToUser("mallory")
		for m := range 100 {
			grant = grant.GrantsIf(permission(n%2*m), build.Equals("color", fmt.Sprintf("%0300d", n*100+m)))
		}
		objects = append(objects, grant.Obj())
	}
	c := newCosts(t, objects...)
	evaluated, _ := c.counting(func() { c.Put(copies(objects[99])...) })
	if evaluated > 2*100 {
		t.Errorf("a grant that is put again evaluates %d objects, want each of the 100 at the scope at most twice", evaluated)
	}
	granted := 0
	for _, object := range objects {
		outcome, _ := c.Outcome(kinds.RefOf(object))
		for _, permission := range outcome.Permissions {
			if permission.Granted {
				granted++
			}
		}
	}
	if granted == 0 || granted > 200 {
		t.Errorf("%d entries are granted, want the few that fit", granted)
	}
}

func TestG12AnEditOfAGrantThatGivesNothingNeedsNothing(t *testing.T) {
	grant := func() *build.TemporaryPermissionGrantBuilder {
		// Its workspace is not declared, so what it will give can't be shown to be held.
		return build.TemporaryPermissionGrant("acme", "waiting").ToUser("mallory").Grants("P001").InWorkspace("later").For("1h")
	}
	c := newCosts(t, grant().Obj())
	if missing := c.MissingPrivileges("mallory", grant().Obj(), grant().Because("another reason").DeletedAfter("1h").Obj()); !missing.Empty() {
		t.Errorf("another justification gives %v", missing)
	}
	if c.MissingPrivileges("mallory", grant().Obj(), grant().For("2h").Obj()).Empty() {
		t.Error("a longer duration gives nothing")
	}
}
