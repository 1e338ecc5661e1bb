package query

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Place is a place of an organization, who holds something there, and what lies below it.
type Place struct {
	// At is the whole path, and Level how deep it is.
	At    string      `json:"at"`
	Level scope.Level `json:"level"`
	// Held is what objects give at this very place.
	Held []Holder `json:"held,omitempty"`
	// Below are the places directly below, in order. Resources are among them where something is given on them.
	Below []*Place `json:"below,omitempty"`
}

// Holder is what one object gives to whom.
type Holder struct {
	// Subject is a User, a Group or an Invitation.
	Subject Object `json:"subject"`
	// Role is what a RoleAssignment gives, Permissions what the grants do.
	Role        string   `json:"role,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
	// By is the object that gives it.
	By Object `json:"by"`
	// Until is when it ends, for what ends by itself.
	Until *metav1.Time `json:"until,omitempty"`
	// InForce says whether it gives anything now; Reason why not.
	InForce bool   `json:"inForce"`
	Reason  string `json:"reason,omitempty"`
}

// Tree is the organization as the tree of its places. Places that are not declared are in it where objects name them,
// which then say that they give nothing.
func (w *World) Tree() *Place {
	places := map[scope.Path]*Place{}
	at := func(path scope.Path) *Place { return w.place(places, path) }
	root := at(scope.Path{Organization: w.organization})
	if organization, ok := w.objects[kinds.Ref{Kind: kinds.Organization, Name: w.organization}].(*v1alpha1.Organization); ok {
		for _, workspace := range organization.Spec.Workspaces {
			at(scope.Path{Organization: w.organization, Workspace: workspace.Name})
			for _, project := range workspace.Projects {
				at(scope.Path{Organization: w.organization, Workspace: workspace.Name, Project: project.Name})
			}
		}
	}
	for ref, object := range w.objects {
		if written, holder, ok := holderOf(object); ok {
			outcome, _ := w.state.Outcome(ref)
			if end := outcome.Life.Deadline; !end.IsZero() {
				holder.Until = &metav1.Time{Time: end.UTC()}
			}
			holder.InForce, holder.Reason = w.inForce(ref, object)
			there := at(state.PathOf(w.organization, written))
			there.Held = append(there.Held, holder)
		}
	}
	for _, path := range slices.SortedFunc(maps.Keys(places), scope.Path.Compare) {
		place := places[path]
		slices.SortFunc(place.Held, compareHolders)
		if above, ok := path.Parent(); ok {
			places[above].Below = append(places[above].Below, place)
		}
	}
	return root
}

// Holders are what objects give at all places, with the place, from the organization down.
func (w *World) Holders() iter.Seq2[string, Holder] {
	var walk func(place *Place, yield func(string, Holder) bool) bool
	walk = func(place *Place, yield func(string, Holder) bool) bool {
		for _, holder := range place.Held {
			if !yield(place.At, holder) {
				return false
			}
		}
		for _, below := range place.Below {
			if !walk(below, yield) {
				return false
			}
		}
		return true
	}
	return func(yield func(string, Holder) bool) { walk(w.Tree(), yield) }
}

// inForce says whether an object gives something, and why not. Where not everything could be read, it is not evaluated:
// then that is what the operator has found.
func (w *World) inForce(ref kinds.Ref, object v1alpha1.Object) (inForce bool, reason string) {
	if len(w.unread) == 0 {
		outcome, _ := w.state.Outcome(ref)
		inForce, reason = outcome.InForce, cmp.Or(outcome.Reason, string(outcome.Phase))
	} else {
		inForce, reason = kinds.IsInForce(object), cmp.Or(kinds.ReadyReason(object), "NotObserved")
	}
	if inForce {
		return true, ""
	}
	return false, reason
}

// place finds or makes a place, and those above it.
func (w *World) place(places map[scope.Path]*Place, path scope.Path) *Place {
	if place, there := places[path]; there {
		return place
	}
	place := &Place{At: path.String(), Level: path.Level()}
	places[path] = place
	if above, ok := path.Parent(); ok {
		w.place(places, above)
	}
	return place
}

// holderOf is what an object gives, and where; false for kinds that give nothing at a place.
func holderOf(object v1alpha1.Object) (*v1alpha1.Scope, Holder, bool) {
	by := Object{Kind: kinds.RefOf(object).Kind, Name: object.GetName()}
	switch o := object.(type) {
	case *v1alpha1.RoleAssignment:
		return &o.Spec.Scope, Holder{By: by, Subject: subjectOf(o.Spec.Subject.User, o.Spec.Subject.Group, o.Spec.Subject.Invitation), Role: o.Spec.RoleRef.Name}, true
	case *v1alpha1.PermissionGrant:
		return &o.Spec.Scope, Holder{By: by, Subject: subjectOf(o.Spec.Subject.User, o.Spec.Subject.Group, ""), Permissions: permissionsOf(o.Spec.Permissions)}, true
	case *v1alpha1.TemporaryPermissionGrant:
		return &o.Spec.Scope, Holder{By: by, Subject: Object{Kind: kinds.User, Name: o.Spec.User}, Permissions: []string{o.Spec.PermissionGrant.Permission}}, true
	default:
		return nil, Holder{}, false
	}
}

func subjectOf(user, group, invitation string) Object {
	switch {
	case user != "":
		return Object{Kind: kinds.User, Name: user}
	case group != "":
		return Object{Kind: kinds.Group, Name: group}
	default:
		return Object{Kind: kinds.Invitation, Name: invitation}
	}
}

func permissionsOf(entries []v1alpha1.PermissionEntry) []string {
	permissions := make([]string, 0, len(entries))
	for _, entry := range entries {
		permissions = append(permissions, entry.Permission)
	}
	slices.Sort(permissions)
	return slices.Compact(permissions)
}

func compareHolders(a, b Holder) int {
	return cmp.Or(
		strings.Compare(a.Subject.Kind, b.Subject.Kind), strings.Compare(a.Subject.Name, b.Subject.Name),
		strings.Compare(a.By.Kind, b.By.Kind), strings.Compare(a.By.Name, b.By.Name),
	)
}

// Inheritance is a Role, and the names of the Roles that it inherits from.
type Inheritance struct {
	Role     string   `json:"role"`
	Inherits []string `json:"inherits,omitempty"`
	Ready    bool     `json:"ready"`
}

// Roles are the Roles of the organization by name, with those that they inherit from.
func (w *World) Roles() (roles []Inheritance) {
	for ref, object := range w.objects {
		if role, ok := object.(*v1alpha1.Role); ok {
			outcome, _ := w.state.Outcome(ref)
			roles = append(roles, Inheritance{Role: role.Name, Inherits: role.Spec.Inherits, Ready: outcome.Ready})
		}
	}
	slices.SortFunc(roles, func(a, b Inheritance) int { return strings.Compare(a.Role, b.Role) })
	return roles
}
