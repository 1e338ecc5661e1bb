package integration

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// attempts are what someone has tried, and what the answer was, for people to read.
type attempts struct {
	w     *world
	lines []string
}

// of notes one attempt and its answer, and hands the answer on.
func (a *attempts) of(who, what string, answer error) error {
	text := "allowed"
	if answer != nil {
		_, text, _ = strings.Cut(": "+answer.Error(), ": ")
		if _, reason, refused := strings.Cut(text, "denied the request: "); refused {
			text, _, _ = strings.Cut(reason, "; you can give only what you hold")
		}
	}
	a.lines = append(a.lines, fmt.Sprintf("| %s | %s | %s |", who, what, strings.ReplaceAll(text, a.w.Namespace, "acme")))
	return answer
}

// Mallory may write everything in the namespace by Kubernetes' own rules, has the role editor in the
// workspace prod, and wants Delete, which nobody has given to mallory.
var _ = Describe("Mallory, who wants more,", func() {
	var (
		w       *world
		mallory client.Client
		tried   *attempts
	)
	try := func(what string, answer error) error {
		return tried.of("mallory", what, answer)
	}
	patch := func(object client.Object, body string) error {
		return mallory.Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(body)))
	}
	BeforeEach(func() {
		w = newWorld()
		tried = &attempts{w: w}
		create(
			build.User(w.Namespace, "mallory").KnownAs(w.subject("mallory")).ReachedAt("mallory@example.com").Obj(), w.standing("mallory"),
			w.assignment("mallory", "editor").ToUser("mallory").InWorkspace("prod").Obj(),
			w.assignment("alice", "admin").ToUser("alice").Obj(),
		)
		expectReason(w.assignment("mallory", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.assignment("alice", "").Obj(), v1alpha1.ReasonInForce)
		mallory = w.editor("mallory")
		DeferCleanup(func() {
			AddReportEntry("attempts", strings.Join(tried.lines, "\n"), ReportEntryVisibilityFailureOrVerbose)
		})
	})
	expectNothingGained := func() {
		GinkgoHelper()
		for _, at := range []string{w.at(), w.at("prod"), w.at("lab"), w.at("prod", "vision")} {
			Expect(w.may("mallory", w.Delete, at)()).To(BeFalse(), at)
		}
		Expect(w.may("mallory", w.View, w.at())()).To(BeFalse())
		Expect(w.may("mallory", w.View, w.at("lab"))()).To(BeFalse())
		Expect(w.may("mallory", w.View, w.at("prod"))()).To(BeTrue())
	}

	It("[G12] gains nothing by an update instead of a create", func() {
		mine := observed(w.assignment("mallory", "").Obj())
		mine.Spec.RoleRef.Name = "admin"
		Expect(try("change roleRef of their own assignment to a stronger role", mallory.Update(ctx, mine))).To(beRefused("spec.roleRef", w.Delete))
		Expect(try("the same by a patch", patch(mine, `{"spec":{"roleRef":{"name":"admin"}}}`))).To(beRefused("spec.roleRef", w.Delete))
		alices := observed(w.assignment("alice", "").Obj())
		alices.Spec.Subject.User = "mallory"
		Expect(try("make another's assignment their own", mallory.Update(ctx, alices))).To(SatisfyAny(beRefused(w.Delete), beRefused("owns the organization")))
		create(w.assignment("bob", "admin").ToUser("bob").Obj())
		expectReason(w.assignment("bob", "").Obj(), v1alpha1.ReasonInForce)
		bobs := observed(w.assignment("bob", "").Obj())
		bobs.Spec.Subject.User = "mallory"
		Expect(try("the same with one that nothing protects", mallory.Update(ctx, bobs))).To(beRefused(w.Delete))
		expectNothingGained()
	})

	It("[G12] gains nothing by widening a role, a condition or a scope", func() {
		conditional := w.grant("mine").ToUser("mallory").GrantsIf(w.Delete, build.Equals("color", "red")).InWorkspace("lab").Obj()
		conditional.Spec.Permissions[0].Permission = w.Edit
		create(conditional)
		expectReason(conditional, v1alpha1.ReasonInForce)

		role := observed(build.Role(w.Namespace, "editor").Obj())
		role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: w.Delete})
		Expect(try("add a permission to a role that they have", mallory.Update(ctx, role))).To(beRefused("spec", w.Delete))
		Expect(try("inherit from a stronger role", patch(role, `{"spec":{"inherits":["admin"]}}`))).To(beRefused(w.Delete))
		Expect(try("make a role that inherits from a stronger one", mallory.Create(ctx, build.Role(w.Namespace, "child").Inherits("admin").Obj()))).To(beRefused(w.Delete))

		wider := observed(conditional)
		wider.Spec.Permissions[0].Conditions = nil
		Expect(try("take a condition away", mallory.Update(ctx, wider))).To(beRefused("spec.permissions", w.Edit))
		wider = observed(conditional)
		wider.Spec.Permissions[0].Conditions["color"] = v1alpha1.AttributeCondition{Type: v1alpha1.ConditionIn, Values: []string{"red", "blue"}}
		Expect(try("add a value to a condition", mallory.Update(ctx, wider))).To(beRefused("spec.permissions", w.Edit))

		mine := observed(w.assignment("mallory", "").Obj())
		mine.Spec.Scope = v1alpha1.Scope{}
		Expect(try("move a scope up", mallory.Update(ctx, mine))).To(beRefused(w.View + " at " + w.Namespace))
		mine = observed(w.assignment("mallory", "").Obj())
		mine.Spec.Scope = v1alpha1.Scope{Workspace: "lab"}
		Expect(try("move a scope sideways", mallory.Update(ctx, mine))).To(beRefused(w.View + " at " + w.Namespace + "/lab"))
		narrow := observed(w.assignment("mallory", "").Obj())
		narrow.Spec.Scope = v1alpha1.Scope{Workspace: "prod", Project: "vision"}
		Expect(try("move a scope down, and", mallory.Update(ctx, narrow))).To(Succeed())
		expectReason(narrow, v1alpha1.ReasonInForce)
		narrow = observed(narrow)
		narrow.Spec.Scope = v1alpha1.Scope{Workspace: "prod"}
		Expect(try("up again, when nothing else gives it", mallory.Update(ctx, narrow))).To(beRefused(w.View + " at " + w.Namespace + "/prod"))
	})

	It("[G12] gains nothing by being in two places at once", func() {
		role := build.Role(w.Namespace, "narrow").Grants(w.Delete).AssignableAt(v1alpha1.LevelProject).Obj()
		inert := w.assignment("inert", "narrow").ToUser("mallory").Obj()
		create(role, inert)
		expectReason(inert, v1alpha1.ReasonScopeLevelNotAllowed)
		moved := observed(inert)
		moved.Spec.Scope = v1alpha1.Scope{Workspace: "prod", Project: "vision"}
		Expect(try("move an assignment from a level where it gives nothing to one where it does", mallory.Update(ctx, moved))).To(beRefused(w.Delete))
		Expect(try("let a role be assigned where an assignment of theirs waits", patch(role, `{"spec":{"assignableAt":["Project","Organization"]}}`))).To(beRefused(w.Delete))
		expectNothingGained()
	})

	It("[G12] gains nothing by what does not exist yet", func() {
		Expect(try("assign a role that does not exist yet", mallory.Create(ctx, w.assignment("m1", "later").ToUser("mallory").Obj()))).To(beRefused("no Role later"))
		Expect(try("assign it to a group that does not exist yet", mallory.Create(ctx, w.assignment("m2", "editor").ToGroup("later").InWorkspace("prod").Obj()))).To(beRefused("no Group later"))
		Expect(try("inherit from a role that does not exist yet", mallory.Create(ctx, build.Role(w.Namespace, "m3").Inherits("later").Obj()))).To(beRefused("no Role later"))
		Expect(try("add to an own role a permission that does not exist yet", mallory.Create(ctx, build.Role(w.Namespace, "m4").Grants(w.Namespace+":Later").Obj()))).To(beRefused("no ResourceType declares"))
		Expect(try("assign at a workspace that does not exist yet", mallory.Create(ctx, w.assignment("m5", "editor").ToUser("mallory").InWorkspace("later").Obj()))).To(beRefused("does not declare"))

		By("mending what somebody else has prepared")
		create(
			w.assignment("waits", "child").ToUser("mallory").Obj(), build.Role(w.Namespace, "child").Inherits("parent").Obj(),
			build.Role(w.Namespace, "parent").Inherits("third").Grants(w.Delete).Obj(), build.Role(w.Namespace, "third").Inherits("child").Obj(),
			w.assignment("zoe", "admin").ToUser("zoe").Obj(), w.assignment("ops", "admin").ToGroup("ops").Obj(),
		)
		expectReason(build.Role(w.Namespace, "child").Obj(), v1alpha1.ReasonInheritanceCycle)
		expectReason(w.assignment("waits", "").Obj(), v1alpha1.ReasonRoleEmpty)
		expectReason(w.assignment("zoe", "").Obj(), v1alpha1.ReasonUserNotFound)
		expectReason(w.assignment("ops", "").Obj(), v1alpha1.ReasonGroupNotFound)
		Expect(try("take a role out of a cycle, so that theirs inherits", patch(build.Role(w.Namespace, "third").Obj(), `{"spec":{"inherits":null}}`))).To(beRefused(w.Delete))
		Expect(try("delete that role", mallory.Delete(ctx, build.Role(w.Namespace, "third").Obj()))).To(beRefused(w.Delete))
		Expect(try("make a User under a name that an assignment waits for, with their own second subject", mallory.Create(ctx,
			build.User(w.Namespace, "zoe").KnownAs(w.subject("mallory2")).Obj()))).To(beRefused(w.Delete))
		Expect(try("make a Group that an assignment waits for", mallory.Create(ctx, build.Group(w.Namespace, "ops").Obj()))).To(beRefused(w.Delete))
		expectNothingGained()
	})

	It("[G12] [B7] gains nothing by groups", func() {
		create(
			w.membership("mallory", "mallory").As(v1alpha1.GroupAdmin).Configured(v1alpha1.ConfigurableNone, nil).Obj(),
			build.Group(w.Namespace, "ops").Obj(), w.assignment("ops", "admin").ToGroup("ops").InWorkspace("lab").Obj(),
		)
		expectReason(w.membership("mallory", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.assignment("ops", "").Obj(), v1alpha1.ReasonInForce)
		Expect(try("assign a stronger role to a group that they administer", mallory.Create(ctx, w.assignment("m1", "admin").ToGroup("devs").InWorkspace("prod").Obj()))).To(beRefused(w.Delete))
		Expect(try("grant it a permission", mallory.Create(ctx, w.grant("m2").ToGroup("devs").Grants(w.Delete).InWorkspace("prod").Obj()))).To(beRefused(w.Delete))
		Expect(try("join a stronger group", mallory.Create(ctx, build.GroupMembership(w.Namespace, "m3", "mallory", "ops").Obj()))).To(beRefused("the administration of the Group ops"))
		Expect(try("give themselves a configurable permission", patch(w.membership("mallory", "").Obj(), `{"spec":{"configurablePermissions":{"mode":"All"}}}`))).To(beRefused("on the Group devs"))
		Expect(try("do that by leaving it out", patch(w.membership("mallory", "").Obj(), `{"spec":{"configurablePermissions":null}}`))).To(beRefused("on the Group devs"))
		Expect(try("make another admin, with all permissions", mallory.Create(ctx, w.membership("m4", "bob").As(v1alpha1.GroupAdmin).Obj()))).To(beRefused("on the Group devs"))
		Expect(try("make a younger, stronger duplicate of their own membership", mallory.Create(ctx, w.membership("m5", "mallory").As(v1alpha1.GroupAdmin).Obj()))).To(beRefused("on the Group devs"))
		Expect(try("add a permission to the group's", patch(build.Group(w.Namespace, "devs").Obj(), `{"spec":{"configurablePermissions":["can_run_reports","can_more"]}}`))).To(Succeed(),
			"mode None gives none of them")
		w.expectConfigured("mallory")
		expectNothingGained()
	})

	It("[G12] [B7] gains nothing by deleting the older of two memberships", func() {
		older := w.membership("older", "bob").Obj()
		create(older)
		waitUntilOlder(older)
		create(w.membership("younger", "bob").As(v1alpha1.GroupAdmin).Obj(), w.membership("mallory", "mallory").As(v1alpha1.GroupAdmin).Configured(v1alpha1.ConfigurableNone, nil).Obj())
		expectReason(w.membership("younger", "").Obj(), v1alpha1.ReasonDuplicate)
		expectReason(w.membership("mallory", "").Obj(), v1alpha1.ReasonInForce)
		Expect(try("delete the older duplicate of a membership, so that the stronger takes effect", mallory.Delete(ctx, older))).To(beRefused("on the Group devs"))
		Expect(try("delete the younger", mallory.Delete(ctx, w.membership("younger", "").Obj()))).To(Succeed())
	})

	It("[G12] gains nothing by an invitation", func() {
		create(build.Invitation(w.Namespace, "guest").Obj(), w.assignment("guest", "admin").ToInvitation("guest").Obj(), w.assignment("soon", "admin").ToInvitation("soon").Obj())
		expectReason(w.assignment("guest", "").Obj(), v1alpha1.ReasonInvitationPending)
		expectReason(w.assignment("soon", "").Obj(), v1alpha1.ReasonInvitationNotFound)
		Expect(try("accept an invitation that is for somebody else", patch(build.Invitation(w.Namespace, "guest").Obj(), `{"spec":{"acceptedBy":"mallory"}}`))).To(beRefused(w.Delete))
		Expect(try("take the invited one's address", patch(w.user("mallory"), `{"spec":{"email":"guest@example.com"}}`))).To(beRefused(w.Delete))
		own := build.Invitation(w.Namespace, "soon").Obj()
		own.Spec.Email = "mallory@example.com"
		Expect(try("make an invitation to themselves that a role waits for", mallory.Create(ctx, own))).To(beRefused(w.Delete))
		Expect(try("delete an invitation, and", mallory.Delete(ctx, build.Invitation(w.Namespace, "guest").Obj()))).To(Succeed())
		expectReason(w.assignment("guest", "").Obj(), v1alpha1.ReasonInvitationNotFound)
		own.Name = "guest"
		Expect(try("make it anew, to themselves", mallory.Create(ctx, own))).To(beRefused(w.Delete))
		expectNothingGained()
	})

	It("[G12] gains nothing by an address that an invitation is for, before it gives anything", func() {
		create(build.Invitation(w.Namespace, "guest").Obj())
		expectReason(build.Invitation(w.Namespace, "guest").Obj(), v1alpha1.ReasonInvitationPending)
		Expect(try("take the address of somebody who is invited to nothing yet", patch(w.user("mallory"), `{"spec":{"email":"guest@example.com"}}`))).To(
			beRefused("spec.email", "Invitation guest", "not known yet"))
		Expect(try("make a User who has it", mallory.Create(ctx,
			build.User(w.Namespace, "m").KnownAs(w.subject("mallory2")).ReachedAt("guest@example.com").Obj()))).To(beRefused("spec.email", "not known yet"))
		Expect(try("take an address that no invitation is for", patch(w.user("mallory"), `{"spec":{"email":"mallory@example.org"}}`))).To(Succeed())
	})

	It("[G12] gains nothing by what is being deleted", func() {
		const hold = "example.com/hold"
		empty := build.Role(w.Namespace, "empty").Obj()
		going := w.assignment("going", "empty").ToGroup("devs").Obj()
		going.Finalizers = []string{hold}
		create(empty, going)
		Eventually(reason(going)).ShouldNot(BeEmpty())
		Expect(k8sClient.Delete(ctx, going)).To(Succeed())
		Expect(try("write a stronger role, for themselves, into an assignment that is being deleted",
			patch(going, `{"spec":{"roleRef":{"name":"admin"},"subject":{"group":null,"user":"mallory"}}}`))).To(beRefused("is being deleted", "make another one"))
		Eventually(func() ([]string, error) {
			err := k8sClient.Get(ctx, client.ObjectKeyFromObject(going), going)
			return going.Finalizers, err
		}).Should(ConsistOf(hold))
		Expect(try("do that when it gives nothing any more", patch(going, `{"spec":{"roleRef":{"name":"admin"}}}`))).To(beRefused("is being deleted"))
		Expect(patch(going, `{"metadata":{"finalizers":null}}`)).To(Succeed())
		Eventually(isGone(going)).Should(BeTrue())
		expectNothingGained()
	})

	It("[G12] gains nothing by breaking a role", func() {
		create(build.Role(w.Namespace, "base").Obj(), build.Role(w.Namespace, "child").Inherits("base").Obj(), w.assignment("child", "child").ToUser("mallory").Obj())
		base, child := build.Role(w.Namespace, "base").Obj(), build.Role(w.Namespace, "child").Obj()
		expectReason(child, v1alpha1.ReasonValid)
		Expect(try("break the parent of a role that they have, and", patch(base, `{"spec":{"inherits":["base"]}}`))).To(Succeed())
		expectReason(base, v1alpha1.ReasonInheritanceCycle)
		Expect(try("let that role inherit from a stronger one, for when its parent is fixed", patch(child, `{"spec":{"inherits":["base","admin"]}}`))).To(beRefused(w.Delete))
		Expect(try("let the broken parent do that", patch(base, `{"spec":{"inherits":["base","admin"]}}`))).To(beRefused(w.Delete))
		edit(base, func(r *v1alpha1.Role) { r.Spec.Inherits = nil })
		expectReason(child, v1alpha1.ReasonValid)
		expectNothingGained()
	})

	It("[G12] [K3] gains nothing by what waits for the end of a pause", func() {
		ops := build.Role(w.Namespace, "ops").Obj()
		create(ops)
		expectReason(ops, v1alpha1.ReasonValid)
		pause(ops)
		expectPaused(ops, v1alpha1.ReasonPaused, false)
		edit(ops, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = []v1alpha1.PermissionEntry{{Permission: w.Delete}} })
		expectPaused(ops, v1alpha1.ReasonPaused, true)
		Expect(try("assign themselves a role with an edit that waits", mallory.Create(ctx, w.assignment("m1", "ops").ToUser("mallory").Obj()))).To(
			beRefused("spec.roleRef", "waits for the end of a pause"))
		Expect(try("inherit from it", mallory.Create(ctx, build.Role(w.Namespace, "m2").Inherits("ops").Obj()))).To(beRefused("spec.inherits", "waits"))

		By("taking the names that it is for")
		waiting := []v1alpha1.Object{w.assignment("zoe", "admin").ToUser("zoe").Obj(), w.assignment("late", "admin").ToGroup("late").Obj(),
			w.assignment("soon", "admin").ToInvitation("soon").Obj()}
		for _, object := range waiting {
			object.SetAnnotations(map[string]string{v1alpha1.AnnotationPaused: "true"})
			create(object)
			expectPaused(object, v1alpha1.ReasonPaused, true)
		}
		Expect(try("make the User that a paused assignment names", mallory.Create(ctx,
			build.User(w.Namespace, "zoe").KnownAs(w.subject("mallory2")).Obj()))).To(beRefused("RoleAssignment zoe", "waits"))
		Expect(try("make the Group", mallory.Create(ctx, build.Group(w.Namespace, "late").Obj()))).To(beRefused("RoleAssignment late", "waits"))
		Expect(try("make the Invitation", mallory.Create(ctx, build.Invitation(w.Namespace, "soon").Obj()))).To(beRefused("RoleAssignment soon", "waits"))
		Expect(try("make a User that nothing names", mallory.Create(ctx, build.User(w.Namespace, "yan").KnownAs(w.subject("yan")).Obj()))).To(Succeed())
		expectNothingGained()
	})

	It("[G12] gains nothing by clearing suspended", func() {
		create(build.User(w.Namespace, "alter").KnownAs("alter@"+w.Namespace).Suspended().Obj(), w.assignment("alter", "admin").ToUser("alter").Obj())
		expectReason(w.assignment("alter", "").Obj(), v1alpha1.ReasonUserSuspended)
		Expect(try("reinstate a stronger User", patch(build.User(w.Namespace, "alter").Obj(), `{"spec":{"suspended":false}}`))).To(beRefused(w.Delete))
		Expect(try("by leaving it out", patch(build.User(w.Namespace, "alter").Obj(), `{"spec":{"suspended":null}}`))).To(SatisfyAny(beRefused(w.Delete), MatchError(ContainSubstring("suspended"))))
		Expect(try("delete a stronger User, and", mallory.Delete(ctx, build.User(w.Namespace, "alter").Obj()))).To(Succeed())
		expectReason(w.assignment("alter", "").Obj(), v1alpha1.ReasonUserNotFound)
		Expect(try("make it anew, with their own subject", mallory.Create(ctx, build.User(w.Namespace, "alter").KnownAs(w.subject("mallory2")).Obj()))).To(beRefused(w.Delete))
	})

	It("[G12] [K16] gains nothing by statuses, finalizers and stamps", func() {
		fleeting := w.temporary("fleeting").ToUser("mallory").Grants(w.Delete).For("8h").Obj()
		create(fleeting)
		expectReason(fleeting, v1alpha1.ReasonInForce)
		ends := observed(fleeting).Status.ExpiresAt.Time
		role := build.Role(w.Namespace, "editor").Obj()
		status := func(object client.Object, body string) error {
			return mallory.Status().Patch(ctx, object, client.RawPatch("application/merge-patch+json", []byte(body)))
		}
		Expect(try("patch a status, without the right to", status(role, `{"status":{"conditions":[]}}`))).To(MatchError(ContainSubstring("forbidden")), "by Kubernetes' own rules")

		By("with a right that nobody should have")
		w.allow("mallory", mallory, "patch temporarypermissiongrants/status")
		Expect(status(fleeting, `{"status":{"startsAt":"2900-01-01T00:00:00Z","expiresAt":"2900-01-01T00:00:00Z","phase":"Active"}}`)).To(beRefusedByPolicy("bailiwick-statuses"))
		Expect(observed(fleeting).Status.ExpiresAt.Time).To(Equal(ends))
		Expect(try("extend their temporary grant", patch(fleeting, `{"spec":{"duration":"80h"}}`))).To(beRefused(w.Delete))
		Expect(try("put its start off", patch(fleeting, `{"metadata":{"annotations":{"authz.bailiwick.dev/granted-at":"2900-01-01T00:00:00Z"}}}`))).To(MatchError(ContainSubstring("can't be changed")))
		Expect(try("take its finalizer away", patch(fleeting, `{"metadata":{"finalizers":null}}`))).To(Succeed())
		Expect(observed(fleeting).Finalizers).To(ConsistOf(v1alpha1.Finalizer), "and it is still there")
	})

	It("[G12] gains nothing by another way of writing the same", func() {
		gvk := v1alpha1.GroupVersion.WithKind("RoleAssignment")
		applied := w.assignment("mallory", "admin").ToUser("mallory").InWorkspace("prod").Obj()
		applied.SetGroupVersionKind(gvk)
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(applied)
		Expect(err).NotTo(HaveOccurred())
		delete(content, "status")
		apply := client.ApplyConfigurationFromUnstructured(unstructuredOf(content))
		Expect(try("server-side apply, with force", mallory.Apply(ctx, apply, client.FieldOwner("m"), client.ForceOwnership))).To(beRefused(w.Delete))
		applied.Name = "new"
		content["metadata"] = map[string]any{"name": "new", "namespace": w.Namespace}
		Expect(try("create by server-side apply", mallory.Apply(ctx, client.ApplyConfigurationFromUnstructured(unstructuredOf(content)), client.FieldOwner("m")))).To(beRefused(w.Delete))

		generated := w.assignment("", "admin").ToUser("mallory").Obj()
		generated.GenerateName = "m-"
		Expect(try("a generated name", mallory.Create(ctx, generated))).To(beRefused(w.Delete))
		named := build.Role(w.Namespace, "").Grants(w.Delete).Obj()
		named.GenerateName = "m-"
		Expect(try("a generated name for a role", mallory.Create(ctx, named))).To(beRefused(w.Delete))

		dry := w.assignment("dry", "admin").ToUser("mallory").Obj()
		Expect(try("a dry run", mallory.Create(ctx, dry, client.DryRunAll))).To(beRefused(w.Delete))
		Expect(isGone(dry)()).To(BeTrue())

		owned := w.assignment("owned", "admin").ToUser("mallory").Obj()
		owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "00000000-0000-0000-0000-000000000000"}}
		owned.Finalizers = []string{"example.com/hold"}
		Expect(try("with an owner and a finalizer", mallory.Create(ctx, owned))).To(beRefused(w.Delete))
		expectNothingGained()
	})

	It("[G12] [G8] gains nothing by what does not last", func() {
		create(w.temporary("fleeting").ToUser("mallory").Grants(w.Delete).For("8h").Obj())
		expectReason(w.temporary("fleeting").Obj(), v1alpha1.ReasonInForce)
		Expect(try("give themselves for good what they have for a while", mallory.Create(ctx, w.grant("m1").ToUser("mallory").Grants(w.Delete).Obj()))).To(beRefused(w.Delete))
		Expect(try("for a while again", mallory.Create(ctx, w.temporary("m2").ToUser("mallory").Grants(w.Delete).For("8h").Obj()))).To(beRefused(w.Delete))
	})

	It("[G12] gains nothing by the Organization, with the right to write it", func() {
		create(w.assignment("waits", "admin").ToUser("mallory").InWorkspace("later").Obj(), w.temporary("capped").ToUser("mallory").Grants(w.Delete).For("80h").InWorkspace("lab").Obj())
		edit(build.Organization(w.Namespace).Obj(), func(o *v1alpha1.Organization) {
			most := v1alpha1.Duration("1h")
			o.Spec.TemporaryGrants.MaxDuration = &most
		})
		expectReason(w.assignment("waits", "").Obj(), v1alpha1.ReasonScopeNotFound)
		Eventually(message(w.temporary("capped").Obj())).Should(ContainSubstring("maxDuration"))
		allowOrganizations(w.subject("mallory"))
		organization := func(change func(*v1alpha1.OrganizationSpec)) error {
			o := observed(build.Organization(w.Namespace).Obj())
			change(&o.Spec)
			return mallory.Update(ctx, o)
		}
		w.expectMayOrganizations(mallory)
		Expect(try("declare a workspace that an assignment of theirs waits for", organization(func(o *v1alpha1.OrganizationSpec) {
			o.Workspaces = append(o.Workspaces, v1alpha1.Workspace{Name: "later"})
		}))).To(beRefused("spec", w.Delete+" at "+w.Namespace+"/later", "escalate on organizations"))
		Expect(try("let temporary grants last longer", organization(func(o *v1alpha1.OrganizationSpec) { o.TemporaryGrants.MaxDuration = nil }))).To(beRefused(w.Delete + " at " + w.Namespace + "/lab"))
		Expect(try("make a role that they have the adminRole", organization(func(o *v1alpha1.OrganizationSpec) { o.AdminRole = "editor" }))).To(beRefused("the adminRole of the Organization"))
		Expect(try("declare a workspace that nothing waits for", organization(func(o *v1alpha1.OrganizationSpec) {
			o.Workspaces = append(o.Workspaces, v1alpha1.Workspace{Name: "new"})
		}))).To(Succeed())

		By("making it anew")
		remove(build.Organization(w.Namespace).Obj())
		expectReason(w.assignment("waits", "").Obj(), v1alpha1.ReasonOrganizationNotFound)
		Expect(try("make an Organization anew, over what waits for it", mallory.Create(ctx, build.Organization(w.Namespace).OwnedBy("mallory").Workspace("later").Obj()))).To(
			beRefused("metadata.name", "would take effect", "escalate on organizations"))
		create(build.Organization(w.Namespace).OwnedBy("alice").Workspace(hall).Obj())
	})
})
