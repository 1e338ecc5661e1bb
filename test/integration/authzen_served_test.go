package integration

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
)

// runOperator stops the operator of the suite and runs another one in its place, which serves AuthZEN.
func runOperator(options operator.Options) *operator.Operator {
	GinkgoHelper()
	op.Stop()
	cluster, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	options.CompareEvery, options.Workers, options.QPS = time.Hour, 16, 1000
	options.MetricsAddress, options.HealthAddress = "0", "0"
	options.ShutdownTimeout, options.Clock, options.Log = 20*time.Second, clock.RealClock{}, GinkgoLogr
	options.Namespace, options.WebhookPort, options.WebhookDNSName = "bailiwick-system", op.webhookPort, "localhost"
	options.Asking.DecisionAddress, options.Asking.DecisionKeysFile = cmp.Or(options.Asking.DecisionAddress, "127.0.0.1:0"), op.keys
	running, err := operator.New(ctx, cluster, options)
	Expect(err).NotTo(HaveOccurred())
	op.decisionURL = running.DecisionURL()

	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- running.Run(runCtx) }()
	DeferCleanup(func() {
		cancel()
		Eventually(ended).Should(Receive(Succeed()))
	})
	Eventually(stamped).Should(BeTrue())
	return running
}

var _ = Describe("AuthZEN before an external store", func() {
	It("[N13] [N16] answers from memory, whether the store does or not", func() {
		const key = "a key that both know"
		external := server.Start(GinkgoTB(), server.Options{
			Engine: "sqlite", URI: filepath.Join(GinkgoT().TempDir(), "openfga.db"), Keys: []string{key},
		})
		keyFile := filepath.Join(GinkgoT().TempDir(), "key")
		Expect(os.WriteFile(keyFile, []byte(key), 0o600)).To(Succeed())
		external.Stop()
		runOperator(operator.Options{Remote: &openfga.RemoteOptions{
			Address: external.Address, TLS: true, CAFile: external.CAFile, KeyFile: keyFile, SwitchGrace: time.Second,
		}})
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(assigned)
		viewing := map[string]any{"subject": w.asks("alice"), "action": entity{"name": w.View}, "resource": w.project("prod", "vision")}
		several := map[string]any{"evaluations": []any{viewing, viewing}}
		Eventually(func() string { return answers(evaluationPath, viewing) }).Should(beAnswer(yes), "nothing is Ready, and memory knows it already")
		Expect(answers(evaluationsPath, several)).To(beVerdicts(yes, yes))

		external.Restart(GinkgoTB())
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(answers(evaluationPath, viewing)).To(beAnswer(yes))
		viewing["context"] = map[string]any{"a\x00b": "\x00", "name": "one\ntwo"}
		Expect(answers(evaluationPath, viewing)).To(beAnswer(yes), "control characters fail no decision")
		viewing["resource"] = w.thing("7", map[string]any{"workspace": "prod"}, nil)
		Expect(answers(evaluationPath, viewing)).To(beAnswer(yes), "an object that no grant names")
		viewing["resource"] = w.thing("7", map[string]any{"workspace": "lab"}, nil)
		Expect(answers(evaluationPath, viewing)).To(beAnswer(no))
		viewing["action"] = entity{"name": w.View + "\n"}
		Expect(answers(evaluationPath, viewing)).To(beAnswer(no))

		external.Stop()
		viewing = map[string]any{"subject": w.asks("alice"), "action": entity{"name": w.View}, "resource": w.project("prod", "vision")}
		Expect(answers(evaluationPath, viewing)).To(beAnswer(yes))
		Expect(k8sClient.Delete(ctx, assigned)).To(Succeed())
		Eventually(func() string { return answers(evaluationPath, viewing) }).Should(beAnswer(no), "it is not gone yet, and gives nothing any more")
		expectReason(assigned, v1alpha1.ReasonStoreUnavailable)
		external.Restart(GinkgoTB())
		remove(assigned)
		Expect(answers(evaluationPath, viewing)).To(beAnswer(no))
	})
})

