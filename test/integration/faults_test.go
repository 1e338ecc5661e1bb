package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An assignment that names what is not there", func() {
	// fault is a mistake in an assignment, and the two ways to mend it.
	type fault struct {
		// Assigned has the mistake. What it would give, User may do at Object.
		Assigned *build.RoleAssignmentBuilder
		Reason   string
		Words    []string
		User     string
		Object   string
		// Declare makes it right elsewhere, and Withdraw takes that back.
		Declare, Withdraw func()
		// Correct makes it right in the assignment itself, which then holds at Corrected.
		Correct   func(*v1alpha1.RoleAssignment)
		Corrected string
	}

	DescribeTable("gives nothing and says what to do, until either side is fixed", func(of func(w *world) fault) {
		w := newWorld()
		f := of(w)
		assigned := f.Assigned.Obj()
		create(assigned)
		expectReason(assigned, f.Reason, f.Words...)
		Expect(w.may(f.User, w.View, f.Object)()).To(BeFalse())
		Expect(w.may(f.User, w.View, f.Corrected)()).To(BeFalse())
		Expect(w.inStore()).NotTo(ContainElement(ContainSubstring("assignee")))

		if f.Declare != nil {
			f.Declare()
			expectReason(assigned, v1alpha1.ReasonInForce)
			Expect(w.may(f.User, w.View, f.Object)()).To(BeTrue())
			Expect(assigned).To(haveGeneration(1), "nobody has touched the assignment")

			f.Withdraw()
			expectReason(assigned, f.Reason, f.Words...)
			Expect(w.may(f.User, w.View, f.Object)()).To(BeFalse())
		}

		edit(assigned, f.Correct)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may(f.User, w.View, f.Corrected)()).To(BeTrue())
		if f.Object != f.Corrected {
			Expect(w.may(f.User, w.View, f.Object)()).To(BeFalse())
		}
	},
		Entry("a workspace", func(w *world) fault {
			return fault{
				Assigned: w.assignment("a", "editor").ToUser("alice").InWorkspace("test"),
				Reason:   v1alpha1.ReasonScopeNotFound,
				Words:    []string{"spec.scope", w.Namespace + "/test", "correct the scope, or declare it"},
				User:     "alice", Object: w.at("test"), Corrected: w.at("prod"),
				Declare: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces = append(o.Spec.Workspaces, v1alpha1.Workspace{Name: "test"})
					})
				},
				Withdraw: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces = o.Spec.Workspaces[:2]
					})
				},
				Correct: func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "prod" },
			}
		}),
		Entry("a project, though another workspace has it", func(w *world) fault {
			return fault{
				Assigned: w.assignment("a", "editor").ToUser("alice").InProject("lab", "speech"),
				Reason:   v1alpha1.ReasonScopeNotFound,
				Words:    []string{"spec.scope", w.Namespace + "/lab/speech", "correct the scope, or declare it"},
				User:     "alice", Object: w.at("lab", "speech"), Corrected: w.at("prod", "speech"),
				Declare: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces[1].Projects = append(o.Spec.Workspaces[1].Projects, v1alpha1.Project{Name: "speech"})
					})
				},
				Withdraw: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces[1].Projects = o.Spec.Workspaces[1].Projects[:1]
					})
				},
				Correct: func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "prod" },
			}
		}),
		Entry("a project of a resource", func(w *world) fault {
			create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
			return fault{
				Assigned: w.assignment("a", "reader").ToUser("alice").InProject("lab", "speech").OnResource(w.Type, "42"),
				Reason:   v1alpha1.ReasonScopeNotFound,
				Words:    []string{"spec.scope", w.Namespace + "/lab/speech", "correct the scope, or declare it"},
				User:     "alice", Object: w.object("42", "lab", "speech"), Corrected: w.object("42", "lab", "vision"),
				Declare: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces[1].Projects = append(o.Spec.Workspaces[1].Projects, v1alpha1.Project{Name: "speech"})
					})
				},
				Withdraw: func() {
					edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
						o.Spec.Workspaces[1].Projects = o.Spec.Workspaces[1].Projects[:1]
					})
				},
				Correct: func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Project = "vision" },
			}
		}),
		Entry("a resource type", func(w *world) fault {
			other := w.Namespace + ".sheet"
			declaration := build.ResourceType(w.Namespace + "-sheet").OfType(other).Permits(w.Namespace + ":Calculate")
			create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
			doc := w.object("42", "prod", "vision")
			sheet := w.objectOf(other, "42", "prod", "vision")
			return fault{
				Assigned: w.assignment("a", "reader").ToUser("alice").InProject("prod", "vision").OnResource(other, "42"),
				Reason:   v1alpha1.ReasonResourceTypeNotFound,
				Words:    []string{"spec.scope.resource.type", other, "correct the type, or declare it"},
				User:     "alice", Object: sheet, Corrected: doc,
				Declare:  func() { create(declaration.Obj()) },
				Withdraw: func() { remove(declaration.Obj()) },
				Correct:  func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Resource.Type = w.Type },
			}
		}),
		Entry("a role", func(w *world) fault {
			auditor := build.Role(w.Namespace, "auditor").Grants(w.View)
			return fault{
				Assigned: w.assignment("a", "auditor").ToUser("alice"),
				Reason:   v1alpha1.ReasonRoleNotFound,
				Words:    []string{"spec.roleRef", "no Role auditor", "correct the name, or create it"},
				User:     "alice", Object: w.at(), Corrected: w.at(),
				Declare:  func() { create(auditor.Obj()) },
				Withdraw: func() { remove(auditor.Obj()) },
				Correct:  func(a *v1alpha1.RoleAssignment) { a.Spec.RoleRef.Name = "editor" },
			}
		}),
		Entry("a user", func(w *world) fault {
			return fault{
				Assigned: w.assignment("a", "editor").ToUser("carol"),
				Reason:   v1alpha1.ReasonUserNotFound,
				Words:    []string{"spec.subject.user", "no User carol", "correct the name, or create it"},
				User:     "carol", Object: w.at(), Corrected: w.at(),
				Declare:  func() { create(w.user("carol")) },
				Withdraw: func() { remove(w.user("carol")) },
				Correct: func(a *v1alpha1.RoleAssignment) {
					create(build.User(w.Namespace, "carola").KnownAs(w.subject("carol")).Obj())
					a.Spec.Subject.User = "carola"
				},
			}
		}),
		Entry("an invitation, as long as there is none", func(w *world) fault {
			return fault{
				Assigned: w.assignment("a", "editor").ToInvitation("alice"),
				Reason:   v1alpha1.ReasonInvitationNotFound,
				Words:    []string{"spec.subject.invitation", "no Invitation alice", "correct the name, or create it"},
				User:     "alice", Object: w.at(), Corrected: w.at(),
				Correct: func(a *v1alpha1.RoleAssignment) { a.Spec.Subject = v1alpha1.AssignmentSubject{User: "alice"} },
			}
		}),
		Entry("a level that the role allows", func(w *world) fault {
			role := build.Role(w.Namespace, "local").AssignableAt(v1alpha1.LevelProject).Grants(w.View)
			create(role.Obj())
			return fault{
				Assigned: w.assignment("a", "local").ToUser("alice").InWorkspace("prod"),
				Reason:   v1alpha1.ReasonScopeLevelNotAllowed,
				Words:    []string{"spec.scope", "Role local", "level Workspace", "change its assignableAt"},
				User:     "alice", Object: w.at("prod"), Corrected: w.at("prod", "vision"),
				Declare: func() { edit(role.Obj(), func(r *v1alpha1.Role) { r.Spec.AssignableAt = nil }) },
				Withdraw: func() {
					edit(role.Obj(), func(r *v1alpha1.Role) { r.Spec.AssignableAt = []v1alpha1.ScopeLevel{v1alpha1.LevelProject} })
				},
				Correct: func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Project = "vision" },
			}
		}),
	)
})
