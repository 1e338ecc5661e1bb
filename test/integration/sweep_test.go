package integration

import (
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// unswept says that specs have left objects behind while the suite's operator, which has to release them, was away.
var unswept bool

// sharedNamespaces are those of Ordered containers, which outlive a spec.
var sharedNamespaces []string

// shareNamespace keeps a namespace until the specs of an Ordered container are over. It is for BeforeAll.
func shareNamespace(namespace string) {
	ownNamespaces = slices.DeleteFunc(ownNamespaces, func(own string) bool { return own == namespace })
	sharedNamespaces = append(sharedNamespaces, namespace)
	DeferCleanup(func() {
		sharedNamespaces = slices.DeleteFunc(sharedNamespaces, func(shared string) bool { return shared == namespace })
		unswept = true
	})
}

// sweep removes what specs have made: a later spec that counts, or an operator that starts, finds none of it. The operator
// has released every object when sweep returns. The empty namespaces go by themselves, which takes some seconds.
func sweep() {
	GinkgoHelper()
	unswept = true
	// Without its Organization nothing in a namespace is protected any more.
	sweepKinds(&v1alpha1.OrganizationList{})
	sweepKinds(
		&v1alpha1.ResourceTypeList{}, &v1alpha1.UserList{}, &v1alpha1.GroupList{}, &v1alpha1.RoleList{}, &v1alpha1.RoleAssignmentList{},
		&v1alpha1.GroupMembershipList{}, &v1alpha1.InvitationList{}, &v1alpha1.PermissionGrantList{}, &v1alpha1.TemporaryPermissionGrantList{},
	)
	var namespaces corev1.NamespaceList
	Expect(k8sClient.List(ctx, &namespaces)).To(Succeed())
	for n := range namespaces.Items {
		namespace := &namespaces.Items[n]
		system := namespace.Name == "default" || namespace.Name == "bailiwick-system" || strings.HasPrefix(namespace.Name, "kube-")
		if !system && namespace.DeletionTimestamp.IsZero() && !slices.Contains(sharedNamespaces, namespace.Name) {
			Expect(client.IgnoreNotFound(k8sClient.Delete(ctx, namespace))).To(Succeed())
		}
	}
	unswept = false
}

// sweepKinds deletes all objects of these kinds, and returns when they are gone.
func sweepKinds(lists ...client.ObjectList) {
	GinkgoHelper()
	Eventually(func() error {
		left := 0
		for _, list := range lists {
			if err := k8sClient.List(ctx, list); err != nil {
				return err
			}
			err := meta.EachListItem(list, func(item runtime.Object) error {
				object := item.(client.Object)
				if slices.Contains(sharedNamespaces, object.GetNamespace()) {
					return nil
				}
				left++
				if !object.GetDeletionTimestamp().IsZero() {
					return nil
				}
				return client.IgnoreNotFound(k8sClient.Delete(ctx, object))
			})
			if err != nil {
				return err
			}
		}
		if left > 0 {
			op.clock.pass(time.Second) // with a clock that stands still nothing is tried again
			return fmt.Errorf("%d objects are left", left)
		}
		return nil
	}).Should(Succeed())
}
