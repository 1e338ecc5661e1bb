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
)

func (userKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.user(cast[*v1alpha1.User](old), cast[*v1alpha1.User](object))
}

func (groupKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.group(cast[*v1alpha1.Group](old), cast[*v1alpha1.Group](object))
}

// user: whoever is declared, or no longer suspended, gets what already names them, and may accept what their
// address is invited to. Of two of the same subject, the younger gets that when the older goes.
func (c *escalationCheck) user(old, object *v1alpha1.User) {
	t := c.tenant
	switch {
	case object == nil:
		if node := t.users[c.key]; node != nil && node.outcome.Reason == v1alpha1.ReasonSubjectTaken {
			return // it is invalid
		}
		// Not the next one alone: that may be on its way out, too.
		for _, same := range t.named.usersBySubject[identity{c.key.Namespace, old.Spec.Subject}] {
			if other := same.key; other != c.key && !t.users[other].object.Spec.Suspended {
				c.addGranted(c.toUser(other)...)
			}
		}
	case object.Spec.Suspended:
	case old == nil || old.Spec.Suspended:
		c.addGranted(c.toUser(c.key)...)
		c.invited(object.Spec.Email)
	case !policy.SameAddress(old.Spec.Email, object.Spec.Email):
		c.invited(object.Spec.Email)
	}
	if old == nil {
		c.requireNoneWaiting(kinds.User)
	}
}

// requireNoneWaiting: what waits for the end of a pause, and names what is made now, gives it something then.
func (c *escalationCheck) requireNoneWaiting(kind string) {
	for ref, found := range c.tenant.pauses {
		if found.waits && namesToGive(found.written, kind, c.key.Name) {
			c.require(&Outcome{Message: fmt.Sprintf("metadata.name: the %s %s names this and waits for the end of a pause, so it is not known what it will give: try again when the pause has ended", ref.Kind, ref.Name)})
		}
	}
}

// namesToGive says whether what an object gives depends on what has a name.
func namesToGive(written v1alpha1.Object, kind, name string) bool {
	switch o := written.(type) {
	case *v1alpha1.Invitation: // it gives nothing itself
		return kind == kinds.User && o.Spec.AcceptedBy == name
	case *v1alpha1.GroupMembership: // a group gets nothing by its members
		if kind == kinds.Group {
			return o.Spec.Group == name
		}
	}
	return slices.ContainsFunc(keeperOf(kinds.RefOf(written).Kind).receivers(written), func(to receiver) bool { return to.kind == kind && to.name == name })
}

// invited: whoever has an address can accept what it is invited to.
func (c *escalationCheck) invited(email string) {
	if email == "" {
		return
	}
	t := c.tenant
	for key := range t.named.invitationsTo[policy.Spelling(email)] {
		t.checked.Add(1)
		if life, err := t.invited(t.invitations[key].object); err != nil || life.Phase != v1alpha1.InvitationPending {
			continue
		}
		given := c.toInvited(key)
		c.addGranted(given...)
		if len(given) == 0 {
			// Whatever is assigned to it later goes to the one who has accepted it by then.
			c.require(&Outcome{Message: fmt.Sprintf(
				"spec.email: the Invitation %s is for this address, and it is not known yet what it will give: assign what it is to give first", key.Name)})
		}
	}
}

// named are the objects that give something to one subject.
type named struct {
	assignments set[types.NamespacedName]
	grants      set[kinds.Ref]
}

// to is what a subject is given by all that names it, as all else is.
func (c *escalationCheck) to(subject named) (privileges []Privilege) {
	t := c.tenant
	for key := range subject.assignments {
		if node := t.assignments[key]; !node.released && !t.ended(node.object.Window) {
			privileges = append(privileges, c.assigned(key, node.object)...)
		}
	}
	for ref := range subject.grants {
		if o := t.grants[ref].object; !c.over(ref.Namespace, o) {
			privileges = append(privileges, c.granted(ref.Namespace, o)...)
		}
	}
	return privileges
}

