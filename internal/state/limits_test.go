package state_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// governed is an organization with a user, and permissions that may be tested.
func governed() []client.Object {
	kind := build.ResourceType("flow")
	for _, permission := range []string{"P0", "P1", "P2", "P3", "P4"} {
		kind.Permits(permission, build.String("color"), build.String("shape"), build.String("size"), build.String("weight"))
	}
	return []client.Object{namespace("acme"), build.Organization("acme").Obj(), build.User("acme", "ann").Obj(), kind.Obj()}
}

// grantOf gives entries to ann; the later in a test, the younger.
func grantOf(name string, age time.Duration, entries ...v1alpha1.PermissionEntry) *v1alpha1.PermissionGrant {
	return &v1alpha1.PermissionGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: name, CreationTimestamp: metav1.NewTime(epoch.Add(age))},
		Spec:       v1alpha1.PermissionGrantSpec{Subject: v1alpha1.GrantSubject{User: "ann"}, Permissions: entries},
	}
}

func conditions(attributes ...string) map[string]v1alpha1.AttributeCondition {
	made := map[string]v1alpha1.AttributeCondition{}
	for _, attribute := range attributes {
		made[attribute] = equals("red")
	}
	return made
}

func TestTheOldestGrantsAreAdmittedAsFarAsTheStoreTakesThem(t *testing.T) {
	small := v1alpha1.PermissionEntry{Permission: "P0"}
	half := v1alpha1.PermissionEntry{Permission: "P1", Conditions: bulky(90)}
	otherHalf := v1alpha1.PermissionEntry{Permission: "P2", Conditions: bulky(90)}
	tooLong := v1alpha1.PermissionEntry{Permission: "P3", Conditions: bulky(200)}
	cheap := v1alpha1.PermissionEntry{Permission: "P4", Conditions: conditions("color")}
	dear := v1alpha1.PermissionEntry{Permission: "P4", Conditions: conditions("color", "shape")}
	tooDear := v1alpha1.PermissionEntry{Permission: "P4", Conditions: conditions("color", "shape", "size", "weight")}
	always := v1alpha1.PermissionEntry{Permission: "P4"}
	for name, c := range map[string]struct {
		older, younger []v1alpha1.PermissionEntry
		want           state.Outcome // of the younger
	}{
		"both fit":          {[]v1alpha1.PermissionEntry{half}, []v1alpha1.PermissionEntry{small}, state.Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true}},
		"too large beside":  {[]v1alpha1.PermissionEntry{half}, []v1alpha1.PermissionEntry{otherHalf}, state.Outcome{Reason: v1alpha1.ReasonContextTooLarge}},
		"the rest holds":    {[]v1alpha1.PermissionEntry{half}, []v1alpha1.PermissionEntry{otherHalf, small}, state.Outcome{Reason: v1alpha1.ReasonContextTooLarge, InForce: true}},
		"too large alone":   {nil, []v1alpha1.PermissionEntry{tooLong}, state.Outcome{Reason: v1alpha1.ReasonContextTooLarge, Stalled: true}},
		"and beside others": {[]v1alpha1.PermissionEntry{small}, []v1alpha1.PermissionEntry{tooLong}, state.Outcome{Reason: v1alpha1.ReasonContextTooLarge, Stalled: true}},
		"too dear beside":   {[]v1alpha1.PermissionEntry{dear}, []v1alpha1.PermissionEntry{cheap}, state.Outcome{Reason: v1alpha1.ReasonConditionTooExpensive}},
		"too dear alone":    {nil, []v1alpha1.PermissionEntry{tooDear}, state.Outcome{Reason: v1alpha1.ReasonConditionTooExpensive, Stalled: true}},
		"dear and needless": {[]v1alpha1.PermissionEntry{always}, []v1alpha1.PermissionEntry{tooDear}, state.Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true}},
		"the same twice":    {[]v1alpha1.PermissionEntry{dear}, []v1alpha1.PermissionEntry{dear}, state.Outcome{Reason: v1alpha1.ReasonInForce, Ready: true, InForce: true}},
		"several reasons":   {[]v1alpha1.PermissionEntry{half, dear}, []v1alpha1.PermissionEntry{otherHalf, cheap}, state.Outcome{Reason: v1alpha1.ReasonPermissionsInvalid}},
	} {
		state := state.New(limits, clocktesting.NewFakePassiveClock(epoch.Add(time.Hour)))
		objects := append(governed(), grantOf("younger", time.Second, c.younger...))
		if c.older != nil {
			objects = append(objects, grantOf("older", 0, c.older...))
		}
		state.Put(objects...)
		younger := kinds.Ref{Kind: kinds.PermissionGrant, Namespace: "acme", Name: "younger"}
		older := younger
		older.Name = "older"
		got, _ := state.Outcome(younger)
		if got.Reason != c.want.Reason || got.Ready != c.want.Ready || got.Stalled != c.want.Stalled || got.InForce != c.want.InForce {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		if len(got.Permissions) != len(c.younger) {
			t.Errorf("%s: %d entries have %d outcomes", name, len(c.younger), len(got.Permissions))
		}
		if outcome, there := state.Outcome(older); there && !outcome.Ready {
			t.Errorf("%s: the older grant is disturbed: %+v", name, outcome)
		}
		state.Remove(older)
		if alone, _ := state.Outcome(younger); !got.Ready && alone.Ready == got.Stalled {
			t.Errorf("%s: without the older grant, the younger is %+v; it was %+v", name, alone, got)
		}
	}
}

