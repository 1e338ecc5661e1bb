package state_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// expectHeld holds what each user is said to hold against what the store would answer. Where something waits to be evaluated they
// may hold less.
func (s *sequence) expectHeld(w *wanted, waits bool) {
	s.t.Helper()
	for _, object := range w.objects {
		user, ok := object.(*v1alpha1.User)
		if !ok {
			continue
		}
		key := client.ObjectKeyFromObject(user)
		for path := range w.paths(key.Namespace) {
			got := map[string]bool{}
			for _, access := range s.state.Held(key, path) {
				if !access.At.Covers(path) {
					s.t.Errorf("%s holds %v at %s, which is not held at %s", key, access.Grant, access.At, path)
				}
				if access.At == path {
					got[access.Grant.Permission] = true
				}
			}
			want := w.answers(user, path)
			if waits {
				maps.DeleteFunc(want, func(permission string, _ bool) bool { return !got[permission] })
			}
			if !maps.Equal(got, want) {
				s.t.Errorf("%s holds %v at %s, want %v", key, got, path, want)
			}
			s.held += len(got)
		}
	}
}

// isCrowded says whether the store does not take something beside what else there is.
func (s *sequence) isCrowded() bool {
	crowded := func(reason string) bool {
		return reason == v1alpha1.ReasonConditionTooExpensive || reason == v1alpha1.ReasonContextTooLarge
	}
	for ref := range s.objects {
		outcome, _ := s.state.Outcome(ref)
		if crowded(outcome.Reason) || slices.ContainsFunc(outcome.Permissions, func(p v1alpha1.PermissionOutcome) bool { return crowded(p.Reason) }) {
			return true
		}
	}
	return false
}

// paths are all that are named in an organization.
func (w *wanted) paths(organization string) map[scope.Path]bool {
	paths := map[scope.Path]bool{{Organization: organization}: true}
	for _, object := range w.objects {
		var written v1alpha1.Scope
		switch o := object.(type) {
		case *v1alpha1.RoleAssignment:
			written = o.Spec.Scope
		case *v1alpha1.PermissionGrant:
			written = o.Spec.Scope
		case *v1alpha1.TemporaryPermissionGrant:
			written = o.Spec.Scope
		}
		paths[state.PathOf(organization, &written)] = true
	}
	return paths
}

// answers are the permissions that the store would say a user holds at a path itself.
func (w *wanted) answers(user *v1alpha1.User, path scope.Path) map[string]bool {
	held := map[string]bool{}
	if w.verdicts[kinds.RefOf(user)].reason != v1alpha1.ReasonValid {
		return held
	}
	subjects := map[string]bool{objectid.User(user.Spec.Subject): true}
	var bindings []string
	now := func(window policy.Window) bool { return window.Includes(w.now) }
	for cell, windows := range w.shares {
		if cell.Says == tuples.IsMember && cell.Subject == objectid.User(user.Spec.Subject) && slices.ContainsFunc(windows, now) {
			subjects[cell.Object+"#member"] = true
		}
	}
	for cell, windows := range w.shares {
		if cell.Says == tuples.HasRole && subjects[cell.Subject] && slices.ContainsFunc(windows, now) {
			bindings = append(bindings, cell.Object)
		}
	}
	for cell, contexts := range w.contexts {
		if cell.Object != objectid.Scope(path) || !subjects[cell.Subject] && !slices.Contains(bindings, cell.Subject) {
			continue
		}
		for _, context := range contexts {
			w.allowed(context, held)
		}
	}
	return held
}

// allowed adds the permissions that a condition allows now, for some attributes.
func (w *wanted) allowed(context *structpb.Struct, to map[string]bool) {
	for permission := range context.GetFields()["permissions"].GetStructValue().GetFields() {
		to[permission] = true
	}
	for permission, rules := range context.GetFields()["rules"].GetStructValue().GetFields() {
		for _, rule := range rules.GetListValue().GetValues() {
			window := rule.GetStructValue().GetFields()
			from, _ := time.Parse(time.RFC3339Nano, window["from"].GetStringValue())
			until, _ := time.Parse(time.RFC3339Nano, window["until"].GetStringValue())
			if !w.now.Before(from) && w.now.Before(until) {
				to[permission] = true
			}
		}
	}
}

func TestAccessNamesTheObjectsThatMakeIt(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(epoch)
	state, soon := state.New(limits, clock), epoch.Add(time.Hour)
	invitation := build.Invitation("acme", "i0").AcceptedBy("u0").Obj()
	invitation.CreationTimestamp.Time = epoch
	state.Put(
		namespace("acme"), build.ResourceType("flows").OfType("flow").Permits("P0").Permits("P1").Permits("P2").Permits("P3").Permits("P4").Obj(),
		build.Organization("acme").OwnedBy("u0").Workspace("w0", "p0").Obj(),
		build.User("acme", "u0").Obj(), build.Group("acme", "g0").Obj(), build.Role("acme", "r0").Grants("P0").Inherits("r1").Obj(), build.Role("acme", "r1").Grants("P1").Obj(),
		build.GroupMembership("acme", "m0", "u0", "g0").Obj(), invitation,
		build.RoleAssignment("acme", "own").Gives("r0").ToUser("u0").InProject("w0", "p0").Obj(),
		build.RoleAssignment("acme", "invited").Gives("r0").ToInvitation("i0").InWorkspace("w0").Obj(),
		build.PermissionGrant("acme", "shared").ToGroup("g0").Grants("P2", "none").Obj(),
		build.TemporaryPermissionGrant("acme", "now").ToUser("u0").Grants("P3").Until(soon).Obj(),
		build.TemporaryPermissionGrant("acme", "later").ToUser("u0").Grants("P4").From(soon).For("1h").Obj(),
	)
	type way struct {
		permission, at string
		ends           bool
	}
	organization := scope.Path{Organization: "acme"}
	project := scope.Path{Organization: "acme", Workspace: "w0", Project: "p0"}
	expect := func(at scope.Path, want map[string]way) {
		t.Helper()
		for _, access := range state.Held(types.NamespacedName{Namespace: "acme", Name: "u0"}, at) {
			via := ""
			for _, ref := range access.Through {
				via += "/" + ref.Name
			}
			name := access.Grant.Permission + via
			if got := (way{access.Grant.Permission, access.At.String(), !access.Grant.Window.Until.IsZero()}); got != want[name] {
				t.Errorf("at %s: %s is %+v, want %+v", at, name, got, want[name])
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("at %s: not held: %v", at, want)
		}
	}
	expect(project, map[string]way{
		"P0/own/r0": {"P0", "acme/w0/p0", false}, "P1/own/r0/r1": {"P1", "acme/w0/p0", false},
		"P0/invited/r0/i0": {"P0", "acme/w0", false}, "P1/invited/r0/r1/i0": {"P1", "acme/w0", false},
		"P2/shared/m0": {"P2", "acme", false},
		"P3/now":       {"P3", "acme", true},
	})
	expect(organization, map[string]way{"P2/shared/m0": {"P2", "acme", false}, "P3/now": {"P3", "acme", true}})

	// What begins and ends does so by the clock, whether or not anyone has looked at it since.
	clock.SetTime(soon)
	expect(organization, map[string]way{"P2/shared/m0": {"P2", "acme", false}, "P4/later": {"P4", "acme", true}})
}
