package engine_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// reference says who may do what, by reading through all objects for each question. It knows nothing of tuples,
// and shares nothing with the operator but the API's types.
type reference struct {
	objects []client.Object // the oldest first
	now     time.Time
}

// newReference leaves out what is being deleted, but for namespaces, which are there until they are gone, and for
// assignments: give it only those that stay.
func newReference(objects []client.Object, now time.Time) *reference {
	r := &reference{now: now}
	for _, object := range objects {
		if object.GetDeletionTimestamp() == nil || maybeStays(object) {
			r.objects = append(r.objects, object)
		}
	}
	slices.SortFunc(r.objects, func(a, b client.Object) int {
		return cmp.Or(a.GetCreationTimestamp().Compare(b.GetCreationTimestamp().Time), strings.Compare(a.GetName(), b.GetName()))
	})
	return r
}

func maybeStays(object client.Object) bool {
	switch object.(type) {
	case *metav1.PartialObjectMetadata, *v1alpha1.RoleAssignment:
		return true
	}
	return false
}

// oldest is the first object that is as wanted.
func oldest[T client.Object](r *reference, wanted func(T) bool) (found T, ok bool) {
	for _, object := range r.objects {
		if o, is := object.(T); is && wanted(o) {
			return o, true
		}
	}
	return found, false
}

func called[T client.Object](name string) func(T) bool {
	return func(o T) bool { return o.GetName() == name }
}

// may answers a question.
func (r *reference) may(q question) bool {
	if _, there := oldest(r, called[*metav1.PartialObjectMetadata]("acme")); !there {
		return false
	}
	organization, there := oldest(r, called[*v1alpha1.Organization]("acme"))
	if !there {
		return false
	}
	user, known := oldest(r, func(u *v1alpha1.User) bool { return u.Spec.Subject == q.subject })
	if !known || user.Spec.Suspended {
		return false
	}
	if q.group != "" {
		return r.administers(user.Name, q.group, q.permission)
	}
	if !declared(organization, q.place.Workspace, q.place.Project) {
		return false
	}
	return slices.ContainsFunc(r.objects, func(object client.Object) bool {
		switch o := object.(type) {
		case *v1alpha1.RoleAssignment:
			to := o.Spec.Subject
			return r.during(o.Spec.Window) && (r.names(to.User, to.Group, user.Name) || r.invited(to.Invitation, user.Name)) &&
				r.reaches(organization, o.Spec.Scope, q.place) && r.roleGives(o.Spec.RoleRef.Name, levelOf(o.Spec.Scope), q)
		case *v1alpha1.PermissionGrant:
			return r.during(o.Spec.Window) && r.names(o.Spec.Subject.User, o.Spec.Subject.Group, user.Name) && r.reaches(organization, o.Spec.Scope, q.place) &&
				slices.ContainsFunc(o.Spec.Permissions, func(entry v1alpha1.PermissionEntry) bool { return r.met(entry, o.Spec.Scope.Resource, q) })
		case *v1alpha1.TemporaryPermissionGrant:
			return o.Spec.User == user.Name && r.reaches(organization, o.Spec.Scope, q.place) && r.lasts(o, organization) &&
				r.met(o.Spec.PermissionGrant, o.Spec.Scope.Resource, q)
		}
		return false
	})
}

func declared(organization *v1alpha1.Organization, workspace, project string) bool {
	if workspace == "" {
		return true
	}
	for _, w := range organization.Spec.Workspaces {
		if w.Name == workspace {
			return project == "" || slices.ContainsFunc(w.Projects, func(p v1alpha1.Project) bool { return p.Name == project })
		}
	}
	return false
}

// reaches says whether what is given at a scope holds at a place.
func (r *reference) reaches(organization *v1alpha1.Organization, given v1alpha1.Scope, place scope.Path) bool {
	if !r.exists(organization, given) {
		return false
	}
	if resource := given.Resource; resource != nil && resource.ID != "" {
		return place == scope.Path{Organization: "acme", Workspace: given.Workspace, Project: given.Project, ResourceType: resource.Type, ResourceID: resource.ID}
	}
	return given.Workspace == "" || given.Workspace == place.Workspace && (given.Project == "" || given.Project == place.Project)
}

