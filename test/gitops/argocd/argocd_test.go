package argocd

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// writtenByPeople is how many kinds no engine delivers, AccessRequest and AccessDecision: who writes one asks, or decides, in
// their own name.
const writtenByPeople = 2

var (
	bobViews    = question{subject: "bob@acme.example", permission: "App:View", place: "project", id: "acme/prod/vision"}
	botDeploys  = question{subject: "deploy-bot", permission: "App:Deploy", place: "workspace", id: "acme/prod", attributes: map[string]any{"environment": "production"}}
	carolWrites = question{subject: "carol@acme.example", permission: "Dataset:Write", place: "workspace", id: "acme/prod"}

	roles           = schema.GroupVersionKind{Group: apiGroup, Version: "v1alpha1", Kind: "Role"}
	namespaces      = schema.GroupVersionKind{Version: "v1", Kind: "Namespace"}
	roleAssignments = roles.GroupVersion().WithKind("RoleAssignment")
)

var _ = Describe("Argo CD", func() {
	for _, mode := range []struct {
		name       string
		serverSide bool
	}{{"applying as kubectl does", false}, {"with server-side apply and diff", true}} {
		Context(mode.name, Ordered, func() {
			var (
				samples []*unstructured.Unstructured
				acme    *application
			)

			// deliver syncs until nothing differs and everything that has a health is healthy.
			deliver := func(ctx context.Context, a *application, objects []*unstructured.Unstructured) {
				GinkgoHelper()
				_, err := a.sync(ctx, objects)
				Expect(err).NotTo(HaveOccurred())
				Eventually(a.differences).WithArguments(objects).Should(BeEmpty())
				Eventually(func(g Gomega) {
					for _, object := range live(ctx, objects) {
						verdict, err := health.GetResourceHealth(object, a.checks)
						g.Expect(err).NotTo(HaveOccurred())
						if object.GetKind() != "Namespace" {
							g.Expect(verdict.Status).To(Equal(health.HealthStatusHealthy), "%s: %s", name(object), verdict.Message)
						}
					}
				}).Should(Succeed())
			}
			// appliesToNoEffect applies once more what was delivered. The operator may still have to write how
			// many assignments a role has, so it is tried until nothing but the engine could move a version.
			appliesToNoEffect := func(ctx context.Context, a *application, objects []*unstructured.Unstructured) {
				GinkgoHelper()
				Eventually(func(g Gomega) {
					before := versions(ctx, objects)
					deliver(ctx, a, objects)
					g.Expect(versions(ctx, objects)).To(Equal(before))
				}).Should(Succeed())
			}
			// pruneAll syncs until all is gone. What is deleted in another order than the protection of the last
			// admin and of the last role allows is refused at first, and Argo CD tries again.
			pruneAll := func(ctx context.Context, a *application) {
				GinkgoHelper()
				Eventually(func() error {
					_, err := a.sync(ctx, nil)
					return err
				}).Should(Succeed())
				Eventually(a.differences).WithArguments([]*unstructured.Unstructured{}).Should(BeEmpty())
				Eventually(func() error {
					_, err := administrator.GetResource(ctx, access(cluster.Admin), namespaces, a.namespace, "")
					return err
				}).Should(MatchError(apierrors.IsNotFound, "IsNotFound"))
			}
			// becomesOutOfSync waits until Argo CD shows that exactly this object differs.
			becomesOutOfSync := func(object string) {
				GinkgoHelper()
				Eventually(acme.differences).WithArguments(samples).Should(And(HaveLen(1), HaveKey(object)))
			}
			patch := func(ctx context.Context, role string, patchType types.PatchType, patch string) {
				GinkgoHelper()
				_, err := administrator.PatchResource(ctx, access(cluster.Admin), roles, role, "acme", patchType, []byte(patch))
				Expect(err).NotTo(HaveOccurred())
			}

			BeforeAll(func() {
				samples = read(cluster.Samples)
				acme = newApplication("acme", "acme", mode.serverSide)
			})

			It("[K15] applies the samples, with every kind among them, and all become healthy", func(ctx context.Context) {
				kinds := map[string]bool{}
				for _, object := range samples {
					kinds[object.GetKind()] = true
				}
				Expect(kinds).To(HaveLen(len(acme.checks)-writtenByPeople+1), "the kinds that have a health check and are delivered, and Namespace")

				Expect(acme.differences(samples)).To(HaveLen(len(samples)))
				deliver(ctx, acme, samples)
				Expect(may(ctx, bobViews)).To(BeTrue())
				Expect(may(ctx, botDeploys)).To(BeTrue())
				Expect(may(ctx, carolWrites)).To(BeFalse())
			})

			It("[K10] changes nothing when it applies them again", func(ctx context.Context) {
				appliesToNoEffect(ctx, acme, samples)
			})

			It("shows what somebody edited by hand, and puts it back", func(ctx context.Context) {
				patch(ctx, "deployer", types.JSONPatchType, `[{"op":"replace","path":"/spec/permissionGrants/0/conditions/environment/value","value":"staging"}]`)
				Eventually(may).WithArguments(ctx, botDeploys).Should(BeFalse())
				becomesOutOfSync("Role acme/deployer")

				deliver(ctx, acme, samples)
				Expect(may(ctx, botDeploys)).To(BeTrue())
			})

			It("leaves what git does not mention, as docs/gitops/argocd.md says", func(ctx context.Context) {
				patch(ctx, "viewer", types.MergePatchType, `{"spec":{"inherits":["editor"]}}`)
				Eventually(may).WithArguments(ctx, carolWrites).Should(BeTrue())

				deliver(ctx, acme, samples)
				Expect(may(ctx, carolWrites)).To(BeTrue())

				patch(ctx, "viewer", types.MergePatchType, `{"spec":{"inherits":null}}`)
				Eventually(may).WithArguments(ctx, carolWrites).Should(BeFalse())
			})

			It("shows what somebody deleted by hand, and makes it anew", func(ctx context.Context) {
				Expect(administrator.DeleteResource(ctx, access(cluster.Admin), roleAssignments, "bob-editor-vision", "acme", metav1.DeleteOptions{})).To(Succeed())
				Eventually(may).WithArguments(ctx, bobViews).Should(BeFalse())
				becomesOutOfSync("RoleAssignment acme/bob-editor-vision")

				deliver(ctx, acme, samples)
				Expect(may(ctx, bobViews)).To(BeTrue())
			})

			It("prunes what was taken out of git, with its access, and makes it anew when it comes back", func(ctx context.Context) {
				var fewer []*unstructured.Unstructured
				for _, object := range samples {
					if name(object) != "RoleAssignment acme/bob-editor-vision" {
						fewer = append(fewer, object)
					}
				}
				Expect(fewer).To(HaveLen(len(samples) - 1))
				deliver(ctx, acme, fewer)
				Expect(may(ctx, bobViews)).To(BeFalse())

				deliver(ctx, acme, samples)
				Expect(may(ctx, bobViews)).To(BeTrue())
			})

			It("[P2] leaves alone what SCIM made in an organization that it delivers, also when it prunes", func(ctx context.Context) {
				people := read(filepath.Join("..", "scim.yaml"))
				for _, object := range people {
					_, err := administrator.CreateResource(ctx, access(cluster.Admin), object.GroupVersionKind(), object.GetName(), object.GetNamespace(), object, metav1.CreateOptions{})
					Expect(err).NotTo(HaveOccurred())
				}
				Eventually(func(g Gomega) {
					for _, object := range live(ctx, people) {
						verdict, err := health.GetResourceHealth(object, acme.checks)
						g.Expect(err).NotTo(HaveOccurred())
						g.Expect(verdict.Status).To(Equal(health.HealthStatusHealthy), "%s: %s", name(object), verdict.Message)
					}
				}).Should(Succeed())
				before := versions(ctx, people)

				Expect(acme.differences(samples)).To(BeEmpty())
				deliver(ctx, acme, slices.DeleteFunc(slices.Clone(samples), func(object *unstructured.Unstructured) bool {
					return name(object) == "RoleAssignment acme/bob-editor-vision"
				}))
				deliver(ctx, acme, samples)
				Expect(versions(ctx, people)).To(Equal(before))
				for _, object := range slices.Backward(people) {
					Expect(administrator.DeleteResource(ctx, access(cluster.Admin), object.GroupVersionKind(), object.GetName(), object.GetNamespace(), metav1.DeleteOptions{})).To(Succeed())
				}
			})

			It("has no permanent difference over empty values", func(ctx context.Context) {
				objects := read(filepath.Join("..", "empty.yaml"))
				hollow := newApplication("hollow", "hollow", mode.serverSide)
				DeferCleanup(func(ctx context.Context) { pruneAll(ctx, hollow) })
				deliver(ctx, hollow, objects)
				appliesToNoEffect(ctx, hollow, objects)

				By("nor over nulls, which kubectl drops and the API server refuses, but where leaving the field out gives more")
				nulls := slices.Concat(objects, read(filepath.Join("..", "null.yaml")))
				_, err := hollow.sync(ctx, nulls)
				if !mode.serverSide {
					for _, field := range []string{"spec.startsAt: null", "spec.scope: null"} {
						Expect(err).To(MatchError(ContainSubstring(field)))
					}
					harmless := slices.DeleteFunc(nulls, func(object *unstructured.Unstructured) bool {
						return object.GetName() == "blank-scope" || object.GetKind() == "TemporaryPermissionGrant" && object.GetName() == "blank"
					})
					deliver(ctx, hollow, harmless)
					appliesToNoEffect(ctx, hollow, harmless)
					return
				}
				for _, field := range []string{"spec.displayName", "spec.subject.group", "spec.duration", "scope can't be null"} {
					Expect(err).To(MatchError(ContainSubstring(field)))
				}
			})

			DescribeTable("[K15] reads health rightly",
				func(ctx context.Context, file string, want health.HealthStatusCode) {
					objects := read(filepath.Join("..", file))
					cases := newApplication("cases", "acme", mode.serverSide)
					DeferCleanup(func(ctx context.Context) { deliver(ctx, cases, nil) })
					_, err := cases.sync(ctx, objects)
					Expect(err).NotTo(HaveOccurred())
					Eventually(func(g Gomega) {
						for _, object := range live(ctx, objects) {
							verdict, err := health.GetResourceHealth(object, cases.checks)
							g.Expect(err).NotTo(HaveOccurred())
							g.Expect(verdict.Status).To(Equal(want), "%s: %s", name(object), verdict.Message)
						}
					}).Should(Succeed())
					if want == health.HealthStatusHealthy {
						deliver(ctx, cases, objects)
						appliesToNoEffect(ctx, cases, objects)
					}
				},
				Entry("what waits is Progressing", "waiting.yaml", health.HealthStatusProgressing),
				Entry("what someone must edit is Degraded", "wrong.yaml", health.HealthStatusDegraded),
				Entry("[T1] what is over or has not begun is Healthy, and applied again to no effect", "expired.yaml", health.HealthStatusHealthy),
			)

			It("prunes a whole organization", func(ctx context.Context) {
				pruneAll(ctx, acme)
				Expect(may(ctx, bobViews)).To(BeFalse())
			})
		})
	}

	It("[K15] calls an object healthy only if the operator has seen its last change", func() {
		checks := shippedHealthChecks()
		object := func(observed int64, conditions ...any) *unstructured.Unstructured {
			return &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": apiGroup + "/v1alpha1", "kind": "Role",
				"metadata": map[string]any{"name": "a", "generation": int64(2)},
				"status":   map[string]any{"observedGeneration": observed, "conditions": conditions},
			}}
		}
		ready := map[string]any{"type": "Ready", "status": "True", "reason": "Valid", "message": "It is valid."}
		Expect(checks.GetResourceHealth(object(2, ready))).To(Equal(&health.HealthStatus{Status: health.HealthStatusHealthy, Message: "Valid: It is valid."}))
		Expect(checks.GetResourceHealth(object(1, ready))).To(HaveField("Status", health.HealthStatusProgressing))
		Expect(checks.GetResourceHealth(object(2))).To(HaveField("Status", health.HealthStatusProgressing))
		paused := map[string]any{"type": "Paused", "status": "True", "reason": "OrganizationPaused", "message": "Edits wait."}
		Expect(checks.GetResourceHealth(object(2, paused, ready))).To(HaveField("Status", health.HealthStatusHealthy), "paused, and nothing waits")
		reconciling := map[string]any{"type": "Reconciling", "status": "True", "reason": "OrganizationPaused", "message": "An edit waits."}
		waits := map[string]any{"type": "Ready", "status": "False", "reason": "OrganizationPaused", "message": "An edit waits."}
		Expect(checks.GetResourceHealth(object(2, paused, reconciling, waits))).To(HaveField("Status", health.HealthStatusSuspended))
		unseen := object(2, ready)
		delete(unseen.Object, "status")
		Expect(checks.GetResourceHealth(unseen)).To(HaveField("Status", health.HealthStatusProgressing))
	})
})
