package state

import (
	"fmt"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// StampUnstamped notes on an object that nobody has stamped which User it means, so that nobody else gets under that name what
// it gives. It is for the leader, before the object takes effect.
func (s *State) StampUnstamped(object v1alpha1.Object) error {
	if by := giverOf(object); by == nil || !by.IsUnstamped() {
		return nil
	}
	by := policy.Unstamped()
	s.Means(by, object)
	if by.User == nil {
		return nil
	}
	for _, to := range keeperOf(kinds.RefOf(object).Kind).receivers(object) {
		if to.kind == kinds.User {
			by.User.Name = to.name
		}
	}
	stamp, err := by.Stamp()
	if err != nil {
		return err
	}
	annotations := maps.Clone(object.GetAnnotations())
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationAuthor] = stamp
	object.SetAnnotations(annotations)
	return nil
}

// Means notes which of the Users, Groups and Invitations in an object are there, and so are those that its author means.
func (s *State) Means(author *policy.Author, object client.Object) {
	s.readerOfObject(nil, object).means(author, object)
}

func (t reader) means(author *policy.Author, object client.Object) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, n := range t.namesIn(object, nil) {
		switch {
		case n.ref.Kind == kinds.Group:
			author.Group = n.uid
		case n.ref.Kind == kinds.Invitation:
			author.Invitation = n.uid
		case author.Invitation == "": // not the one who has accepted it
			author.User = &policy.MeantUser{UID: n.uid, Subject: n.subject}
		}
	}
}

// NotConfirmed says which of the names in an object that is written belongs to somebody who could not give this; nothing if
// none does. It does not matter who writes it.
func (s *State) NotConfirmed(object client.Object, by string) string {
	return s.readerOfObject(nil, object).notConfirmed(object, by)
}

func (t reader) notConfirmed(object client.Object, by string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if invitation, ok := object.(*v1alpha1.Invitation); ok {
		return t.notAccepted(invitation)
	}
	holds := set[string]{}
	for _, n := range t.namesIn(object, nil) {
		if n.isSure(&policy.Author{Username: by}) || holds.has(n.makerSubject) {
			continue
		}
		if missing := t.missing(n.makerSubject, nil, object); !missing.Empty() {
			return fmt.Sprintf("%s: %s", n.field, n.mustBeConfirmed(missing.text()))
		}
		holds.add(n.makerSubject) // it is asked once, however many they made
	}
	return ""
}

// notAccepted is notConfirmed for an Invitation: whoever accepts it gets what is assigned to it.
func (t *tenant) notAccepted(o *v1alpha1.Invitation) string {
	key := client.ObjectKeyFromObject(o)
	n, there := t.made(kinds.Named(kinds.User, sibling(key, o.Spec.AcceptedBy)))
	if !there {
		return ""
	}
	if n.isSure(nil) {
		return ""
	}
	for assigned := range t.named.assignedToInvitation[key] {
		object := t.effectiveNamed(kinds.Named(kinds.RoleAssignment, assigned))
		if missing := t.missing(n.makerSubject, nil, object); !missing.Empty() {
			return "spec.acceptedBy: " + n.mustBeConfirmed(missing.text())
		}
	}
	return ""
}
