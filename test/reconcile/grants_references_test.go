package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// missing is something that grants name and that is not there.
type missing struct {
	// User gets Permission; At is put where the scope is; Object is where the question is asked.
	User, Permission, Object string
	At                       v1alpha1.Scope
	// Reason is what the grants say, with these words.
	Reason string
	Words  []string
	// Declare brings it, Withdraw takes it away.
	Declare, Withdraw func()
}

var _ = Describe("Grants that name what is not there", func() {
	DescribeTable("[K3] [K5] give nothing until it comes, lose it when it goes, and have it again when it is back",
		func(of func(*world) missing) {
			w := newWorld()
			m := of(w)
			lasting := w.grant("lasting").ToUser(m.User).Grants(m.Permission).At(m.At).Obj()
			fleeting := w.temporary("fleeting").ToUser(m.User).Grants(m.Permission).At(m.At).For("PT1H").Obj()
			for _, g := range []v1alpha1.Object{lasting, fleeting} {
				create(g)
				expectReason(g, m.Reason, m.Words...)
				Expect(w.may(m.User, m.Permission, m.Object)()).To(BeFalse())
				Expect(w.granted()).To(BeEmpty())
				for range 2 {
					m.Declare()
					expectReason(g, v1alpha1.ReasonInForce)
					Expect(w.may(m.User, m.Permission, m.Object)()).To(BeTrue())
					m.Withdraw()
					Expect(w.may(m.User, m.Permission, m.Object)()).To(BeFalse())
					Expect(w.granted()).To(BeEmpty())
					expectReason(g, m.Reason)
				}
				Expect(g).To(haveGeneration(1), "nobody has written its spec")
				remove(g)
				m.Declare()
				Expect(w.may(m.User, m.Permission, m.Object)()).To(BeFalse())
				m.Withdraw()
			}
		},
		Entry("a user", func(w *world) missing {
			return missing{
				User: "carol", Permission: w.View, Object: w.at(),
				Reason: v1alpha1.ReasonUserNotFound, Words: []string{"no User carol", "correct the name, or create it"},
				Declare: func() { create(w.user("carol")) }, Withdraw: func() { remove(w.user("carol")) },
			}
		}),
		Entry("a project", func(w *world) missing {
			redeclare := func(projects ...v1alpha1.Project) func() {
				return func() {
					organization := build.Organization(w.Namespace).Obj()
					edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces[1].Projects = projects })
					expectReason(organization, v1alpha1.ReasonNotAdministered)
				}
			}
			return missing{
				User: "alice", Permission: w.View, Object: w.at("lab", "audio"), At: v1alpha1.Scope{Workspace: "lab", Project: "audio"},
				Reason: v1alpha1.ReasonScopeNotFound, Words: []string{"spec.scope", "lab/audio", "correct the scope, or declare it"},
				Declare:  redeclare(v1alpha1.Project{Name: "vision"}, v1alpha1.Project{Name: "audio"}),
				Withdraw: redeclare(v1alpha1.Project{Name: "vision"}),
			}
		}),
		Entry("a project, of an object", func(w *world) missing {
			redeclare := func(projects ...v1alpha1.Project) func() {
				return func() {
					organization := build.Organization(w.Namespace).Obj()
					edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces[1].Projects = projects })
					expectReason(organization, v1alpha1.ReasonNotAdministered)
				}
			}
			return missing{
				User: "alice", Permission: w.View, Object: w.object("42", "lab", "audio"),
				At:       v1alpha1.Scope{Workspace: "lab", Project: "audio", Resource: &v1alpha1.ResourceReference{Type: w.Type, ID: "42"}},
				Reason:   v1alpha1.ReasonScopeNotFound,
				Declare:  redeclare(v1alpha1.Project{Name: "audio"}),
				Withdraw: redeclare(),
			}
		}),
		Entry("a resource type", func(w *world) missing {
			sheet := build.ResourceType(w.Namespace + "-sheet").Permits(w.Namespace + ":Count")
			kind := sheet.Obj().Spec.Type
			return missing{
				User: "alice", Permission: w.Namespace + ":Count", Object: w.objectOf(kind, "42", "prod", ""),
				At:     v1alpha1.Scope{Workspace: "prod", Resource: &v1alpha1.ResourceReference{Type: kind, ID: "42"}},
				Reason: v1alpha1.ReasonResourceTypeNotFound, Words: []string{"spec.scope.resource.type", kind, "correct the type, or declare it"},
				Declare: func() { create(sheet.Obj()) }, Withdraw: func() { remove(sheet.Obj()) },
			}
		}),
		Entry("an organization", func(w *world) missing {
			organization := build.Organization(w.Namespace).Workspace("prod")
			remove(organization.Obj())
			return missing{
				User: "alice", Permission: w.View, Object: w.at("prod"), At: v1alpha1.Scope{Workspace: "prod"},
				Reason: v1alpha1.ReasonOrganizationNotFound, Words: []string{w.Namespace, "create it"},
				Declare: func() { create(organization.Obj()) }, Withdraw: func() { remove(organization.Obj()) },
			}
		}),
		Entry("a user who is believed", func(w *world) missing {
			remove(w.user("bob"))
			older := build.User(w.Namespace, "aaron").KnownAs(w.subject("bob")).Obj()
			create(older.DeepCopy())
			expectReason(older, v1alpha1.ReasonValid)
			create(w.user("bob"))
			expectReason(w.user("bob"), v1alpha1.ReasonSubjectTaken)
			return missing{
				User: "bob", Permission: w.View, Object: w.at(),
				Reason: v1alpha1.ReasonUserInvalid, Words: []string{"spec.", "User bob", "see its status"},
				Declare: func() { remove(older.DeepCopy()) },
				Withdraw: func() {
					remove(w.user("bob"))
					create(older.DeepCopy())
					expectReason(older, v1alpha1.ReasonValid)
					create(w.user("bob"))
					expectReason(w.user("bob"), v1alpha1.ReasonSubjectTaken)
				},
			}
		}),
	)
})

