package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// The operator makes what an approved request asks for, and nothing else. Admission holds it to that.
// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources=roleassignments;temporarypermissiongrants,verbs=create

// whenWeakened is how often a request that is approved is looked at while nothing may be given.
const whenWeakened = 5 * time.Second

// requests makes what requests ask for, and sees what becomes of it.
type requests struct {
	client client.Client
	// live reads from the API server itself: no end is recorded by an old copy.
	live   client.Reader
	engine *engine.Engine
	// guard says what can be relied on about who asks and who decides.
	guard func(context.Context) installation.Guard
	now   func() time.Time
}

// carryOut makes what an approved request asks for, and completes its outcome by what has become of what was made.
func (r *requests) carryOut(ctx context.Context, request *v1alpha1.AccessRequest, outcome state.Outcome) (state.Outcome, error) {
	at := outcome.Access
	switch {
	case at == nil || outcome.Paused != nil && at.Activate:
		return outcome, nil
	case at.Activate:
		return r.activate(ctx, request, outcome)
	case at.InForce:
		return r.inForce(outcome), nil
	case at.Phase.IsFinal() && !request.Status.Phase.IsFinal():
		return outcome, r.confirmEnd(ctx, request, at)
	}
	return outcome, nil
}

// activate makes what an approved request asks for, unless nothing may be given now.
func (r *requests) activate(ctx context.Context, request *v1alpha1.AccessRequest, outcome state.Outcome) (state.Outcome, error) {
	now := r.now()
	if problem := relied(r.guard(ctx), request, outcome.Access); problem != "" {
		outcome.Reason, outcome.Message = v1alpha1.ReasonInstallationWeakened, fmt.Sprintf(
			"approved, and not given, since nobody can be sure who asked and who decided: %s", problem)
		if next := now.Add(whenWeakened); next.Before(outcome.Next) {
			outcome.Next = next
		}
		return outcome, nil
	}
	grant, err := access.Grant(request, outcome.Access.User, now)
	if err != nil {
		return outcome, err
	}
	kind := kinds.RefOf(grant).Kind
	err = r.client.Create(ctx, grant)
	if apierrors.IsAlreadyExists(err) {
		if r.live.Get(ctx, client.ObjectKeyFromObject(grant), grant) == nil {
			if _, is := access.IsGrant(request, outcome.Access.User, grant); is {
				return outcome, errBehind // it was made a moment ago
			}
		}
		err = fmt.Errorf("another one is in the way: delete it: %w", err)
	}
	if err != nil {
		return outcome, fmt.Errorf("making the %s %s of an approved request: %w", kind, grant.GetName(), err)
	}
	activations.WithLabelValues(string(outcome.Access.Policy.Way())).Inc()
	return outcome, nil
}

// relied says why it can't be relied on who asked and who decided; nothing if it can.
func relied(guard installation.Guard, request *v1alpha1.AccessRequest, at *state.Access) string {
	switch {
	case guard.Problem != "":
		return guard.Problem
	case request.CreationTimestamp.Time.Before(guard.Since):
		return "the request is older than what binds names in the API server, or was made while that was weaker: make another"
	}
	approvals := 0
	for _, d := range at.Decisions {
		if d.Counts() && d.Verdict == v1alpha1.VerdictApprove && !d.At.Before(guard.Since) {
			approvals++
		}
	}
	if approvals < at.Policy.Approvals {
		return "it was decided before what binds names in the API server was there, or while that was weaker: delete the decisions, and decide again"
	}
	return ""
}

// inForce says whether what was made gives what it says.
func (r *requests) inForce(outcome state.Outcome) state.Outcome {
	made, _ := r.engine.State().Outcome(outcome.Access.Grant)
	switch {
	case made.InForce:
	case made.Reason == v1alpha1.ReasonUserSuspended:
		outcome.Reason, outcome.Message = made.Reason, made.Message
	default:
		outcome.Ready, outcome.Reason = false, v1alpha1.ReasonGrantNotInForce
		outcome.Message = fmt.Sprintf("the %s %s gives nothing: %s", outcome.Access.Grant.Kind, outcome.Access.Grant.Name, made.Message)
	}
	return outcome
}

