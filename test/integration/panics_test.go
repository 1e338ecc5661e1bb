package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// plantedVariable tells this program to be an operator with a panic planted into it.
const plantedVariable = "BAILIWICK_TEST_PLANTED_PANIC"

// planted is an operator in a process of its own. Its clock panics for whoever reads it in a function, and so does its
// connection to the API server for whoever asks that in one.
type planted struct {
	clock.RealClock `json:"-"`
	// In is a part of the function's name. Armed is a file: before it is there, the clock is as any other.
	In          string `json:"in"`
	Armed       string `json:"armed"`
	File        string `json:"file"`
	Address     string `json:"address"`
	Decisions   string `json:"decisions"`
	SCIM        string `json:"scim"`
	Keys        string `json:"keys"`
	WebhookPort int    `json:"webhookPort"`
}

// Now implements clock.PassiveClock.
func (p planted) Now() time.Time {
	if _, err := os.Stat(p.Armed); err == nil && p.calledIn() {
		panic("planted")
	}
	return p.RealClock.Now()
}

func (p planted) calledIn() bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	for {
		frame, more := frames.Next()
		if strings.Contains(frame.Function, p.In) {
			return true
		}
		if !more {
			return false
		}
	}
}

// runPlanted is what the process does that plantedVariable is set for.
func runPlanted(written string) error {
	var p planted
	if err := json.Unmarshal([]byte(written), &p); err != nil {
		return err
	}
	ctrl.SetLogger(zap.New())
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	cluster.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			p.Now()
			return next.RoundTrip(request)
		})
	})
	options := operator.Options{
		Asking:          operator.AskingOptions{DecisionAddress: p.Decisions, DecisionKeysFile: p.Keys},
		SCIM:            operator.SCIMOptions{Address: p.SCIM, KeysFile: p.Keys},
		CompareEvery:    time.Hour,
		Workers:         4,
		QPS:             1000,
		MetricsAddress:  "0",
		HealthAddress:   "0",
		ShutdownTimeout: 20 * time.Second,
		Clock:           p,
		Namespace:       "bailiwick-system",
		WebhookPort:     p.WebhookPort,
		WebhookDNSName:  "localhost",
		Log:             ctrl.Log,
	}
	storage{file: p.File}.putInto(&options, p.Now)
	options.Embedded.API.HTTPAddress = p.Address
	until := ctrl.SetupSignalHandler()
	running, err := operator.New(until, cluster, options)
	if err != nil {
		return err
	}
	return running.Run(until)
}

var _ = Describe("A panic", Serial, Label(embeddedOnly), func() {
	It("[F2] ends the operator, wherever it happens, and the next one goes on", func() {
		insteadOfSuites()
		op.storage = storage{file: filepath.Join(GinkgoT().TempDir(), "store.db")}
		program, err := os.Executable()
		Expect(err).NotTo(HaveOccurred())
		kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
		Expect(plane.WriteUserKubeconfig(kubeconfig, operatorName, "system:serviceaccounts")).To(Succeed())
		group := build.Group("default", "planted").Obj()
		for _, test := range []struct {
			in  string
			ask func() error
		}{
			{"controllers.(*reconciler)", func() error { return k8sClient.Create(ctx, group) }},
			{"admission.(*Stamper)", func() error { _, err := stamped(); return err }},
			{"decision.handler", func() error { // about an organization that is known, so that the time matters
				_, err := op.evaluate(suiteKey, map[string]any{
					"subject": entity{"type": "user", "id": "nobody"}, "action": entity{"name": "nothing"}, "resource": entity{"type": "organization", "id": "default"},
				})
				return err
			}},
			{"openfga.(*guard)", func() error {
				_, err := op.check(question{User: objectid.User("nobody"), Permission: "nothing", Object: "organization:acme"})
				return err
			}},
			{"internal/scim.", func() error {
				answer, err := (&directory{organization: "default", token: suiteKey}).do(http.MethodGet, "Users", "")
				if err == nil {
					err = answer.Body.Close()
				}
				return err
			}},
			{in: "nowhere"},
		} {
			By(test.in)
			p := planted{
				In: test.in, Armed: filepath.Join(GinkgoT().TempDir(), "armed"), File: op.file, Keys: op.keys, WebhookPort: op.webhookPort,
				Address: fmt.Sprint("127.0.0.1:", freePort()), Decisions: fmt.Sprint("127.0.0.1:", freePort()), SCIM: fmt.Sprint("127.0.0.1:", freePort()),
			}
			op.address, op.decisionURL, op.scimURL = p.Address, "http://"+p.Decisions, "http://"+p.SCIM
			written, err := json.Marshal(p)
			Expect(err).NotTo(HaveOccurred())
			process, err := plane.Run(program, []string{"KUBECONFIG=" + kubeconfig, plantedVariable + "=" + string(written)})
			Expect(err).NotTo(HaveOccurred())
			DeferCleanup(process.Kill)
			said := func() string { return plane.LogTail(filepath.Base(program)) }
			Eventually(op.synced).Should(Succeed(), said)
			Eventually(stamped).Should(BeTrue())
			Expect(os.WriteFile(p.Armed, nil, 0o600)).To(Succeed())
			if test.ask == nil {
				remove(group)
				Expect(process.Stop()).To(Succeed())
				continue
			}
			_ = test.ask() // who asks may hear of it, or not
			Eventually(process.Done()).Should(BeClosed(), said)
			Expect(process.Stop()).To(MatchError(ContainSubstring("exit status 2")), said)
		}
	})
})
