package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

// onReadOnly is a command that runs a program for which a directory is on a read-only volume. That is so in a mount
// namespace of its own, for which nobody has to be root. Its name tells the guard of the control plane whose it is.
func onReadOnly(directory string) []string {
	GinkgoHelper()
	unshare, err := exec.LookPath("unshare")
	Expect(err).NotTo(HaveOccurred())
	return []string{
		unshare, "--user", "--map-root-user", "--mount", "bash", "-c",
		`mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec -a "$1" "${@:2}"`, directory, filepath.Join(plane.Directory(), "bailiwick"),
	}
}

// The parts of the installation that the operator looks after. internal/installation has the table of what
// may happen to them; here they meet a real API server, and the rights that config/rbac gives.
var _ = Describe("The installation", Serial, func() {
	ok := func(part string) func() float64 { return gauge("bailiwick_installation_ok", part) }
	told := func(kind string) func() ([]string, error) {
		return func() (notes []string, err error) {
			var list eventsv1.EventList
			err = k8sClient.List(ctx, &list)
			for _, event := range list.Items {
				if event.Regarding.Kind == kind && strings.HasPrefix(event.Reason, "Installation") {
					notes = append(notes, event.Reason+": "+event.Note)
				}
			}
			return notes, err
		}
	}
	certificate := func() *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick-webhook-certificate", Namespace: "bailiwick-system"}}
	}
	// authority is what the Secret has the API server trust.
	authority := func() ([]byte, error) {
		secret := certificate()
		err := k8sClient.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		return secret.Data["ca.crt"], err
	}
	validating := func() *admissionregistrationv1.ValidatingWebhookConfiguration {
		return &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}
	}
	// looked has the operator look at everything at once, which it else does every 30 seconds: something that it watches
	// changes.
	looked := func(part string) func() float64 {
		looks := 0
		return func() float64 {
			looks++
			edit(validating(), func(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
				metav1.SetMetaDataAnnotation(&configuration.ObjectMeta, "test/look", fmt.Sprint(looks))
			})
			return ok(part)()
		}
	}
	trusted := func(wanted []byte) func() (bool, error) {
		return func() (bool, error) {
			configuration := validating()
			err := k8sClient.Get(ctx, client.ObjectKeyFromObject(configuration), configuration)
			for _, webhook := range configuration.Webhooks {
				if !bytes.Equal(webhook.ClientConfig.CABundle, wanted) {
					return false, err
				}
			}
			return true, err
		}
	}

	It("[F1] gets its certificate back when the Secret is deleted or emptied while it runs, and is trusted all the time", func() {
		before, err := authority()
		Expect(err).NotTo(HaveOccurred())
		Expect(k8sClient.Delete(ctx, certificate())).To(Succeed())
		Eventually(authority).Should(Equal(before))
		edit(certificate(), func(secret *corev1.Secret) { secret.Data = nil })
		Eventually(authority).Should(Equal(before))
		Expect(trusted(before)()).To(BeTrue())
		Expect(judged()).To(BeTrue())
		Eventually(ok(installation.PartCertificate)).Should(BeEquivalentTo(1))
		Eventually(told("Secret")).Should(ContainElement(ContainSubstring("InstallationWritten")))
	})

	It("[F1] starts without its Secret, and is trusted with another certificate", func() {
		before, err := authority()
		Expect(err).NotTo(HaveOccurred())
		op.Stop()
		Expect(k8sClient.Delete(ctx, certificate())).To(Succeed())
		op.Start()
		now, err := authority()
		Expect(err).NotTo(HaveOccurred())
		Expect(now).NotTo(Or(BeEmpty(), Equal(before)))
		Eventually(trusted(now)).Should(BeTrue())
	})

	It("[F1] is trusted again at once when somebody replaces the configuration without its caBundle", func() {
		before, err := authority()
		Expect(err).NotTo(HaveOccurred())
		webhooks := 0
		edit(validating(), func(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
			webhooks = len(configuration.Webhooks)
			for i := range configuration.Webhooks {
				configuration.Webhooks[i].ClientConfig.CABundle = nil
			}
		})
		Eventually(trusted(before)).Should(BeTrue())
		Eventually(judged).Should(BeTrue())
		Eventually(told("ValidatingWebhookConfiguration")).Should(ContainElement(ContainSubstring("the caBundle of %d webhooks was written", webhooks)))
	})

	It("[F1] answers no review that somebody else than the API server has made up", func() {
		stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // it is not about whom it asks
		DeferCleanup(stranger.CloseIdleConnections)
		for _, path := range []string{"/validate", "/stamp"} {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("https://localhost:%d%s", op.webhookPort, path), strings.NewReader("{}"))
			Expect(err).NotTo(HaveOccurred())
			answer, err := stranger.Do(request)
			Expect(err).NotTo(HaveOccurred())
			Expect(answer.Body.Close()).To(Succeed())
			Expect(answer.StatusCode).To(Equal(http.StatusForbidden))
		}
		Expect(judged()).To(BeTrue(), "the API server is answered")
	})

	It("[F1] says which right is missing, until it is there again", func() {
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick", Namespace: "bailiwick-system"}}
		Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(role), role)).To(Succeed())
		rules := role.Rules
		Eventually(ok(installation.PartRights)).Should(BeEquivalentTo(1))
		edit(role, func(role *rbacv1.Role) { role.Rules = role.Rules[:len(role.Rules)-1] })
		Eventually(looked(installation.PartRights)).Should(BeZero())
		Eventually(told("Deployment")).Should(ContainElement(
			"InstallationDamaged: the operator may not get services/bailiwick-webhook: apply config/rbac again"))
		edit(role, func(role *rbacv1.Role) { role.Rules = rules })
		Eventually(looked(installation.PartRights)).Should(BeEquivalentTo(1))
		Expect(ok(installation.PartKinds)()).To(BeEquivalentTo(1))
	})

	It("[F1] says that the validating configuration is weaker than installed, or gone, until it is as it was", func() {
		part := ok(installation.PartValidating)
		Eventually(part).Should(BeEquivalentTo(1))
		edit(validating(), func(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
			configuration.Webhooks[0].FailurePolicy = new(admissionregistrationv1.Ignore)
		})
		Eventually(part).Should(BeZero())
		Eventually(told("ValidatingWebhookConfiguration")).Should(ContainElement(
			"InstallationDamaged: webhook gives.validate.authz.bailiwick.dev: failurePolicy is not Fail"))
		edit(validating(), func(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
			configuration.Webhooks[0].FailurePolicy = new(admissionregistrationv1.Fail)
		})
		Eventually(part).Should(BeEquivalentTo(1))

		withdrawn := withdrawJudge()
		Eventually(part).Should(BeZero())
		withdrawn.ResourceVersion, withdrawn.UID = "", ""
		create(withdrawn)
		Eventually(part).Should(BeEquivalentTo(1))
		Eventually(judged).Should(BeTrue())
	})

	It("[F1] says that a policy of the API server is weaker than installed, or gone, until it is as it was", func() {
		binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick-finalizers"}}
		Eventually(ok(installation.PartPolicies)).Should(BeEquivalentTo(1), "as the API server keeps them")
		warns := func(actions ...admissionregistrationv1.ValidationAction) {
			edit(binding, func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) { b.Spec.ValidationActions = actions })
		}
		warns(admissionregistrationv1.Warn)
		Eventually(looked(installation.PartPolicies)).Should(BeZero())
		Eventually(told("ValidatingAdmissionPolicy")).Should(ContainElement("InstallationDamaged: policy bailiwick-finalizers: its binding does not deny"))
		warns(admissionregistrationv1.Deny)
		Eventually(looked(installation.PartPolicies)).Should(BeEquivalentTo(1))
	})

	It("[F1] waits for a CRD that is missing at a start, says which, and answers when it is back", Label(slow), func() {
		crd := &unstructured.Unstructured{}
		crd.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"})
		crd.SetName("invitations." + v1alpha1.GroupVersion.Group)
		key := client.ObjectKeyFromObject(crd)
		Expect(k8sClient.Get(ctx, key, crd)).To(Succeed())
		op.Stop()
		Expect(k8sClient.Delete(ctx, crd.DeepCopy())).To(Succeed())
		Eventually(func() bool { return apierrors.IsNotFound(k8sClient.Get(ctx, key, crd.DeepCopy())) }).Should(BeTrue())
		op.begin()
		Eventually(ok(installation.PartKinds)).Should(BeZero())
		Eventually(told("Deployment")).Should(ContainElement(
			"InstallationDamaged: the CRD of Invitation is missing: apply config/crd again"))
		Eventually(func() (int, error) { return probe("healthz") }).Should(Equal(http.StatusOK))
		Eventually(op.synced).Should(MatchError(ContainSubstring("503")))
		crd.SetResourceVersion("")
		crd.SetUID("")
		Expect(k8sClient.Create(ctx, crd)).To(Succeed())
		op.serves()
		Eventually(ok(installation.PartKinds)).Should(BeEquivalentTo(1))
	})

	It("[F1] waits for the volume of its store at a start, says so, and answers when it is there", Label(slow, embeddedOnly), func() {
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		insteadOfSuites()
		volume := filepath.Join(GinkgoT().TempDir(), "volume")
		op.storage = storage{file: filepath.Join(volume, "store.db")}
		op.begin()
		Eventually(func(g Gomega) {
			says, events, err := w.saysOutage()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(says).To(BeTrue())
			g.Expect(events).To(Equal(1))
		}).Should(Succeed())
		Expect(measured("bailiwick_store_available")).To(BeZero())
		Eventually(stamped).Should(BeTrue())
		for _, name := range []string{"healthz", "readyz"} {
			Eventually(func() (int, error) { return probe(name) }).Should(Equal(http.StatusOK), name)
		}
		Eventually(func() error {
			return op.inAuthZEN(question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("prod")}, true)
		}).Should(Succeed())
		Expect(os.Mkdir(volume, 0o700)).To(Succeed())
		op.serves()
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
	})

	It("[F1] waits while its volume is read-only at a start, takes nothing for damaged, and writes when it can", Label(slow, embeddedOnly), func() {
		w := newWorld()
		before := w.assignment("before", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(before)
		insteadOfSuites()
		volume := GinkgoT().TempDir()
		kept := storage{file: filepath.Join(volume, "store.db")}
		op.storage = kept
		op.Start()
		expectReason(before, v1alpha1.ReasonInForce)

		By("starting one for which the volume is read-only")
		begin := programIn(kept, onReadOnly(volume)...)
		content, err := os.ReadFile(kept.file)
		Expect(err).NotTo(HaveOccurred())
		process := begin()
		said := func() string { return plane.LogTail("unshare") }
		Eventually(func(g Gomega) {
			says, _, err := w.saysOutage()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(says).To(BeTrue())
			g.Expect(scraped(op.metricsAddress)).To(ContainSubstring("\nbailiwick_store_available 0\n"))
		}).Should(Succeed(), said)
		Eventually(stamped).Should(BeTrue())
		asked, _ := evaluationOf(question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("prod")})
		Expect(op.evaluate(suiteKey, asked)).To(BeTrue())
		during := w.assignment("during", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(during)
		expectReason(during, v1alpha1.ReasonStoreUnavailable)
		Expect(os.ReadFile(kept.file)).To(Equal(content))
		Expect(kept.file + ".damaged").NotTo(BeAnExistingFile())

		By("making it writable")
		bounded, cancel := context.WithTimeout(ctx, commandTimeout)
		defer cancel()
		output, err := exec.CommandContext(bounded, "nsenter", "--target", fmt.Sprint(process.PID()), "--user", "--preserve-credentials", "--mount",
			"mount", "-o", "remount,bind,rw", volume).CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
		Eventually(op.synced).Should(Succeed(), said)
		expectReason(during, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		Expect(kept.file + ".damaged").NotTo(BeAnExistingFile())
	})

	It("[F1] writes its Lease again, ends when a stranger takes it, and leads when that renews it no more", Label(slow, embeddedOnly), func() {
		all := &replicas{run: insteadOfSuites(), lease: patientLease}
		withoutWebhook()
		op.storage = storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
		start := func() *replica {
			GinkgoHelper()
			next := all.start(op.storage)
			op.address = next.address
			next.leads()
			return next
		}
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "bailiwick-system", Name: "bailiwick.authz.bailiwick.dev"}}
		first := start()
		held, err := leader()
		Expect(err).NotTo(HaveOccurred())

		By("deleting it")
		Expect(k8sClient.Delete(ctx, lease)).To(Succeed())
		Eventually(leader).Should(Equal(held))
		Eventually(op.synced).Should(Succeed())

		By("giving it to a stranger")
		edit(lease, func(lease *coordinationv1.Lease) {
			lease.Spec.HolderIdentity, lease.Spec.RenewTime = new("stranger"), &metav1.MicroTime{Time: time.Now()}
		})
		Eventually(first.Done()).Should(BeClosed())
		second := start()
		Expect(leader()).NotTo(Equal("stranger"))
		Expect(second.Stop()).To(Succeed())

		By("emptying it before a start")
		edit(lease, func(lease *coordinationv1.Lease) { lease.Spec = coordinationv1.LeaseSpec{} })
		Expect(start().Stop()).To(Succeed())
	})
})
