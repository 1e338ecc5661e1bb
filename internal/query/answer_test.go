package query_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func toAlice() *build.RoleAssignmentBuilder {
	return build.RoleAssignment("acme", "given").Gives("editor").ToUser("alice")
}

func TestAnAnswerNamesTheWaysAndTheObjectsThatMakeThem(t *testing.T) {
	world := worldOf(embedded(with(
		toAlice().InWorkspace("prod").Obj(),
		build.PermissionGrant("acme", "shared").ToGroup("devs").Grants("View").Obj(),
		build.TemporaryPermissionGrant("acme", "soon").ToUser("alice").Grants("View").Until(noon.Add(time.Minute)).Obj(),
	)))
	answer := world.Ask(query.Question{User: "alice", Permission: "View", At: vision})
	expectVerdict(t, answer, query.Yes)
	want := []query.Way{
		{At: "acme", Via: []query.Object{{Kind: "PermissionGrant", Name: "shared"}, {Kind: "GroupMembership", Name: "alice-devs"}}, Met: true, Confirmed: true},
		{At: "acme/prod", Via: []query.Object{{Kind: "RoleAssignment", Name: "given"}, {Kind: "Role", Name: "editor"}}, Met: true, Confirmed: true},
		{At: "acme", Via: []query.Object{{Kind: "TemporaryPermissionGrant", Name: "soon"}}, Met: true, Confirmed: true, Until: &metav1.Time{Time: noon.Add(time.Minute)}},
	}
	if len(answer.Ways) != len(want) {
		t.Fatalf("got %+v", answer.Ways)
	}
	for n, way := range answer.Ways {
		if !reflect.DeepEqual(way, want[n]) {
			t.Errorf("got %+v, want %+v", way, want[n])
		}
	}
	expectVerdict(t, world.Ask(query.Question{User: "bob", Permission: "View", At: vision}), query.No)
	expectVerdict(t, world.Ask(query.Question{User: "alice", Permission: "Delete", At: vision}), query.No)
}

func TestConditionsLookAtTheRequest(t *testing.T) {
	world := worldOf(embedded(with(toAlice().Obj())))
	for color, want := range map[any]query.Verdict{"red": query.Yes, "blue": query.No, nil: query.No, 3.0: query.No} {
		answer := world.Ask(query.Question{User: "alice", Permission: "Edit", At: acme, Attributes: map[string]any{"color": color}})
		expectVerdict(t, answer, want)
		if len(answer.Ways) != 1 || answer.Ways[0].Conditions[0].String() != "color Equals red" || answer.Ways[0].Met != (want == query.Yes) {
			t.Errorf("%v: got %+v", color, answer.Ways)
		}
	}
}

func TestWhatIsNotThereIsNamed(t *testing.T) {
	world := worldOf(embedded(with(toAlice().Obj())))
	for want, q := range map[string]query.Question{
		"does not declare acme/none":    {User: "alice", Permission: "View", At: scope.Path{Organization: "acme", Workspace: "none"}},
		"does not declare acme/lab/no":  {User: "alice", Permission: "View", At: scope.Path{Organization: "acme", Workspace: "lab", Project: "no"}},
		`declares the permission "Vie"`: {User: "alice", Permission: "Vie", At: acme},
		`"view": did you mean View?`:    {User: "alice", Permission: "view", At: acme},
		`has the type "dok"`:            {User: "alice", Permission: "View", At: scope.Path{Organization: "acme", ResourceType: "dok", ResourceID: "1"}},
		"no User carol":                 {User: "carol", Permission: "View", At: acme},
	} {
		if answer := world.Ask(q); !strings.Contains(answer.Because, want) {
			t.Errorf("got %+v, want %q", answer, want)
		}
	}
	answer := worldOf(nil).Ask(query.Question{User: "alice", Permission: "View", At: acme})
	if answer.Verdict != query.No || !strings.Contains(answer.Because, "no Organization acme") {
		t.Errorf("got %+v", answer)
	}
}

