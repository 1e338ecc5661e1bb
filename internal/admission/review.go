package admission

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/cache"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/bailiwick-dev/bailiwick/internal/accessreview"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

const (
	// reviewTimeout ends a question to the API server; two take less than a webhook call may.
	reviewTimeout = 3 * time.Second
	// remembered is how long what someone may do is not asked about again, and rememberedMost of how many.
	// Whoever applies thousands of objects is asked about once in a while.
	remembered     = 10 * time.Second
	rememberedMost = 1000
)

// again is how often a question that failed is repeated: three times are asked within a quarter of a second.
var again = wait.Backoff{Duration: 50 * time.Millisecond, Factor: 3, Steps: 3}

// Reviewer asks the API server what requesters may do by Kubernetes' own rules.
type Reviewer struct {
	client  client.Client
	allowed *cache.LRUExpireCache
	// asking joins those who ask the same at the same time.
	asking singleflight.Group
}

// NewReviewer asks through a client, and remembers for a time by a clock.
func NewReviewer(c client.Client, by clock.PassiveClock) *Reviewer {
	return &Reviewer{client: c, allowed: cache.NewLRUExpireCacheWithClock(rememberedMost, by)}
}

// May says whether whoever makes a request has a verb on what the request is about. That someone may not
// is never remembered, nor is it that they may with one object only.
func (r *Reviewer) May(ctx context.Context, verb string, request *admission.Request) (bool, error) {
	asked := accessreview.Of(request.UserInfo, authorizationv1.ResourceAttributes{
		Verb: verb, Namespace: request.Namespace,
		Group: request.Resource.Group, Version: request.Resource.Version, Resource: request.Resource.Resource,
	})
	key, err := json.Marshal(asked)
	if err != nil {
		return false, fmt.Errorf("writing down a question: %w", err)
	}
	if _, known := r.allowed.Get(string(key)); known {
		return true, nil
	}
	answer, err, _ := r.asking.Do(string(key), func() (any, error) {
		// One of those who ask going away must not leave the others without an answer.
		allowed, err := r.ask(context.WithoutCancel(ctx), asked)
		if allowed {
			r.allowed.Add(string(key), nil, remembered)
		}
		return allowed, err
	})
	allowed, _ := answer.(bool)
	if allowed || err != nil || request.Name == "" {
		return allowed, err
	}
	asked = *asked.DeepCopy()
	asked.ResourceAttributes.Name = request.Name
	return r.ask(ctx, asked)
}

// MayReadRoles says whether whoever makes a request may read the Roles of its organization.
func (r *Reviewer) MayReadRoles(ctx context.Context, request *admission.Request) (bool, error) {
	organization := request.Namespace
	if organization == "" {
		organization = request.Name
	}
	return r.ask(ctx, accessreview.Of(request.UserInfo, authorizationv1.ResourceAttributes{
		Verb: "list", Namespace: organization,
		Group: request.Resource.Group, Version: request.Resource.Version, Resource: "roles",
	}))
}

// MayEscalateOn says whether whoever makes a request has the verb escalate on an Organization.
func (r *Reviewer) MayEscalateOn(ctx context.Context, request *admission.Request, organization string) (bool, error) {
	return r.ask(ctx, accessreview.Of(request.UserInfo, authorizationv1.ResourceAttributes{
		Verb: kinds.VerbEscalate, Name: organization,
		Group: request.Resource.Group, Version: request.Resource.Version, Resource: "organizations",
	}))
}

func (r *Reviewer) ask(ctx context.Context, asked authorizationv1.SubjectAccessReviewSpec) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authorizationv1.SubjectAccessReview{Spec: asked}
	if err := retry.OnError(again, passes, func() error { return r.client.Create(ctx, review) }); err != nil {
		return false, err
	}
	return review.Status.Allowed, nil
}

// passes says whether an error is one of those that an API server has while it is replaced or has too much to do. A
// question may be repeated, as it changes nothing.
func passes(err error) bool {
	return apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) ||
		utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsProbableEOF(err)
}
