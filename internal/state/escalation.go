package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// MissingPrivileges is what someone who asks for a change lacks of all that the change gives. Nothing in it means
// that they may make it.
type MissingPrivileges struct {
	// User is the name of the User that the one who asks stands for, empty if there is none in force.
	User string
	// Unresolved are references that lead nowhere: what they will give can't be shown to be held. Each
	// names the field and says what to do.
	Unresolved []string
	// Privileges are given by the change, and not held by the one who asks; the right to say who is in a group
	// comes first.
	Privileges []Privilege
}

// Empty says whether nothing is lacking.
func (f MissingPrivileges) Empty() bool { return len(f.Unresolved) == 0 && len(f.Privileges) == 0 }

// missing is missingPrivileges for whoever has the lock.
func (t *tenant) missing(subject string, old, object client.Object) MissingPrivileges {
	named := object
	if named == nil {
		named = old
	}
	organization := named.GetNamespace()
	if organization == "" {
		organization = named.GetName()
	}
	c := &escalationCheck{tenant: t, key: client.ObjectKeyFromObject(named), subject: subject}
	user, known := t.userOf(identity{organization, subject})
	if known {
		c.difference = newDifference(t.privileges(user))
	} else {
		c.difference = newDifference(func(func(Privilege) bool) {})
	}
	keeperOf(kinds.RefOf(named).Kind).escalates(c, old, object)
	c.difference.add(c.before, c.after)
	t.compared.Add(int64(c.difference.compared))
	return MissingPrivileges{User: user.Name, Unresolved: c.unresolved, Privileges: c.difference.sorted()}
}

// cast is the object as one of its kind, nil if there is none.
func cast[T client.Object](object client.Object) (none T) {
	if object == nil {
		return none
	}
	return object.(T)
}

// escalationCheck is what a change gives.
type escalationCheck struct {
	tenant *tenant
	// key is the name of the object, subject who asks for the change.
	key     types.NamespacedName
	subject string
	// after are held after the change, had before it, by the same people.
	after, before []Privilege
	unresolved    []string
	difference    *difference
}

func (c *escalationCheck) addGranted(privileges ...Privilege) {
	c.after = append(c.after, privileges...)
}

// require notes that a reference must lead somewhere.
func (c *escalationCheck) require(unresolved *Outcome) {
	if unresolved != nil {
		c.unresolved = append(c.unresolved, unresolved.Message)
	}
}

func (c *escalationCheck) assignment(old, object *v1alpha1.RoleAssignment) {
	if object == nil || old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	t, spec := c.tenant, &object.Spec
	path, unresolved := t.resolveScope(c.key.Namespace, &spec.Scope)
	c.require(unresolved)
	role := sibling(c.key, spec.RoleRef.Name)
	c.require(c.unresolvedRole("spec.roleRef", role))
	if old == nil || old.Spec.Subject != spec.Subject {
		c.require(c.unresolvedSubject(c.key, &spec.Subject))
	} else {
		c.before = c.assigned(c.key, &old.Spec)
	}
	// Whether the role may be assigned at this level does not matter: that can change.
	c.addGranted(during(c.rolePrivileges(role, path), spec.Window)...)
}

// during are privileges that are held for as long as a window says.
func during(privileges []Privilege, window v1alpha1.Window) []Privilege {
	var held []Privilege
	for _, privilege := range privileges {
		var some bool
		if privilege.Grant.Window, some = privilege.Grant.Window.Within(policy.LifetimeIn(window).Window()); some {
			held = append(held, privilege)
		}
	}
	return held
}

// assigned is what an assignment gives to whomever it names, as things are.
func (c *escalationCheck) assigned(key types.NamespacedName, spec *v1alpha1.RoleAssignmentSpec) []Privilege {
	t := c.tenant
	path, unresolved := t.resolveScope(key.Namespace, &spec.Scope)
	if unresolved != nil {
		return nil
	}
	role := sibling(key, spec.RoleRef.Name)
	if _, unresolved := t.resolveRole(role, path.Level()); unresolved != nil {
		return nil
	}
	return during(c.rolePrivileges(role, path), spec.Window)
}

// rolePrivileges is what a role gives at a path.
func (c *escalationCheck) rolePrivileges(key types.NamespacedName, path scope.Path) (privileges []Privilege) {
	t := c.tenant
	if node := t.roles[key]; node != nil {
		privileges = at(path, node.given)
	}
	if organization := t.organizations[key.Namespace]; path.Level() == scope.Organization &&
		organization != nil && organization.object != nil && organization.object.Spec.AdminRole == key.Name {
		privileges = append(privileges, manages(key.Namespace, ""))
	}
	return privileges
}

