package admission

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// shownLosing is how many of the objects that lose something a warning names.
const shownLosing = 10

// warnLosing says what loses what it gives by a deletion, or by an Organization with fewer scopes. It names the objects to
// those who may be told what Roles give.
func (v *Validator) warnLosing(ctx context.Context, s *state.State, request *admission.Request, asked change) []string {
	_, isOrganization := asked.old.(*v1alpha1.Organization)
	if asked.old == nil || asked.object != nil && !isOrganization {
		return nil
	}
	losing := s.Losing(asked.old, asked.object)
	if len(losing) == 0 {
		return nil
	}
	warning := fmt.Sprintf("in use: %d objects lose what they give by this", len(losing))
	if len(losing) == 1 {
		warning = "in use: 1 object loses what it gives by this"
	}
	if v.mayBeTold(ctx, request) {
		names := make([]string, 0, shownLosing+1)
		for _, loss := range losing[:min(len(losing), shownLosing)] {
			names = append(names, loss.String())
		}
		if more := len(losing) - shownLosing; more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		warning += ": " + enumerate.Some(names, len(names), "; ")
	}
	return []string{warning}
}
