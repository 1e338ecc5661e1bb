package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Subjects are Users and Groups by name.
type Subjects struct{ Users, Groups []string }

// Has says whether a user is one of them; isMember says in which groups they are for good.
func (s Subjects) Has(user string, isMember func(group string) bool) bool {
	return user != "" && (slices.Contains(s.Users, user) || slices.ContainsFunc(s.Groups, isMember))
}

// Policy is an AccessPolicy that can be asked by.
type Policy struct {
	Name string
	UID  types.UID

	Requesters Subjects
	Roles      []string
	// Grants are the entries of its permissions that can be read.
	Grants []policy.Grant
	Scopes []scope.Path
	// Longest is for how long at most.
	Longest      time.Duration
	RequiredTags []string
	OnlyByName   bool
	// Approvals is how many have to approve, of Deciders; with 0 nobody is asked. Within is how long a request waits.
	Approvals int
	Deciders  Subjects
	Within    time.Duration
}

// Way is how a policy gives access.
type Way string

// The ways.
const (
	// ByApproval means that somebody decides.
	ByApproval Way = "approval"
	// Eligible means that nobody is asked.
	Eligible Way = "eligible"
	// Emergency means that nobody is asked, and that a request must name the policy.
	Emergency Way = "emergency"
)

// Way is how the policy gives access.
func (p *Policy) Way() Way {
	switch {
	case p.Approvals > 0:
		return ByApproval
	case p.OnlyByName:
		return Emergency
	default:
		return Eligible
	}
}

// Is says whether two are the same AccessPolicy, as far as a status tells; none is the same as none.
func (p *Policy) Is(other *Policy) bool {
	if p == nil || other == nil {
		return p == other
	}
	return p.UID == other.UID && p.Name == other.Name && p.Approvals == other.Approvals
}

// Request is what an AccessRequest asks for.
type Request struct {
	// Policy is the name of the policy that it names, empty for any.
	Policy string
	// Role is set where a role is asked for, and Grant where a permission is, nil if it can't be read; Fault then says why.
	Role, Permission string
	Grant            *policy.Grant
	Fault            string
	At               scope.Path
	Duration         time.Duration
	Tags             map[string]string
}

// Misfits are what of a request a policy does not allow, each with what it would. isMember says in which groups the
// requester is for good.
func (p *Policy) Misfits(r *Request, user string, isMember func(group string) bool) (misfits []string) {
	if !p.Requesters.Has(user, isMember) {
		misfits = append(misfits, fmt.Sprintf("spec.requester: it is not for the User %s", cmp.Or(user, "that is not there")))
	}
	switch {
	case p.offersWhat(r):
	case r.Role != "":
		misfits = append(misfits, fmt.Sprintf("spec.roleRef: it does not offer the Role %s%s", r.Role, listed("ask for one of ", p.Roles)))
	case r.Grant == nil:
		misfits = append(misfits, "spec.permissionGrant: "+r.Fault)
	default:
		misfits = append(misfits, "spec.permissionGrant: "+p.offersInstead(r.Permission))
	}
	if !slices.ContainsFunc(p.Scopes, func(at scope.Path) bool { return reaches(at, r.At) }) {
		scopes := make([]string, 0, len(p.Scopes))
		for _, at := range p.Scopes {
			scopes = append(scopes, at.String())
		}
		misfits = append(misfits, fmt.Sprintf("spec.scope: it does not reach %s%s", r.At, listed("ask for one of ", scopes)))
	}
	if r.Duration > p.Longest {
		misfits = append(misfits, fmt.Sprintf("spec.duration: it allows %s at most", p.Longest))
	}
	for _, tag := range p.RequiredTags {
		if strings.TrimSpace(r.Tags[tag]) == "" {
			misfits = append(misfits, fmt.Sprintf("spec.tags: it requires the tag %q with a value", tag))
		}
	}
	return misfits
}

// offersWhat says whether a policy offers the role or the permission that is asked for, wherever and to whomever.
func (p *Policy) offersWhat(r *Request) bool {
	if r.Role != "" {
		return slices.Contains(p.Roles, r.Role)
	}
	return r.Grant != nil && slices.ContainsFunc(p.Grants, func(g policy.Grant) bool { return g.Covers(*r.Grant) })
}

// offersInstead says what a policy that does not offer a permission as it is asked for offers of it.
func (p *Policy) offersInstead(permission string) string {
	var under []string
	for _, grant := range p.Grants {
		if grant.Permission == permission {
			under = append(under, grant.TestsText())
		}
	}
	if len(under) == 0 {
		return "it does not offer " + permission
	}
	return fmt.Sprintf("it offers %s under conditions alone%s", permission, listed("ask for it if ", under))
}

// reaches says whether a scope that is offered includes one that is asked for. A resource type without an object is all
// objects of the type there.
func reaches(offered, asked scope.Path) bool {
	if offered.ResourceType != "" && offered.ResourceID == "" {
		return offered.ResourceType == asked.ResourceType && offered.Container().Covers(asked.Container())
	}
	return offered.Covers(asked)
}

func listed(what string, things []string) string {
	const shown = 5
	switch {
	case len(things) == 0:
		return ""
	case len(things) > shown:
		return fmt.Sprintf(": %s%s and %d more", what, strings.Join(things[:shown], ", "), len(things)-shown)
	default:
		return ": " + what + strings.Join(things, ", ")
	}
}

// Choice is the policy that a request is judged by.
type Choice struct {
	// Policy allows the request, nil where none does.
	Policy *Policy
	// Nearest is then one that offers what is asked for, if there is one, and of these the one of which the least does not fit;
	// nil where there is none at all. Misfits are what does not.
	Nearest *Policy
	Misfits []string
}

// Choose finds the policy that a request is judged by: the one that it names, else of those that allow it the one that
// asks for the fewest approvals, and the first by name of these.
func Choose(policies []*Policy, r *Request, user string, isMember func(group string) bool) (chosen Choice) {
	for _, p := range slices.SortedFunc(slices.Values(policies), compare) {
		if r.Policy != "" && r.Policy != p.Name || r.Policy == "" && p.OnlyByName {
			continue
		}
		misfits := p.Misfits(r, user, isMember)
		if len(misfits) == 0 {
			return Choice{Policy: p}
		}
		nearer := chosen.Nearest == nil || len(misfits) < len(chosen.Misfits)
		if chosen.Nearest != nil && p.offersWhat(r) != chosen.Nearest.offersWhat(r) {
			nearer = p.offersWhat(r)
		}
		if nearer {
			chosen = Choice{Nearest: p, Misfits: misfits}
		}
	}
	return chosen
}

func compare(a, b *Policy) int {
	return cmp.Or(cmp.Compare(a.Approvals, b.Approvals), strings.Compare(a.Name, b.Name))
}

// Refusal says why no policy allows a request, naming the nearest one and what does not fit.
func (c Choice) Refusal(r *Request) string {
	switch {
	case c.Policy != nil:
		return ""
	case c.Nearest == nil && r.Policy != "":
		return fmt.Sprintf("spec.policy: there is no AccessPolicy %s in this namespace: correct the name, or leave it out", r.Policy)
	case c.Nearest == nil:
		return "no AccessPolicy of this namespace offers anything without being named: ask whoever administers the organization for one"
	default:
		return fmt.Sprintf("no AccessPolicy allows this; the nearest is %s: %s", c.Nearest.Name, strings.Join(c.Misfits, "; "))
	}
}
