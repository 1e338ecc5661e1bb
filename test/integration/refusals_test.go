package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/schema"
)

// patchSpec is `kubectl patch --type=merge` of an object's spec. Unlike Go's types it can say "nothing".
func patchSpec(object client.Object, spec string) error {
	return k8sClient.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(`{"spec": `+spec+`}`)))
}

// test/schema has the full table of values of each row. These show for one of each what it comes to: what is
// accepted is in force, and what is refused has changed nobody's access.
var _ = Describe("What the schema refuses", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[Z3] gives nobody a role: a project without its workspace", func() {
		mayEdit := w.may("bob", w.Edit, w.at("prod", "vision"))
		Expect(k8sClient.Create(ctx, w.assignment("bob-edits", "editor").ToUser("bob").InProject("", "vision").Obj())).
			To(schema.BeRefusedAt("spec.scope.workspace", "a project needs its workspace: set it"))
		Expect(mayEdit()).To(BeFalse())

		whole := w.assignment("bob-edits", "editor").ToUser("bob").InProject("prod", "vision").Obj()
		create(whole)
		expectReason(whole, v1alpha1.ReasonInForce)
		Expect(mayEdit()).To(BeTrue())
		Expect(w.may("bob", w.Edit, w.at("lab", "vision"))()).To(BeFalse(), "a project of the same name")
	})

	It("[A3] leaves a grant as it was: an empty list, or an empty name", func() {
		mayView, mayEdit := w.may("bob", w.View, w.at("prod")), w.may("bob", w.Edit, w.at("prod"))
		g := w.grant("g").ToUser("bob").Grants(w.View).InWorkspace("prod").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(patchSpec(g, `{"permissions": []}`)).To(schema.BeRefusedAt("spec.permissions", "at least 1 items"))
		Expect(patchSpec(g, `{"permissions": [{"permission": ""}]}`)).To(schema.BeRefusedAt("spec.permissions", "[0].permission must not be blank"))
		Expect(observed(g).Generation).To(BeEquivalentTo(1))
		Expect(mayView()).To(BeTrue())
		Expect(mayEdit()).To(BeFalse())

		Expect(patchSpec(g, `{"permissions": [{"permission": "`+w.Edit+`"}]}`)).To(Succeed())
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(mayView()).To(BeFalse())
		Expect(mayEdit()).To(BeTrue())
	})

	It("[A5] leaves a grant as it was: an object without its type", func() {
		onObject, beside := w.may("bob", w.View, w.object("42", "prod", "vision")), w.may("bob", w.View, w.at("prod", "vision"))
		g := w.grant("g").ToUser("bob").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(patchSpec(g, `{"scope": {"resource": {"type": null}}}`)).To(schema.BeRefusedAt("spec.scope.resource.type", "Required value"))
		Expect(patchSpec(g, `{"scope": {"resource": {"type": ""}}}`)).To(schema.BeRefusedAt("spec.scope.resource.type", "must not be blank"))
		Expect(observed(g).Generation).To(BeEquivalentTo(1))
		Expect(onObject()).To(BeTrue())
		Expect(beside()).To(BeFalse())
	})

	It("[G1] leaves a role as it was: a second one of its name, no description, or another view", func() {
		mayEdit := w.may("bob", w.Edit, w.at("prod"))
		role := build.Role(w.Namespace, "deployer").Titled("Deployer").Describes("May deploy.").ViewedBy(v1alpha1.ViewAdmin).Grants(w.Edit).Obj()
		assigned := w.assignment("bob-deploys", role.Name).ToUser("bob").InWorkspace("prod").Obj()
		create(role, assigned)
		expectReason(role, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
		again := k8sClient.Create(ctx, build.Role(w.Namespace, role.Name).Grants(w.View).Obj())
		Expect(apierrors.IsAlreadyExists(again)).To(BeTrue(), "%v", again)
		Expect(patchSpec(role, `{"description": ""}`)).To(schema.BeRefusedAt("spec.description", "must not be blank"))
		Expect(patchSpec(role, `{"displayName": " "}`)).To(schema.BeRefusedAt("spec.displayName", "must not be blank"))
		Expect(patchSpec(role, `{"frontendView": "Owner"}`)).To(schema.BeRefusedAt("spec.frontendView", "supported values"))
		Expect(observed(role).Spec).To(And(
			HaveField("DisplayName", "Deployer"), HaveField("Description", "May deploy."), HaveField("FrontendView", v1alpha1.ViewAdmin)))
		Expect(mayEdit()).To(BeTrue())
	})

	It("[G6] gives nobody anything: a justification or a tag that is none", func() {
		mayDelete := w.may("bob", w.Delete, w.at("prod"))
		grant := func(justification, tag string) *v1alpha1.TemporaryPermissionGrant {
			return w.temporary("t").ToUser("bob").Grants(w.Delete).InWorkspace("prod").For("8h").Because(justification).Tagged("team", tag).Obj()
		}
		Expect(k8sClient.Create(ctx, grant("  incident7 ", "red"))).To(schema.BeRefusedAt("spec.justification", "surrounding blanks not counted"))
		Expect(k8sClient.Create(ctx, grant("incident 7", "dark-red"))).To(schema.BeRefusedAt("spec.tags[team]", "ASCII letters, digits, underscores and blanks"))
		Expect(mayDelete()).To(BeFalse())

		g := grant("incident 7", "dark red")
		create(g)
		expectReason(g, v1alpha1.ReasonInForce)
		Expect(mayDelete()).To(BeTrue())
	})
})

var _ = Describe("An assignment that is deleted and held by somebody else's finalizer", func() {
	It("[F7] says that it gives nothing, and gives nothing", func() {
		const held = "example.com/held"
		w := newWorld()
		mayEdit := w.may("bob", w.Edit, w.at("prod"))
		assigned := w.assignment("bob-edits", "editor").ToUser("bob").InWorkspace("prod").Obj()
		assigned.Finalizers = []string{held}
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(observed(assigned).Status.InForce).To(BeTrue())
		Expect(mayEdit()).To(BeTrue())

		Expect(k8sClient.Delete(ctx, assigned)).To(Succeed())
		expectReason(assigned, v1alpha1.ReasonBeingDeleted, "gives nothing any more", held)
		Expect(observed(assigned).Status.InForce).To(BeFalse())
		Expect(mayEdit()).To(BeFalse())
		edit(assigned, func(a *v1alpha1.RoleAssignment) { a.Finalizers = nil })
		remove(assigned)
	})
})
