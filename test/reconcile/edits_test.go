package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An edit of an assignment", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		create(build.Role(w.Namespace, "cleaner").Grants(w.Delete).Obj())
	})

	// step is one edit, and what holds after it: what the assignment says now, and nothing else of these.
	type step struct {
		Edit  func(*v1alpha1.RoleAssignment)
		Holds func() (bool, error)
	}

	// follow makes an edit after the other. Before each, vanish takes away what the assignment then names.
	follow := func(assigned *v1alpha1.RoleAssignment, steps []step, vanish ...func()) {
		GinkgoHelper()
		for n, s := range steps {
			if n == 0 {
				create(assigned)
			} else {
				if n <= len(vanish) {
					vanish[n-1]()
					Expect(steps[n-1].Holds()).To(BeFalse(), "before step %d", n)
				}
				edit(assigned, s.Edit)
			}
			expectReason(assigned, v1alpha1.ReasonInForce)
			for m, other := range steps {
				Expect(other.Holds()).To(Equal(n == m), "what step %d gives, after step %d", m, n)
			}
		}
		remove(assigned)
		for m, other := range steps {
			Expect(other.Holds()).To(BeFalse(), "what step %d gives", m)
		}
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_|resource:")))
	}
	subjects := func() []step {
		return []step{
			{nil, w.may("alice", w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject.User = "bob" }, w.may("bob", w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject = v1alpha1.AssignmentSubject{Group: "devs"} }, w.groupMay(w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.Subject = v1alpha1.AssignmentSubject{User: "carol"} }, w.may("carol", w.Edit, w.at("prod"))},
		}
	}
	scopes := func() []step {
		at := func(workspace, project string) func(*v1alpha1.RoleAssignment) {
			return func(a *v1alpha1.RoleAssignment) {
				a.Spec.Scope = v1alpha1.Scope{Workspace: workspace, Project: project}
			}
		}
		return []step{
			{nil, w.may("alice", w.Edit, w.at("prod", "vision"))},
			{at("prod", "speech"), w.may("alice", w.Edit, w.at("prod", "speech"))},
			{at("lab", "vision"), w.may("alice", w.Edit, w.at("lab", "vision"))},
		}
	}
	toResource := func(id string) func(*v1alpha1.RoleAssignment) {
		return func(a *v1alpha1.RoleAssignment) {
			a.Spec.Scope.Resource = &v1alpha1.ResourceReference{Type: w.Type, ID: id}
		}
	}

	It("[K3] moves the role also when the subject is already gone", func() {
		create(w.user("carol"), w.standing("carol"))
		follow(w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(), subjects(),
			func() { remove(w.user("alice")) },
			func() { remove(w.user("bob")) },
			func() { remove(build.Group(w.Namespace, "devs").Obj()) })
	})

	roles := func() []step {
		return []step{
			{nil, w.may("alice", w.Edit, w.at("prod"))},
			{func(a *v1alpha1.RoleAssignment) { a.Spec.RoleRef.Name = "cleaner" }, w.may("alice", w.Delete, w.at("prod"))},
		}
	}

	It("[K3] gives the other role instead", func() {
		follow(w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(), roles())
	})

	It("[K3] gives the other role also when the first is already gone", func() {
		follow(w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(), roles(),
			func() { remove(build.Role(w.Namespace, "editor").Obj()) })
	})

	It("[K3] moves the role from one scope to the next", func() {
		follow(w.assignment("a", "editor").ToUser("alice").InProject("prod", "vision").Obj(), scopes())
	})

	It("[K3] moves the role also when the scope is no longer declared", func() {
		organization := build.Organization(w.Namespace).Obj()
		redeclare := func(workspaces func([]v1alpha1.Workspace) []v1alpha1.Workspace) func() {
			return func() {
				edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces = workspaces(o.Spec.Workspaces) })
				expectReason(organization, v1alpha1.ReasonNotAdministered)
			}
		}
		follow(w.assignment("a", "editor").ToUser("alice").InProject("prod", "vision").Obj(), scopes(),
			redeclare(func(all []v1alpha1.Workspace) []v1alpha1.Workspace {
				all[0].Projects = all[0].Projects[1:]
				return all
			}),
			redeclare(func(all []v1alpha1.Workspace) []v1alpha1.Workspace { return all[1:] }))
	})

	It("[K3] widens and narrows the scope", func() {
		assigned := w.assignment("a", "editor").ToUser("alice").InProject("prod", "vision").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Project = "" })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("prod", "speech"))()).To(BeTrue())
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope = v1alpha1.Scope{} })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("lab"))()).To(BeTrue())
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope = v1alpha1.Scope{Workspace: "prod", Project: "vision"} })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
		for _, object := range []string{w.at(), w.at("prod"), w.at("prod", "speech"), w.at("lab")} {
			Expect(w.may("alice", w.Edit, object)()).To(BeFalse(), object)
		}
	})

	It("[K3] moves a share from one object to the next, also when the type is already gone", func() {
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		follow(w.assignment("a", "reader").ToUser("alice").InProject("prod", "vision").OnResource(w.Type, "1").Obj(), []step{
			{nil, w.may("alice", w.View, w.object("1", "prod", "vision"))},
			{toResource("2"), w.may("alice", w.View, w.object("2", "prod", "vision"))},
		})
		other := build.ResourceType(w.Namespace + "-other")
		other.Permits(w.Namespace + ":Other")
		create(other.Obj())
		follow(w.assignment("b", "reader").ToUser("alice").InProject("prod", "vision").OnResource(other.Obj().Spec.Type, "1").Obj(), []step{
			{nil, w.may("alice", w.View, w.objectOf(other.Obj().Spec.Type, "1", "prod", "vision"))},
			{toResource("1"), w.may("alice", w.View, w.object("1", "prod", "vision"))},
		}, func() { remove(other.Obj()) })
	})

	It("[K3] that breaks it takes the old away", func() {
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "nowhere" })
		expectReason(assigned, v1alpha1.ReasonScopeNotFound)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.inStore()).NotTo(ContainElement(MatchRegexp("assignee|slot_")))
	})

	It("[K3] deletes it when everything that it names is already gone", func() {
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		remove(build.Role(w.Namespace, "editor").Obj(), w.user("alice"), build.Organization(w.Namespace).Obj(), build.ResourceType(w.Namespace).Obj())
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		remove(assigned)
		Expect(w.allInStore()).To(BeEmpty())
	})
})

