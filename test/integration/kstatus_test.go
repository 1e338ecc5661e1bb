package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
)

var _ = Describe("kstatus", func() {
	// expectVerdict waits until an object gives a reason, and expects what kstatus makes of it.
	expectVerdict := func(object v1alpha1.Object, because string, want any) {
		GinkgoHelper()
		expectReason(object, because)
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		Expect(statuscheck.KStatus(object)).To(Equal(want))
		conditions := object.CommonStatus().Conditions
		Expect(meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady)).To(Equal(want == statuscheck.Current))
		Expect(meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReconciling)).To(Equal(want == statuscheck.InProgress))
		Expect(meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled)).To(Equal(want == statuscheck.Failed))
	}

	It("[K15] reads what is valid as Current, also where it is deliberately without effect", func() {
		w := newWorld()
		away := build.User(w.Namespace, "away").KnownAs(w.subject("away")).Suspended().Obj()
		hollow := build.Role(w.Namespace, "hollow").Obj()
		inForce := w.assignment("in-force", "editor").ToUser("alice").Obj()
		suspended := w.assignment("suspended", "editor").ToUser("away").Obj()
		empty := w.assignment("empty", "hollow").ToGroup("devs").Obj()
		create(away, hollow, inForce, suspended, empty)
		expectVerdict(build.Organization(w.Namespace).Obj(), v1alpha1.ReasonNotAdministered, statuscheck.InProgress)
		expectVerdict(build.ResourceType(w.Namespace).Obj(), v1alpha1.ReasonValid, statuscheck.Current)
		expectVerdict(w.user("alice"), v1alpha1.ReasonValid, statuscheck.Current)
		expectVerdict(away, v1alpha1.ReasonSuspended, statuscheck.Current)
		expectVerdict(build.Group(w.Namespace, "devs").Obj(), v1alpha1.ReasonValid, statuscheck.Current)
		expectVerdict(build.Role(w.Namespace, "editor").Obj(), v1alpha1.ReasonValid, statuscheck.Current)
		expectVerdict(hollow, v1alpha1.ReasonValid, statuscheck.Current)
		expectVerdict(inForce, v1alpha1.ReasonInForce, statuscheck.Current)
		expectVerdict(suspended, v1alpha1.ReasonUserSuspended, statuscheck.Current)
		expectVerdict(empty, v1alpha1.ReasonRoleEmpty, statuscheck.Current)
	})

	It("[K15] reads what waits for something as InProgress", func() {
		w := newWorld()
		role := build.Role(w.Namespace, "early").Grants(w.Namespace + ":Later").Obj()
		create(role, build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		expectVerdict(role, v1alpha1.ReasonPermissionsInvalid, statuscheck.InProgress)
		for because, assigned := range map[string]*v1alpha1.RoleAssignment{
			v1alpha1.ReasonRoleNotFound:         w.assignment("role", "later").ToUser("alice").Obj(),
			v1alpha1.ReasonUserNotFound:         w.assignment("user", "editor").ToUser("later").Obj(),
			v1alpha1.ReasonGroupNotFound:        w.assignment("group", "editor").ToGroup("later").Obj(),
			v1alpha1.ReasonInvitationNotFound:   w.assignment("invitation", "editor").ToInvitation("later").Obj(),
			v1alpha1.ReasonScopeNotFound:        w.assignment("scope", "editor").ToUser("alice").InWorkspace("later").Obj(),
			v1alpha1.ReasonResourceTypeNotFound: w.assignment("type", "reader").ToUser("alice").OnResource(w.Namespace+".later", "42").Obj(),
		} {
			create(assigned)
			expectVerdict(assigned, because, statuscheck.InProgress)
		}

		By("a role that inherits from one that is not there, but not its child")
		orphan := build.Role(w.Namespace, "orphan").Inherits("later").Obj()
		child := build.Role(w.Namespace, "child").Inherits("orphan").Obj()
		create(orphan, child)
		expectVerdict(orphan, v1alpha1.ReasonRoleNotFound, statuscheck.InProgress)
		expectVerdict(child, v1alpha1.ReasonValid, statuscheck.Current)

		By("everything in a namespace that has no Organization")
		ns := newNamespace(ctx)
		for _, object := range []v1alpha1.Object{
			build.User(ns, "a").Obj(), build.Group(ns, "a").Obj(), build.Role(ns, "a").Obj(), build.RoleAssignment(ns, "a").Gives("a").ToUser("a").Obj(),
		} {
			create(object)
			expectVerdict(object, v1alpha1.ReasonOrganizationNotFound, statuscheck.InProgress)
		}

		By("an Organization that has no namespace")
		organization := build.Organization(ns + "-later").Obj()
		create(organization)
		expectVerdict(organization, v1alpha1.ReasonNamespaceNotFound, statuscheck.InProgress)
	})

	It("[K15] reads what someone must edit as Failed", func() {
		w := newWorld()
		local := build.Role(w.Namespace, "local").AssignableAt(v1alpha1.LevelProject).Grants(w.View).Obj()
		mistyped := build.Role(w.Namespace, "mistyped").GrantsIf(w.Edit, build.Equals("floor", "abc")).Obj()
		twin := build.User(w.Namespace, "twin").KnownAs(w.subject("alice")).Obj()
		level := w.assignment("level", "local").ToUser("alice").Obj()
		ring := build.Role(w.Namespace, "ring").Inherits("ring").Obj()
		bent := build.Role(w.Namespace, "bent").OfType(v1alpha1.RoleBase).Inherits("local").Obj()
		sameType := build.ResourceType(w.Namespace + "-type").OfType(w.Type).Permits(w.Namespace + ":Other").Obj()
		samePermission := build.ResourceType(w.Namespace + "-permission").Permits(w.View).Obj()
		create(local, mistyped, twin, level, ring, bent, sameType, samePermission)
		expectVerdict(mistyped, v1alpha1.ReasonPermissionsInvalid, statuscheck.Failed)
		expectVerdict(twin, v1alpha1.ReasonSubjectTaken, statuscheck.Failed)
		expectVerdict(level, v1alpha1.ReasonScopeLevelNotAllowed, statuscheck.Failed)
		expectVerdict(ring, v1alpha1.ReasonInheritanceCycle, statuscheck.Failed)
		expectVerdict(bent, v1alpha1.ReasonBaseRoleInherits, statuscheck.Failed)
		expectVerdict(sameType, v1alpha1.ReasonTypeTaken, statuscheck.Failed)
		expectVerdict(samePermission, v1alpha1.ReasonPermissionTaken, statuscheck.Failed)

		By("and Current once it is edited")
		edit(mistyped, func(r *v1alpha1.Role) { r.Spec.PermissionGrants[0].Conditions = nil })
		expectVerdict(mistyped, v1alpha1.ReasonValid, statuscheck.Current)
	})

	It("[K15] reads what nobody has seen yet as InProgress", func() {
		unseen := build.RoleAssignment("default", "unseen").Gives("editor").ToUser("alice").Obj()
		Expect(k8sClient.Create(ctx, unseen, client.DryRunAll)).To(Succeed())
		Expect(statuscheck.KStatus(unseen)).To(Equal(statuscheck.InProgress))
	})
})