// exists says whether a scope is declared, and the type of its resource.
func (r *reference) exists(organization *v1alpha1.Organization, given v1alpha1.Scope) bool {
	there := given.Resource == nil
	if !there {
		_, there = oldest(r, func(t *v1alpha1.ResourceType) bool { return t.Spec.Type == given.Resource.Type })
	}
	return there && declared(organization, given.Workspace, given.Project)
}

func levelOf(s v1alpha1.Scope) v1alpha1.ScopeLevel {
	switch {
	case s.Resource != nil:
		return v1alpha1.LevelResource
	case s.Project != "":
		return v1alpha1.LevelProject
	case s.Workspace != "":
		return v1alpha1.LevelWorkspace
	default:
		return v1alpha1.LevelOrganization
	}
}

// names says whether a subject is a user, or a group that the user is in.
func (r *reference) names(user, group, who string) bool {
	if group == "" {
		return user == who
	}
	return len(r.memberships(who, group)) > 0
}

// memberships are those of a user in a group that hold now: the oldest of those that hold for good, and all that hold for
// a time.
func (r *reference) memberships(user, group string) (held []*v1alpha1.GroupMembership) {
	if _, there := oldest(r, called[*v1alpha1.Group](group)); !there {
		return nil
	}
	forGood := false
	for _, object := range r.objects {
		m, is := object.(*v1alpha1.GroupMembership)
		if !is || m.Spec.User != user || m.Spec.Group != group || !r.during(m.Spec.Window) {
			continue
		}
		if m.Spec.StartsAt == nil && m.Spec.ExpiresAt == nil {
			if forGood {
				continue
			}
			forGood = true
		}
		held = append(held, m)
	}
	return held
}

// during says whether now is in a window.
func (r *reference) during(window v1alpha1.Window) bool {
	return (window.StartsAt == nil || !r.now.Before(window.StartsAt.Time)) && (window.ExpiresAt == nil || r.now.Before(window.ExpiresAt.Time))
}

// administers says whether a user has one of the permissions that a group's admins may have.
func (r *reference) administers(user, group, permission string) bool {
	there, _ := oldest(r, called[*v1alpha1.Group](group))
	return slices.ContainsFunc(r.memberships(user, group), func(membership *v1alpha1.GroupMembership) bool {
		if membership.Spec.Role != v1alpha1.GroupAdmin || !slices.Contains(there.Spec.ConfigurablePermissions, permission) {
			return false
		}
		enabled, said := membership.Spec.ConfigurablePermissions.Overrides[permission]
		return enabled || !said
	})
}

// roleGives says whether a role that is assigned at a level gives what is asked for.
func (r *reference) roleGives(name string, level v1alpha1.ScopeLevel, q question) bool {
	return slices.ContainsFunc(r.entries(name, level), func(entry v1alpha1.PermissionEntry) bool { return r.met(entry, nil, q) })
}

// entries are all that a role gives where it is assigned, its own and others', also those that are not valid; none
// if it may not be assigned at the level.
func (r *reference) entries(name string, level v1alpha1.ScopeLevel) (all []v1alpha1.PermissionEntry) {
	role, there := oldest(r, called[*v1alpha1.Role](name))
	if !there || (role.Spec.Type == v1alpha1.RoleShare) != (level == v1alpha1.LevelResource) {
		return nil
	}
	if len(role.Spec.AssignableAt) > 0 && !slices.Contains(role.Spec.AssignableAt, level) {
		return nil
	}
	for _, from := range r.lineage(role, nil) {
		all = append(all, from.Spec.PermissionGrants...)
	}
	return all
}

// lineage is a role and all that it has something from: those that it names, but not those that lead back to it, and none
// where it is a Base role.
func (r *reference) lineage(role *v1alpha1.Role, seen []*v1alpha1.Role) []*v1alpha1.Role {
	seen = append(seen, role)
	if role.Spec.Type == v1alpha1.RoleBase {
		return seen
	}
	for _, name := range role.Spec.Inherits {
		parent, there := oldest(r, called[*v1alpha1.Role](name))
		if there && !slices.Contains(seen, parent) && !r.leadsTo(parent, role.Name, nil) {
			seen = r.lineage(parent, seen)
		}
	}
	return seen
}