func TestWhatCouldNotBeReadIsNotTakenForNothing(t *testing.T) {
	everything := func() []v1alpha1.Object { return with(toAlice().Obj()) }
	asked := query.Question{User: "alice", Permission: "View", At: acme}
	for _, kind := range []string{
		kinds.Organization, kinds.ResourceType, kinds.User, kinds.Role, kinds.RoleAssignment,
	} {
		answer := worldOf(without(kind, embedded(everything())), kind).Ask(asked)
		expectVerdict(t, answer, query.Unknown)
		if answer.Because != "" {
			t.Errorf("%s: it says %q", kind, answer.Because)
		}
		expectVerdict(t, worldOf(embedded(without(kind, everything()))).Ask(asked), query.No)
	}
	for _, kind := range []string{
		kinds.Group, kinds.GroupMembership, kinds.Invitation, kinds.PermissionGrant, kinds.TemporaryPermissionGrant,
	} {
		some := embedded(without(kind, everything()))
		expectVerdict(t, worldOf(some, kind).Ask(asked), query.Yes)
		expectVerdict(t, worldOf(some, kind).Ask(query.Question{User: "bob", Permission: "View", At: acme}), query.Unknown)
	}
}

// Of what stands in no namespace, whoever has bailiwick-viewer there reads nothing.
func TestF7WhoReadsTheNamespaceAloneIsToldOfThatAndNotOfTheOperator(t *testing.T) {
	objects := embedded(with(
		toAlice().InWorkspace("prod").Obj(), build.PermissionGrant("acme", "shared").ToGroup("devs").Grants("View").Obj(),
		build.TemporaryPermissionGrant("acme", "soon").ToUser("alice").Grants("View").Until(noon.Add(time.Minute)).Obj(),
		build.Invitation("acme", "guest").AcceptedBy("bob").Obj(), build.RoleAssignment("acme", "ended").Gives("editor").ToUser("bob").Until(noon.Add(-time.Minute)).Obj(),
	))
	unread := []string{kinds.Organization, kinds.ResourceType}
	world := worldOf(without(kinds.Organization, without(kinds.ResourceType, objects)), unread...)
	if behind := world.Behind(); len(behind) > 0 {
		t.Errorf("behind are %v", behind)
	}
	answer := world.Ask(query.Question{User: "alice", Permission: "View", At: prod})
	if answer.Verdict != query.Unknown || len(answer.Behind) > 0 || !slices.Equal(answer.Unread, unread) {
		t.Errorf("got %+v", answer)
	}
	if user, ok := world.UserOf("alice@acme"); user != "alice" || !ok {
		t.Errorf("who has alice's identity is %q, %t", user, ok)
	}
	if got := world.UnreadOf(kinds.Organization, kinds.User); !slices.Equal(got, []string{kinds.Organization}) {
		t.Errorf("unread of these are %v", got)
	}
}

func TestWhatTheOperatorHasNotConfirmedIsNotKnown(t *testing.T) {
	given := func(change func(*v1alpha1.RoleAssignment)) *query.World {
		assignment := toAlice().Obj()
		objects := embedded(with(assignment, build.RoleAssignment("acme", "kept").Gives("editor").ToUser("alice").InWorkspace("lab").Obj()))
		change(assignment)
		return worldOf(objects)
	}
	deleted := metav1.NewTime(noon)
	for name, c := range map[string]struct {
		change func(*v1alpha1.RoleAssignment)
		want   query.Verdict
	}{
		"all is confirmed":           {func(*v1alpha1.RoleAssignment) {}, query.Yes},
		"made and not seen":          {func(o *v1alpha1.RoleAssignment) { o.Status = v1alpha1.RoleAssignmentStatus{} }, query.Unknown},
		"edited and not seen":        {func(o *v1alpha1.RoleAssignment) { o.Generation++ }, query.Unknown},
		"edited away and not seen":   {func(o *v1alpha1.RoleAssignment) { o.Generation++; o.Spec.Scope.Workspace = "lab" }, query.Unknown},
		"seen, and not in the store": {func(o *v1alpha1.RoleAssignment) { o.Status.InForce = false }, query.Unknown},
		"the store does not answer":  {func(o *v1alpha1.RoleAssignment) { o.Status.Conditions[0].Reason = v1alpha1.ReasonStoreUnavailable }, query.Unknown},
		"being deleted, and still there": {func(o *v1alpha1.RoleAssignment) {
			o.DeletionTimestamp = &deleted
			o.Finalizers = []string{v1alpha1.Finalizer}
		}, query.Unknown},
		"being deleted, and let go": {func(o *v1alpha1.RoleAssignment) { o.DeletionTimestamp = &deleted; o.Finalizers = []string{"another"} }, query.No},
	} {
		world := given(c.change)
		if answer := world.Ask(query.Question{User: "alice", Permission: "View", At: prod}); answer.Verdict != c.want {
			t.Errorf("%s: got %+v, want %s", name, answer, c.want)
		}
		// What is behind with one user is no matter of another's.
		expectVerdict(t, world.Ask(query.Question{User: "bob", Permission: "View", At: prod}), query.No)
	}
}

