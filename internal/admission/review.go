package admission

import (
	"context"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// reviewTimeout ends a question to the API server; it is less than a webhook call may take.
const reviewTimeout = 3 * time.Second

// may asks the API server whether whoever makes a request has a verb on what the request is about.
func may(ctx context.Context, c client.Client, verb string, request *admission.Request) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: request.UserInfo.Username, UID: request.UserInfo.UID, Groups: request.UserInfo.Groups,
		Extra: extra(request),
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Verb: verb, Namespace: request.Namespace, Name: request.Name,
			Group: request.Resource.Group, Version: request.Resource.Version, Resource: request.Resource.Resource,
		},
	}}
	if err := c.Create(ctx, review); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

func extra(request *admission.Request) map[string]authorizationv1.ExtraValue {
	converted := make(map[string]authorizationv1.ExtraValue, len(request.UserInfo.Extra))
	for key, values := range request.UserInfo.Extra {
		converted[key] = authorizationv1.ExtraValue(values)
	}
	return converted
}
