package query

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Person is a User.
type Person struct {
	Name, DisplayName, Subject, Email string
	// Service means that it is no human.
	Service bool
	// Standing is what there is to say about the User: InForce means that they can hold something.
	Standing
}

// Standing is whether an object counts, and why not.
type Standing struct {
	InForce bool
	Reason  string
}

// People are all Users, by name.
func (w *World) People() []Person {
	var people []Person
	for ref, object := range w.objects {
		if user, ok := object.(*v1alpha1.User); ok {
			people = append(people, w.person(ref, user))
		}
	}
	slices.SortFunc(people, func(a, b Person) int { return strings.Compare(a.Name, b.Name) })
	return people
}

// Person is one User; false if there is none of the name.
func (w *World) Person(name string) (Person, bool) {
	ref := w.ref(kinds.User, name)
	user, there := w.objects[ref].(*v1alpha1.User)
	if !there {
		return Person{}, false
	}
	return w.person(ref, user), true
}

func (w *World) person(ref kinds.Ref, user *v1alpha1.User) Person {
	outcome, _ := w.state.Outcome(ref)
	person := Person{
		Name: user.Name, DisplayName: user.Spec.DisplayName, Subject: user.Spec.Subject, Email: user.Spec.Email,
		Service: user.Spec.Type == v1alpha1.UserService,
	}
	switch {
	case user.Spec.Suspended:
		person.Reason = v1alpha1.ReasonSuspended
	case !outcome.Ready && len(w.unread) == 0:
		person.Reason = outcome.Reason
	default:
		person.InForce = true
	}
	return person
}

// HasGroup says whether there is a Group of a name.
func (w *World) HasGroup(name string) bool {
	_, there := w.objects[w.ref(kinds.Group, name)]
	return there
}

// Membership is a GroupMembership.
type Membership struct {
	Name, User, Group string
	Admin             bool
	// Until is when it ends, if it ends by itself.
	Until *metav1.Time
	Standing
}

// Memberships are those of a user and a group, by user and group. An empty name is anyone.
func (w *World) Memberships(user, group string) []Membership {
	var memberships []Membership
	for ref, object := range w.objects {
		o, ok := object.(*v1alpha1.GroupMembership)
		if !ok || user != "" && o.Spec.User != user || group != "" && o.Spec.Group != group {
			continue
		}
		membership := Membership{Name: o.Name, User: o.Spec.User, Group: o.Spec.Group, Admin: o.Spec.Role == v1alpha1.GroupAdmin}
		outcome, _ := w.state.Outcome(ref)
		if end := outcome.Life.Deadline; !end.IsZero() {
			membership.Until = &metav1.Time{Time: end.UTC()}
		}
		membership.InForce, membership.Reason = w.inForce(ref, object)
		memberships = append(memberships, membership)
	}
	slices.SortFunc(memberships, func(a, b Membership) int {
		return slices.Compare([]string{a.User, a.Group, a.Name}, []string{b.User, b.Group, b.Name})
	})
	return memberships
}

// Near is what keeps a user from holding something, one thing by itself, and what they would hold without it. What that is
// may not be known.
type Near struct {
	But   string
	Holds []Holding
}

// Nearly is what a user would hold if one thing were different: see World.Ask. The place that is asked about and the
// attributes of a request are none of it.
func (w *World) Nearly(user string) []Near {
	held := w.Holdings(user)
	var near []Near
	for _, lift := range w.lifts(Question{User: user}) {
		n := Near{But: lift.but}
		w.withLifted(lift, func() {
			for _, holding := range w.Holdings(user) {
				isHeld := slices.ContainsFunc(held, holding.same)
				if !isHeld && (lift.through == (Object{}) || slices.Contains(holding.Via, lift.through)) {
					n.Holds = append(n.Holds, holding)
				}
			}
		})
		if len(n.Holds) > 0 || lift.through.Kind != kinds.Role {
			near = append(near, n)
		}
	}
	return near
}

// same says whether another holding is made by the same objects.
func (h Holding) same(other Holding) bool {
	return h.Permission == other.Permission && h.At == other.At && slices.Equal(h.Via, other.Via)
}