func TestAnEndedGrantNeedsNoOperatorToHaveEnded(t *testing.T) {
	grant := build.TemporaryPermissionGrant("acme", "ended").ToUser("alice").Grants("View").Until(noon.Add(-time.Minute)).Obj()
	objects := embedded(with(grant))
	grant.Status.Phase, grant.Status.InForce = v1alpha1.PhaseActive, true
	grant.Status.Permissions = []v1alpha1.PermissionOutcome{{Permission: "View", Granted: true, Reason: v1alpha1.ReasonGranted}}
	expectVerdict(t, worldOf(objects).Ask(query.Question{User: "alice", Permission: "View", At: acme}), query.No)
}

func TestTheStatusesSayWhatTheirStoreTakes(t *testing.T) {
	var conditions []build.Condition
	var attributes []v1alpha1.Attribute
	request := map[string]any{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		conditions, attributes = append(conditions, build.NotEquals(name, "x")), append(attributes, build.String(name))
		request[name] = "y"
	}
	objects := func(limit int) []v1alpha1.Object {
		return reconciled(limit, with(
			build.ResourceType("docs").OfType("doc").Permits("View", attributes...).Obj(),
			build.Role("acme", "editor").GrantsIf("View", conditions...).Obj(), toAlice().Obj())...)
	}
	asked := query.Question{User: "alice", Permission: "View", At: acme, Attributes: request}
	expectVerdict(t, worldOf(objects(store.EmbeddedConditionCost)).Ask(asked), query.Yes)
	expectVerdict(t, worldOf(objects(store.MaxConditionCost)).Ask(asked), query.No)
}

func TestAllUsersAreListedWhoHoldAPermission(t *testing.T) {
	world := worldOf(embedded(with(toAlice().InWorkspace("prod").Obj(),
		build.PermissionGrant("acme", "bobs").ToUser("bob").GrantsIf("Edit", build.Equals("color", "blue")).Obj())))
	for _, c := range []struct {
		at      scope.Path
		color   string
		onlyMet bool
		want    string
	}{
		{prod, "", false, "alice bob"}, {acme, "", false, "bob"}, {prod, "red", true, "alice"}, {prod, "blue", true, "bob"}, {prod, "green", true, ""},
	} {
		var got []string
		for user, ways := range world.Who(query.Question{Permission: "Edit", At: c.at, Attributes: map[string]any{"color": c.color}}, c.onlyMet) {
			got = append(got, user)
			if len(ways) != 1 {
				t.Errorf("%s: %+v", user, ways)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestWhoeverHasAnIdentityIsFound(t *testing.T) {
	objects := with(build.User("acme", "imitator").KnownAs("alice@acme").Obj())
	objects[len(objects)-1].SetCreationTimestamp(metav1.NewTime(noon))
	world := worldOf(embedded(objects))
	if user, ok := world.UserOf("alice@acme"); user != "alice" || !ok {
		t.Errorf("got %q, %t", user, ok)
	}
	if user, ok := world.UserOf("nobody@acme"); ok {
		t.Errorf("got %q", user)
	}
	for text, want := range map[string]string{"alice": "alice", "alice@acme": "alice", "imitator": "imitator", "nobody": "", "": ""} {
		if user, ok := world.UserNamed(text); user != want || ok != (want != "") {
			t.Errorf("%q names %q, %t, want %q", text, user, ok, want)
		}
	}
}
