package installation

import (
	"context"
	"fmt"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// accessPolicyName is the name of the policy that binds the names of those who ask and decide.
const accessPolicyName = "bailiwick-access"

// Guard is what can be relied on about who wrote what.
type Guard struct {
	// Problem is why nothing can be; empty while all can be that was written since Since.
	Problem string
	Since   time.Time
}

// Guard says whether it can be relied on who asks for access, who decides, and who may give it. It asks the API server.
func (k *Keeper) Guard(ctx context.Context) Guard {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return k.checkGuard(ctx)
}

// checkGuard looks at what names rely on. What was written before that was there, or while it was weaker, is anybody's.
func (k *Keeper) checkGuard(ctx context.Context) Guard {
	k.guarding.Lock()
	defer k.guarding.Unlock()
	before, looked := k.guard, k.guarded != nil
	now, err := k.lookAtGuard(ctx)
	if err != nil {
		// An API server that does not answer says nothing about it.
		return Guard{Problem: fmt.Sprintf("what binds names can't be read: %v", err)}
	}
	if now.Problem == "" {
		if looked && before.Problem != "" {
			now.Since = later(now.Since, nextSecond())
		}
		now.Since = later(now.Since, before.Since)
	}
	k.guard = now
	return now
}

// lookAtGuard says what is the matter, and since when all that there is was created, or changed as far as that was seen.
func (k *Keeper) lookAtGuard(ctx context.Context) (guard Guard, err error) {
	is := policy{&admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}}
	webhooks := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	is.policy.Name, is.binding.Name, webhooks.Name = accessPolicyName, accessPolicyName, configurationName
	generations := map[string]int64{}
	for _, object := range []client.Object{is.policy, is.binding, webhooks} {
		switch err := k.Client.Get(ctx, client.ObjectKeyFromObject(object), object); {
		case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
			return Guard{Problem: fmt.Sprintf("what binds names is missing, or can't be read: %v", err)}, nil
		case err != nil:
			return Guard{}, err
		}
		guard.Since = later(guard.Since, object.GetCreationTimestamp().Time)
		// The operator itself writes the webhook's caBundle, and watches the rest of it.
		if object.GetName() == accessPolicyName {
			generations[fmt.Sprintf("%T %s", object, object.GetUID())] = object.GetGeneration()
		}
	}
	for key, generation := range generations {
		if known, was := k.guarded[key]; was && known != generation {
			guard.Since = nextSecond() // it may have been weaker in between
		}
	}
	k.guarded = generations
	for _, want := range k.policies {
		if problems := want.weaker(is); want.policy.Name == accessPolicyName && len(problems) > 0 {
			guard.Problem = enumerate.Some(problems, shown, "; ")
		}
	}
	if webhook := k.Parts.Problem(PartValidating); guard.Problem == "" && webhook != "" {
		guard.Problem = "the webhook: " + webhook
	}
	return guard, nil
}

// nextSecond is after all that may have been written by now: Kubernetes tells the second when something was created.
func nextSecond() time.Time { return time.Now().Truncate(time.Second).Add(time.Second) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
