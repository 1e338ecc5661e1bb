package query

import (
	"fmt"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// Miss is a way in which the user would hold the permission if something were different.
type Miss struct {
	// At is where it would be given, and Via by which objects, as with a Way.
	At  string   `json:"at"`
	Via []Object `json:"via"`
	// But are the things that stand in its way, all of them, in words.
	But []string `json:"but"`
}

// misses finds the ways that one thing alone keeps from being a way: the attributes of the request, one
// object, or the place that is asked about. Each is taken away by itself, and the question asked again. What
// conditions then remain unmet stands in the way too. Those with the fewest obstacles come first, in this
// order.
func (w *World) misses(q Question, ways []Way) []Miss {
	var misses []Miss
	add := func(way Way, but ...string) {
		for _, test := range way.unmet {
			but = append(but, unmet(test, q.Attributes))
		}
		misses = append(misses, Miss{At: way.At, Via: way.Via, But: but})
	}
	for _, way := range ways {
		add(way)
	}
	for _, lift := range w.lifts(q) {
		for _, way := range w.lifted(q, lift) {
			if !slices.ContainsFunc(ways, way.same) {
				add(way, lift.but)
			}
		}
	}
	for _, at := range w.elsewhere(q) {
		for _, access := range w.held(q, at) {
			if access.At == at {
				add(w.way(q, access), fmt.Sprintf("it is held at %s, and not at %s", at, q.At))
			}
		}
	}
	slices.SortStableFunc(misses, func(a, b Miss) int { return len(a.But) - len(b.But) })
	return misses
}

// same says whether another way is made by the same objects.
func (w Way) same(other Way) bool { return w.At == other.At && slices.Equal(w.Via, other.Via) }

// unmet says why a request does not meet a test.
func unmet(test policy.Test, attributes map[string]any) string {
	given := fmt.Sprintf("is %v", attributes[test.Attribute])
	if attributes[test.Attribute] == nil {
		given = "is not given"
	}
	return fmt.Sprintf("the condition %s is not met: %s %s", conditionOf(test), test.Attribute, given)
}

// elsewhere are the places that objects which concern the user name, and that do not cover the one asked
// about.
func (w *World) elsewhere(q Question) []scope.Path {
	link, places := w.linksOf(q.User), map[scope.Path]bool{}
	for _, object := range w.objects {
		if !link.concerns(object) {
			continue
		}
		var written *v1alpha1.Scope
		switch o := object.(type) {
		case *v1alpha1.RoleAssignment:
			written = &o.Spec.Scope
		case *v1alpha1.PermissionGrant:
			written = &o.Spec.Scope
		case *v1alpha1.TemporaryPermissionGrant:
			written = &o.Spec.Scope
		default:
			continue
		}
		at := state.PathOf(w.organization, written)
		if at.ResourceID == "" {
			at = at.Container() // every object of a type is what is there
		}
		places[at] = !at.Covers(q.At)
	}
	maps.DeleteFunc(places, func(_ scope.Path, elsewhere bool) bool { return !elsewhere })
	return slices.SortedFunc(maps.Keys(places), scope.Path.Compare)
}

// lift is one object as it would have to be, and what it is now.
type lift struct {
	object v1alpha1.Object
	but    string
	// through is what a way must be made by to count.
	through Object
}

// lifted are the ways that there would be.
func (w *World) lifted(q Question, l lift) []Way {
	var ways []Way
	w.withLifted(l, func() { ways = w.ways(q) })
	return slices.DeleteFunc(ways, func(way Way) bool {
		return l.through != (Object{}) && !slices.Contains(way.Via, l.through)
	})
}

// withLifted does something while the object is as it would have to be.
func (w *World) withLifted(l lift, do func()) {
	ref := kinds.RefOf(l.object)
	w.state.Put(l.object)
	do()
	if original, there := w.objects[ref]; there && (kinds.KeptWhileDeleted(ref.Kind) || original.GetDeletionTimestamp().IsZero()) {
		w.state.Put(clone(original))
	} else {
		w.state.Remove(ref)
	}
}

// lifts are the obstacles that one object can be, for every object that concerns the user, in a fixed order.
func (w *World) lifts(q Question) []lift {
	link := w.linksOf(q.User)
	concerned := make([]kinds.Ref, 0, len(w.objects))
	for ref, object := range w.objects {
		if link.concerns(object) {
			concerned = append(concerned, ref)
		}
	}
	slices.SortFunc(concerned, kinds.Ref.Compare)
	var lifts []lift
	for _, ref := range concerned {
		lifts = append(lifts, w.liftsOf(q, ref)...)
	}
	return lifts
}

// liftsOf are the obstacles that an object can be.
func (w *World) liftsOf(q Question, ref kinds.Ref) []lift {
	outcome, _ := w.state.Outcome(ref)
	self := Object{Kind: ref.Kind, Name: ref.Name}
	object := clone(w.objects[ref])
	if !object.GetDeletionTimestamp().IsZero() {
		object.SetDeletionTimestamp(nil)
		return []lift{{object: object, but: fmt.Sprintf("the %s %s is being deleted", ref.Kind, ref.Name), through: self}}
	}
	says := fmt.Sprintf("the %s %s has no effect: %s: %s", ref.Kind, ref.Name, outcome.Reason, outcome.Message)
	now := w.clock.Now()
	if window, _ := v1alpha1.WindowOf(object); window != nil && (outcome.Phase == v1alpha1.PhaseExpired || outcome.Phase == v1alpha1.PhasePending) {
		*window = v1alpha1.Window{}
		return []lift{{object: object, but: w.outOfTime(ref, outcome), through: self}}
	}
	switch o := object.(type) {
	case *v1alpha1.User:
		if o.Spec.Suspended {
			o.Spec.Suspended = false
			return []lift{{object: o, but: fmt.Sprintf("the User %s is suspended", ref.Name)}}
		}
	case *v1alpha1.Invitation:
		if outcome.Invited.Phase != v1alpha1.InvitationAccepted {
			expires := metav1.NewTime(now.Add(time.Hour))
			o.Spec.AcceptedBy, o.Spec.ExpiresAt, o.Spec.ValidFor = q.User, &expires, nil
			return []lift{{object: o, but: w.notAccepted(ref, outcome), through: self}}
		}
	case *v1alpha1.TemporaryPermissionGrant:
		if outcome.Phase == v1alpha1.PhaseExpired || outcome.Phase == v1alpha1.PhasePending {
			starts, expires := metav1.NewTime(now.Add(-time.Second)), metav1.NewTime(now.Add(time.Hour))
			o.Spec.StartsAt, o.Spec.ExpiresAt, o.Spec.Duration = &starts, &expires, nil
			return []lift{{object: o, but: w.outOfTime(ref, outcome), through: self}}
		}
		if why := faultOf(outcome, q.Permission); why != "" {
			o.Spec.PermissionGrant.Conditions = nil
			return []lift{{object: o, but: fmt.Sprintf("the %s %s has a fault: %s", ref.Kind, ref.Name, why), through: self}}
		}
	case *v1alpha1.PermissionGrant:
		if why := faultOf(outcome, q.Permission); why != "" {
			withoutConditions(o.Spec.Permissions, q.Permission)
			return []lift{{object: o, but: fmt.Sprintf("the %s %s has a fault: %s", ref.Kind, ref.Name, why), through: self}}
		}
	case *v1alpha1.Role:
		if why := faultOf(outcome, q.Permission); why != "" {
			withoutConditions(o.Spec.PermissionGrants, q.Permission)
			return []lift{{object: o, but: fmt.Sprintf("the %s %s has a fault: %s", ref.Kind, ref.Name, why), through: self}}
		}
		for _, lost := range outcome.NotInherited {
			if w.couldGive(lost.Role, q.Permission, map[string]bool{}) {
				o.Spec.PermissionGrants = append(o.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: q.Permission})
				return []lift{{object: o, but: fmt.Sprintf("the Role %s does not inherit from the Role %s: %s", ref.Name, lost.Role, lost.Message), through: self}}
			}
		}
	case *v1alpha1.GroupMembership:
		if outcome.Reason == v1alpha1.ReasonGroupNotFound {
			group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: o.Spec.Group}}
			return []lift{{object: group, but: says, through: self}}
		}
	case *v1alpha1.RoleAssignment:
		switch outcome.Reason {
		case v1alpha1.ReasonRoleNotFound, v1alpha1.ReasonRoleInvalid, v1alpha1.ReasonScopeLevelNotAllowed:
			return []lift{{object: w.fixed(q, o), but: says, through: self}}
		}
	}
	return nil
}