// confirmEnd asks the API server itself before an end is recorded for what is missing from the cache: what the cache shows of
// one kind may be older than what it shows of another.
func (r *requests) confirmEnd(ctx context.Context, request *v1alpha1.AccessRequest, at *state.Access) error {
	var wanted client.Object
	var uid string
	switch at.Reason {
	case v1alpha1.ReasonGrantDeleted:
		made := request.Status.GrantRef
		wanted, uid = &v1alpha1.RoleAssignment{}, string(made.UID)
		if made.Kind == kinds.TemporaryPermissionGrant {
			wanted = &v1alpha1.TemporaryPermissionGrant{}
		}
		wanted.SetName(made.Name)
	case v1alpha1.ReasonNotAllowed:
		wanted, uid = &v1alpha1.AccessPolicy{}, string(request.Status.PolicyUID)
		wanted.SetName(request.Status.Policy)
	default:
		return nil
	}
	key := client.ObjectKey{Namespace: request.Namespace, Name: wanted.GetName()}
	cached := wanted.DeepCopyObject().(client.Object)
	err, errCached := r.live.Get(ctx, key, wanted), r.client.Get(ctx, key, cached)
	if client.IgnoreNotFound(err) != nil || client.IgnoreNotFound(errCached) != nil {
		return fmt.Errorf("looking for what a request depends on: %w", errors.Join(err, errCached))
	}
	if there := err == nil && string(wanted.GetUID()) == uid && wanted.GetDeletionTimestamp().IsZero(); there && wanted.GetResourceVersion() != cached.GetResourceVersion() {
		return errBehind
	}
	return nil
}

// describeRequest writes what a request's own status says.
func describeRequest(request *v1alpha1.AccessRequest, at *state.Access, now time.Time) {
	status := &request.Status
	status.Phase, status.User, status.Scope = at.Phase, at.User, at.Path
	if !at.Phase.IsFinal() || at.Policy != nil {
		status.Policy, status.PolicyUID, status.ApprovalsNeeded = "", "", 0
	}
	if at.Policy != nil {
		status.Policy, status.PolicyUID, status.ApprovalsNeeded = at.Policy.Name, at.Policy.UID, int32(at.Policy.Approvals) //nolint:gosec // 10 at most
	}
	status.DecideBy, status.ApprovedAt, status.ExpiresAt = instant(at.DecideBy), instant(at.Life.Grant.From), instant(at.Life.Grant.Until)
	if status.GrantRef == nil {
		// Until it is in force; from then on what was decided is history.
		status.Approvals, status.Decisions = int32(at.Approvals), decisionsOf(at.Decisions) //nolint:gosec // few
	}
	if at.Grant.Kind != "" {
		status.GrantRef = &v1alpha1.AccessGrantReference{Kind: at.Grant.Kind, Name: at.Grant.Name, UID: at.GrantUID}
	}
	status.Steps = access.Steps(status.Steps, request.CreationTimestamp.Time, request.Spec.Requester, &at.Life, at.Decisions, now)
	if status.EndedAt == nil && at.Phase.IsFinal() {
		status.EndedAt = status.Steps[len(status.Steps)-1].At.DeepCopy()
	}
}

// maxDecisions is how many the schema of a request's status takes.
const maxDecisions = 50

func decisionsOf(counted []access.Counted) []v1alpha1.AccessDecisionOutcome {
	var outcomes []v1alpha1.AccessDecisionOutcome
	for _, d := range counted[:min(len(counted), maxDecisions)] {
		outcome := v1alpha1.AccessDecisionOutcome{
			Name: d.Name, UID: d.UID, Decider: d.By.Username, User: d.By.User, Verdict: d.Verdict, Comment: d.Comment,
			DecidedAt: metav1.Time{Time: d.At.UTC()}, Counts: d.Counts(), Reason: d.Reason,
		}
		if !d.Counts() {
			outcome.Message = d.Message
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes
}
