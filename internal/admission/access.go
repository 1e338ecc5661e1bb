package admission

import (
	"fmt"
	"net/http"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

// The resources by which people ask for access and others decide.
const (
	accessRequests  = "accessrequests"
	accessDecisions = "accessdecisions"
	accessPolicies  = "accesspolicies"
)

// judgeAccess: who asks for access does so in their own name, as a policy allows; who decides is a decider; and the
// operator makes what an approved request names, and nothing else.
func (v *Validator) judgeAccess(state *state.State, request *admission.Request, object client.Object) *refused {
	by := request.UserInfo.Username
	switch o := object.(type) {
	case *v1alpha1.AccessRequest:
		if o.Spec.Requester != by {
			return &refused{"Forged", "spec.requester: nobody asks in another's name: leave it out", http.StatusForbidden}
		}
		if why := state.RefusedRequest(o); why != "" {
			return &refused{"NotAllowed", why, http.StatusForbidden}
		}
	case *v1alpha1.AccessDecision:
		if o.Spec.Decider != by {
			return &refused{"Forged", "spec.decider: nobody decides in another's name: leave it out", http.StatusForbidden}
		}
		if why := state.RefusedDecision(o); why != "" {
			return &refused{"NotADecider", why, http.StatusForbidden}
		}
	default:
		if by != v.Operator || object == nil {
			return nil
		}
		if why := state.RefusedGrant(object); why != "" {
			return &refused{"NotApproved", fmt.Sprintf("%s: try again", why), http.StatusForbidden}
		}
	}
	return nil
}