var _ = Describe("Grants to a user", func() {
	var (
		w                 *world
		lasting, fleeting v1alpha1.Object
	)
	BeforeEach(func() {
		w = newWorld()
		lasting = w.grant("lasting").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj()
		fleeting = w.temporary("fleeting").ToUser("alice").Grants(w.Edit, build.Equals("color", "red")).InProject("prod", "vision").OnResource(w.Type, "42").For("PT1H").Obj()
		create(lasting, fleeting)
		expectReason(lasting, v1alpha1.ReasonInForce)
		expectReason(fleeting, v1alpha1.ReasonInForce)
	})
	expectAccess := func(user string, want bool) {
		GinkgoHelper()
		Expect(w.may(user, w.View, w.at("prod"))()).To(Equal(want))
		Expect(w.may(user, w.Edit, w.object("42", "prod", "vision"), attributes{"color": "red"})()).To(Equal(want))
	}

	It("[K13] have no effect while the user is suspended, and the same as before afterwards", func() {
		expectAccess("alice", true)
		before, err := w.granted()
		Expect(err).NotTo(HaveOccurred())
		alice := w.user("alice")
		edit(alice, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(alice, v1alpha1.ReasonSuspended)
		expectAccess("alice", false)
		Expect(w.granted()).To(BeEmpty())
		expectReason(lasting, v1alpha1.ReasonUserSuspended, "alice")
		expectReason(fleeting, v1alpha1.ReasonUserSuspended, "alice")

		edit(alice, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(alice, v1alpha1.ReasonValid)
		expectAccess("alice", true)
		Expect(w.granted()).To(HaveLen(len(before)))
		expectReason(lasting, v1alpha1.ReasonInForce)
		expectReason(fleeting, v1alpha1.ReasonInForce)
	})

	It("[K3] are those of whoever the User of that name stands for", func() {
		remove(w.user("alice"))
		expectAccess("alice", false)
		another := build.User(w.Namespace, "alice").KnownAs(w.subject("carol")).Obj()
		another.Annotations = map[string]string{v1alpha1.AnnotationConfirmed: another.Spec.Subject}
		create(another)
		expectReason(lasting, v1alpha1.ReasonInForce)
		expectReason(fleeting, v1alpha1.ReasonInForce)
		expectAccess("alice", false)
		expectAccess("carol", true)
	})
})
