package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

var _ = Describe("An Organization", func() {
	It("without its namespace waits for it, and governs it when it is there", func() {
		name := newNamespace(ctx) + "-later"
		organization := build.Organization(name).OwnedBy("alice").AdministeredBy("viewer").Workspace("prod").Obj()
		create(organization)
		expectReason(organization, v1alpha1.ReasonNamespaceNotFound, "no namespace "+name, "create it")
		all, err := op.tuples()
		Expect(err).NotTo(HaveOccurred())
		Expect(all).NotTo(ContainElement(ContainSubstring(name)))

		create(namespaceNamed(name))
		expectReason(organization, v1alpha1.ReasonOwnerNotFound, "no User alice in namespace "+name, "all else is in effect")
		catalogue := build.ResourceType(name).Permits(name + ":View").Obj()
		assigned := build.RoleAssignment(name, "a").Gives("viewer").ToUser("alice").InWorkspace("prod").Obj()
		create(catalogue, build.User(name, "alice").KnownAs("alice@"+name).Obj(), build.Role(name, "viewer").Grants(name+":View").Obj(), assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		w := &world{worlds.World{Namespace: name}}
		Expect(w.may("alice", name+":View", w.at("prod"))()).To(BeTrue())
		expectReason(organization, v1alpha1.ReasonNotAdministered, "assign the Role viewer", "all else is in effect")
		Expect(observed(organization).Status.UsernamePrefix).To(Equal("oidc:"), "[P5] whoever asks is told what is taken off")
	})

	It("that no longer declares a scope ends what holds there and below, and nothing else", func() {
		w := newWorld()
		prod := w.assignment("prod", "editor").ToUser("alice").InWorkspace("prod").Obj()
		vision := w.assignment("vision", "editor").ToUser("bob").InProject("prod", "vision").Obj()
		lab := w.assignment("lab", "editor").ToUser("bob").InProject("lab", "vision").Obj()
		create(prod, vision, lab)
		for _, assigned := range []*v1alpha1.RoleAssignment{prod, vision, lab} {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		organization := build.Organization(w.Namespace).Obj()
		var declared []v1alpha1.Workspace
		edit(organization, func(o *v1alpha1.Organization) {
			declared = o.DeepCopy().Spec.Workspaces
			o.Spec.Workspaces = o.Spec.Workspaces[1:]
		})
		expectReason(organization, v1alpha1.ReasonNotAdministered)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.Edit, w.at("prod", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.Edit, w.at("lab", "vision"))()).To(BeTrue())
		expectReason(prod, v1alpha1.ReasonScopeNotFound)
		expectReason(vision, v1alpha1.ReasonScopeNotFound)

		edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces = declared })
		expectReason(prod, v1alpha1.ReasonInForce)
		expectReason(vision, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
		Expect(w.may("bob", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
	})
})

var _ = Describe("A namespace", func() {
	It("without its Organization grants nothing, until it has one", func() {
		ns := newNamespace(ctx)
		w := &world{worlds.World{Namespace: ns, View: ns + ":View"}}
		catalogue := build.ResourceType(ns).Permits(w.View).Obj()
		organization := build.Organization(ns).Obj()
		user, group := w.user("alice"), build.Group(ns, "devs").Obj()
		role := build.Role(ns, "viewer").Grants(w.View).Obj()
		toUser := w.assignment("user", "viewer").ToUser("alice").Obj()
		toGroup := w.assignment("group", "viewer").ToGroup("devs").Obj()
		create(catalogue, user, group, role, toUser, toGroup)
		for _, object := range []v1alpha1.Object{user, group, role, toUser, toGroup} {
			expectReason(object, v1alpha1.ReasonOrganizationNotFound, "no Organization is named "+ns, "create it")
		}
		Expect(w.allInStore()).To(BeEmpty())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		Expect(w.groupMay(w.View, w.at())()).To(BeFalse())

		create(organization)
		expectReason(toUser, v1alpha1.ReasonInForce)
		expectReason(toGroup, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.groupMay(w.View, w.at())()).To(BeTrue())
		for _, object := range []v1alpha1.Object{user, group, role} {
			expectReason(object, v1alpha1.ReasonValid)
		}
	})
})
