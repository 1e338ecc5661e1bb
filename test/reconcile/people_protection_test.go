package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// isGone says whether an object is not there any more.
func isGone(object client.Object) func() bool {
	read := object.DeepCopyObject().(client.Object)
	return func() bool {
		return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read))
	}
}

// expectProtected deletes an assignment, as someone whom the webhook does not refuse it, and expects that it
// stays in force.
func expectProtected(assigned *v1alpha1.RoleAssignment, words ...string) {
	GinkgoHelper()
	Expect(unasked().Delete(ctx, assigned)).To(Succeed())
	expectReason(assigned, v1alpha1.ReasonRevocationProtected, words...)
	Expect(observed(assigned).Status.InForce).To(BeTrue())
}

var _ = Describe("The last role of a user", func() {
	var (
		w    *world
		only *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		only = w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj()
		create(w.user("carol"), only)
		expectReason(only, v1alpha1.ReasonInForce)
	})
	protect := func() {
		GinkgoHelper()
		expectProtected(only, "the RoleAssignment only is the last role of the User carol", "assign another one first", "suspend or delete the User", "spec.lastRolePolicy to Warn")
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeTrue())
	}
	expectLifted := func() {
		GinkgoHelper()
		Eventually(isGone(only)).Should(BeTrue())
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
	}

	It("[Z9] is not replaced by one that is not in force, nor by what is given in other ways", func() {
		create(
			w.assignment("waits", "later").ToUser("carol").Obj(),
			w.assignment("group", "editor").ToGroup("devs").Obj(),
			w.grant("g").ToUser("carol").Grants(w.Delete).Obj(),
			build.Invitation(w.Namespace, "carol").AcceptedBy("carol").Obj(), w.assignment("invited", "editor").ToInvitation("carol").InWorkspace("lab").Obj(),
		)
		expectReason(w.assignment("waits", "").Obj(), v1alpha1.ReasonRoleNotFound)
		expectReason(w.assignment("invited", "").Obj(), v1alpha1.ReasonInForce)
		protect()
		create(build.Role(w.Namespace, "later").Grants(w.View).Obj())
		Eventually(isGone(only)).Should(BeTrue())
	})

	It("[Z9] goes when the user has another one through a group, which nothing protects", func() {
		protect()
		member, toGroup := w.membership("carol", "carol").Obj(), w.assignment("group", "editor").ToGroup("devs").InWorkspace("lab").Obj()
		create(member)
		expectReason(member, v1alpha1.ReasonInForce)
		expectReason(only, v1alpha1.ReasonRevocationProtected)
		create(toGroup)
		expectLifted()
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeTrue())
		remove(toGroup, member)
		Expect(w.may("carol", w.View, w.at("lab"))()).To(BeFalse())
	})

	It("[Z9] goes when the Organization says Warn", func() {
		protect()
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) { o.Spec.LastRolePolicy = v1alpha1.LastRoleWarn })
		expectLifted()
	})

	It("[Z9] does not hold what is not in force, nor what is given to a group", func() {
		broken := w.assignment("broken", "later").ToUser("bob").Obj()
		toGroup := w.assignment("group", "editor").ToGroup("devs").Obj()
		create(broken, toGroup)
		expectReason(toGroup, v1alpha1.ReasonInForce)
		remove(broken, toGroup)
	})

	It("[Z9] goes with the User, at once", func() {
		protect()
		remove(w.user("carol"))
		expectLifted()
	})

	It("[Z9] goes with the Organization, at once", func() {
		protect()
		remove(build.Organization(w.Namespace).Obj())
		expectLifted()
	})

	It("[Z9] goes when the user is suspended, and does not come back with the reinstatement", func() {
		protect()
		carol := w.user("carol")
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectLifted()
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(carol, v1alpha1.ReasonValid)
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeFalse())
	})
})

