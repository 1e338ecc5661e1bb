package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Decision is an AccessDecision.
type Decision struct {
	Name    string
	UID     types.UID
	By      Person
	Verdict v1alpha1.AccessVerdict
	Comment string
	At      time.Time
	// Decider says whether whoever decided may, by the policy, as things are now.
	Decider bool
}

// Counted is what became of a decision.
type Counted struct {
	Decision
	Reason, Message string
}

// Counts says whether the decision counts.
func (c Counted) Counts() bool { return c.Reason == v1alpha1.ReasonCounts }

// ItCounts is what there is to say about a decision that does.
const ItCounts = "it counts"

// Count says which decisions about a request count, the oldest first: those of deciders, each of them once, that are not
// the requester, in time.
func Count(decisions []Decision, requester Person, decideBy time.Time) []Counted {
	decisions = slices.SortedFunc(slices.Values(decisions), func(a, b Decision) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Name, b.Name))
	})
	counted := make([]Counted, 0, len(decisions))
	for _, d := range decisions {
		reason, message := v1alpha1.ReasonCounts, ItCounts
		earlier := slices.IndexFunc(counted, func(c Counted) bool { return c.Counts() && c.By.MayBe(d.By) })
		switch {
		case d.By.MayBe(requester):
			reason = v1alpha1.ReasonOwnRequest
			message = "nobody decides about their own request, nor does who has a subject, an email address or a name in common with the requester: have somebody else decide"
		case !d.Decider:
			reason = v1alpha1.ReasonNotADecider
			message = fmt.Sprintf("%q may not decide by the policy of the request, or does so until a deadline only: have a decider decide", d.By.Username)
		case earlier >= 0:
			reason = v1alpha1.ReasonDecidedTwice
			message = fmt.Sprintf("who decided has decided before, by %s: delete that one to decide otherwise", counted[earlier].Name)
		case !d.At.Before(decideBy):
			reason, message = v1alpha1.ReasonNotInTime, "the request was over"
		}
		counted = append(counted, Counted{d, reason, message})
	}
	return counted
}

// Tally is how many of those who count approve, and the first of them who denies, nil where nobody does.
func Tally(counted []Counted) (approvals int, denied *Counted) {
	for n := range counted {
		switch {
		case !counted[n].Counts():
		case counted[n].Verdict == v1alpha1.VerdictApprove:
			approvals++
		case denied == nil:
			denied = &counted[n]
		}
	}
	return approvals, denied
}
