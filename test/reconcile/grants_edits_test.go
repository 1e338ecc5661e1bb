package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An edit of a permission grant", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	type holds func() (bool, error)
	// step is one edit, and what holds after it, and nothing else of these.
	type step struct {
		Edit  func(*v1alpha1.PermissionGrant)
		Holds []holds
	}

	// follow makes an edit after the other. Before each, vanish takes away what the grant then names.
	follow := func(g *v1alpha1.PermissionGrant, steps []step, vanish ...func()) {
		GinkgoHelper()
		expectOnly := func(now int) {
			GinkgoHelper()
			for m, other := range steps {
				for n, holds := range other.Holds {
					Expect(holds()).To(Equal(m == now), "what step %d gives (%d), after step %d", m, n, now)
				}
			}
		}
		for n, s := range steps {
			if n == 0 {
				create(g)
			} else {
				if n <= len(vanish) {
					vanish[n-1]()
					expectOnly(-1)
				}
				edit(g, s.Edit)
			}
			expectReason(g, v1alpha1.ReasonInForce)
			expectOnly(n)
		}
		remove(g)
		expectOnly(-1)
		Expect(w.granted()).To(BeEmpty())
	}

	subjects := func() []step {
		to := func(user, group string) func(*v1alpha1.PermissionGrant) {
			return func(g *v1alpha1.PermissionGrant) { g.Spec.Subject = v1alpha1.GrantSubject{User: user, Group: group} }
		}
		return []step{
			{nil, []holds{w.may("alice", w.View, w.at("prod"))}},
			{to("bob", ""), []holds{w.may("bob", w.View, w.at("prod"))}},
			{to("", "devs"), []holds{w.groupMay(w.View, w.at("prod"))}},
			{to("carol", ""), []holds{w.may("carol", w.View, w.at("prod"))}},
		}
	}

	It("[K3] moves the permissions also when the subject is already gone", func() {
		create(w.user("carol"))
		follow(w.grant("g").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj(), subjects(),
			func() { remove(w.user("alice")) },
			func() { remove(w.user("bob")) },
			func() { remove(build.Group(w.Namespace, "devs").Obj()) })
	})

	scopes := func() []step {
		at := func(scope v1alpha1.Scope) func(*v1alpha1.PermissionGrant) {
			return func(g *v1alpha1.PermissionGrant) { g.Spec.Scope = scope }
		}
		return []step{
			{nil, []holds{w.may("alice", w.View, w.at("prod", "vision"))}},
			{at(v1alpha1.Scope{Workspace: "prod", Project: "speech"}), []holds{w.may("alice", w.View, w.at("prod", "speech"))}},
			{at(v1alpha1.Scope{Workspace: "lab"}), []holds{w.may("alice", w.View, w.at("lab")), w.may("alice", w.View, w.at("lab", "vision"))}},
		}
	}

	It("[K3] moves the permissions from one scope to the next", func() {
		follow(w.grant("g").ToUser("alice").Grants(w.View).InProject("prod", "vision").Obj(), scopes())
	})

	It("[K3] moves the permissions also when the scope is no longer declared", func() {
		organization := build.Organization(w.Namespace).Obj()
		redeclare := func(workspaces func([]v1alpha1.Workspace) []v1alpha1.Workspace) func() {
			return func() {
				edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces = workspaces(o.Spec.Workspaces) })
				expectReason(organization, v1alpha1.ReasonNotAdministered)
			}
		}
		follow(w.grant("g").ToUser("alice").Grants(w.View).InProject("prod", "vision").Obj(), scopes(),
			redeclare(func(all []v1alpha1.Workspace) []v1alpha1.Workspace {
				all[0].Projects = all[0].Projects[1:]
				return all
			}),
			redeclare(func(all []v1alpha1.Workspace) []v1alpha1.Workspace { return all[1:] }))
	})

	It("[K3] moves them from one object to the next, to all of a model, and to the place itself", func() {
		on := func(reference *v1alpha1.ResourceReference) func(*v1alpha1.PermissionGrant) {
			return func(g *v1alpha1.PermissionGrant) { g.Spec.Scope.Resource = reference }
		}
		one, two := w.object("1", "prod", "vision"), w.object("2", "prod", "vision")
		g := w.grant("g").ToUser("alice").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "1").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeTrue())
		Expect(w.mayBelow("alice", w.View, two)()).To(BeFalse())
		edit(g, on(&v1alpha1.ResourceReference{Type: w.Type, ID: "2"}))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeFalse())
		Expect(w.mayBelow("alice", w.View, two)()).To(BeTrue())
		Expect(w.granted()).NotTo(ContainElement(ContainSubstring(one)))
		edit(g, on(&v1alpha1.ResourceReference{Type: w.Type}))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeTrue())
		Expect(w.mayBelow("alice", w.View, two)()).To(BeTrue())
		Expect(w.granted()).NotTo(ContainElement(HavePrefix("resource:")))
		edit(g, on(nil))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeTrue())
		edit(g, on(&v1alpha1.ResourceReference{Type: w.Type, ID: "1"}))
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeTrue())
		Expect(w.mayBelow("alice", w.View, two)()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeFalse())
		remove(g)
		Expect(w.mayBelow("alice", w.View, one)()).To(BeFalse())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[K3] moves them from one object to the next also when its type is already gone", func() {
		sheet := build.ResourceType(w.Namespace + "-sheet").Permits(w.Namespace + ":Count").Obj()
		create(sheet.DeepCopy())
		follow(w.grant("g").ToUser("alice").Grants(w.Namespace+":Count").OnResource(sheet.Spec.Type, "1").Obj(), []step{
			{nil, []holds{w.may("alice", w.Namespace+":Count", w.objectOf(sheet.Spec.Type, "1", "", ""))}},
			{func(g *v1alpha1.PermissionGrant) {
				g.Spec.Permissions[0].Permission, g.Spec.Scope.Resource.Type = w.View, w.Type
			}, []holds{w.may("alice", w.View, w.object("1", "", ""))}},
		}, func() { remove(sheet.DeepCopy()) })
	})

	It("[K3] gives other permissions, and other conditions, and leaves those that stay", func() {
		red, blue := attributes{"color": "red"}, attributes{"color": "blue"}
		g := w.grant("g").ToUser("alice").Grants(w.View, w.Delete).Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		change := func(with func(*build.PermissionGrantBuilder)) {
			GinkgoHelper()
			b := w.grant("g").Grants(w.View)
			with(b)
			edit(g, func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions = b.Obj().Spec.Permissions })
			expectReason(g, v1alpha1.ReasonInForce)
			Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		}
		change(func(b *build.PermissionGrantBuilder) { b.GrantsIf(w.Edit, build.Equals("color", "red")) })
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), red)()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at(), blue)()).To(BeFalse())
		change(func(b *build.PermissionGrantBuilder) { b.GrantsIf(w.Edit, build.NotEquals("color", "red")) })
		Expect(w.may("alice", w.Edit, w.at(), red)()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), blue)()).To(BeTrue())
		change(func(b *build.PermissionGrantBuilder) { b.Grants(w.Edit) })
		Expect(w.may("alice", w.Edit, w.at(), red)()).To(BeTrue())
		change(func(*build.PermissionGrantBuilder) {})
		Expect(w.may("alice", w.Edit, w.at(), red)()).To(BeFalse())
		remove(g)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})

	It("[K3] that breaks it takes the old away", func() {
		g := w.grant("g").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		edit(g, func(g *v1alpha1.PermissionGrant) { g.Spec.Scope.Workspace = "nowhere" })
		expectReason(g, v1alpha1.ReasonScopeNotFound)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(observed(g).Status.InForce).To(BeFalse())
		Expect(observed(g).Status.Permissions).To(BeEmpty())
		Expect(w.granted()).To(BeEmpty())
	})

	It("[K3] deletes it when everything that it names is already gone", func() {
		g := w.grant("g").ToUser("alice").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		t := w.temporary("t").ToUser("alice").Grants(w.View).InWorkspace("prod").For("PT1H").Obj()
		create(g, t)
		expectReason(g, v1alpha1.ReasonInForce)
		expectReason(t, v1alpha1.ReasonInForce)
		remove(w.user("alice"), build.Organization(w.Namespace).Obj(), build.ResourceType(w.Namespace).Obj())
		Expect(w.may("alice", w.View, w.object("42", "prod", "vision"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		remove(g, t)
		Expect(w.inStore()).To(BeEmpty())
	})
})
