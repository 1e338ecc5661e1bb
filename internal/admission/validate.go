package admission

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// ValidatePath is where the API server calls the validating webhook.
const ValidatePath = "/validate"

// Validator is the validating webhook: nobody gives what they do not have, and what is protected stays. It
// judges by what this replica has seen of the cluster, and asks the API server only about those whom it
// would otherwise refuse.
type Validator struct {
	// Reviewer says what a requester may do by Kubernetes' own rules.
	Reviewer *Reviewer
	// State is what the cluster says; nil until it is known.
	State func() *state.State
	Clock clock.PassiveClock
	// UsernamePrefix is what the API server puts before the names of those who are known by their subject.
	UsernamePrefix string
	// Operator is the operator's own name in the API server: it may make what an approved request for access names.
	Operator string
	// Authenticated says that nobody but the API server asks. Otherwise whoever reaches the port may make
	// up a request in anybody's name, and is told of no privilege that is not in the request.
	Authenticated bool
}

// change is what a request asks for; old is nil where something is created, object where it is deleted.
type change struct {
	resource
	name        string // of the resource in the API
	old, object client.Object
}

// Handle implements admission.Handler.
func (v *Validator) Handle(ctx context.Context, request admission.Request) admission.Response {
	kind, known := resources[request.Resource.Resource]
	if !known {
		return admission.Errored(http.StatusBadRequest, fmt.Errorf("no rule for %s", request.Resource.Resource))
	}
	old, err := kind.decode(request.OldObject, request.Namespace)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	object, err := kind.decode(request.Object, request.Namespace)
	if err != nil {
		return admission.Errored(http.StatusBadRequest, err)
	}
	state := v.State()
	if state == nil {
		noteDenied(ctx, &request, "NotLoaded")
		return admission.Errored(http.StatusServiceUnavailable, errors.New("the operator has not loaded the cluster's objects yet, so it can't tell what this gives: try again in a moment"))
	}
	if refused := judgeSuspended(state, v.authorOf(state, &request), &request, kind, old, object); refused != nil {
		noteDenied(ctx, &request, refused.reason)
		return refused.response()
	}
	if refused := judgeNulls(&request, old, object); refused != nil {
		noteDenied(ctx, &request, refused.reason)
		return refused.response()
	}
	if request.Operation == admissionv1.Create {
		if refused := v.judgeAccess(state, &request, object); refused != nil {
			noteDenied(ctx, &request, refused.reason)
			return refused.response()
		}
		if v.Operator != "" && request.UserInfo.Username == v.Operator {
			return admission.Allowed("") // what somebody else has approved
		}
	}
	var warnings []string
	for _, asked := range changes(&request, kind, old, object) {
		if refused := v.judge(ctx, state, &request, asked); refused != nil {
			noteDenied(ctx, &request, refused.reason)
			return refused.response()
		}
		warnings = append(warnings, v.warn(state, asked)...)
		warnings = append(warnings, warnWider(asked.old, asked.object)...)
		warnings = append(warnings, v.warnLosing(ctx, state, &request, asked)...)
	}
	return admission.Allowed("").WithWarnings(warnings...)
}

// changes are what a request amounts to. Whoever names an owner of an object lets the garbage collector
// delete it, which nobody is asked about any more.
func changes(request *admission.Request, kind resource, old, object client.Object) (asked []change) {
	one := change{resource: kind, name: request.Resource.Resource, old: old, object: object}
	switch request.Operation {
	case admissionv1.Create:
		return []change{one}
	case admissionv1.Delete:
		if old.GetDeletionTimestamp().IsZero() {
			asked = append(asked, one)
		}
	case admissionv1.Update:
		_, stays := old.(*v1alpha1.RoleAssignment)
		if !kind.sameSpec(old, object) && (old.GetDeletionTimestamp().IsZero() || stays) {
			asked = append(asked, one)
		}
		if old.GetDeletionTimestamp().IsZero() && !equality.Semantic.DeepEqual(old.GetOwnerReferences(), object.GetOwnerReferences()) && len(object.GetOwnerReferences()) > 0 {
			one.object = nil
			asked = append(asked, one)
		}
	default: // nothing else is asked about
	}
	return asked
}

