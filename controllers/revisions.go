package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/revision"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create;update;delete

// revisionsByRole finds the revisions in the cache by the UID of the role that owns them.
const revisionsByRole = ".metadata.controller"

func indexRevisions(ctx context.Context, mgr ctrl.Manager) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &appsv1.ControllerRevision{}, revisionsByRole, func(object client.Object) []string {
		if owner := metav1.GetControllerOf(object); owner != nil {
			return []string{string(owner.UID)}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("indexing the revisions of roles: %w", err)
	}
	return nil
}

// revisions keeps the ControllerRevisions of roles.
type revisions struct {
	client client.Client
	// live reads from the API server: the cache may not have seen the last write yet.
	live  client.Reader
	clock clock.PassiveClock
}

// watch has the controller look at a role when one of its revisions is removed by hand. What it writes itself
// it need not look at.
func (*revisions) watch(roles *builder.Builder) {
	roles.Owns(&appsv1.ControllerRevision{}, builder.WithPredicates(predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}))
}

// revise makes the revision of a role that is to be current, and notes it in the role's status. What the
// plan says is to go is for retire, when that status is written: it never names a revision that is not there.
func (r *revisions) revise(ctx context.Context, role *v1alpha1.Role, outcome state.Outcome) (revision.Plan, error) {
	gives := givesNow(role, outcome)
	if gives == nil {
		return revision.Plan{}, nil
	}
	plan, err := r.plan(ctx, r.client, gives, client.MatchingFields{revisionsByRole: string(role.UID)})
	if err == nil && plan.Writes() {
		if plan, err = r.plan(ctx, r.live, gives, client.MatchingLabels{v1alpha1.LabelRole: role.Name}); err == nil {
			err = r.makeCurrent(ctx, &plan)
		}
	}
	if err != nil {
		return revision.Plan{}, err
	}
	role.Status.Revision, role.Status.PreviousRevision = plan.Current, plan.Previous
	return plan, nil
}

// givesNow is the role with the spec that counts, nil where none does and there is nothing to record.
func givesNow(role *v1alpha1.Role, outcome state.Outcome) *v1alpha1.Role {
	switch {
	case outcome.Paused == nil:
		return role
	case outcome.Paused.Effective == nil:
		return nil
	}
	return outcome.Paused.Effective.(*v1alpha1.Role)
}

func (r *revisions) plan(ctx context.Context, from client.Reader, role *v1alpha1.Role, which client.ListOption) (revision.Plan, error) {
	list := &appsv1.ControllerRevisionList{}
	if err := from.List(ctx, list, client.InNamespace(role.Namespace), which); err != nil {
		return revision.Plan{}, fmt.Errorf("listing the role's revisions: %w", err)
	}
	existing := make([]*appsv1.ControllerRevision, len(list.Items))
	for i := range list.Items {
		existing[i] = &list.Items[i]
	}
	return revision.For(role, existing, r.clock.Now())
}

func (r *revisions) makeCurrent(ctx context.Context, plan *revision.Plan) error {
	if plan.Create != nil {
		err := r.client.Create(ctx, plan.Create)
		if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil // its roles go next, and their history with them
		}
		if err != nil {
			return fmt.Errorf("making revision %s: %w", plan.Current, err)
		}
	}
	if plan.Update != nil {
		// Its content is what it was; only its number and the time are new.
		if err := r.client.Update(ctx, plan.Update); err != nil {
			return fmt.Errorf("making revision %s the current one again: %w", plan.Current, err)
		}
	}
	return nil
}

// retire removes the revisions whose time has come.
func (r *revisions) retire(ctx context.Context, plan revision.Plan) error {
	for _, old := range plan.Delete {
		if err := r.client.Delete(ctx, old, client.Preconditions{UID: &old.UID}); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("removing revision %s: %w", old.Name, err)
		}
	}
	return nil
}
