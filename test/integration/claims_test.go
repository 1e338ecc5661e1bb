package integration

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// Where two objects are made within one second, the one with the smaller name is the older.
var _ = Describe("Two ResourceTypes", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// declare makes a ResourceType that goes with the spec.
	declare := func(b *build.ResourceTypeBuilder) *v1alpha1.ResourceType {
		GinkgoHelper()
		create(b.Obj())
		return b.Obj()
	}

	It("[G3] that claim one permission: the older holds, the younger says so, until the older is gone", func() {
		extra := w.Namespace + ":Extra"
		younger := declare(build.ResourceType(w.Namespace+"-younger").Permits(w.Edit, build.String("floor")).Permits(extra))
		expectReason(younger, v1alpha1.ReasonPermissionTaken,
			"spec.permissions", w.Edit, "older ResourceType "+w.Namespace, "rename or remove it here")
		role := build.Role(w.Namespace, "third-floor").GrantsIf(w.Edit, build.Equals("floor", "3")).Grants(extra).Obj()
		assigned := w.assignment("a", "third-floor").ToUser("alice").Obj()
		create(role, assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		number, text := map[string]any{"floor": 3}, map[string]any{"floor": "3"}
		Expect(w.may("alice", w.Edit, w.at(), number)()).To(BeTrue(), "to the older, floor is a Number")
		Expect(w.may("alice", w.Edit, w.at(), text)()).To(BeFalse())
		Expect(w.may("alice", extra, w.at())()).To(BeTrue(), "what nobody else claims holds")

		remove(build.ResourceType(w.Namespace).Obj())
		Expect(w.may("alice", w.Edit, w.at(), number)()).To(BeFalse(), "to the younger, floor is a String")
		Expect(w.may("alice", w.Edit, w.at(), text)()).To(BeTrue())
		expectReason(younger, v1alpha1.ReasonValid)
	})
})

// waitUntilOlder returns when whatever is made from now on is younger than an object.
func waitUntilOlder(object client.Object) {
	GinkgoHelper()
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	Eventually(func() int64 { return time.Now().Unix() }).Should(BeNumerically(">", object.GetCreationTimestamp().Unix()))
}