// refused is why a request is refused.
type refused struct {
	// reason is for counting.
	reason, message string
	code            int32
}

func (r *refused) response() admission.Response {
	if r.code != http.StatusForbidden {
		return admission.Errored(r.code, errors.New(r.message))
	}
	return admission.Denied(r.message)
}

func (v *Validator) judge(ctx context.Context, state *state.State, request *admission.Request, asked change) *refused {
	if why, _ := state.Protected(asked.old, asked.object); why != "" {
		return &refused{"Protected", why, http.StatusForbidden}
	}
	if role, ok := asked.object.(*v1alpha1.Role); ok {
		before, _ := asked.old.(*v1alpha1.Role)
		if why := state.TooLarge(before, role); why != "" {
			return &refused{"TooLarge", why, http.StatusForbidden}
		}
	}
	if refused := v.judgeGiven(ctx, state, request, asked); refused != nil {
		return refused
	}
	if refused := judgeNames(state, request, asked); refused != nil {
		return refused
	}
	return v.judgeAdministration(ctx, state, request, asked)
}

// judgeNames: what is named was made by somebody who could give it this, or its name is confirmed. It does not matter who asks,
// since no pipeline that may give everything knows who was faster under a name.
func judgeNames(state *state.State, request *admission.Request, asked change) *refused {
	invitation, accepts := asked.object.(*v1alpha1.Invitation)
	if before, ok := asked.old.(*v1alpha1.Invitation); ok && accepts {
		accepts = before.Spec.AcceptedBy != invitation.Spec.AcceptedBy
	}
	if asked.object == nil || !giving[asked.name] && !accepts && asked.name != accessPolicies || asked.old != nil && giving[asked.name] && onlyTakes(asked.old, asked.object) {
		return nil
	}
	if why := state.NotConfirmed(asked.object, request.UserInfo.Username); why != "" {
		return &refused{v1alpha1.ReasonNameNotConfirmed, why, http.StatusForbidden}
	}
	return nil
}

// judgeGiven: nobody gives what they do not have, except by a verb.
func (v *Validator) judgeGiven(ctx context.Context, state *state.State, request *admission.Request, asked change) *refused {
	if asked.Verb == "" || asked.object == nil && !asked.deletionGives {
		return nil
	}
	if asked.old != nil && !asked.old.GetDeletionTimestamp().IsZero() {
		return nil // what is being deleted, and is not protected, gives nothing any more
	}
	by := v.authorOf(state, request)
	lacking := state.MissingPrivileges(by.subject, asked.old, asked.object)
	reasons := reserved(asked)
	if lacking.Empty() && len(reasons) == 0 {
		return nil
	}
	allowed, err := v.Reviewer.May(ctx, asked.Verb, request)
	if allowed {
		return nil
	}
	if !lacking.Empty() {
		by.near = state.NearSubjects(organizationOf(request), by.username)
		reasons = append(reasons, explain(by, asked, lacking, v.mayBeTold(ctx, request)))
	}
	explained := strings.Join(reasons, "; ")
	switch {
	case err != nil:
		return &refused{"ReviewFailed", fmt.Sprintf("%s; asking the API server whether the verb %s on %s allows it all the same failed: %v: try again",
			explained, asked.Verb, asked.name, err), http.StatusInternalServerError}
	case len(lacking.Unresolved) > 0:
		return &refused{"Unresolved", explained, http.StatusForbidden}
	default:
		return &refused{"NotHeld", explained, http.StatusForbidden}
	}
}

// mayBeTold says whether a refusal may name privileges: those that the request itself names, and others if its
// author may read the Roles that give them.
func (v *Validator) mayBeTold(ctx context.Context, request *admission.Request) bool {
	if grants[request.Resource.Resource] {
		return true
	}
	if !v.Authenticated {
		return false
	}
	allowed, err := v.Reviewer.MayReadRoles(ctx, request)
	return allowed && err == nil
}

// shown is how many of many things a message names.
const shown = 3

