package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/readlease"
)

// answeringName is under whom config/decision-replicas gives those replicas their rights that only answer.
const answeringName = "system:serviceaccount:bailiwick-system:bailiwick-decisions"

// answering is a replica that only answers.
type answering struct {
	*replica

	healthAddress string
}

// installAnswering gives them their rights, and no others.
func installAnswering() {
	GinkgoHelper()
	kubeconfig := filepath.Join(plane.Directory(), "kubeconfig")
	Expect(plane.WriteKubeconfig(kubeconfig)).To(Succeed())
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		path := "../../config/decision-replicas/" + file
		finish("install "+file, command(plane.Kubectl(), "apply", "-f", path, "--kubeconfig="+kubeconfig))
		DeferCleanup(func() error {
			return exec.CommandContext(ctx, plane.Kubectl(), "delete", "-f", path, "--kubeconfig="+kubeconfig).Run()
		})
	}
}

// startAnswering starts one more.
func (r *replicas) startAnswering() *answering {
	GinkgoHelper()
	kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	writePodKubeconfig(kubeconfig)
	local := func() string { return fmt.Sprint("127.0.0.1:", freePort()) }
	decisions, health := local(), local()
	process, err := plane.Run(program, []string{"KUBECONFIG=" + kubeconfig}, append(r.leaseArguments(),
		"--decisions-only", "--decision-address="+decisions, "--decision-keys-file="+op.keys, "--metrics-address=0", "--health-address="+health)...)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { _ = process.Stop() }) // else whoever leads next would wait for its lease
	return &answering{&replica{Process: process, decisionURL: "http://" + decisions}, health}
}

// writePodKubeconfig writes an access like that of a Pod's token, with the name of this host: no certificate says in what Pod
// somebody is.
func writePodKubeconfig(path string) {
	GinkgoHelper()
	Expect(plane.WriteKubeconfig(path)).To(Succeed())
	access, err := clientcmd.LoadFromFile(path)
	Expect(err).NotTo(HaveOccurred())
	host, err := os.Hostname()
	Expect(err).NotTo(HaveOccurred())
	inPod := podImpersonation(host)
	for _, user := range access.AuthInfos {
		user.Impersonate, user.ImpersonateGroups, user.ImpersonateUserExtra = inPod.UserName, inPod.Groups, inPod.Extra
	}
	Expect(clientcmd.WriteToFile(*access, path)).To(Succeed())
}

// podImpersonation is who the token of a Pod is of.
func podImpersonation(pod string) rest.ImpersonationConfig {
	return rest.ImpersonationConfig{
		UserName: answeringName, Groups: []string{"system:serviceaccounts"},
		Extra: map[string][]string{"authentication.kubernetes.io/pod-name": {pod}},
	}
}

// readiness is what its probe says.
func (a *answering) readiness() (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+a.healthAddress+"/readyz", http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// asks posts a request to AuthZEN, and returns when it is answered.
func (r *replica) asks(path string, body entity) (answer map[string]any) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		code, text, err := (&operatorUnderTest{decisionURL: r.decisionURL}).authZEN(suiteKey, path, body)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(code).To(Equal(http.StatusOK), string(text))
		g.Expect(json.Unmarshal(text, &answer)).To(Succeed())
	}).WithTimeout(patience).Should(Succeed())
	return answer
}