var _ = Describe("An edit elsewhere", func() {
	var (
		w        *world
		assigned *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		assigned = w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
	})

	It("[K3] takes a permission out of a role, and puts another in", func() {
		role := build.Role(w.Namespace, "editor").Obj()
		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants[1].Permission = w.Delete })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Delete, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[K3] puts a condition on what a role gives, and takes it off", func() {
		role := build.Role(w.Namespace, "editor").Obj()
		edit(role, func(r *v1alpha1.Role) {
			r.Spec = build.Role(w.Namespace, "editor").Grants(w.View).GrantsIf(w.Edit, build.Equals("color", "red")).Obj().Spec
		})
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at("prod"), attributes{"color": "red"})()).To(BeTrue())
		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants[1].Conditions = nil })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
	})

	It("[K3] takes a permission out of the catalogue, and puts it back", func() {
		catalogue := build.ResourceType(w.Namespace).Obj()
		var declared []v1alpha1.Permission
		edit(catalogue, func(t *v1alpha1.ResourceType) {
			declared = t.DeepCopy().Spec.Permissions
			t.Spec.Permissions = t.Spec.Permissions[:2]
		})
		expectReason(catalogue, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		edit(catalogue, func(t *v1alpha1.ResourceType) { t.Spec.Permissions = declared })
		expectReason(catalogue, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeTrue())
	})

	It("[K3] makes a User anew with another subject, who alone has the role then", func() {
		remove(w.user("alice"))
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonUserNotFound)

		another := build.User(w.Namespace, "alice").KnownAs(w.subject("carol")).Obj()
		another.Annotations = map[string]string{v1alpha1.AnnotationConfirmed: another.Spec.Subject}
		create(another)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.Edit, w.at("prod"))()).To(BeFalse())
		Expect(w.may("carol", w.Edit, w.at("prod"))()).To(BeTrue())
	})

	It("[K3] makes a Role anew with other permissions", func() {
		remove(build.Role(w.Namespace, "editor").Obj())
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonRoleNotFound)

		create(build.Role(w.Namespace, "editor").Grants(w.Delete).Obj())
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.Delete, w.at("prod"))()).To(BeTrue())
	})
})
