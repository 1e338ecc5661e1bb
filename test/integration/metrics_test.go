package integration

import (
	"errors"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The operator's own counts.
const (
	reconciles      = "controller_runtime_reconcile_total"
	activeWorkers   = "controller_runtime_active_workers"
	webhookRequests = "controller_runtime_webhook_requests_total"
	storeWrites     = "bailiwick_store_write_tuples"
)

// measured is the sum of a metric over all its labels; of a histogram, how often it was observed.
func measured(name string) float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			sum += metric.GetCounter().GetValue() + metric.GetGauge().GetValue() + float64(metric.GetHistogram().GetSampleCount())
		}
	}
	return sum
}

// written is what the operator has written so far.
type written struct {
	ToAPI   int64
	ToStore float64
}

func writtenNow() written {
	GinkgoHelper()
	return written{op.requests.toAPI(), measured(storeWrites)}
}

// waitUntilQuiet returns when the operator has observed every object of the present spec, has had nothing to do for a while,
// and nothing is left for later. The API server answers between two looks: while it is busy, so that watches may show late
// what there is, the while is longer.
func waitUntilQuiet() {
	GinkgoHelper()
	Eventually(func() error { return checkObserved(ownNamespaces) }).Should(Succeed())
	Eventually(checkCounts).Should(Succeed())
	const polls = 15
	type activity struct {
		written
		reconciled float64
	}
	var last activity
	calm := 0
	Eventually(func() (int, error) {
		err := k8sClient.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{})
		now := activity{writtenNow(), measured(reconciles)}
		if now != last || measured(activeWorkers) > 0 {
			last, calm = now, 0
		}
		calm++
		return calm, err
	}).Should(BeNumerically(">", polls))
}

// expectUnmoved touches objects in what concerns nobody, and expects that the operator looks at each and
// writes nothing. It returns what has been written so far.
func expectUnmoved[T client.Object](objects ...T) written {
	GinkgoHelper()
	before, wanted := writtenNow(), measured(reconciles)
	touch := client.RawPatch(types.MergePatchType, []byte(
		`{"metadata": {"labels": {"example.com/touched": "yes"}, "annotations": {"example.com/touched": "yes"}}}`))
	for _, object := range objects {
		Expect(k8sClient.Patch(ctx, object, touch)).To(Succeed())
		if _, ours := client.Object(object).(v1alpha1.Object); ours { // no controller looks at a namespace
			wanted++
		}
	}
	Eventually(func() float64 { return measured(reconciles) }).Should(BeNumerically(">=", wanted))
	waitUntilQuiet()
	Expect(writtenNow()).To(Equal(before))
	return before
}

// checkCounts says which role of the present spec does not say yet how many objects name it.
func checkCounts() error {
	for _, namespace := range ownNamespaces {
		if err := checkCountsIn(namespace); err != nil {
			return err
		}
	}
	return nil
}

func checkCountsIn(namespace string) error {
	var roles v1alpha1.RoleList
	var assignments v1alpha1.RoleAssignmentList
	if err := errors.Join(k8sClient.List(ctx, &roles, client.InNamespace(namespace)),
		k8sClient.List(ctx, &assignments, client.InNamespace(namespace))); err != nil {
		return err
	}
	named, children := map[string]int64{}, map[string]int64{}
	for i := range assignments.Items {
		named[assignments.Items[i].Spec.RoleRef.Name]++
	}
	for i := range roles.Items {
		for _, parent := range roles.Items[i].Spec.Inherits {
			children[parent]++
		}
	}
	for i := range roles.Items {
		role := &roles.Items[i]
		if role.DeletionTimestamp.IsZero() && (role.Status.Assignments != named[role.Name] || role.Status.Children != children[role.Name]) {
			return fmt.Errorf("%s says %d assignments and %d children, and there are %d and %d",
				client.ObjectKeyFromObject(role), role.Status.Assignments, role.Status.Children, named[role.Name], children[role.Name])
		}
	}
	return nil
}