// ended says whether a window has, by the clock alone: a status that says so could be taken back.
func (t *tenant) ended(window v1alpha1.Window) bool {
	return policy.LifetimeIn(window).PhaseAt(t.instant()) == v1alpha1.PhaseExpired
}

// over says whether a grant has ended.
func (c *escalationCheck) over(namespace string, o *grantObject) bool {
	t := c.tenant
	maximum := t.organizations[namespace]
	if maximum == nil {
		return false
	}
	life, err := o.life(maximum.maximum)
	return err != nil || life.PhaseAt(t.instant()) == v1alpha1.PhaseExpired
}

// toUser is what a User is given, or offered, by all that names it.
func (c *escalationCheck) toUser(user types.NamespacedName) []Privilege {
	t := c.tenant
	n := &t.named
	privileges := append(c.to(named{n.assignedToUser[user], n.grantsToUser[user]}), c.offeredTo(kinds.User, user)...)
	for key := range n.membershipsOfUser[user] {
		if node := t.memberships[key]; !t.ended(node.object.Window) {
			privileges = append(privileges, during(c.toMember(key, node.object), node.object.Window)...)
		}
	}
	for key := range n.accepted[user] {
		if life, err := t.invited(t.invitations[key].object); err == nil && life.Phase == v1alpha1.InvitationAccepted {
			privileges = append(privileges, c.toInvited(key)...)
		}
	}
	return privileges
}

// toMember is what a membership gives to its user.
func (c *escalationCheck) toMember(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec) []Privilege {
	t := c.tenant
	group := sibling(key, spec.Group)
	node := t.groups[group]
	if node == nil || node.object == nil {
		return nil
	}
	return append(c.toGroup(group), toAdmin(key, spec, node.object.Spec.ConfigurablePermissions)...)
}

func (c *escalationCheck) toGroup(key types.NamespacedName) []Privilege {
	t := c.tenant
	return append(c.to(named{t.named.assignedToGroup[key], t.named.grantsToGroup[key]}), c.offeredTo(kinds.Group, key)...)
}

func (c *escalationCheck) toInvited(key types.NamespacedName) []Privilege {
	t := c.tenant
	return c.to(named{assignments: t.named.assignedToInvitation[key]})
}

// toAdmin is what a membership gives beyond being a member: nothing, unless it is an admin's.
func toAdmin(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec, configurable []string) []Privilege {
	if spec.Role != v1alpha1.GroupAdmin {
		return nil
	}
	privileges := []Privilege{manages(key.Namespace, spec.Group)}
	for _, permission := range configured(configurable, spec.ConfigurablePermissions) {
		if permission.Granted {
			privileges = append(privileges, configures(key.Namespace, spec.Group, permission.Permission))
		}
	}
	return privileges
}

// group: a group that is declared gets what already names it, and its admins get what they can newly
// configure.
func (c *escalationCheck) group(old, object *v1alpha1.Group) {
	if object == nil || old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	t := c.tenant
	if old == nil {
		c.addGranted(c.toGroup(c.key)...)
		c.requireNoneWaiting(kinds.Group)
	}
	for key := range t.named.membershipsOfGroup[c.key] {
		node := t.memberships[key]
		if t.ended(node.object.Window) {
			continue
		}
		c.addGranted(during(toAdmin(key, node.object, object.Spec.ConfigurablePermissions), node.object.Window)...)
		if old != nil {
			c.before = append(c.before, during(toAdmin(key, node.object, old.Spec.ConfigurablePermissions), node.object.Window)...)
		}
	}
}

