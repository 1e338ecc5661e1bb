package access

import (
	"fmt"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// DecideWithin is how long a request waits that no policy says it of.
const DecideWithin = 24 * time.Hour

// Facts are all that the life of a request depends on.
type Facts struct {
	Now, Created time.Time
	Withdrawn    bool
	// Ended is the last phase, once the operator has recorded it, and EndedBy why: that is never taken back. HadGrant means
	// that the operator has recorded what was made for the request.
	Ended    v1alpha1.AccessRequestPhase
	EndedBy  string
	HadGrant bool
	// Requester is who asks; Suspended says that their User is.
	Requester Person
	Suspended bool
	Choice    Choice
	// Refusal says why no policy allows the request, where none does.
	Refusal   string
	Decisions []Counted
	// Grant is what was made for the request, nil where there is nothing.
	Grant *Window
	// Twice is the name of another request of the same requester for the same that is not over, and comes first.
	Twice string
}

// Window is from when until when what was made for a request holds.
type Window struct{ From, Until time.Time }

// Life is where in its life a request is.
type Life struct {
	Phase           v1alpha1.AccessRequestPhase
	Reason, Message string
	// Waits is until when it has to be decided.
	DecideBy time.Time
	Grant    Window
	// Activate means that what was asked for is to be made now. InForce means that what was made gives what it says.
	Activate, InForce bool
	// Next is when the phase changes by itself, zero where it does not.
	Next time.Time
}

// DecideBy is until when a request has to be decided.
func DecideBy(created time.Time, p *Policy) time.Time {
	within := DecideWithin
	if p != nil && p.Within > 0 {
		within = p.Within
	}
	return created.Add(within)
}

// Evaluate says where in its life a request is.
func Evaluate(f Facts) Life {
	life := Life{DecideBy: DecideBy(f.Created, f.Choice.Policy)}
	if f.Grant != nil {
		life.Grant = *f.Grant
	}
	ends := func(phase v1alpha1.AccessRequestPhase, reason, message string) Life {
		life.Phase, life.Reason, life.Message = phase, reason, message
		return life
	}
	switch {
	case f.Ended.IsFinal():
		return ends(f.Ended, f.EndedBy, over(f.EndedBy))
	case f.Withdrawn:
		return ends(v1alpha1.AccessWithdrawn, v1alpha1.ReasonWithdrawn, over(v1alpha1.ReasonWithdrawn))
	case f.Grant != nil:
		return granted(f, life)
	case f.HadGrant:
		return ends(v1alpha1.AccessWithdrawn, v1alpha1.ReasonGrantDeleted, over(v1alpha1.ReasonGrantDeleted))
	case !f.Now.Before(life.DecideBy):
		return ends(v1alpha1.AccessExpired, v1alpha1.ReasonNotDecided, over(v1alpha1.ReasonNotDecided))
	case f.Twice != "":
		return ends(v1alpha1.AccessDenied, v1alpha1.ReasonAskedTwice, fmt.Sprintf("the request %s of the same requester asks for the same, and is not over: use that one", f.Twice))
	}
	return pending(f, life)
}

// granted is the life of a request for which something has been made.
func granted(f Facts, life Life) Life {
	switch {
	case !f.Now.Before(f.Grant.Until):
		life.Phase, life.Reason, life.Message = v1alpha1.AccessExpired, v1alpha1.ReasonExpired, over(v1alpha1.ReasonExpired)
		return life
	case f.Choice.Policy == nil:
		life.Phase, life.Reason = v1alpha1.AccessWithdrawn, v1alpha1.ReasonNotAllowed
		life.Message = "what allowed it does so no more, which has ended it: " + f.Refusal
		return life
	}
	life.Phase, life.InForce, life.Next = v1alpha1.AccessActive, true, f.Grant.Until
	life.Reason, life.Message = v1alpha1.ReasonInForce, "in force until "+f.Grant.Until.UTC().Format(time.RFC3339)
	return life
}

// pending is the life of a request for which nothing has been made yet.
func pending(f Facts, life Life) Life {
	life.Phase, life.Next = v1alpha1.AccessPending, life.DecideBy
	approvals, denied := Tally(f.Decisions)
	switch {
	case f.Suspended:
		life.Reason = v1alpha1.ReasonUserSuspended
		life.Message = "the requester is suspended, so that nothing is approved: end that in the User"
	case f.Requester.User == "":
		life.Reason = v1alpha1.ReasonUserNotFound
		life.Message = fmt.Sprintf("spec.requester: no User in force here has the subject %q: create the User", f.Requester.Username)
	case f.Choice.Policy == nil:
		life.Reason, life.Message = v1alpha1.ReasonNotAllowed, f.Refusal
	case denied != nil:
		life.Phase, life.Reason, life.Next = v1alpha1.AccessDenied, v1alpha1.ReasonDenied, time.Time{}
		life.Message = fmt.Sprintf("%q has denied it", denied.By.Username)
	case approvals < f.Choice.Policy.Approvals:
		life.Reason = v1alpha1.ReasonWaitsForDecision
		life.Message = fmt.Sprintf("%d of %d have approved, by the AccessPolicy %s; it can be decided until %s",
			approvals, f.Choice.Policy.Approvals, f.Choice.Policy.Name, life.DecideBy.UTC().Format(time.RFC3339))
	default:
		life.Phase, life.Activate = v1alpha1.AccessApproved, true
		life.Reason, life.Message = v1alpha1.ReasonApproved, "approved; it will be in force in a moment"
	}
	return life
}

// over is what there is to say about a request that is over.
func over(reason string) string {
	switch reason {
	case v1alpha1.ReasonWithdrawn:
		return "the requester has taken it back"
	case v1alpha1.ReasonGrantDeleted:
		return "somebody has deleted what gave it: ask again if it is still needed"
	case v1alpha1.ReasonNotDecided:
		return "it was not decided in time: ask again if it is still needed"
	case v1alpha1.ReasonExpired:
		return "it was in force until its end"
	case v1alpha1.ReasonDenied:
		return "a decider has denied it"
	case v1alpha1.ReasonNotAllowed:
		return "what allowed it did so no more, which has ended it"
	case v1alpha1.ReasonAskedTwice:
		return "an older request of the same requester asked for the same, and was not over"
	}
	return "it is over"
}
