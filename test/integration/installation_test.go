package integration

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/installation"
)

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
		edit(validating(), func(configuration *admissionregistrationv1.ValidatingWebhookConfiguration) {
			for i := range configuration.Webhooks {
				configuration.Webhooks[i].ClientConfig.CABundle = nil
			}
		})
		Eventually(trusted(before)).Should(BeTrue())
		Eventually(judged).Should(BeTrue())
		Eventually(told("ValidatingWebhookConfiguration")).Should(ContainElement(ContainSubstring("the caBundle of 5 webhooks was written")))
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
		edit(role, func(role *rbacv1.Role) { role.Rules = role.Rules[:1] })
		// It looks every 30 seconds, and when something that it watches changes.
		Eventually(ok(installation.PartRights)).Should(BeZero())
		Eventually(told("Deployment")).Should(ContainElement(
			"InstallationDamaged: the operator may not get services/bailiwick-webhook: apply config/rbac again"))
		edit(role, func(role *rbacv1.Role) { role.Rules = rules })
		Eventually(ok(installation.PartRights)).Should(BeEquivalentTo(1))
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
})
