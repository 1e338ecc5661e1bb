package reconcile

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A user who has access in every way", func() {
	var (
		w       *world
		objects []v1alpha1.Object
		before  []string
	)
	BeforeEach(func() {
		w = newWorld()
		objects = []v1alpha1.Object{
			w.assignment("direct", "editor").ToUser("carol").InWorkspace("prod").Obj(),
			w.assignment("invited", "editor").ToInvitation("carol").InProject("lab", "vision").Obj(),
			w.membership("carol", "carol").As(v1alpha1.GroupAdmin).Obj(),
			w.grant("granted").ToUser("carol").Grants(w.Delete).At(v1alpha1.Scope{Workspace: "lab"}).Obj(),
			w.temporary("temporary").ToUser("carol").Grants(w.Delete).For("8h").At(v1alpha1.Scope{Workspace: "prod", Project: "speech"}).Obj(),
		}
		create(w.user("carol"), build.Invitation(w.Namespace, "carol").AcceptedBy("carol").Obj(),
			w.assignment("devs", "editor").ToGroup("devs").Obj(),
			w.grant("devs").ToGroup("devs").Grants(w.Delete).At(v1alpha1.Scope{Workspace: "prod", Project: "vision"}).Obj())
		for _, object := range objects {
			create(object)
		}
		for _, object := range objects {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		expectReason(w.assignment("devs", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.grant("devs").Obj(), v1alpha1.ReasonInForce)
		var err error
		before, err = w.inStore()
		Expect(err).NotTo(HaveOccurred())
	})
	expectAccess := func(want bool) {
		GinkgoHelper()
		for _, may := range []func() (bool, error){
			w.may("carol", w.Edit, w.at("prod")), w.may("carol", w.View, w.at("lab", "vision")), w.may("carol", w.View, w.at()),
			w.may("carol", w.Delete, w.at("lab")), w.may("carol", w.Delete, w.at("prod", "speech")),
			w.may("carol", w.Delete, w.at("prod", "vision")), w.may("carol", "can_run_reports", w.devs()),
		} {
			Expect(may()).To(Equal(want))
		}
	}

	It("loses all at once when the User is deleted, and every object that named the user says so", func() {
		expectAccess(true)
		remove(w.user("carol"))
		expectAccess(false)
		Expect(w.allInStore()).NotTo(ContainElement(ContainSubstring(w.subject("carol"))))
		for _, object := range append(objects, build.Invitation(w.Namespace, "carol").Obj()) {
			expectReason(object, v1alpha1.ReasonUserNotFound, "no User carol")
		}
	})

	It("[K13] has none while suspended, and exactly the same when reinstated", func() {
		carol := w.user("carol")
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(carol, v1alpha1.ReasonSuspended)
		expectAccess(false)
		Expect(w.allInStore()).NotTo(ContainElement(ContainSubstring(w.subject("carol"))))
		for _, object := range append(objects, build.Invitation(w.Namespace, "carol").Obj()) {
			expectReason(object, v1alpha1.ReasonUserSuspended, "User carol is suspended")
		}
		edit(carol, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(carol, v1alpha1.ReasonValid)
		expectAccess(true)
		Expect(w.inStore()).To(ConsistOf(before))
	})

	It("[K3] moves nothing to the next user of the same name", func() {
		remove(w.user("carol"))
		another := build.User(w.Namespace, "carol").KnownAs(w.subject("zoe")).Obj()
		another.Annotations = map[string]string{v1alpha1.AnnotationConfirmed: another.Spec.Subject}
		create(another)
		for _, object := range objects {
			expectReason(object, v1alpha1.ReasonInForce)
		}
		expectAccess(false)
		Expect(w.may("zoe", w.Edit, w.at("prod"))()).To(BeTrue())
		Expect(w.may("zoe", w.View, w.at("lab", "vision"))()).To(BeTrue())
	})
})

var _ = Describe("A user with more tuples than fit into one Write", func() {
	It("[K13] has no access as soon as the status says so, and the same as before when reinstated", func() {
		const many = 130
		w := newWorld()
		role := func(i int) string { return fmt.Sprintf("r%03d", i) }
		inParallel(many, func(i int) error {
			if err := k8sClient.Create(ctx, build.Role(w.Namespace, role(i)).Grants(w.View).Obj()); err != nil {
				return err
			}
			if err := k8sClient.Create(ctx, build.Group(w.Namespace, role(i)).Obj()); err != nil {
				return err
			}
			if err := k8sClient.Create(ctx, w.assignment(role(i), role(i)).ToUser("bob").InWorkspace("prod").Obj()); err != nil {
				return err
			}
			return k8sClient.Create(ctx, build.GroupMembership(w.Namespace, role(i), "bob", role(i)).As(v1alpha1.GroupAdmin).Obj())
		})
		for i := range many {
			expectReason(w.assignment(role(i), "").Obj(), v1alpha1.ReasonInForce)
			expectReason(build.GroupMembership(w.Namespace, role(i), "bob", role(i)).Obj(), v1alpha1.ReasonInForce)
		}
		before, err := w.inStore()
		Expect(err).NotTo(HaveOccurred())

		bob := w.user("bob")
		for range 3 {
			edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = true })
			expectReason(bob, v1alpha1.ReasonSuspended)
			Expect(w.may("bob", w.View, w.at("prod"))()).To(BeFalse())
			Expect(w.allInStore()).NotTo(ContainElement(ContainSubstring(w.subject("bob"))))
			edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = false })
			expectReason(bob, v1alpha1.ReasonValid)
			Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
			Expect(w.inStore()).To(ConsistOf(before))
		}
		remove(bob)
		Expect(w.allInStore()).NotTo(ContainElement(ContainSubstring(w.subject("bob"))))
	})
})
