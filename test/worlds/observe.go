package worlds

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Reason is why an object is ready or not, as soon as that is about its present spec.
func Reason(ctx context.Context, from client.Reader, object v1alpha1.Object) func() (string, error) {
	return func() (string, error) {
		read, ready, err := readyOf(ctx, from, object)
		switch {
		case err != nil:
			return "", err
		case read.CommonStatus().ObservedGeneration != read.GetGeneration():
			return "not observed", nil
		case ready == nil:
			return "no Ready", nil
		}
		return ready.Reason, nil
	}
}

// Message is what the Ready condition of an object says.
func Message(ctx context.Context, from client.Reader, object v1alpha1.Object) func() (string, error) {
	return func() (string, error) {
		_, ready, err := readyOf(ctx, from, object)
		if err != nil || ready == nil {
			return "", err
		}
		return ready.Message, nil
	}
}

func readyOf(ctx context.Context, from client.Reader, object v1alpha1.Object) (v1alpha1.Object, *metav1.Condition, error) {
	read := object.DeepCopyObject().(v1alpha1.Object)
	if err := from.Get(ctx, client.ObjectKeyFromObject(object), read); err != nil {
		return nil, nil, err
	}
	return read, meta.FindStatusCondition(read.CommonStatus().Conditions, v1alpha1.ConditionReady), nil
}

// ExpectReason waits until an object is ready, or is not, for this reason, and expects these words in what it says about
// it.
func ExpectReason(ctx context.Context, from client.Reader, object v1alpha1.Object, want string, words ...string) {
	GinkgoHelper()
	says := Message(ctx, from, object)
	Eventually(Reason(ctx, from, object)).Should(Equal(want), func() string {
		text, err := says()
		return fmt.Sprintf("%T %s says: %s (%v)", object, object.GetName(), text, err)
	})
	Eventually(says).Should(ContainAll(words...))
}

// Observed reads an object whose status is about its present spec.
func Observed[T v1alpha1.Object](ctx context.Context, from client.Reader, object T) T {
	GinkgoHelper()
	read := object.DeepCopyObject().(T)
	Eventually(func(g Gomega) {
		g.Expect(from.Get(ctx, client.ObjectKeyFromObject(object), read)).To(Succeed())
		g.Expect(read.CommonStatus().ObservedGeneration).To(Equal(read.GetGeneration()))
	}).Should(Succeed())
	return read
}

// ContainAll matches a text with all of these words.
func ContainAll(words ...string) types.GomegaMatcher {
	matchers := make([]types.GomegaMatcher, 0, len(words))
	for _, word := range words {
		matchers = append(matchers, ContainSubstring(word))
	}
	return And(matchers...)
}

// HaveOutcome matches what became of a permission entry. The words are those of its message.
func HaveOutcome(permission, reason string, words ...string) types.GomegaMatcher {
	return And(
		HaveField("Permission", permission),
		HaveField("Granted", reason == v1alpha1.ReasonGranted),
		HaveField("Reason", reason),
		HaveField("Message", ContainAll(words...)),
	)
}

// HaveGeneration matches an object whose spec has been written so often.
func HaveGeneration(ctx context.Context, from client.Reader, n int64) types.GomegaMatcher {
	return WithTransform(func(object client.Object) (int64, error) {
		read := object.DeepCopyObject().(client.Object)
		err := from.Get(ctx, client.ObjectKeyFromObject(object), read)
		return read.GetGeneration(), err
	}, Equal(n))
}

// ExpectFrom has a clock stopped just before an instant, where the decisions are still the other ones, and at the
// instant, from which on they are these. It leaves the clock a millisecond later, which is how late the operator may be
// where it has looked just before the instant.
func ExpectFrom(stopAt func(time.Time), instant time.Time, want bool, asked ...func() (bool, error)) {
	GinkgoHelper()
	stopAt(instant.Add(-time.Nanosecond))
	for _, may := range asked {
		Expect(may()).To(Equal(!want), "just before %v", instant)
	}
	stopAt(instant)
	for _, may := range asked {
		Expect(may()).To(Equal(want), "at %v", instant)
	}
	stopAt(instant.Add(time.Millisecond))
}

// Lives is what the status of a temporary grant says of its life, in short.
func Lives(status v1alpha1.TemporaryPermissionGrantStatus) string {
	return fmt.Sprint(status.Phase, " ", status.StartsAt.UTC().Format(time.RFC3339), " ", status.ExpiresAt.UTC().Format(time.RFC3339), " ", status.InForce)
}

// Life is how Lives puts it.
func Life(phase v1alpha1.GrantPhase, start, deadline time.Time) string {
	return fmt.Sprint(phase, " ", start.UTC().Format(time.RFC3339), " ", deadline.UTC().Format(time.RFC3339), " ", phase == v1alpha1.PhaseActive)
}
