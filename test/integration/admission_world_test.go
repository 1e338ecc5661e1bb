package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// as is a client of someone who may do this with the grants of the world's namespace, and nothing else.
func (w *world) as(user string, verbs ...string) client.Client {
	GinkgoHelper()
	name := metav1.ObjectMeta{Namespace: w.Namespace, Name: user}
	create(
		&rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"permissiongrants", "temporarypermissiongrants"}, Verbs: verbs,
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: name,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
		},
	)
	config, err := plane.UserConfig(w.subject(user))
	Expect(err).NotTo(HaveOccurred())
	theirs, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	for _, verb := range verbs {
		Eventually(func() (bool, error) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: w.Namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: "temporarypermissiongrants",
				},
			}}
			err := theirs.Create(ctx, review)
			return review.Status.Allowed, err
		}).Should(BeTrue(), "waiting for the right to %s", verb)
	}
	return theirs
}

// without the webhook, until the spec is over or the returned function is called. Specs that use it are
// Serial.
func withoutWebhook() (again func()) {
	GinkgoHelper()
	installed := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(installed), installed)).To(Succeed())
	Expect(k8sClient.Delete(ctx, installed.DeepCopy())).To(Succeed())
	if op.stop != nil {
		Eventually(stamped).Should(BeFalse())
	}
	installed.ResourceVersion, installed.UID = "", ""
	gone := true
	again = func() {
		GinkgoHelper()
		if gone {
			create(installed)
			gone = false
		}
		if op.stop != nil {
			Eventually(stamped).Should(BeTrue())
		}
	}
	DeferCleanup(again)
	return again
}