var _ = Describe("The APIs that applications ask", func() {
	It("[N17] are served over TLS to those who have a key, and take a new certificate and new keys without a restart", func() {
		directory := GinkgoT().TempDir()
		trusted := func() *http.Client {
			GinkgoHelper()
			certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(filepath.Join(directory, "tls.crt"), certificate, 0o600)).To(Succeed())
			Expect(os.WriteFile(filepath.Join(directory, "tls.key"), key, 0o600)).To(Succeed())
			pool := x509.NewCertPool()
			Expect(pool.AppendCertsFromPEM(certificate)).To(BeTrue())
			return &http.Client{Transport: &http.Transport{
				TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true, ForceAttemptHTTP2: true,
			}}
		}
		const shop = "the-key-of-a-shop-that-is-for-one-organization"
		op.admits(shop, "acme")
		first := trusted()
		running := runOperator(operator.Options{
			Embedded: &operator.EmbeddedOptions{
				EmbeddedOptions: openfga.EmbeddedOptions{Path: filepath.Join(directory, "store.db")},
				API:             openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
			},
			Asking: operator.AskingOptions{TLSDirectory: directory, OpenFGAKeysFile: op.keys},
		})
		Expect(op.decisionURL).To(HavePrefix("https://"))
		get := func(client *http.Client, url, key string) func() (int, error) {
			return func() (int, error) {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					return 0, err
				}
				request.Header.Set("Authorization", "Bearer "+key)
				response, err := client.Do(request)
				if err != nil {
					return 0, err
				}
				return response.StatusCode, response.Body.Close()
			}
		}
		stores := "https://" + running.HTTPAddress() + "/stores"
		metadata := op.decisionURL + "/.well-known/authzen-configuration"
		Eventually(get(first, stores, suiteKey)).Should(Equal(http.StatusOK))
		Expect(get(first, metadata, "")()).To(Equal(http.StatusOK))
		Expect(get(first, stores, "none")()).To(Equal(http.StatusUnauthorized))
		Expect(get(first, stores, shop)()).To(Equal(http.StatusUnauthorized), "the store's own API shows all organizations")
		_, err := get(http.DefaultClient, stores, suiteKey)()
		Expect(err).To(MatchError(ContainSubstring("certificate")))
		for _, url := range []string{stores, metadata} {
			code, err := get(http.DefaultClient, strings.Replace(url, "https:", "http:", 1), suiteKey)()
			Expect(code == http.StatusBadRequest || err != nil).To(BeTrue(), "in the clear")
		}

		op.admits(shop, "*")
		Expect(get(first, stores, shop)()).To(Equal(http.StatusOK))
		second := trusted()
		for _, url := range []string{stores, metadata} {
			Eventually(get(second, url, suiteKey)).Should(Equal(http.StatusOK))
			_, err := get(first, url, suiteKey)()
			Expect(err).To(MatchError(ContainSubstring("certificate")))
		}
	})

	It("[N17] are served by a certificate that the operator makes, where nobody gives one", func() {
		port := freePort()
		url := fmt.Sprint("https://localhost:", port)
		runOperator(operator.Options{
			Embedded: &operator.EmbeddedOptions{API: openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"}},
			Asking:   operator.AskingOptions{DecisionAddress: fmt.Sprint(":", port), DecisionURL: url},
		})
		told := &corev1.ConfigMap{}
		Eventually(func() (map[string]string, error) {
			return told.Data, k8sClient.Get(ctx, client.ObjectKey{Namespace: "bailiwick-system", Name: "bailiwick-endpoints"}, told)
		}).Should(And(HaveKeyWithValue("decision-url", url), HaveKeyWithValue("ca.crt", ContainSubstring("CERTIFICATE"))))
		trusted := x509.NewCertPool()
		Expect(trusted.AppendCertsFromPEM([]byte(told.Data["ca.crt"]))).To(BeTrue())
		get := func(trusted *x509.CertPool) (int, error) {
			application := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
			response, err := application.Get(url + "/.well-known/authzen-configuration")
			if err != nil {
				return 0, err
			}
			return response.StatusCode, response.Body.Close()
		}
		Eventually(func() (int, error) { return get(trusted) }).Should(Equal(http.StatusOK))
		_, err := get(nil)
		Expect(err).To(MatchError(ContainSubstring("certificate")))
	})

	It("[N17] are served in a cluster by config/decisions", func() {
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(plane.WriteKubeconfig(kubeconfig)).To(Succeed())
		var served []string
		for object := range strings.SplitSeq(finish("build it", command(plane.Kubectl(), "kustomize", "../../config/decisions")), "\n---\n") {
			// The suite has the API server call the webhook at another place than the manifests say.
			if strings.Contains(object, "kind: Deployment") || strings.Contains(object, "kind: Service\n") {
				served = append(served, object)
			}
		}
		apply := command(plane.Kubectl(), "apply", "-f", "-", "--dry-run=server", "--kubeconfig="+kubeconfig)
		apply.Stdin = strings.NewReader(strings.Join(served, "\n---\n"))
		told := finish("apply it", apply)
		Expect(told).To(containAll("service/bailiwick-decisions", "deployment.apps/bailiwick configured"))
	})

	It("[N17] ask for no key in the clear, unless nobody else can hear it", func() {
		cluster, err := plane.UserConfig(operatorName, "system:serviceaccounts")
		Expect(err).NotTo(HaveOccurred())
		refused := func(change func(*operator.Options), words string) {
			GinkgoHelper()
			options := operator.Options{
				Embedded: &operator.EmbeddedOptions{
					API: openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
				},
				MetricsAddress: "0", HealthAddress: "0", Namespace: "bailiwick-system", Clock: clock.RealClock{}, Log: GinkgoLogr,
				Asking: operator.AskingOptions{DecisionAddress: "127.0.0.1:0"},
			}
			change(&options)
			_, err := operator.New(ctx, cluster, options)
			Expect(err).To(MatchError(ContainSubstring(words)))
		}
		refused(func(o *operator.Options) {
			o.Asking.DecisionKeysFile, o.Asking.DecisionAddress = op.keys, ":0"
		}, "in the clear")
		refused(func(o *operator.Options) {
			o.Asking.OpenFGAKeysFile, o.Embedded.API.GRPCAddress = op.keys, "0.0.0.0:0"
		}, "in the clear")
		refused(func(o *operator.Options) {
			o.Asking.DecisionKeysFile, o.Asking.DecisionURL = op.keys, "decisions.example"
		}, "is no URL for decisions")
		refused(func(o *operator.Options) {
			o.Asking.DecisionKeysFile, o.Asking.DecisionURL = op.keys, "http://decisions.example"
		}, "so write https")
	})
})