var _ = Describe("Replicas that only answer", Label(slow), func() {
	It("[D1] [D2] need no store, and know of everything that is Ready and of nothing that is gone", func() {
		installAnswering()
		kept := storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
		all := newReplicas(kept)
		first := all.startAnswering()
		Eventually(first.readiness).WithTimeout(patience).Should(Equal(http.StatusInternalServerError), "nobody leads")
		start := func() *replica {
			GinkgoHelper()
			r := all.start(kept)
			op.address = r.address
			r.leads()
			return r
		}
		leading := start()
		replicas := []*answering{first, all.startAnswering()}
		w := newWorld()
		bobs := question{User: objectid.User(w.subject("bob")), Permission: w.Edit, Object: w.at("prod")}
		held := w.assignment("held", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(held)
		expectReason(held, v1alpha1.ReasonInForce)
		for _, r := range replicas {
			r.answers(bobs, true)
			Eventually(r.readiness).WithTimeout(patience).Should(Equal(http.StatusOK))
			edits, vision := entity{"name": w.Edit}, w.project("prod", "vision")
			Expect(r.asks("/access/v1/evaluations", entity{"subject": w.asks("bob"), "action": edits, "evaluations": []entity{{"resource": vision}, {"resource": w.project("lab", "vision")}}})).
				To(HaveKeyWithValue("evaluations", HaveExactElements(HaveKeyWithValue("decision", true), HaveKeyWithValue("decision", false))))
			Expect(r.asks(subjectSearch, entity{"subject": entity{"type": "user"}, "action": edits, "resource": vision})).
				To(HaveKeyWithValue("results", ContainElement(HaveKeyWithValue("id", w.subject("bob")))))
		}
		remove(held)
		for n := range 5 {
			for _, r := range replicas {
				r.denies(bobs, "gone")
			}
			again := w.assignment(fmt.Sprint("again-", n), "editor").ToUser("bob").InWorkspace("prod").Obj()
			create(again)
			expectReason(again, v1alpha1.ReasonInForce)
			for _, r := range replicas {
				r.allows(bobs, "Ready")
			}
			if n < 4 {
				remove(again)
			}
		}

		By("and answer for a while when the only operator is killed, and then no more")
		asking := newCrowd([]*asked{{question: bobs}}, replicas[0].replica, replicas[1].replica)
		for range faultRounds(1) {
			Expect(leading.Kill()).To(Succeed())
			killed := time.Now()
			for _, r := range replicas {
				r.allows(bobs, "while its lease lasts")
			}
			for _, r := range replicas {
				Eventually(func() error { _, err := r.answer(bobs); return err }).WithTimeout(patience).Should(MatchError(ContainSubstring("503")))
				Eventually(r.readiness).Should(Equal(http.StatusInternalServerError))
				Expect(asking.by(r.replica).last).To(And(BeTemporally(">", killed), BeTemporally("<=", killed.Add(readLease))), "it answers on without a leader")
			}
			leading = start()
			for _, r := range replicas {
				r.answers(bobs, true)
				Eventually(r.readiness).Should(Equal(http.StatusOK))
			}
		}
		asking.end()
		for _, r := range replicas {
			Expect(r.Stop()).To(Succeed())
		}
	})

	It("[D1] may read what is declared, write their own Lease, and nothing else", func() {
		installAnswering()
		w := newWorld()
		of := func(config *rest.Config) client.Client {
			GinkgoHelper()
			made, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
			Expect(err).NotTo(HaveOccurred())
			return made
		}
		inPod := func(pod string) client.Client {
			GinkgoHelper()
			config := plane.Config()
			config.Impersonate = podImpersonation(pod)
			return of(config)
		}
		theirs := inPod("pod")
		user := w.user("bob")
		Expect(theirs.Get(ctx, client.ObjectKeyFromObject(user), user.DeepCopy())).To(Succeed())
		lease := func(name string) *coordinationv1.Lease {
			return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "bailiwick-system", Name: name}}
		}
		expectRefused := func(who client.Client, name string) {
			GinkgoHelper()
			Eventually(func() error { return who.Create(ctx, lease(name), client.DryRunAll) }).Should(MatchError(ContainSubstring("writes no Lease but its own")), name)
		}
		for _, name := range []string{"bailiwick-read-leases-2", "bailiwick.authz.bailiwick.dev-2", "other",
			"bailiwick-reader-other-12345678", "bailiwick-reader-podium-12345678", "bailiwick-reader-pod", "bailiwick-reader-pod-1", "bailiwick-reader-pod-other-12345678"} {
			expectRefused(theirs, name)
		}
		Expect(theirs.Create(ctx, lease("bailiwick-reader-pod-12345678"), client.DryRunAll)).To(Succeed())
		long := strings.Repeat("long", 20)
		Expect(inPod(long).Create(ctx, lease("bailiwick-reader-"+readlease.NewName(long)), client.DryRunAll)).To(Succeed())

		By("and none with a token that is bound to no Pod")
		config, err := plane.UserConfig(answeringName, "system:serviceaccounts")
		Expect(err).NotTo(HaveOccurred())
		unbound := of(config)
		for _, name := range []string{"bailiwick-reader-pod-12345678", "bailiwick-reader--12345678"} {
			expectRefused(unbound, name)
		}

		for what, forbidden := range map[string]error{
			"a user":           theirs.Patch(ctx, user.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(`{"metadata": {"labels": {"a": "b"}}}`))),
			"a Secret":         theirs.Get(ctx, client.ObjectKey{Namespace: "bailiwick-system", Name: "bailiwick-webhook-certificate"}, &corev1.Secret{}),
			"another's Leases": theirs.List(ctx, &coordinationv1.LeaseList{}, client.InNamespace(w.Namespace)),
			"a Lease's end":    theirs.Delete(ctx, lease("bailiwick-reader-pod-12345678")),
			"an assignment":    theirs.Create(ctx, w.assignment("own", "editor").ToUser("bob").InWorkspace("prod").Obj()),
		} {
			Expect(apierrors.IsForbidden(forbidden)).To(BeTrue(), "%s: %v", what, forbidden)
		}
	})
})
