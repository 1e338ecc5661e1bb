package flux

import (
	"context"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/test/gitops"
)

const bobsRole = "RoleAssignment/acme/bob-editor-vision"

var (
	bobViews    = gitops.Question{Subject: "bob@acme.example", Permission: "App:View", Type: "project", ID: "acme/prod/vision"}
	botDeploys  = gitops.Question{Subject: "deploy-bot", Permission: "App:Deploy", Type: "workspace", ID: "acme/prod", Attributes: map[string]any{"environment": "production"}}
	carolWrites = gitops.Question{Subject: "carol@acme.example", Permission: "Dataset:Write", Type: "workspace", ID: "acme/prod"}
)

var _ = Describe("Flux", Ordered, func() {
	var (
		samples []*unstructured.Unstructured
		acme    *kustomization
	)

	may := func(ctx context.Context, q gitops.Question) bool {
		GinkgoHelper()
		allowed, err := world.May(ctx, q)
		Expect(err).NotTo(HaveOccurred())
		return allowed
	}
	kubectl := func(ctx context.Context, args ...string) {
		GinkgoHelper()
		_, err := world.Kubectl(ctx, args...)
		Expect(err).NotTo(HaveOccurred())
	}
	// changed are the objects to which something was done.
	changed := func(actions map[string]ssa.Action) map[string]ssa.Action {
		result := map[string]ssa.Action{}
		for name, action := range actions {
			if action != ssa.UnchangedAction {
				result[name] = action
			}
		}
		return result
	}
	// appliesToNoEffect applies once more what was delivered. The operator may still have to write how many
	// assignments a role has, so it is tried until nothing but the engine could move a version.
	appliesToNoEffect := func(ctx context.Context, k *kustomization, objects []*unstructured.Unstructured) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			before := k.versions(ctx, objects)
			Expect(changed(k.deliver(ctx, objects))).To(BeEmpty())
			g.Expect(k.versions(ctx, objects)).To(Equal(before))
		}).Should(Succeed())
	}

	BeforeAll(func(ctx context.Context) {
		var err error
		samples, err = world.Samples(ctx)
		Expect(err).NotTo(HaveOccurred())
		acme = newKustomization("acme", world.Config)
	})

	It("[K15] applies the samples, with every kind among them, and all become healthy", func(ctx context.Context) {
		kinds := map[string]bool{}
		for _, object := range samples {
			kinds[object.GetKind()] = true
		}
		for _, check := range healthChecks() {
			Expect(kinds[check.Kind]).NotTo(Equal(gitops.WrittenByPeople.Has(check.Kind)), check.Kind)
		}
		Expect(kinds).To(HaveLen(len(healthChecks())-len(gitops.WrittenByPeople)+1), "the kinds that have a health check, and Namespace")

		actions := acme.deliver(ctx, samples)
		Expect(actions).To(HaveLen(len(samples)))
		Expect(actions).To(HaveEach(ssa.CreatedAction))
		Expect(may(ctx, bobViews)).To(BeTrue())
		Expect(may(ctx, botDeploys)).To(BeTrue())
		Expect(may(ctx, carolWrites)).To(BeFalse())
	})

	It("[K10] changes nothing when it applies them again", func(ctx context.Context) {
		appliesToNoEffect(ctx, acme, samples)
	})

	It("puts back what somebody edited by hand", func(ctx context.Context) {
		kubectl(ctx, "patch", "arole", "deployer", "-n", "acme", "--type=json",
			"-p", `[{"op":"replace","path":"/spec/permissionGrants/0/conditions/environment/value","value":"staging"}]`)
		Eventually(may).WithArguments(ctx, botDeploys).Should(BeFalse())

		Expect(changed(acme.deliver(ctx, samples))).To(Equal(map[string]ssa.Action{"Role/acme/deployer": ssa.ConfiguredAction}))
		Expect(may(ctx, botDeploys)).To(BeTrue())
	})

	It("takes away what somebody added by hand", func(ctx context.Context) {
		kubectl(ctx, "patch", "arole", "viewer", "-n", "acme", "--type=merge", "-p", `{"spec":{"inherits":["editor"]}}`)
		Eventually(may).WithArguments(ctx, carolWrites).Should(BeTrue())

		Expect(changed(acme.deliver(ctx, samples))).To(Equal(map[string]ssa.Action{"Role/acme/viewer": ssa.ConfiguredAction}))
		Expect(may(ctx, carolWrites)).To(BeFalse())
	})

	It("leaves what another program than kubectl added to a list of names, as docs/gitops/flux.md says", func(ctx context.Context) {
		add := []string{"patch", "arole", "viewer", "-n", "acme", "--type=merge", "--field-manager=console", "-p"}
		kubectl(ctx, append(add, `{"spec":{"inherits":["editor"]}}`)...)
		Eventually(may).WithArguments(ctx, carolWrites).Should(BeTrue())

		Expect(changed(acme.deliver(ctx, samples))).To(BeEmpty())
		Expect(may(ctx, carolWrites)).To(BeTrue())

		kubectl(ctx, append(add, `{"spec":{"inherits":null}}`)...)
		Eventually(may).WithArguments(ctx, carolWrites).Should(BeFalse())
	})

	It("makes anew what somebody deleted by hand", func(ctx context.Context) {
		kubectl(ctx, "delete", "roleassignment", "bob-editor-vision", "-n", "acme")
		Expect(may(ctx, bobViews)).To(BeFalse())

		Expect(changed(acme.deliver(ctx, samples))).To(Equal(map[string]ssa.Action{bobsRole: ssa.CreatedAction}))
		Expect(may(ctx, bobViews)).To(BeTrue())
	})

	It("prunes what was taken out of git, with its access, and makes it anew when it comes back", func(ctx context.Context) {
		fewer, err := gitops.Without(samples, "RoleAssignment", "bob-editor-vision")
		Expect(err).NotTo(HaveOccurred())
		Expect(changed(acme.deliver(ctx, fewer))).To(Equal(map[string]ssa.Action{bobsRole: ssa.DeletedAction}))
		Expect(may(ctx, bobViews)).To(BeFalse())

		Expect(changed(acme.deliver(ctx, samples))).To(Equal(map[string]ssa.Action{bobsRole: ssa.CreatedAction}))
		Expect(may(ctx, bobViews)).To(BeTrue())
	})

	It("[P2] leaves alone what SCIM made in an organization that it delivers, also when it prunes", func(ctx context.Context) {
		const file = "test/gitops/scim.yaml"
		people, err := gitops.Read(file)
		Expect(err).NotTo(HaveOccurred())
		kubectl(ctx, "create", "-f", file)
		kubectl(ctx, "wait", "--for=condition=Ready", stage.WaitArgument, "-f", file)
		before := acme.versions(ctx, people)

		Expect(changed(acme.deliver(ctx, samples))).To(BeEmpty())
		fewer, err := gitops.Without(samples, "RoleAssignment", "bob-editor-vision")
		Expect(err).NotTo(HaveOccurred())
		Expect(changed(acme.deliver(ctx, fewer))).To(Equal(map[string]ssa.Action{bobsRole: ssa.DeletedAction}))
		Expect(changed(acme.deliver(ctx, samples))).To(Equal(map[string]ssa.Action{bobsRole: ssa.CreatedAction}))
		Expect(acme.versions(ctx, people)).To(Equal(before))
		kubectl(ctx, "delete", "-f", file)
	})

	It("is told what to do about a field that can't be changed, and makes the object anew when forced", func(ctx context.Context) {
		edited := copies(samples)
		for _, object := range edited {
			if object.GetName() == "deploy-bot-delete-vision" {
				Expect(unstructured.SetNestedField(object.Object, "carol", "spec", "user")).To(Succeed())
			}
		}
		_, err := acme.apply(ctx, edited)
		Expect(err).To(MatchError(ContainSubstring("TemporaryPermissionGrant/acme/deploy-bot-delete-vision")))
		Expect(err).To(MatchError(ContainSubstring("make another")))

		acme.force = true
		DeferCleanup(func() { acme.force = false })
		Expect(changed(acme.deliver(ctx, edited))).To(Equal(map[string]ssa.Action{"TemporaryPermissionGrant/acme/deploy-bot-delete-vision": ssa.CreatedAction}))
		acme.deliver(ctx, samples)
	})

	It("has no permanent difference over empty values, and is told which null to leave out", func(ctx context.Context) {
		empties, err := gitops.Read("test/gitops/empty.yaml")
		Expect(err).NotTo(HaveOccurred())
		hollow := newKustomization("hollow", world.Config)
		hollow.deliver(ctx, empties)
		appliesToNoEffect(ctx, hollow, empties)

		nulls, err := gitops.Read("test/gitops/null.yaml")
		Expect(err).NotTo(HaveOccurred())
		for n, field := range []string{"spec.displayName", "spec.subject.group", "spec.duration", "scope can't be null"} {
			_, err := newKustomization("null", world.Config).apply(ctx, nulls[n:n+1])
			Expect(err).To(MatchError(ContainSubstring(field)))
		}
	})

	DescribeTable("[K15] reads health rightly, by kstatus and by our expressions",
		func(ctx context.Context, file string, want status.Status) {
			objects, err := gitops.Read(file)
			Expect(err).NotTo(HaveOccurred())
			cases := newKustomization("cases", world.Config)
			DeferCleanup(func(ctx context.Context) {
				_, err := cases.apply(ctx, nil)
				Expect(err).NotTo(HaveOccurred())
			})
			_, err = cases.apply(ctx, objects)
			Expect(err).NotTo(HaveOccurred())
			Eventually(func(g Gomega, ctx context.Context) {
				for _, object := range cases.live(ctx, objects) {
					byKStatus, err := status.Compute(object)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(byKStatus.Status).To(Equal(want), "%s: %s", gitops.Name(object), gitops.Condition(object))
					byExpression, err := evaluate(ctx, object)
					g.Expect(err).NotTo(HaveOccurred())
					g.Expect(byExpression).To(Equal(want), "%s: %s", gitops.Name(object), gitops.Condition(object))
				}
			}).WithContext(ctx).Should(Succeed())

			if want == status.CurrentStatus {
				Expect(cases.wait(ctx)).To(Succeed())
				appliesToNoEffect(ctx, cases, objects)
			}
			if want == status.FailedStatus {
				Expect(cases.wait(ctx)).To(MatchError(ContainSubstring("failed early due to stalled resources")))
			}
		},
		Entry("what waits is InProgress", "test/gitops/waiting.yaml", status.InProgressStatus),
		Entry("what someone must edit is Failed", "test/gitops/wrong.yaml", status.FailedStatus),
		Entry("[T1] what is over or has not begun is Current, and applied again to no effect", "test/gitops/expired.yaml", status.CurrentStatus),
	)

	It("prunes a whole organization", func(ctx context.Context) {
		actions, err := acme.apply(ctx, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(actions).To(HaveLen(len(samples)))
		Expect(actions).To(HaveEach(ssa.DeletedAction))
		Expect(may(ctx, bobViews)).To(BeFalse())
	})
})

// evaluate is the health of an object by our expressions.
func evaluate(ctx context.Context, object *unstructured.Unstructured) (status.Status, error) {
	for _, check := range healthChecks() {
		if check.Kind != object.GetKind() || !strings.HasPrefix(check.APIVersion, object.GroupVersionKind().Group) {
			continue
		}
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return "", err
		}
		result, err := evaluator.Evaluate(ctx, object)
		if err != nil {
			return "", err
		}
		return result.Status, nil
	}
	return status.UnknownStatus, nil
}