// unresolvedSubject says why there is nobody of the name.
func (c *escalationCheck) unresolvedSubject(key types.NamespacedName, subject *v1alpha1.AssignmentSubject) *Outcome {
	t := c.tenant
	if _, unresolved := t.resolveSubject(key, subject); unresolved != nil && isMissing(unresolved.Reason) {
		return unresolved
	}
	return nil
}

// isMissing says whether a reason is that an object is not there, as opposed to one that gives nothing now.
func isMissing(reason string) bool {
	switch reason {
	case v1alpha1.ReasonUserNotFound, v1alpha1.ReasonGroupNotFound, v1alpha1.ReasonInvitationNotFound:
		return true
	}
	return false
}

func (c *escalationCheck) grant(old, object client.Object) {
	if object == nil {
		return
	}
	t, now := c.tenant, grantObjectOf(object)
	var was *grantObject
	if old != nil {
		if was = grantObjectOf(old); sameGiven(was, now) {
			return
		}
	}
	life, ok := c.lifeOf(now)
	if !ok {
		return
	}
	path, unresolved := t.resolveScope(c.key.Namespace, &now.scope)
	c.require(unresolved)
	path, entries := t.readEntries(now, path, life)
	sameSubject := was != nil && was.user == now.user && was.group == now.group
	if !sameSubject {
		if _, unresolved := t.resolveGrantee(c.key.Namespace, now); unresolved != nil && isMissing(unresolved.Reason) {
			c.require(unresolved)
		}
	} else {
		c.before = c.granted(c.key.Namespace, was)
	}
	for n, read := range entries {
		if read.fault == nil {
			c.addGranted(Privilege{Grant: read.grant, At: path})
			continue
		}
		unchanged := func(written v1alpha1.PermissionEntry) bool {
			return equality.Semantic.DeepEqual(written, now.entries[n])
		}
		if !sameSubject || !slices.ContainsFunc(was.entries, unchanged) || !equality.Semantic.DeepEqual(was.scope, now.scope) || longer(was, now) {
			c.require(&Outcome{Message: fmt.Sprintf("%s: %s: %s", now.entriesField(), read.permission, read.fault.Message)})
		}
	}
}

// sameGiven says whether two specs of a grant differ in nothing that could give anything.
func sameGiven(was, now *grantObject) bool {
	before, err := was.life(0)
	after, err2 := now.life(0)
	return err == nil && err2 == nil && before.Equal(after) && was.user == now.user && was.group == now.group &&
		equality.Semantic.DeepEqual(was.entries, now.entries) && equality.Semantic.DeepEqual(was.scope, now.scope)
}

// lifeOf is when a grant holds, whatever the organization's maximum is: that can change. False means that
// the grant says itself that it has ended.
func (c *escalationCheck) lifeOf(o *grantObject) (policy.Lifetime, bool) {
	ends := o.window.ExpiresAt
	if o.temporary != nil {
		ends = o.temporary.Spec.ExpiresAt
	}
	if ends != nil && !ends.After(c.tenant.instant()) {
		return policy.Lifetime{}, false
	}
	life, err := o.life(0)
	if err != nil {
		c.require(&Outcome{Message: err.Error()})
	}
	return life, true
}

// longer says whether a grant ends later than it did.
func longer(was, now *grantObject) bool {
	before, err := was.life(0)
	after, err2 := now.life(0)
	if err != nil || err2 != nil {
		return true
	}
	return !before.Deadline.IsZero() && (after.Deadline.IsZero() || after.Deadline.After(before.Deadline))
}

// granted is what a grant gives to whomever it names, as things are, the organization's maximum aside.
func (c *escalationCheck) granted(namespace string, o *grantObject) (privileges []Privilege) {
	t := c.tenant
	path, unresolved := t.resolveScope(namespace, &o.scope)
	if unresolved != nil {
		return nil
	}
	life, err := o.life(0)
	if err != nil {
		return nil
	}
	path, entries := t.readEntries(o, path, life)
	for _, read := range entries {
		if read.fault == nil {
			privileges = append(privileges, Privilege{Grant: read.grant, At: path})
		}
	}
	return privileges
}

func (o *grantObject) entriesField() string {
	if o.temporary != nil {
		return "spec.permissionGrant"
	}
	return "spec.permissions"
}

func (assignmentKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.assignment(cast[*v1alpha1.RoleAssignment](old), cast[*v1alpha1.RoleAssignment](object))
}

func (grantKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.grant(old, object)
}
