package query_test

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

var (
	acme   = scope.Path{Organization: "acme"}
	prod   = scope.Path{Organization: "acme", Workspace: "prod"}
	vision = scope.Path{Organization: "acme", Workspace: "prod", Project: "vision"}
)

// beginning is an organization in which nobody holds anything: the workspaces prod, with the project vision,
// and lab; the users alice and bob, the group devs with alice in it, the role editor with View, and Edit if
// the color is red.
func beginning() []v1alpha1.Object {
	return []v1alpha1.Object{
		build.ResourceType("docs").OfType("doc").Permits("View").Permits("Delete").Permits("Edit", build.String("color"), build.Number("floor")).Obj(),
		build.Organization("acme").OwnedBy("alice").Workspace("prod", "vision").Workspace("lab").Obj(),
		build.User("acme", "alice").KnownAs("alice@acme").ReachedAt("alice@acme.example").Obj(), build.User("acme", "bob").KnownAs("bob@acme").Obj(),
		build.Group("acme", "devs").Obj(), build.GroupMembership("acme", "alice-devs", "alice", "devs").Obj(),
		build.Role("acme", "editor").Grants("View").GrantsIf("Edit", build.Equals("color", "red")).Obj(),
	}
}

// with are all objects of the beginning, where those of the same name take its place, and more.
func with(more ...v1alpha1.Object) []v1alpha1.Object {
	objects := beginning()
	for _, object := range more {
		objects = slices.DeleteFunc(objects, func(o v1alpha1.Object) bool { return kinds.RefOf(o) == kinds.RefOf(object) })
		objects = append(objects, object)
	}
	return objects
}

// without leaves out a kind.
func without(kind string, objects []v1alpha1.Object) []v1alpha1.Object {
	return slices.DeleteFunc(objects, func(o v1alpha1.Object) bool { return kinds.RefOf(o).Kind == kind })
}

// reconciled gives objects the statuses that an operator would have written at noon.
func reconciled(limit int, objects ...v1alpha1.Object) []v1alpha1.Object {
	state := state.New(state.Limits{ConditionCost: limit}, clocktesting.NewFakePassiveClock(noon))
	state.Put(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme"}})
	for _, object := range objects {
		state.Put(object.DeepCopyObject().(client.Object))
	}
	for _, object := range objects {
		reconcile(state, object)
	}
	return objects
}

func reconcile(state *state.State, object v1alpha1.Object) {
	outcome, _ := state.Outcome(kinds.RefOf(object))
	object.SetGeneration(1)
	status := object.CommonStatus()
	status.ObservedGeneration = 1
	status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Reason: outcome.Reason, ObservedGeneration: 1}}
	switch o := object.(type) {
	case *v1alpha1.Role:
		o.Status.Permissions = outcome.Faults
	case *v1alpha1.RoleAssignment:
		o.Status.InForce = outcome.InForce
	case *v1alpha1.GroupMembership:
		o.Status.InForce = outcome.InForce
	case *v1alpha1.PermissionGrant:
		o.Status.Permissions = outcome.Permissions
	case *v1alpha1.TemporaryPermissionGrant:
		o.Status.Permissions, o.Status.Phase = outcome.Permissions, outcome.Phase
	case *v1alpha1.Invitation:
		o.Status.Phase = outcome.Invited.Phase
	}
}

func worldOf(objects []v1alpha1.Object, unread ...string) *query.World {
	return query.New(query.Objects{Organization: "acme", Read: objects, Unread: unread}, clocktesting.NewFakePassiveClock(noon))
}

func embedded(objects []v1alpha1.Object) []v1alpha1.Object {
	return reconciled(store.EmbeddedConditionCost, objects...)
}

func expectVerdict(t *testing.T, answer query.Answer, want query.Verdict) {
	t.Helper()
	if answer.Verdict != want {
		t.Errorf("got %+v, want %s", answer, want)
	}
}