func TestARoleThatIsTooLargeGrantsNothingAndItsAssignmentsSaySo(t *testing.T) {
	all := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	all.Put(governed()...)
	role := build.Role("acme", "editor").Grants("P0").Obj()
	assignment := build.RoleAssignment("acme", "ann").Gives("editor").ToUser("ann").Obj()
	all.Put(role.DeepCopy(), assignment)
	outcome := func(object client.Object) state.Outcome {
		got, _ := all.Outcome(kinds.RefOf(object))
		return got
	}
	if got := outcome(assignment); !got.InForce {
		t.Fatalf("before: %+v", got)
	}
	large := role.DeepCopy()
	large.Spec.PermissionGrants = append(large.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: "P1", Conditions: bulky(200)})
	all.Put(large)
	if got := outcome(role); got.Reason != v1alpha1.ReasonRoleTooLarge || got.Ready || !got.Stalled {
		t.Errorf("the role: %+v", got)
	}
	if got := outcome(assignment); got.Reason != v1alpha1.ReasonRoleInvalid || got.Ready || got.InForce {
		t.Errorf("the assignment: %+v", got)
	}
	if len(all.DesiredTuples()) != 0 || len(all.DesiredCells()) != 0 {
		t.Errorf("still wanted: %v, %v", all.DesiredTuples(), all.DesiredCells())
	}
	all.Put(role.DeepCopy())
	if got := outcome(assignment); !got.InForce {
		t.Errorf("fixed: %+v", got)
	}
}

func TestAnEntryThatIsTooExpensiveLeavesTheOthersOfItsRole(t *testing.T) {
	state := state.New(limits, clocktesting.NewFakePassiveClock(epoch))
	role := build.Role("acme", "editor").Grants("P1").Obj()
	role.Spec.PermissionGrants = append(role.Spec.PermissionGrants,
		v1alpha1.PermissionEntry{Permission: "P0", Conditions: conditions("color", "shape", "size", "weight")},
		v1alpha1.PermissionEntry{Permission: "P0", Conditions: conditions("color")})
	state.Put(append(governed(), role, build.RoleAssignment("acme", "ann").Gives("editor").ToUser("ann").Obj())...)
	got, _ := state.Outcome(kinds.RefOf(role))
	if got.Ready || !got.Stalled || len(got.Faults) != 1 || got.Faults[0].Reason != v1alpha1.ReasonConditionTooExpensive {
		t.Errorf("got %+v, want one fault", got)
	}
	cells := slices.DeleteFunc(state.DesiredCells(), func(cell tuples.Cell) bool { return cell.Says != tuples.GivesRole })
	if len(cells) != 1 {
		t.Fatalf("%d cells are wanted", len(cells))
	}
	if text := state.Contexts(cells[0])[0].String(); !strings.Contains(text, "P1") || strings.Count(text, "red") != 1 {
		t.Errorf("the role gives %s, want P1 and the cheap one of P0", text)
	}
}

// A timer may be late: until then, what has ended takes no room from others.
func TestAGrantThatHasEndedMakesRoomBeforeItsOwnTurn(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(epoch)
	state := state.New(limits, clock)
	ending := build.TemporaryPermissionGrant("acme", "ending").ToUser("ann").Until(epoch.Add(time.Hour)).Obj()
	ending.Spec.PermissionGrant = v1alpha1.PermissionEntry{Permission: "P0", Conditions: conditions("color", "shape")}
	state.Put(append(governed(), ending)...)
	staying := grantOf("staying", time.Minute, v1alpha1.PermissionEntry{Permission: "P0", Conditions: conditions("size")})
	state.Put(staying.DeepCopy())
	if outcome, _ := state.Outcome(kinds.RefOf(staying)); outcome.Reason != v1alpha1.ReasonConditionTooExpensive {
		t.Fatalf("beside the other: %+v", outcome)
	}
	clock.SetTime(epoch.Add(time.Hour))
	change := state.Put(staying.DeepCopy())
	if outcome, _ := state.Outcome(kinds.RefOf(staying)); !outcome.InForce {
		t.Errorf("once the other has ended: %+v", outcome)
	}
	if outcome, _ := state.Outcome(kinds.RefOf(ending)); outcome.Reason != v1alpha1.ReasonExpired || !slices.Contains(change.Outcomes, kinds.RefOf(ending)) {
		t.Errorf("the other: %+v, and the change names %v", outcome, change.Outcomes)
	}
}