// membership: who is in a group is for those to say who manage it. They give no configurable permission
// that they lack, and none by deleting the older of two memberships.
func (c *escalationCheck) membership(old, object *v1alpha1.GroupMembership) {
	t := c.tenant
	if old != nil && object != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	spec := object
	if spec == nil {
		spec = old
	}
	c.addGranted(manages(c.key.Namespace, spec.Spec.Group))
	if object == nil {
		if node := t.memberships[c.key]; node != nil && node.outcome.Reason == v1alpha1.ReasonDuplicate {
			return
		}
		for key := range t.named.sameMembership[pair{c.key.Namespace, old.Spec.User, old.Spec.Group}] {
			if key != c.key {
				c.addGranted(c.configurableOf(key, t.memberships[key].object)...)
			}
		}
		return
	}
	if old != nil {
		c.before = c.configurableOf(c.key, &old.Spec)
	}
	c.addGranted(c.configurableOf(c.key, &object.Spec)...)
}

// configurableOf are the configurable permissions that a membership gives.
func (c *escalationCheck) configurableOf(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec) []Privilege {
	t := c.tenant
	node := t.groups[sibling(key, spec.Group)]
	if node == nil || node.object == nil {
		return nil
	}
	given := slices.DeleteFunc(toAdmin(key, spec, node.object.Spec.ConfigurablePermissions), Privilege.isManagement)
	return during(given, spec.Window)
}

// invitation: whoever accepts an invitation gets what is assigned to it, and whoever makes one, or lets it be
// accepted longer, lets someone accept it.
func (c *escalationCheck) invitation(old, object *v1alpha1.Invitation) {
	if object == nil {
		return
	}
	t := c.tenant
	given := c.toInvited(c.key)
	if old == nil {
		c.requireNoneWaiting(kinds.Invitation)
	}
	switch {
	case old == nil || c.acceptableLonger(old, object):
		c.addGranted(given...)
	case old.Spec.AcceptedBy == object.Spec.AcceptedBy, c.acceptedByTheInvited(c.subject, old, object):
		return
	}
	if object.Spec.AcceptedBy == "" {
		return
	}
	user := sibling(c.key, object.Spec.AcceptedBy)
	if _, unresolved := t.resolveUser("spec.acceptedBy", user); unresolved != nil && isMissing(unresolved.Reason) {
		c.require(unresolved)
	}
	c.addGranted(given...)
	if len(given) == 0 {
		// Whatever is assigned to it later goes to the one who is named now.
		c.require(&Outcome{Message: fmt.Sprintf(
			"spec.acceptedBy: an invitation is accepted by the one whom it is for, as the User with the address %s, before it expires", object.Spec.Email)})
	}
}

// acceptableLonger says whether an invitation that nobody has accepted expires later than it did.
func (c *escalationCheck) acceptableLonger(old, object *v1alpha1.Invitation) bool {
	t := c.tenant
	before, err := t.invited(invitationObjectOf(old))
	after, err2 := t.invited(invitationObjectOf(object))
	return old.Spec.AcceptedBy == "" && (err != nil || err2 != nil || after.Expires.After(before.Expires))
}

// acceptedByTheInvited says whether those who ask accept an invitation that was for them, in time.
func (c *escalationCheck) acceptedByTheInvited(subject string, old, object *v1alpha1.Invitation) bool {
	t := c.tenant
	life, err := t.invited(invitationObjectOf(old))
	name := types.NamespacedName{Namespace: object.Namespace, Name: object.Spec.AcceptedBy}
	if err != nil || old.Spec.AcceptedBy != "" || !t.instant().Before(life.Expires) || !t.active(name) {
		return false
	}
	user := t.users[name].object.Spec
	return user.Subject == subject && user.Email != "" && policy.SameAddress(user.Email, object.Spec.Email)
}

func (invitationKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.invitation(cast[*v1alpha1.Invitation](old), cast[*v1alpha1.Invitation](object))
}

func (membershipKeeper) escalates(c *escalationCheck, old, object client.Object) {
	c.membership(cast[*v1alpha1.GroupMembership](old), cast[*v1alpha1.GroupMembership](object))
}
