package state

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// SubjectOf is the subject that a username of the API server stands for in an organization, given the API server's
// prefix; empty for none.
func (s *State) SubjectOf(organization, username, prefix string) string {
	return s.reader(organization).subjectOf(username, prefix)
}

// NearSubjects are Users of an organization, with their subjects, who may have been meant by a username of the API
// server, in order.
func (s *State) NearSubjects(organization, username string) []string {
	return s.reader(organization).nearSubjects(username)
}

// SuspendedUser is the suspended User that a subject is known by in an organization; empty if there is none. Of several
// Users of one subject it is the oldest that counts, so that nobody is suspended by a User that somebody else makes.
func (s *State) SuspendedUser(organization, subject string) string {
	return s.reader(organization).suspendedUser(subject)
}

// TwinsOf are those whom a User may be mistaken for.
func (s *State) TwinsOf(user *v1alpha1.User) Twins { return s.reader(user.Namespace).twinsOf(user) }

// Twins are those whom a User may be mistaken for, by name and in order.
type Twins struct {
	// SameSubject have a subject that differs in the case of letters only, SameAddress the same email address but for
	// that.
	SameSubject, SameAddress []string
	// NamedBy is how many objects name the User.
	NamedBy int
}

func (t reader) subjectOf(username, prefix string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return policy.SubjectOf(username, prefix, t.usernames())
}

func (t reader) nearSubjects(username string) (near []string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, spelling := range policy.NearSubjects(username) {
		for key := range t.named.usersSpelled[spelling] {
			t.checked.Add(1)
			if subject := t.users[key].object.Spec.Subject; t.active(key) && subject != username {
				near = append(near, fmt.Sprintf("the User %s with the subject %q", key.Name, subject))
			}
		}
	}
	slices.Sort(near)
	return near
}

func (t reader) suspendedUser(subject string) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.suspendedBy(subject)
}

func (t reader) twinsOf(user *v1alpha1.User) (twins Twins) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	own := types.NamespacedName{Namespace: user.Namespace, Name: user.Name}
	n := &t.named
	for key := range n.usersSpelled[policy.Spelling(user.Spec.Subject)] {
		if t.checked.Add(1); key != own && t.users[key].object.Spec.Subject != user.Spec.Subject {
			twins.SameSubject = append(twins.SameSubject, key.Name)
		}
	}
	for key := range n.usersAt[policy.Spelling(user.Spec.Email)] {
		if t.checked.Add(1); key != own {
			twins.SameAddress = append(twins.SameAddress, key.Name)
		}
	}
	slices.Sort(twins.SameSubject)
	slices.Sort(twins.SameAddress)
	twins.NamedBy = len(n.assignedToUser[own]) + len(n.grantsToUser[own]) + len(n.membershipsOfUser[own]) + len(n.accepted[own])
	return twins
}