// explain says what is lacking, in which field, and what to do. It names privileges only where told.
func explain(by author, asked change, lacking state.MissingPrivileges, told bool) string {
	var parts []string
	field := asked.field
	if asked.editable != "" && asked.old != nil && asked.object != nil {
		field = asked.editable
	}
	if len(lacking.Privileges) > 0 && !told {
		parts = append(parts, fmt.Sprintf("%s: this gives more than %q holds: compare what the Roles that it leads to give%s", field, by.username, by.whoIsMeant()))
	}
	if len(lacking.Privileges) > 0 && told {
		privileges := make([]string, 0, len(lacking.Privileges))
		for _, privilege := range lacking.Privileges {
			privileges = append(privileges, privilege.String())
		}
		who := fmt.Sprintf("which the User %s does not hold", lacking.User)
		if lacking.User == "" {
			who = fmt.Sprintf("and %q holds nothing, since no User in force here has that subject%s", by.username, by.whoIsMeant())
		}
		parts = append(parts, fmt.Sprintf("%s: this gives %s, %s", field, enumerate.Some(slices.Compact(privileges), shown, "; "), who))
	}
	if len(lacking.Unresolved) > 0 {
		parts = append(parts, enumerate.Some(lacking.Unresolved, shown, "; "))
	}
	return fmt.Sprintf("%s; you can give only what you hold, unless you have the verb %s on %s: ask someone who holds it or has that verb",
		strings.Join(parts, "; "), asked.Verb, asked.name)
}

// expiresAt is the instant at which an object ends by itself, nil where it writes none.
func expiresAt(object client.Object) *metav1.Time {
	if grant, ok := object.(*v1alpha1.TemporaryPermissionGrant); ok {
		return grant.Spec.ExpiresAt
	}
	if limited, ok := object.(v1alpha1.Object); ok {
		if window, _ := v1alpha1.WindowOf(limited); window != nil {
			return window.ExpiresAt
		}
	}
	return nil
}

// warn says what whoever asks for a change may not expect.
func (v *Validator) warn(state *state.State, asked change) (warnings []string) {
	if asked.object != nil {
		if annotation := state.WaitsFor(asked.object.(v1alpha1.Object)); annotation != "" {
			warnings = append(warnings, fmt.Sprintf("paused: this takes effect when %s is removed; only a suspension or an earlier end takes effect at once", annotation))
		}
	}
	if asked.object != nil {
		warnings = append(warnings, state.Warnings(asked.object)...)
	}
	if _, last := state.Protected(asked.old, asked.object); last != "" {
		warnings = append(warnings, last+", who has none after this: if you don't mean that, assign another one")
	}
	if role, ok := asked.object.(*v1alpha1.Role); ok {
		old, _ := asked.old.(*v1alpha1.Role)
		if closes := state.ClosesCycle(old, role); closes != "" {
			warnings = append(warnings, closes)
		}
	}
	if ends := expiresAt(asked.object); ends != nil && !ends.After(v.Clock.Now()) {
		warnings = append(warnings, "spec.expiresAt: this instant has passed, so this gives nothing: write a later one")
	}
	if _, temporary := asked.object.(*v1alpha1.TemporaryPermissionGrant); temporary {
		return warnings
	}
	if invitation, ok := asked.object.(*v1alpha1.Invitation); ok && asked.old == nil {
		for _, name := range state.UsersWithAddress(invitation.Namespace, invitation.Spec.Email) {
			warnings = append(warnings, fmt.Sprintf("spec.email: this is the address of the User %s, who can accept the invitation: check that it is the one you mean", name))
		}
		return warnings
	}
	if user, ok := asked.object.(*v1alpha1.User); ok {
		old, _ := asked.old.(*v1alpha1.User)
		warnings = append(warnings, warnTwins(state, user, old)...)
	}
	if assignment, ok := asked.object.(*v1alpha1.RoleAssignment); ok && assignment.Spec.Subject.Invitation != "" {
		if user := state.Accepted(assignment.Namespace, assignment.Spec.Subject.Invitation); user != "" {
			warnings = append(warnings, fmt.Sprintf("spec.subject.invitation: the User %s has accepted it, and gets this at once: check that it is the one you mean", user))
		}
	}
	return warnings
}
