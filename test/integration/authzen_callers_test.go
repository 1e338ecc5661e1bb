package integration

import (
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// tokenOf is a token of a ServiceAccount for an audience.
func tokenOf(account *corev1.ServiceAccount, audience string) string {
	GinkgoHelper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{audience}, ExpirationSeconds: new(int64(86400))}}
	Expect(k8sClient.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return request.Status.Token
}

// lets binds bailiwick-caller to a ServiceAccount in an organization's namespace.
func (w *world) lets(account *corev1.ServiceAccount) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-caller"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}
}

var _ = Describe("A ServiceAccount that asks AuthZEN", func() {
	It("[D8] is answered about the organizations in whose namespaces it may create decisions, and no others", func() {
		w, other := newWorld(), newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Namespace: w.Namespace, Name: "shop", Annotations: map[string]string{
				"authz.bailiwick.dev/default-scope": w.Namespace + "/prod", "authz.bailiwick.dev/subject-types": "identity",
			},
		}}
		binding := w.lets(account)
		create(assigned, account, binding)
		expectReason(assigned, v1alpha1.ReasonInForce)
		token := tokenOf(account, "bailiwick")
		asked := map[string]any{
			"subject": entity{"type": "identity", "id": w.asks("alice")["id"]}, "action": entity{"name": w.View}, "resource": w.thing("7", nil, nil),
		}
		delete(asked["resource"].(entity)["properties"].(map[string]any), "scope")
		passes := func() string {
			// What was said of the token and the right counts for ten seconds.
			op.clock.StopAt(op.clock.Now().Add(11 * time.Second))
			return answersTo(token, evaluationPath, asked)
		}
		arrives := func(matcher types.GomegaMatcher, why ...any) {
			GinkgoHelper()
			Eventually(passes).WithPolling(100*time.Millisecond).Should(matcher, why...)
		}
		arrives(ContainSubstring(`"decision":true`), "by its default scope and its own type of subjects")
		asked["resource"] = w.project("lab", "vision")
		Expect(passes()).To(ContainSubstring(`"decision":false`))
		asked["resource"] = other.project("prod", "vision")
		Expect(passes()).To(ContainSubstring(fmt.Sprintf(`may not create decisions.authz.bailiwick.dev in the namespace \"%s\"`, other.Namespace)))

		asked["resource"] = w.project("prod", "vision")
		Expect(passes()).To(ContainSubstring(`"decision":true`))
		Expect(answersTo(tokenOf(account, "vault"), evaluationPath, asked)).To(And(HavePrefix("401 "), ContainSubstring("not for bailiwick")))
		Expect(answersTo(token+"x", evaluationPath, asked)).To(HavePrefix("401 "), "a signature that is not the API server's")
		Expect(k8sClient.Delete(ctx, binding)).To(Succeed())
		arrives(ContainSubstring("may not create decisions.authz.bailiwick.dev"))
		create(w.lets(account))
		arrives(ContainSubstring(`"decision":true`))
		Expect(k8sClient.Delete(ctx, account)).To(Succeed())
		arrives(HavePrefix("401 "))

		create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "shop"}})
		Expect(passes()).To(HavePrefix("401 "), "another one of the same name")
	})

	It("[D8] is not answered any more when its token has expired", func() {
		w := newWorld()
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "late"}}
		create(account, w.lets(account))
		token := tokenOf(account, "bailiwick")
		asked := map[string]any{"subject": w.asks("alice"), "action": entity{"name": w.View}, "resource": w.project("prod", "vision")}
		Expect(answersTo(token, evaluationPath, asked)).To(HavePrefix("200 "))
		op.clock.StopAt(op.clock.Now().Add(48 * time.Hour))
		Expect(answersTo(token, evaluationPath, asked)).To(And(HavePrefix("401 "), ContainSubstring("has expired")))
	})

	It("[D8] finds out from a ConfigMap how to ask, and from nothing else there", func() {
		w := newWorld()
		asApplication, err := plane.UserConfig("system:serviceaccount:"+w.Namespace+":shop", "system:serviceaccounts", "system:serviceaccounts:"+w.Namespace)
		Expect(err).NotTo(HaveOccurred())
		application, err := client.New(asApplication, client.Options{})
		Expect(err).NotTo(HaveOccurred())
		told := &corev1.ConfigMap{}
		key := client.ObjectKey{Namespace: "bailiwick-system", Name: "bailiwick-endpoints"}
		// It may still have what the operator before has told.
		Eventually(func() (map[string]string, error) {
			err := application.Get(ctx, key, told)
			return told.Data, err
		}).Should(And(HaveKeyWithValue("decision-url", op.decisionURL), HaveKeyWithValue("openfga-store-id", Not(BeEmpty()))))
		Expect(application.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: "bailiwick-webhook-certificate"}, &corev1.Secret{})).To(MatchError(ContainSubstring("forbidden")))
		response, err := http.Get(told.Data["decision-url"] + "/.well-known/authzen-configuration")
		Expect(err).NotTo(HaveOccurred())
		Expect(response.StatusCode).To(Equal(http.StatusOK))
		Expect(response.Body.Close()).To(Succeed())
	})
})
