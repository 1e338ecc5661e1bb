package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// user: whoever is declared, or no longer suspended, gets what already names them, and may accept what their
// address is invited to. Of two of the same subject, the younger gets that when the older goes.
func (g *escalationCheck) user(old, object *v1alpha1.User) {
	s := g.state
	switch {
	case object == nil:
		if node := s.users[g.key]; node != nil && node.outcome.Reason == v1alpha1.ReasonSubjectTaken {
			return // it is invalid
		}
		// Not the next one alone: that may be on its way out, too.
		for _, same := range s.named.usersBySubject[identity{g.key.Namespace, old.Spec.Subject}] {
			if other := same.key; other != g.key && !s.users[other].object.Spec.Suspended {
				g.give(s.toUser(other)...)
			}
		}
	case object.Spec.Suspended:
	case old == nil || old.Spec.Suspended:
		g.give(s.toUser(g.key)...)
		g.invited(object.Spec.Email)
	case !policy.SameAddress(old.Spec.Email, object.Spec.Email):
		g.invited(object.Spec.Email)
	}
	if old == nil {
		g.needsNoneWaiting(kinds.User)
	}
}

// needsNoneWaiting: what waits for the end of a pause, and names what is made now, gives it something then.
func (g *escalationCheck) needsNoneWaiting(kind string) {
	for ref, found := range g.state.pauses {
		if found.waits && namesToGive(found.written, kind, g.key.Name) {
			g.needs(&Outcome{Message: fmt.Sprintf("metadata.name: the %s %s names this, and waits for the end of a pause, so that it is not known what it will give: write this when it has ended", ref.Kind, ref.Name)})
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
func (g *escalationCheck) invited(email string) {
	if email == "" {
		return
	}
	s := g.state
	for key := range s.named.invitationsTo[policy.Spelling(email)] {
		s.checked.Add(1)
		if life, err := s.invited(s.invitations[key].object); err != nil || life.Phase != v1alpha1.InvitationPending {
			continue
		}
		given := s.toInvited(key)
		g.give(given...)
		if len(given) == 0 {
			// Whatever is assigned to it later goes to the one who has accepted it by then.
			g.needs(&Outcome{Message: fmt.Sprintf(
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
func (s *tenant) to(subject named) (privileges []Privilege) {
	for key := range subject.assignments {
		if node := s.assignments[key]; !node.released && !s.ended(node.object.Window) {
			privileges = append(privileges, s.assigned(key, node.object)...)
		}
	}
	for ref := range subject.grants {
		if o := s.grants[ref].object; !s.over(ref.Namespace, o) {
			privileges = append(privileges, s.granted(ref.Namespace, o)...)
		}
	}
	return privileges
}

// ended says whether a window has, by the clock alone: a status that says so could be taken back.
func (s *tenant) ended(window v1alpha1.Window) bool {
	return policy.LifetimeIn(window).PhaseAt(s.instant()) == v1alpha1.PhaseExpired
}

// over says whether a grant has ended.
func (s *tenant) over(namespace string, o *grantObject) bool {
	maximum := s.organizations[namespace]
	if maximum == nil {
		return false
	}
	life, err := o.life(maximum.maximum)
	return err != nil || life.PhaseAt(s.instant()) == v1alpha1.PhaseExpired
}

// toUser is what a User is given, or offered, by all that names it.
func (s *tenant) toUser(user types.NamespacedName) []Privilege {
	n := &s.named
	privileges := append(s.to(named{n.assignedToUser[user], n.grantsToUser[user]}), s.offeredTo(kinds.User, user)...)
	for key := range n.membershipsOfUser[user] {
		if node := s.memberships[key]; !s.ended(node.object.Window) {
			privileges = append(privileges, during(s.toMember(key, node.object), node.object.Window)...)
		}
	}
	for key := range n.accepted[user] {
		if life, err := s.invited(s.invitations[key].object); err == nil && life.Phase == v1alpha1.InvitationAccepted {
			privileges = append(privileges, s.toInvited(key)...)
		}
	}
	return privileges
}

// toMember is what a membership gives to its user.
func (s *tenant) toMember(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec) []Privilege {
	group := sibling(key, spec.Group)
	node := s.groups[group]
	if node == nil || node.object == nil {
		return nil
	}
	return append(s.toGroup(group), toAdmin(key, spec, node.object.Spec.ConfigurablePermissions)...)
}

func (s *tenant) toGroup(key types.NamespacedName) []Privilege {
	return append(s.to(named{s.named.assignedToGroup[key], s.named.grantsToGroup[key]}), s.offeredTo(kinds.Group, key)...)
}

func (s *tenant) toInvited(key types.NamespacedName) []Privilege {
	return s.to(named{assignments: s.named.assignedToInvitation[key]})
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
func (g *escalationCheck) group(old, object *v1alpha1.Group) {
	if object == nil || old != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	s := g.state
	if old == nil {
		g.give(s.toGroup(g.key)...)
		g.needsNoneWaiting(kinds.Group)
	}
	for key := range s.named.membershipsOfGroup[g.key] {
		node := s.memberships[key]
		if s.ended(node.object.Window) {
			continue
		}
		g.give(during(toAdmin(key, node.object, object.Spec.ConfigurablePermissions), node.object.Window)...)
		if old != nil {
			g.had = append(g.had, during(toAdmin(key, node.object, old.Spec.ConfigurablePermissions), node.object.Window)...)
		}
	}
}

// membership: who is in a group is for those to say who manage it. They give no configurable permission
// that they lack, and none by deleting the older of two memberships.
func (g *escalationCheck) membership(old, object *v1alpha1.GroupMembership) {
	s := g.state
	if old != nil && object != nil && equality.Semantic.DeepEqual(old.Spec, object.Spec) {
		return
	}
	spec := object
	if spec == nil {
		spec = old
	}
	g.give(manages(g.key.Namespace, spec.Spec.Group))
	if object == nil {
		if node := s.memberships[g.key]; node != nil && node.outcome.Reason == v1alpha1.ReasonDuplicate {
			return
		}
		for key := range s.named.sameMembership[pair{g.key.Namespace, old.Spec.User, old.Spec.Group}] {
			if key != g.key {
				g.give(s.configurableOf(key, s.memberships[key].object)...)
			}
		}
		return
	}
	if old != nil {
		g.had = s.configurableOf(g.key, &old.Spec)
	}
	g.give(s.configurableOf(g.key, &object.Spec)...)
}

// configurableOf are the configurable permissions that a membership gives.
func (s *tenant) configurableOf(key types.NamespacedName, spec *v1alpha1.GroupMembershipSpec) []Privilege {
	node := s.groups[sibling(key, spec.Group)]
	if node == nil || node.object == nil {
		return nil
	}
	given := slices.DeleteFunc(toAdmin(key, spec, node.object.Spec.ConfigurablePermissions), Privilege.isManagement)
	return during(given, spec.Window)
}

// invitation: whoever accepts an invitation gets what is assigned to it, and whoever makes one, or lets it be
// accepted longer, lets someone accept it.
func (g *escalationCheck) invitation(old, object *v1alpha1.Invitation) {
	if object == nil {
		return
	}
	s := g.state
	given := s.toInvited(g.key)
	if old == nil {
		g.needsNoneWaiting(kinds.Invitation)
	}
	switch {
	case old == nil || s.acceptableLonger(old, object):
		g.give(given...)
	case old.Spec.AcceptedBy == object.Spec.AcceptedBy, s.acceptedByTheInvited(g.subject, old, object):
		return
	}
	if object.Spec.AcceptedBy == "" {
		return
	}
	user := sibling(g.key, object.Spec.AcceptedBy)
	if _, without := s.judgeSubjectUser("spec.acceptedBy", user); without != nil && isMissing(without.Reason) {
		g.needs(without)
	}
	g.give(given...)
	if len(given) == 0 {
		// Whatever is assigned to it later goes to the one who is named now.
		g.needs(&Outcome{Message: fmt.Sprintf(
			"spec.acceptedBy: an invitation is accepted by the one whom it is for, as the User with the address %s, before it expires", object.Spec.Email)})
	}
}

// Reached are the names of the Users of an organization who have an address, in order: they can accept what
// it is invited to.
func (s *tenant) withAddress(email string) (names []string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for key := range s.named.usersAt[policy.Spelling(email)] {
		s.checked.Add(1)
		names = append(names, key.Name)
	}
	slices.Sort(names)
	return names
}

// Accepted is the name of the User who has accepted an invitation, empty while nobody has.
func (s *tenant) acceptedBy(organization, invitation string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	node := s.invitations[types.NamespacedName{Namespace: organization, Name: invitation}]
	if node == nil || node.object == nil {
		return ""
	}
	return node.object.spec.AcceptedBy
}

// acceptableLonger says whether an invitation that nobody has accepted expires later than it did.
func (s *tenant) acceptableLonger(old, object *v1alpha1.Invitation) bool {
	before, err := s.invited(invitationObjectOf(old))
	after, err2 := s.invited(invitationObjectOf(object))
	return old.Spec.AcceptedBy == "" && (err != nil || err2 != nil || after.Expires.After(before.Expires))
}

// acceptedByTheInvited says whether those who ask accept an invitation that was for them, in time.
func (s *tenant) acceptedByTheInvited(subject string, old, object *v1alpha1.Invitation) bool {
	life, err := s.invited(invitationObjectOf(old))
	name := types.NamespacedName{Namespace: object.Namespace, Name: object.Spec.AcceptedBy}
	if err != nil || old.Spec.AcceptedBy != "" || !s.instant().Before(life.Expires) || !s.active(name) {
		return false
	}
	user := s.users[name].object.Spec
	return user.Subject == subject && user.Email != "" && policy.SameAddress(user.Email, object.Spec.Email)
}