var _ = Describe("The admin role of an owner", func() {
	var (
		w     *world
		admin *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld() // alice owns it, and has a standing role
		admin = w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(admin, v1alpha1.ReasonInForce)
	})
	protect := func() {
		GinkgoHelper()
		expectProtected(admin, "User alice owns the organization", "the RoleAssignment admin", "take the user out of the Organization's owners first, or delete the User")
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
	}
	expectLifted := func() {
		GinkgoHelper()
		Eventually(isGone(admin)).Should(BeTrue())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
	}

	It("[Z8] stays until another role administers the organization", func() {
		protect()
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) { o.Spec.AdminRole = "editor" })
		expectLifted()
	})

	It("[Z8] goes where it is given a second time", func() {
		protect()
		create(w.assignment("again", "admin").ToUser("alice").Obj())
		Eventually(isGone(admin)).Should(BeTrue())
		expectReason(w.assignment("again", "").Obj(), v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
	})

	It("[Z8] goes with the User", func() {
		protect()
		remove(w.user("alice"))
		expectLifted()
		expectReason(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonOwnerNotFound, "no User alice")
	})

	It("[Z8] is free to go below the organization, and where it is not an owner's", func() {
		below := w.assignment("below", "admin").ToUser("alice").InWorkspace("prod").Obj()
		others := w.assignment("others", "admin").ToUser("bob").Obj()
		create(below, others)
		expectReason(below, v1alpha1.ReasonInForce)
		expectReason(others, v1alpha1.ReasonInForce)
		remove(below, others)
		Expect(w.may("bob", w.Delete, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
	})

	It("[Z8] [Z9] is enough to stay: all else of the owner goes", func() {
		protect()
		remove(w.standing("alice"))
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
		expectReason(admin, v1alpha1.ReasonRevocationProtected)
	})
})

var _ = Describe("An Organization whose owner or admin role is not there", func() {
	It("says so, and everything in it holds, so that it can be fixed", func() {
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("bob").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		organization := build.Organization(w.Namespace).Obj()
		expectReason(organization, v1alpha1.ReasonNotAdministered)

		edit(organization, func(o *v1alpha1.Organization) { o.Spec.Owners = []string{"alice", "zoe"} })
		expectReason(organization, v1alpha1.ReasonOwnerNotFound, "spec.owners", "no User zoe", "all else is in effect")
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		later := w.assignment("later", "editor").ToUser("alice").Obj()
		create(later)
		expectReason(later, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())

		create(w.user("zoe"))
		expectReason(organization, v1alpha1.ReasonNotAdministered)
		Expect(unasked().Delete(ctx, build.Role(w.Namespace, "admin").Obj())).To(Succeed())
		expectReason(organization, v1alpha1.ReasonAdminRoleNotFound, "spec.adminRole", "no Role admin", "all else is in effect")
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		edit(organization, func(o *v1alpha1.Organization) { o.Spec.AdminRole = "editor" })
		expectReason(organization, v1alpha1.ReasonValid)
	})

	It("[F3] says that no owner administers it, and why, until one does", func() {
		w := newWorld()
		organization := build.Organization(w.Namespace).Obj()
		expectReason(organization, v1alpha1.ReasonNotAdministered, "assign the Role admin to one of spec.owners", "all else is in effect")
		admin := w.assignment("admin", "admin").ToUser("alice").Obj()
		create(admin)
		expectReason(organization, v1alpha1.ReasonValid)
		edit(w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(organization, v1alpha1.ReasonNotAdministered, "the User alice is suspended")
		edit(w.user("alice"), func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(organization, v1alpha1.ReasonValid)
		role := build.Role(w.Namespace, "admin").Obj()
		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })
		expectReason(organization, v1alpha1.ReasonNotAdministered, "the RoleAssignment admin gives nothing")
		edit(role, func(r *v1alpha1.Role) { r.Spec = build.Role(w.Namespace, "admin").Grants(w.View).Obj().Spec })
		expectReason(organization, v1alpha1.ReasonValid)
	})
})