func (w *World) notAccepted(ref kinds.Ref, outcome state.Outcome) string {
	if outcome.Invited.Phase == v1alpha1.InvitationExpired {
		return fmt.Sprintf("the Invitation %s was not accepted before it expired %s", ref.Name, w.distance(outcome.Invited.Expires))
	}
	return fmt.Sprintf("the Invitation %s has not been accepted", ref.Name)
}

func (w *World) outOfTime(ref kinds.Ref, outcome state.Outcome) string {
	if outcome.Phase == v1alpha1.PhasePending {
		return fmt.Sprintf("the %s %s begins %s", called(ref.Kind), ref.Name, w.distance(outcome.Life.Start))
	}
	return fmt.Sprintf("the %s %s expired %s", called(ref.Kind), ref.Name, w.distance(outcome.Life.Deadline))
}

// called is what people call an object of a kind.
func called(kind string) string {
	if kind == kinds.TemporaryPermissionGrant {
		return "grant"
	}
	return kind
}

// distance is how far an instant is from now, and the instant itself.
func (w *World) distance(instant time.Time) string {
	rest := instant.Sub(w.clock.Now())
	if rest > 0 {
		return fmt.Sprintf("in %s (at %s)", duration.HumanDuration(rest), instant.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s ago (at %s)", duration.HumanDuration(-rest), instant.UTC().Format(time.RFC3339))
}

// faultOf is why an entry of the permission, or any entry where that is empty, grants nothing; empty when none has a fault.
func faultOf(outcome state.Outcome, permission string) string {
	for _, fault := range outcome.Faults {
		if asksAbout(permission, fault.Permission) {
			return fmt.Sprintf("%s: %s", fault.Reason, fault.Message)
		}
	}
	for _, entry := range outcome.Permissions {
		if asksAbout(permission, entry.Permission) && !entry.Granted {
			return fmt.Sprintf("%s: %s", entry.Reason, entry.Message)
		}
	}
	return ""
}

// asksAbout says whether a question is about a permission: one that names none is about all.
func asksAbout(asked, permission string) bool { return asked == "" || asked == permission }

func withoutConditions(entries []v1alpha1.PermissionEntry, permission string) {
	for n := range entries {
		if asksAbout(permission, entries[n].Permission) {
			entries[n].Conditions = nil
		}
	}
}

// couldGive says whether a role would give a permission if all were well: of one that is not there, nobody knows that
// it would not.
func (w *World) couldGive(name, permission string, seen map[string]bool) bool {
	role, there := w.objects[w.ref(kinds.Role, name)].(*v1alpha1.Role)
	if !there {
		return true
	}
	if seen[name] {
		return false
	}
	seen[name] = true
	return slices.ContainsFunc(role.Spec.PermissionGrants, func(entry v1alpha1.PermissionEntry) bool { return entry.Permission == permission }) ||
		slices.ContainsFunc(role.Spec.Inherits, func(parent string) bool { return w.couldGive(parent, permission, seen) })
}

// fixed is the role that an assignment names as it would have to be for the assignment: one that is there
// gives what its own entries say, and of one that is not, nobody knows that it would not give this.
func (w *World) fixed(q Question, assignment *v1alpha1.RoleAssignment) *v1alpha1.Role {
	role, there := w.objects[w.ref(kinds.Role, assignment.Spec.RoleRef.Name)].(*v1alpha1.Role)
	if there {
		role = clone(role)
		role.Spec.PermissionGrants = slices.DeleteFunc(role.Spec.PermissionGrants, func(entry v1alpha1.PermissionEntry) bool { return !asksAbout(q.Permission, entry.Permission) })
	} else {
		role = &v1alpha1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: assignment.Namespace, Name: assignment.Spec.RoleRef.Name}}
		role.Spec.PermissionGrants = []v1alpha1.PermissionEntry{{Permission: q.Permission}}
	}
	role.Spec.Type, role.Spec.AssignableAt, role.Spec.Inherits = v1alpha1.RoleStandard, nil, nil
	if assignment.Spec.Scope.Resource != nil {
		role.Spec.Type = v1alpha1.RoleShare
	}
	return role
}
