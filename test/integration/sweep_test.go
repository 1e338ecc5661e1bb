package integration

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
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
// has released every object when sweep returns. Their namespaces stay: to delete an empty one is eighty requests to the API
// server, and nobody looks at it again.
func sweep() {
	GinkgoHelper()
	unswept = true
	// Without its Organization nothing in a namespace is protected any more, and without its request no grant is made.
	sweepKinds(&v1alpha1.OrganizationList{})
	sweepKinds(&v1alpha1.AccessPolicyList{}, &v1alpha1.AccessRequestList{}, &v1alpha1.AccessDecisionList{})
	sweepKinds(
		&v1alpha1.ResourceTypeList{}, &v1alpha1.UserList{}, &v1alpha1.GroupList{}, &v1alpha1.RoleList{}, &v1alpha1.RoleAssignmentList{},
		&v1alpha1.GroupMembershipList{}, &v1alpha1.InvitationList{}, &v1alpha1.PermissionGrantList{}, &v1alpha1.TemporaryPermissionGrantList{},
	)
	unswept = false
}

// sweepKinds deletes all objects of these kinds, and returns when they are gone.
func sweepKinds(lists ...client.ObjectList) {
	GinkgoHelper()
	Eventually(func() error {
		left := 0
		var again []client.ObjectList // nobody makes more of a kind of which there was nothing
		for _, list := range lists {
			before := left
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
			if left > before {
				again = append(again, list)
			}
		}
		lists = again
		if left > 0 {
			op.clock.pass(time.Second) // with a clock that stands still nothing is tried again
			return fmt.Errorf("%d objects are left", left)
		}
		return nil
	}).Should(Succeed())
}
