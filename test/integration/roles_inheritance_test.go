package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// gives is how many permissions a role gives, its own and inherited ones, as its status says.
func gives(role *v1alpha1.Role) [2]int64 {
	GinkgoHelper()
	status := observed(role).Status
	return [2]int64{status.OwnPermissions, status.InheritedPermissions}
}

// used is how many assignments and children a role has, as its status says. It follows within about a second.
func used(role *v1alpha1.Role) func() [2]int64 {
	return func() [2]int64 {
		GinkgoHelper()
		status := observed(role).Status
		return [2]int64{status.Assignments, status.Children}
	}
}

// inherit sets what a role inherits from.
func inherit(role *v1alpha1.Role, parents ...string) {
	GinkgoHelper()
	edit(role, func(r *v1alpha1.Role) { r.Spec.Inherits = parents })
}

var _ = Describe("A role that inherits", func() {
	var (
		w *world
		// viewer gives View, writer adds Edit, boss adds Delete.
		viewer, writer, boss *v1alpha1.Role
	)
	BeforeEach(func() {
		w = newWorld()
		viewer = build.Role(w.Namespace, "viewer").OfType(v1alpha1.RoleBase).Grants(w.View).Obj()
		writer = build.Role(w.Namespace, "writer").Inherits("viewer").Grants(w.Edit).Obj()
		boss = build.Role(w.Namespace, "boss").Inherits("writer").Grants(w.Delete).Obj()
	})
	// assign gives alice a role, and waits until she holds it or why she does not.
	assign := func(role string, because string) *v1alpha1.RoleAssignment {
		GinkgoHelper()
		assigned := w.assignment("alice-"+role, role).ToUser("alice").Obj()
		create(assigned)
		expectReason(assigned, because)
		return assigned
	}
	// expectMay expects alice to hold exactly these of the permissions, there and below.
	expectMay := func(permissions ...string) {
		GinkgoHelper()
		for _, permission := range []string{w.View, w.Edit, w.Delete} {
			for _, object := range []string{w.at(), w.at("prod", "vision")} {
				Expect(w.may("alice", permission, object)()).To(Equal(contains(permissions, permission)), "%s at %s", permission, object)
			}
		}
	}

	It("[G11] gives what its parents give, over several levels, and says how much", func() {
		create(viewer, writer, boss)
		assign("boss", v1alpha1.ReasonInForce)
		create(w.assignment("bob-writer", "writer").ToUser("bob").InWorkspace("prod").Obj(), w.assignment("devs", "viewer").ToGroup("devs").Obj())
		expectReason(w.assignment("bob-writer", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.assignment("devs", "").Obj(), v1alpha1.ReasonInForce)
		expectMay(w.View, w.Edit, w.Delete)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("bob", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("bob", w.Delete, w.at("prod"))()).To(BeFalse(), "a child's permissions are not its parent's")
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse(), "above the scope")
		Expect(w.groupMay(w.View, w.at())()).To(BeTrue())
		Expect(w.groupMay(w.Edit, w.at())()).To(BeFalse())

		expectReason(viewer, v1alpha1.ReasonValid, "gives 1 permissions")
		expectReason(writer, v1alpha1.ReasonValid, "gives 1 permissions, and 1 more that it inherits")
		expectReason(boss, v1alpha1.ReasonValid, "gives 1 permissions, and 2 more that it inherits")
		Expect(gives(viewer)).To(Equal([2]int64{1, 0}))
		Expect(gives(writer)).To(Equal([2]int64{1, 1}))
		Expect(gives(boss)).To(Equal([2]int64{1, 2}))
		Eventually(used(viewer)).Should(Equal([2]int64{1, 1}))
		Eventually(used(writer)).Should(Equal([2]int64{1, 1}))
		Eventually(used(boss)).Should(Equal([2]int64{1, 0}))
	})
})

var _ = Describe("The operator, of roles that inherit,", func() {
	var (
		w                    *world
		viewer, writer, boss *v1alpha1.Role
		objects              []client.Object
	)
	BeforeEach(func() {
		w = newWorld()
		viewer = build.Role(w.Namespace, "viewer").Grants(w.View, w.Edit).Obj()
		writer = build.Role(w.Namespace, "writer").Inherits("viewer").Obj()
		boss = build.Role(w.Namespace, "boss").Inherits("writer").Grants(w.Delete).Obj()
		ring, lost := build.Role(w.Namespace, "ring").Inherits("ring").Obj(), build.Role(w.Namespace, "lost").Inherits("later").Obj()
		assigned := w.assignment("alice", "boss").ToUser("alice").Obj()
		objects = []client.Object{viewer, writer, boss, ring, lost, assigned}
		create(objects...)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(ring, v1alpha1.ReasonInheritanceCycle)
		expectReason(lost, v1alpha1.ReasonRoleNotFound)
		waitUntilQuiet()
	})

	It("[K10] writes nothing when they change in nothing that concerns it, and when it starts", func() {
		before := expectUnmoved(objects...)

		reconciled := measured(reconciles)
		op.Stop()
		op.Start()
		Eventually(func() float64 { return measured(reconciles) }).Should(BeNumerically(">=", reconciled+float64(len(objects))))
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(before))
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
	})

	It("[K10] writes no more for an edit of a parent than its revision and its status, where children give as many as before", func() {
		before := writtenNow()
		edit(viewer, func(r *v1alpha1.Role) { r.Spec.PermissionGrants[0].Permission = w.Namespace + ":Stand" })
		expectReason(viewer, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Namespace+":Stand", w.at())()).To(BeTrue())
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(written{before.ToAPI + 2, before.ToStore + 1}))

		By("and each child's status, where its count is another one")
		before = writtenNow()
		edit(viewer, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[1:] })
		expectReason(viewer, v1alpha1.ReasonValid)
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(written{before.ToAPI + 4, before.ToStore + 1}))

		By("and nothing to the store, where another way gives the same")
		before = writtenNow()
		inherit(boss, "viewer")
		expectReason(boss, v1alpha1.ReasonValid)
		waitUntilQuiet()
		// Its revision and status, the children of writer and those of viewer.
		Expect(writtenNow()).To(Equal(written{before.ToAPI + 4, before.ToStore}))
		Expect(w.may("alice", w.Edit, w.at())()).To(BeTrue())
	})
})
