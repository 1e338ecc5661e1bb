package admission

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// author is who makes a request.
type author struct {
	// username is what the API server knows them by, and subject the one that this stands for in the
	// organization; empty for none.
	username, subject string
	// near are Users who may have been meant.
	near []string
}

// organizationOf is the name of the organization that a request is about.
func organizationOf(request *admission.Request) string {
	if request.Namespace == "" {
		return request.Name
	}
	return request.Namespace
}

func (v *Validator) authorOf(state *state.State, request *admission.Request) author {
	username := request.UserInfo.Username
	return author{username: username, subject: state.SubjectOf(organizationOf(request), username, v.UsernamePrefix)}
}

// whoIsMeant says which subject was looked for, if it is not the username, and which is near; nothing if there is
// nothing to say.
func (a author) whoIsMeant() string {
	var text strings.Builder
	switch {
	case a.subject == "":
		text.WriteString(" (the name lacks the prefix that --username-prefix sets, and spec.usernames of the Organization does not map it)")
	case a.subject != a.username:
		fmt.Fprintf(&text, " (looked for the subject %q)", a.subject)
	}
	if len(a.near) > 0 {
		fmt.Fprintf(&text, "; near is %s: if that is who asks, set the operator's --username-prefix, or map the name in spec.usernames of the Organization", enumerate.Some(a.near, shown, "; "))
	}
	return text.String()
}

// reserved says what in a change of an Organization is for who may escalate on it, whatever it gives.
func reserved(asked change) (reasons []string) {
	object, ok := asked.object.(*v1alpha1.Organization)
	if !ok {
		return nil
	}
	before, there := asked.old.(*v1alpha1.Organization)
	if !there {
		before = &v1alpha1.Organization{}
	}
	sorted := func(mappings []v1alpha1.UsernameMapping) []v1alpha1.UsernameMapping {
		return slices.SortedFunc(slices.Values(mappings), func(a, b v1alpha1.UsernameMapping) int { return strings.Compare(a.Username, b.Username) })
	}
	if !slices.Equal(sorted(before.Spec.Usernames), sorted(object.Spec.Usernames)) {
		reasons = append(reasons, fmt.Sprintf("spec.usernames: whoever maps usernames to subjects can become anybody, so it needs the verb %s on %s: ask someone who has it", asked.Verb, asked.name))
	}
	if warns := v1alpha1.LastRoleWarn; (before.Spec.LastRolePolicy == warns) != (object.Spec.LastRolePolicy == warns) {
		reasons = append(reasons, fmt.Sprintf("spec.lastRolePolicy: it protects the last roles of others, so changing it needs the verb %s on %s: ask someone who has it", asked.Verb, asked.name))
	}
	return reasons
}

// judgeSuspended: whoever is the subject of a suspended User gives and keeps nothing in the organization, whatever verbs
// they have. Deleting what only gives is left to them.
func judgeSuspended(state *state.State, by author, request *admission.Request, kind resource, old, object client.Object) *refused {
	if kind.Verb == "" || object == nil && !kind.deletionGives || object != nil && old != nil && !changesAccess(kind, old, object) {
		return nil
	}
	user := state.SuspendedUser(organizationOf(request), by.subject)
	if user == "" {
		return nil
	}
	return &refused{"Suspended", fmt.Sprintf(
		"%q represents the User %s, which is suspended: a suspended user can't write what gives or keeps access in the organization, whatever verbs they have: ask somebody else",
		by.username, user), http.StatusForbidden}
}

// changesAccess says whether an update is about more than labels and the like.
func changesAccess(kind resource, old, object client.Object) bool {
	return !kind.sameSpec(old, object) || state.IsPaused(old.(v1alpha1.Object)) != state.IsPaused(object.(v1alpha1.Object)) ||
		!equality.Semantic.DeepEqual(old.GetOwnerReferences(), object.GetOwnerReferences())
}

// judgeAdministration: an owner who administers the organization stays, but for who may escalate on it.
func (v *Validator) judgeAdministration(ctx context.Context, state *state.State, request *admission.Request, asked change) *refused {
	if asked.Verb == "" || asked.old != nil && !asked.old.GetDeletionTimestamp().IsZero() {
		return nil
	}
	why := state.EndsAdministration(asked.old, asked.object)
	if why == "" {
		return nil
	}
	organization := organizationOf(request)
	explained := fmt.Sprintf("%s: let another owner administer it first, or ask someone who has the verb %s on the Organization %s", why, kinds.VerbEscalate, organization)
	switch allowed, err := v.Reviewer.MayEscalateOn(ctx, request, organization); {
	case err != nil:
		return &refused{"ReviewFailed", fmt.Sprintf("%s; asking the API server who has it failed: %v: try again", explained, err), http.StatusInternalServerError}
	case !allowed:
		return &refused{"Protected", explained, http.StatusForbidden}
	}
	return nil
}

// warnTwins says of a User which others it may be mistaken for, and what waits for its name.
func warnTwins(state *state.State, user, old *v1alpha1.User) (warnings []string) {
	twins := state.TwinsOf(user)
	if old == nil {
		for _, name := range twins.SameSubject {
			warnings = append(warnings, fmt.Sprintf("spec.subject: the User %s has a subject that differs in the case of letters only, and applications take them for two people: check that both are meant", name))
		}
		if twins.NamedBy > 0 {
			warnings = append(warnings, fmt.Sprintf("metadata.name: %d objects name this User already, and take effect for it: check that it is the one they mean", twins.NamedBy))
		}
	}
	if old == nil || old.Spec.Email != user.Spec.Email {
		for _, name := range twins.SameAddress {
			warnings = append(warnings, fmt.Sprintf("spec.email: the User %s has the same address, and either can accept what it is invited to: check that both are meant", name))
		}
	}
	return warnings
}
