package reconcile

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

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

	It("[F8] whatever its parent gives, says how many permissions that is once in a second, and at once that they are gone", func() {
		const children, edits = 60, 10
		create(viewer)
		child := func(n int) *v1alpha1.Role {
			return build.Role(w.Namespace, fmt.Sprint("child-", n)).Inherits("viewer").Obj()
		}
		for n := range children {
			create(child(n))
		}
		By("a status of the parent for each edit, and one of each child for all of them")
		Expect(op.writes(func() {
			for n := range edits {
				edit(viewer, func(r *v1alpha1.Role) {
					r.Spec.PermissionGrants = build.Role("", "").Grants([]string{w.View, w.Edit, w.Delete}[:3-n%2]...).Obj().Spec.PermissionGrants
				})
			}
			edit(viewer, func(r *v1alpha1.Role) {
				r.Spec.PermissionGrants = build.Role("", "").Grants(w.View, w.Edit, w.Delete).Obj().Spec.PermissionGrants
			})
		})).To(BeEquivalentTo(edits + 1 + children))
		for n := range children {
			Expect(gives(child(n))).To(Equal([2]int64{0, 3}))
		}
		expectReason(child(0), v1alpha1.ReasonValid, "3 more that it inherits")

		By("that the parent is gone is another outcome")
		Expect(k8sClient.Delete(ctx, viewer)).To(Succeed())
		waitUntilQuiet()
		for n := range children {
			Expect(reason(child(n))()).To(Equal(v1alpha1.ReasonRoleNotFound))
		}
	})

	It("[G11] [K3] follows every change of a parent, in one step with it", func() {
		create(viewer, writer, boss)
		assigned := assign("boss", v1alpha1.ReasonInForce)
		stand := w.Namespace + ":Stand"

		By("more: a parent's status says so when all children' holders have it")
		edit(viewer, func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = build.Role("", "").Grants(w.View, stand).Obj().Spec.PermissionGrants
		})
		expectReason(viewer, v1alpha1.ReasonValid)
		Expect(w.may("alice", stand, w.at("prod"))()).To(BeTrue())
		Eventually(func() [2]int64 { return gives(boss) }).Should(Equal([2]int64{1, 3}))

		By("less")
		edit(viewer, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })
		expectReason(viewer, v1alpha1.ReasonValid)
		Expect(w.may("alice", stand, w.at("prod"))()).To(BeFalse())
		expectMay(w.Edit, w.Delete)
		Eventually(func() [2]int64 { return gives(boss) }).Should(Equal([2]int64{1, 1}))

		By("under conditions")
		edit(viewer, func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = build.Role("", "").GrantsIf(w.Edit, build.Equals("color", "red")).Obj().Spec.PermissionGrants
		})
		edit(writer, func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = build.Role("", "").GrantsIf(w.Edit, build.Equals("floor", "3")).Obj().Spec.PermissionGrants
		})
		expectReason(viewer, v1alpha1.ReasonValid)
		expectReason(writer, v1alpha1.ReasonValid)
		expectMay(w.Delete)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red"})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"floor": 3})()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue", "floor": 4})()).To(BeFalse())

		By("another parent")
		inherit(boss, "editor")
		expectReason(boss, v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit, w.Delete)

		By("none")
		inherit(boss)
		expectReason(boss, v1alpha1.ReasonValid)
		expectMay(w.Delete)
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "red", "floor": 3})()).To(BeFalse())
		Expect(assigned).To(haveGeneration(1), "nobody has touched the assignment")
	})

	It("[G11] may be reached by two ways, and gives until both are cut", func() {
		left := build.Role(w.Namespace, "left").Inherits("viewer").Grants(w.Edit).Obj()
		right := build.Role(w.Namespace, "right").Inherits("viewer").Grants(w.Edit).Obj()
		create(viewer, left, right, build.Role(w.Namespace, "top").Inherits("left", "right").Obj())
		top := build.Role(w.Namespace, "top").Obj()
		assign("top", v1alpha1.ReasonInForce)
		expectMay(w.View, w.Edit)
		Eventually(func() [2]int64 { return gives(top) }).Should(Equal([2]int64{0, 2}))
		Eventually(used(viewer)).Should(Equal([2]int64{0, 2}))

		inherit(left)
		expectReason(left, v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit)
		edit(right, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })
		expectReason(right, v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit)
		inherit(right)
		expectReason(right, v1alpha1.ReasonValid)
		expectMay(w.Edit)
		Eventually(func() [2]int64 { return gives(top) }).Should(Equal([2]int64{0, 1}))
		Eventually(used(viewer)).Should(Equal([2]int64{0, 0}))
	})

	It("[G11] [F5] [K3] gives all else while a parent is missing or gone, and all when it is there again", func() {
		By("before the parent is there")
		create(writer, boss)
		assigned := assign("boss", v1alpha1.ReasonInForce)
		lost := func() {
			GinkgoHelper()
			expectReason(writer, v1alpha1.ReasonRoleNotFound, "spec.inherits", "all else holds", "no Role viewer", "correct the name, or create it")
			expectReason(boss, v1alpha1.ReasonValid)
			expectReason(assigned, v1alpha1.ReasonInForce)
			expectMay(w.Edit, w.Delete)
			Expect(gives(writer)).To(Equal([2]int64{1, 0}))
			Eventually(func() [2]int64 { return gives(boss) }).Should(Equal([2]int64{1, 1}))
		}
		lost()

		By("with the parent")
		create(viewer.DeepCopy())
		expectReason(viewer, v1alpha1.ReasonValid)
		expectReason(writer, v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit, w.Delete)

		By("when the parent is gone: it goes when nobody has anything of it any more")
		remove(viewer.DeepCopy())
		expectMay(w.Edit, w.Delete)
		lost()

		By("with the parent again")
		create(viewer.DeepCopy())
		expectReason(viewer, v1alpha1.ReasonValid)
		expectReason(writer, v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit, w.Delete)
		Expect(writer).To(haveGeneration(1), "nobody has touched the role")

		By("not naming the parent any more, when it is gone already")
		remove(viewer.DeepCopy())
		inherit(writer)
		expectReason(writer, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectMay(w.Edit, w.Delete)
	})

	It("[F5] loses by one missing parent nothing of the other", func() {
		deployer := build.Role(w.Namespace, "deployer").Grants(w.Delete).Obj()
		maintainer := build.Role(w.Namespace, "maintainer").Inherits("deployer", "editor").Obj()
		create(deployer, maintainer)
		assigned := assign("maintainer", v1alpha1.ReasonInForce)
		expectMay(w.View, w.Edit, w.Delete)
		remove(deployer)
		expectReason(maintainer, v1alpha1.ReasonRoleNotFound, "1 of 2 entries give nothing", "no Role deployer")
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectMay(w.View, w.Edit)
	})

	DescribeTable("[G11] [F5] in a cycle is reported with the way round, on each role of it, and inherits nothing within it until one of them is fixed", func(length int) {
		var ring []*v1alpha1.Role
		name := func(n int) string { return fmt.Sprint("ring-", n%length) }
		for n := range length {
			ring = append(ring, build.Role(w.Namespace, name(n)).Inherits(name(n+1)).Obj())
		}
		last := ring[length-1]
		ring[0].Spec.PermissionGrants = boss.Spec.PermissionGrants
		last.Spec.Inherits = append(last.Spec.Inherits, "viewer")
		below := build.Role(w.Namespace, "below").Inherits(name(0)).Grants(w.Edit).Obj()
		create(viewer)
		create(toObjects(ring)...)
		create(below)
		inRing, ofBelow := assign(name(length-1), v1alpha1.ReasonInForce), assign("below", v1alpha1.ReasonInForce)
		broken := func() {
			GinkgoHelper()
			for n, role := range ring {
				var way []string
				for m := range length + 1 {
					way = append(way, name(n+m))
				}
				expectReason(role, v1alpha1.ReasonInheritanceCycle, "spec.inherits", "all else holds", ": "+strings.Join(way, " > ")+":", "remove one of these from")
			}
			expectReason(below, v1alpha1.ReasonValid)
			expectReason(viewer, v1alpha1.ReasonValid)
			expectReason(inRing, v1alpha1.ReasonInForce)
			expectReason(ofBelow, v1alpha1.ReasonInForce)
			expectMay(w.View, w.Edit, w.Delete)
			inherited := int64(0)
			if length == 1 {
				inherited = 1 // it is the last as well
			}
			Eventually(func() [2]int64 { return gives(ring[0]) }).Should(Equal([2]int64{1, inherited}))
			Eventually(func() [2]int64 { return gives(below) }).Should(Equal([2]int64{1, 1 + inherited}))
		}
		broken()

		inherit(last, "viewer")
		for _, role := range ring {
			expectReason(role, v1alpha1.ReasonValid)
		}
		Eventually(func() [2]int64 { return gives(below) }).Should(Equal([2]int64{1, 2}))
		expectMay(w.View, w.Edit, w.Delete)

		By("closing it while it is in use")
		inherit(last, name(0), "viewer")
		expectReason(last, v1alpha1.ReasonInheritanceCycle)
		broken()
	},
		Entry("of one", 1),
		Entry("of two", 2),
		Entry("of three", 3),
		Entry("of seven", 7),
	)

	It("[G11] [F5] and is a Base role, is reported, and gives its own permissions only", func() {
		bent := build.Role(w.Namespace, "bent").OfType(v1alpha1.RoleBase).Inherits("viewer").Grants(w.Edit).Obj()
		child := build.Role(w.Namespace, "child").Inherits("bent").Grants(w.Delete).Obj()
		create(viewer, bent, child)
		expectReason(bent, v1alpha1.ReasonBaseRoleInherits, "spec.inherits", "Base", "list the permissions here")
		expectReason(child, v1alpha1.ReasonValid)
		assign("child", v1alpha1.ReasonInForce)
		expectMay(w.Edit, w.Delete)

		inherit(bent)
		expectReason(bent, v1alpha1.ReasonValid)
		expectMay(w.Edit, w.Delete)

		inherit(bent, "nobody")
		expectReason(bent, v1alpha1.ReasonBaseRoleInherits)
		expectMay(w.Edit, w.Delete)
	})

	It("[G11] loses by a bad entry of a parent that entry only, and is not ill itself", func() {
		missing := w.Namespace + ":Publish"
		edit := func(change func(*v1alpha1.ResourceType)) { edit(build.ResourceType(w.Namespace).Obj(), change) }
		parent := build.Role(w.Namespace, "parent").Grants(missing, w.View).GrantsIf(w.Edit, build.Equals("floor", "abc")).Obj()
		child := build.Role(w.Namespace, "child").Inherits("parent").Grants(w.Delete).Obj()
		create(parent, child)
		assign("child", v1alpha1.ReasonInForce)
		expectReason(parent, v1alpha1.ReasonPermissionsInvalid, "2 of 3 entries of spec.permissionGrants grant nothing")
		expectReason(child, v1alpha1.ReasonValid, "gives 1 permissions, and 1 more that it inherits")
		Eventually(faultsOf(child)).Should(BeEmpty())
		expectMay(w.View, w.Delete)

		edit(func(t *v1alpha1.ResourceType) {
			t.Spec.Permissions = append(t.Spec.Permissions, v1alpha1.Permission{Name: missing})
		})
		Eventually(w.may("alice", missing, w.at("prod"))).Should(BeTrue())
		Eventually(func() [2]int64 { return gives(child) }).Should(Equal([2]int64{1, 2}))
		Expect(child).To(haveGeneration(1), "nobody has touched the child")
	})

	It("[G11] keeps its own entries when inherited ones would make a decision too expensive, and says whose they are", func() {
		// Fifteen entries of twenty tests are within the limit, thirty are not.
		catalogue := build.ResourceType(w.Namespace + "-wide")
		var attributes []v1alpha1.Attribute
		for n := range 20 {
			attributes = append(attributes, build.String(fmt.Sprint("a", n)))
		}
		judge := w.Namespace + ":Judge"
		create(catalogue.OfType(w.Namespace+".wide").Permits(judge, attributes...).Obj())
		expensive := func(name string) *v1alpha1.Role {
			role := build.Role(w.Namespace, name)
			for entry := range 15 {
				var tests []build.Condition
				for n := range 20 {
					tests = append(tests, build.NotEquals(fmt.Sprint("a", n), fmt.Sprint(name, entry)))
				}
				role.GrantsIf(judge, tests...)
			}
			return role.Grants(w.View).Obj()
		}
		one, two := expensive("one"), expensive("two")
		child := build.Role(w.Namespace, "child").Inherits("one", "two").GrantsIf(judge, build.Equals("a0", "mine")).Obj()
		create(one, two, child)
		assign("child", v1alpha1.ReasonInForce)
		expectReason(one, v1alpha1.ReasonValid)
		expectReason(two, v1alpha1.ReasonValid)
		expectReason(child, v1alpha1.ReasonPermissionsInvalid, "of 33 entries of spec.permissionGrants and of what is inherited", "inherited from the Role two")
		Eventually(faultsOf(child)).ShouldNot(BeEmpty())
		Eventually(faultsOf(child)).Should(HaveEach(And(
			HaveField("Permission", judge),
			HaveField("Reason", v1alpha1.ReasonConditionTooExpensive),
			HaveField("Message", HavePrefix("inherited from the Role two: ")),
		)))
		Expect(w.may("alice", judge, w.at(), map[string]any{"a0": "mine"})()).To(BeTrue())
		Expect(w.may("alice", judge, w.at(), map[string]any{"a0": "other"})()).To(BeFalse())
		expectMay(w.View)

		inherit(child, "one")
		expectReason(child, v1alpha1.ReasonValid)
		Eventually(faultsOf(child)).Should(BeEmpty())
	})

	It("[G11] [K14] inherits in its own organization only", func() {
		other := newWorld()
		create(build.Role(other.Namespace, "viewer").Grants(other.View).Obj())
		create(writer)
		expectReason(writer, v1alpha1.ReasonRoleNotFound)
		create(viewer)
		expectReason(writer, v1alpha1.ReasonValid)
		Eventually(used(viewer)).Should(Equal([2]int64{0, 1}))
		waitUntilQuiet()
		Expect(used(build.Role(other.Namespace, "viewer").Obj())()).To(Equal([2]int64{0, 0}))
	})

	It("[K13] [G11] gives nothing while its user is suspended, and the same afterwards", func() {
		create(viewer, writer, boss)
		assign("boss", v1alpha1.ReasonInForce)
		edit(w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(w.user("alice"), v1alpha1.ReasonSuspended)
		expectMay()
		edit(w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(w.user("alice"), v1alpha1.ReasonValid)
		expectMay(w.View, w.Edit, w.Delete)
	})
})

var _ = Describe("A role with many ancestors", func() {
	It("[G11] [F5] inherits from 256 of them, and with one more from none", func() {
		w := newWorld()
		// A role takes 32 parents at most: eight rows of them, and above these 249 more.
		name := func(n int) string { return fmt.Sprint("base-", n) }
		parents := func(from, to int) (names []string) {
			for n := from; n < to; n++ {
				names = append(names, name(n))
			}
			return names
		}
		const above = 249
		inParallel(above, func(n int) error {
			base := build.Role(w.Namespace, name(n)).OfType(v1alpha1.RoleBase)
			if n == above-1 {
				base.Grants(w.View)
			}
			return k8sClient.Create(ctx, base.Obj())
		})
		var middle []string
		for from := 0; from < above; from += 32 {
			row := build.Role(w.Namespace, fmt.Sprint("row-", from)).Inherits(parents(from, min(above, from+32))...).Obj()
			middle = append(middle, row.Name)
			create(row)
			expectReason(row, v1alpha1.ReasonValid)
		}
		Expect(middle).To(HaveLen(8))
		child := build.Role(w.Namespace, "child").Inherits(middle...).Grants(w.Edit).Obj()
		assigned := w.assignment("a", "child").ToUser("alice").Obj()
		create(child, assigned)
		expectReason(child, v1alpha1.ReasonRoleTooLarge, "spec.inherits", "more than 256 roles", "split the role in two")
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at())()).To(BeTrue())

		inherit(build.Role(w.Namespace, middle[7]).Obj(), parents(225, above)...)
		expectReason(child, v1alpha1.ReasonValid, "and 1 more that it inherits")
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
	})
})
