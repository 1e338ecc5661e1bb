package query

import (
	"iter"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Holding is one way in which a user holds one permission now, whatever a request has to say for it.
type Holding struct {
	User       string `json:"user"`
	Permission string `json:"permission"`
	// At is where it is held, as a path; it is held at everything below too.
	At string `json:"at"`
	// Via are the objects that make it, from what gives the permission to what makes the user its subject.
	Via []Object `json:"via"`
	// Conditions must all be met by the request.
	Conditions []Condition `json:"conditions,omitempty"`
	// Since is when the object that gives it was created, or the later start that it names.
	Since *metav1.Time `json:"since,omitempty"`
	// Until is when it ends, for what ends by itself.
	Until *metav1.Time `json:"until,omitempty"`
	// Confirmed says whether the operator has confirmed that the store holds it.
	Confirmed bool `json:"confirmed"`
}

// Holdings are all that a user holds, ordered by permission, place and way.
func (w *World) Holdings(user string) []Holding {
	held := w.state.HeldAnywhere(types.NamespacedName{Namespace: w.organization, Name: user})
	holdings := make([]Holding, 0, len(held))
	for _, access := range held {
		holding := Holding{
			User: user, Permission: access.Grant.Permission, At: access.At.String(), Via: objectsOf(access.Through),
			Since: w.since(access), Confirmed: w.confirmed(user, access),
		}
		if until := access.Grant.Window.Until; !until.IsZero() {
			holding.Until = &metav1.Time{Time: until.UTC()}
		}
		for _, test := range access.Grant.Tests {
			holding.Conditions = append(holding.Conditions, conditionOf(test))
		}
		holdings = append(holdings, holding)
	}
	return holdings
}

// Review are the holdings of every user, user by user.
func (w *World) Review() iter.Seq[Holding] {
	return func(yield func(Holding) bool) {
		for _, user := range w.Users() {
			for _, holding := range w.Holdings(user) {
				if !yield(holding) {
					return
				}
			}
		}
	}
}

// HasUser says whether there is a User of a name.
func (w *World) HasUser(name string) bool {
	_, there := w.objects[w.ref(kinds.User, name)]
	return there
}

// Suspended are the names of the Users who are suspended, and so hold nothing.
func (w *World) Suspended() (users []string) {
	for ref, object := range w.objects {
		if user, ok := object.(*v1alpha1.User); ok && user.Spec.Suspended {
			users = append(users, ref.Name)
		}
	}
	slices.Sort(users)
	return users
}

// since is when the object that gives an entitlement was created, or the start of its window where that is later.
func (w *World) since(access entitlement.Entitlement) *metav1.Time {
	var since metav1.Time
	if giving, there := w.objects[access.Through[0]]; there {
		since = giving.GetCreationTimestamp()
	}
	if from := access.Grant.Window.From; from.After(since.Time) {
		since = metav1.NewTime(from)
	}
	if since.IsZero() {
		return nil
	}
	return &metav1.Time{Time: since.UTC()}
}