// leadsTo says whether a role is another one, or names one that leads to it.
func (r *reference) leadsTo(role *v1alpha1.Role, to string, seen []string) bool {
	if role.Name == to {
		return true
	}
	if slices.Contains(seen, role.Name) || role.Spec.Type == v1alpha1.RoleBase {
		return false
	}
	return slices.ContainsFunc(role.Spec.Inherits, func(name string) bool {
		parent, there := oldest(r, called[*v1alpha1.Role](name))
		return there && r.leadsTo(parent, to, append(seen, role.Name))
	})
}

// lasts says whether a grant has begun and not ended.
func (r *reference) lasts(o *v1alpha1.TemporaryPermissionGrant, organization *v1alpha1.Organization) bool {
	begins := o.Spec.StartsAt.Time
	ends := begins.Add(3 * time.Hour) // the one duration of this world
	if o.Spec.ExpiresAt != nil {
		ends = o.Spec.ExpiresAt.Time
	}
	if organization.Spec.TemporaryGrants.MaxDuration != nil && ends.Sub(begins) > 2*time.Hour { // the one maximum
		ends = begins.Add(2 * time.Hour)
	}
	return !r.now.Before(begins) && r.now.Before(ends)
}

// met says whether an entry gives what is asked for: it is valid, and its conditions are met.
func (r *reference) met(entry v1alpha1.PermissionEntry, on *v1alpha1.ResourceReference, q question) bool {
	if entry.Permission != q.permission {
		return false
	}
	is, valid := r.weighed(entry, on, q.attributes)
	return is && valid
}

// weighed says whether an entry is valid, and whether its conditions are met.
func (r *reference) weighed(entry v1alpha1.PermissionEntry, on *v1alpha1.ResourceReference, attributes map[string]any) (is, valid bool) {
	kind, there := r.declaring(entry.Permission)
	if !there || on != nil && on.Type != kind.Spec.Type {
		return false, false
	}
	n := slices.IndexFunc(kind.Spec.Permissions, func(p v1alpha1.Permission) bool { return p.Name == entry.Permission })
	all := true
	for name, condition := range entry.Conditions {
		at := slices.IndexFunc(kind.Spec.Permissions[n].Attributes, func(a v1alpha1.Attribute) bool { return a.Name == name })
		if at < 0 {
			return false, false
		}
		values := condition.Values
		if condition.Value != nil {
			values = []string{*condition.Value}
		}
		if kind.Spec.Permissions[n].Attributes[at].Type == v1alpha1.AttributeNumber {
			is, valid = numberIs(attributes[name], values, condition.Type)
		} else {
			is, valid = textIs(attributes[name], values, condition.Type)
		}
		if !valid {
			return false, false
		}
		all = all && is
	}
	return all, true
}

// declaring is the ResourceType that a permission belongs to: of those that have their type, the oldest.
func (r *reference) declaring(permission string) (*v1alpha1.ResourceType, bool) {
	return oldest(r, func(t *v1alpha1.ResourceType) bool {
		holder, _ := oldest(r, func(other *v1alpha1.ResourceType) bool { return other.Spec.Type == t.Spec.Type })
		return holder == t && slices.ContainsFunc(t.Spec.Permissions, func(p v1alpha1.Permission) bool { return p.Name == permission })
	})
}

func numberIs(attribute any, values []string, condition v1alpha1.ConditionType) (is, valid bool) {
	got, number := attribute.(float64)
	meets := condition == v1alpha1.ConditionNotEquals
	for _, value := range values {
		want, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return false, false
		}
		switch condition {
		case v1alpha1.ConditionNotEquals:
			meets = meets && got != want
		case v1alpha1.ConditionLessThan:
			meets = got < want
		case v1alpha1.ConditionLessThanOrEqual:
			meets = got <= want
		case v1alpha1.ConditionGreaterThan:
			meets = got > want
		case v1alpha1.ConditionGreaterThanOrEqual:
			meets = got >= want
		default:
			meets = meets || got == want
		}
	}
	return number && meets, true
}

func textIs(attribute any, values []string, condition v1alpha1.ConditionType) (is, valid bool) {
	got, text := attribute.(string)
	return text && slices.Contains(values, got) != (condition == v1alpha1.ConditionNotEquals), true
}
