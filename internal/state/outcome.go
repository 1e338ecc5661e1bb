// Package state keeps the state that the store should be in, as the objects of the cluster describe
// it, and brings it up to date object by object.
//
// Objects name each other, also objects that are not there yet. State follows these names in both
// directions: a change to one object evaluates anew exactly the objects that depend on it, in a fixed
// order of kinds, and reports which of them have another outcome now and which tuples that touches.
// There is no client and no store in here, and the order in which objects arrive can't matter: the same
// objects at the same time always give the same state.
package state

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// Outcome is what there is to say about an object.
type Outcome struct {
	// Reason and Message are for people; Reason is one of v1alpha1's.
	Reason, Message string
	// Ready means that the object is valid and that everything it needs is there.
	Ready bool
	// Stalled means, for what is not ready, that someone must edit it; otherwise it waits for
	// something that can come by itself.
	Stalled bool
	// InForce means that the object gives something now.
	InForce bool
	// Faults are a role's permission entries that grant nothing.
	Faults []v1alpha1.PermissionFault
	// NotInherited are the entries of a role's inherits that give nothing.
	NotInherited []NotInherited
	// Own and Inherited are how many permissions a role gives by its own entries, and how many more by
	// those of others.
	Own, Inherited int
	// Assignments and Children are how many assignments name a role, and how many roles inherit from it. A
	// change to these alone is no other outcome: see Change.Restated.
	Assignments, Children int
	// Permissions are what became of each permission entry of a grant.
	Permissions []v1alpha1.PermissionOutcome
	// Life is when an object begins and ends that does so by itself, Phase where in its life it is.
	Life  policy.Lifetime
	Phase v1alpha1.GrantPhase
	// Invited is when an invitation was accepted and can no longer be, and where in its life it is.
	Invited Invited
	// Protected means that the object is being deleted and must stay.
	Protected bool
	// Next is when the outcome changes by itself, if it does: the object must be put again then.
	Next time.Time
	// Done means that the object is to be deleted now, because its spec says so.
	Done bool
	// Access is where in its life an AccessRequest is.
	Access *Access
	// Paused is set while the object is paused.
	Paused *Paused
	// Judged is what the status is to keep of whom it was found that they could give this.
	Judged *v1alpha1.Judged
}

// NotInherited is an entry of a role's inherits that gives nothing, and why.
type NotInherited struct{ Role, Message string }

func (o Outcome) equal(other Outcome) bool {
	return o.Reason == other.Reason && o.Message == other.Message && o.Ready == other.Ready &&
		o.Stalled == other.Stalled && o.InForce == other.InForce && slices.Equal(o.Faults, other.Faults) &&
		o.Own == other.Own && o.Inherited == other.Inherited &&
		slices.Equal(o.Permissions, other.Permissions) && o.Life.Equal(other.Life) && o.Phase == other.Phase &&
		o.Invited.equal(other.Invited) && o.Protected == other.Protected &&
		o.Next.Equal(other.Next) && o.Done == other.Done && o.Access.equal(other.Access)
}

// restates says whether all that differs from another outcome is a text or how many permissions a role gives.
func (o Outcome) restates(other Outcome) bool {
	o.Message, o.Own, o.Inherited = other.Message, other.Own, other.Inherited
	o.Faults, o.Permissions = slices.Clone(o.Faults), slices.Clone(o.Permissions)
	for n := range min(len(o.Faults), len(other.Faults)) {
		o.Faults[n].Message = other.Faults[n].Message
	}
	for n := range min(len(o.Permissions), len(other.Permissions)) {
		o.Permissions[n].Message = other.Permissions[n].Message
	}
	return o.equal(other)
}

// Change is what a change to one object has brought about.
type Change struct {
	// Organization is where it was, empty where it was the catalogue or more than one.
	Organization string
	// Outcomes are the objects whose outcome is another one now, the changed object included.
	Outcomes []kinds.Ref
	// Restated are objects whose outcome is the same in other words or numbers, and roles that more or fewer objects name. Nobody has to
	// hear of that at once.
	Restated []kinds.Ref
	// Tuples and Cells may have to be written or deleted.
	Tuples []Touched[store.Key]
	Cells  []Touched[tuples.Cell]
	// Again are objects that must be put again, since what they are held to depends on what has changed.
	Again []kinds.Ref
}

// add adds what another part of the same change has brought about.
func (c *Change) add(more Change) {
	c.Outcomes, c.Restated = append(c.Outcomes, more.Outcomes...), append(c.Restated, more.Restated...)
	c.Tuples, c.Cells = append(c.Tuples, more.Tuples...), append(c.Cells, more.Cells...)
	c.Again = append(c.Again, more.Again...)
}

// Touched is something in the store that an object's change has touched.
type Touched[K comparable] struct {
	What K
	By   kinds.Ref
	// Joined means that others want it too, as they did before: there is nothing to write, but what
	// they wrote may still be on its way.
	Joined bool
}

// Limits are what the store takes.
type Limits struct {
	// ConditionCost is the most that evaluating one condition may cost.
	ConditionCost int
}

// Access is where in its life an AccessRequest is.
type Access struct {
	access.Life
	// UID is the request's, User the requester's User, and Path where.
	UID        types.UID
	User, Path string
	// Policy is what allows the request, nil where nothing does. It belongs to the state.
	Policy *access.Policy
	// Decisions are those about it, and Approvals how many approve.
	Decisions []access.Counted
	Approvals int
	// Grant is what was made for it, without a kind where there is nothing.
	Grant    kinds.Ref
	GrantUID types.UID
}

func (a *Access) equal(other *Access) bool {
	if a == nil || other == nil {
		return a == other
	}
	return a.Life == other.Life && a.UID == other.UID && a.User == other.User && a.Path == other.Path && a.Policy.Is(other.Policy) &&
		slices.Equal(a.Decisions, other.Decisions) && a.Approvals == other.Approvals && a.Grant == other.Grant && a.GrantUID == other.GrantUID
}

// Invited is the life of an invitation.
type Invited struct {
	Phase               v1alpha1.InvitationPhase
	Expires, AcceptedAt time.Time
}

func (i Invited) equal(other Invited) bool {
	return i.Phase == other.Phase && i.Expires.Equal(other.Expires) && i.AcceptedAt.Equal(other.AcceptedAt)
}

// Paused is what there is to say about an object that is paused.
type Paused struct {
	// By is ReasonPaused where the object's own annotation pauses it, and ReasonOrganizationPaused where its
	// Organization's does. Message is for people.
	By, Message string
	// Effective is the object with the spec that counts, nil where none does. Waits means that this is not the
	// one that is written.
	Effective v1alpha1.Object
	Waits     bool
	// Record is what the status is to keep, for the next start of the operator.
	Record *v1alpha1.Held
}
