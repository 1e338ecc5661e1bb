package integration

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/admission"
	"github.com/bailiwick-dev/bailiwick/internal/cloudevents"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
	"github.com/bailiwick-dev/bailiwick/test/ports"
)

// op is the operator of the suite. Each process that runs specs has its own, with a control plane and a store. The next
// spec starts it again if one has left it stopped.
var op *operatorUnderTest

// operatorUnderTest is the operator as package main runs it, in this process.
type operatorUnderTest struct {
	storage
	webhookPort int
	running     *operator.Operator
	stop        func()
	// address is where the store is asked over HTTP, healthAddress where the operator's probes are.
	address, grpcAddress, healthAddress string
	// metricsAddress is where the metrics of one are that runs as a program.
	metricsAddress string
	// keys is the file of those who may ask AuthZEN, at decisionURL.
	keys, decisionURL string
	// scimURL is where directories send people.
	scimURL string
	// clock is a new one for each start.
	clock *travelClock
	// compareEvery is how often the next start compares the whole store; zero is so seldom that no spec sees it.
	compareEvery time.Duration
	// route is how the next start reaches the API server; nil is directly.
	route func(*rest.Config) *rest.Config
	// sink is where the next start tells of what becomes of access; empty is nowhere.
	sink string
	// withdrawn is what Stop has taken away, for Start to put back.
	withdrawn *admissionregistrationv1.ValidatingWebhookConfiguration
	// unstamped is the webhook that stamps authors, while it is withdrawn.
	unstamped *admissionregistrationv1.MutatingWebhook
	requests  requests
}

// Start returns when the store holds what the cluster says.
func (o *operatorUnderTest) Start() {
	GinkgoHelper()
	o.begin()
	o.serves()
}

// begin starts it and waits for nothing.
func (o *operatorUnderTest) begin() {
	GinkgoHelper()
	cluster, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	if o.webhookPort == 0 {
		o.webhookPort = freePort()
		Expect(plane.RouteWebhooks(ctx, o.webhookPort)).To(Succeed())
	}
	if o.route != nil {
		cluster = o.route(cluster)
	}
	cluster.Wrap(o.requests.through)
	o.clock = newTravelClock()
	o.healthAddress = fmt.Sprint("127.0.0.1:", freePort())
	options := operator.Options{
		Asking:          operator.AskingOptions{DecisionAddress: "127.0.0.1:0", DecisionKeysFile: o.keys, DecisionServiceAccounts: true},
		SCIM:            operator.SCIMOptions{Address: "127.0.0.1:0", KeysFile: o.keys},
		Events:          cloudevents.SinkOptions{URL: o.sink},
		CompareEvery:    cmp.Or(o.compareEvery, time.Hour),
		CountEvery:      50 * time.Millisecond,
		Workers:         16,
		QPS:             1000,
		MetricsAddress:  "0",
		HealthAddress:   o.healthAddress,
		ShutdownTimeout: 20 * time.Second,
		Clock:           o.clock,
		Namespace:       "bailiwick-system",
		WebhookPort:     o.webhookPort,
		WebhookDNSName:  "localhost",
		WebhookClients:  admission.Clients{CAFile: plane.WebhookClientCAFile(), Names: []string{controlplane.WebhookClientName}},
		Log:             GinkgoLogr,
	}
	o.putInto(&options, o.clock.Now)
	running, err := operator.New(ctx, cluster, options)
	Expect(err).NotTo(HaveOccurred())
	o.running, o.decisionURL, o.scimURL = running, running.DecisionURL(), running.SCIMURL()

	runCtx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- running.Run(runCtx) }()
	o.stop = func() {
		cancel()
		Eventually(ended).Should(Receive(Succeed()))
		close(o.clock.end)
	}
}

// serves returns when the store holds what the cluster says.
func (o *operatorUnderTest) serves() {
	GinkgoHelper()
	Eventually(func() error {
		if o.external != nil {
			o.address = o.external.HTTPAddress
		} else {
			o.address, o.grpcAddress = o.running.HTTPAddress(), o.running.GRPCAddress()
		}
		return o.synced()
	}).Should(Succeed())
	if o.unstamped != nil {
		stampAuthors(o.unstamped)
		o.unstamped = nil
	}
	if o.withdrawn != nil {
		o.withdrawn.ResourceVersion, o.withdrawn.UID = "", ""
		create(o.withdrawn)
		o.withdrawn = nil
	}
	Eventually(stamped).Should(BeTrue())
	Eventually(judged).Should(BeTrue())
}

// operatorName is under whom config/rbac gives the operator its rights.
const operatorName = "system:serviceaccount:bailiwick-system:bailiwick"

// stamped says whether the API server calls the webhook yet.
func stamped() (bool, error) {
	probe := build.TemporaryPermissionGrant("default", "probe").ToUser("nobody").Grants("nothing").For("1h").Obj()
	err := k8sClient.Create(ctx, probe, client.DryRunAll)
	return len(probe.Finalizers) == 1, err
}

func freePort() int {
	GinkgoHelper()
	port, err := ports.Free()
	Expect(err).NotTo(HaveOccurred())
	return port
}

// Stop returns when the operator has ended. Nobody is asked to judge what is written meanwhile, as where
// the webhook is not installed.
func (o *operatorUnderTest) Stop() {
	GinkgoHelper()
	o.StopAlone()
	o.withdrawn, o.unstamped = withdrawJudge(), withdrawAuthors()
	Eventually(func() error {
		return k8sClient.Create(ctx, build.Group("default", "probe").Obj(), client.DryRunAll)
	}).Should(Succeed())
}

// StopAlone leaves the webhooks installed, with nobody there to answer.
func (o *operatorUnderTest) StopAlone() {
	GinkgoHelper()
	o.stop()
	o.stop = nil
}

// stopIfTravelled is for when a spec is over: where it has set the clock, the next one starts an operator that has seen
// nothing of it.
func (o *operatorUnderTest) stopIfTravelled() {
	GinkgoHelper()
	if o.stop != nil && o.clock.standsStill() {
		o.Stop()
	}
}

// stopIfRunning is for when a spec is over that wants an operator to itself. The next spec starts another one.
func (o *operatorUnderTest) stopIfRunning() {
	GinkgoHelper()
	if o.stop != nil {
		o.Stop()
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

// question is what an application asks OpenFGA, with the ids as docs/store.md gives them.
type question struct {
	User, Permission, Object string
	Attributes               map[string]any
	// Besides is what else the request's context has.
	Besides map[string]any
}

// may asks the store on its own HTTP API, and has AuthZEN and the same API say the same from memory.
func (o *operatorUnderTest) may(q question) (bool, error) {
	allowed, err := o.check(q)
	if err == nil {
		err = o.inAuthZEN(q, allowed)
	}
	if err == nil && o.external == nil {
		err = o.inOpenFGA(q, allowed)
	}
	return allowed, err
}

// ofTheStore is a contextual tuple that makes no difference, but that the embedded store's own API answers from memory no
// question that comes with it.
var ofTheStore = map[string]any{"user": "organization:nowhere", "relation": "parent", "object": "resource:nowhere/nothing/none"}

// request is the question as OpenFGA's API takes it, to be answered by the store.
func (q question) request(contextual ...map[string]any) map[string]any {
	request := q.requestOfAnApplication(contextual...)
	if op.external == nil {
		request["contextual_tuples"] = map[string]any{"tuple_keys": append([]map[string]any{ofTheStore}, contextual...)}
	}
	return request
}

// requestOfAnApplication is the question as applications ask it, which may be answered from memory.
func (q question) requestOfAnApplication(contextual ...map[string]any) map[string]any {
	about := map[string]any{"permission": q.Permission}
	if op.external != nil { // the embedded store's own API puts in what is left out, and the time in any case
		about["attributes"], about["current_time"] = attributes{}, op.time().Now().UTC().Format(time.RFC3339Nano)
	}
	maps.Copy(about, q.Besides)
	if q.Attributes != nil {
		about["attributes"] = q.Attributes
	}
	request := map[string]any{
		"tuple_key": map[string]any{"user": q.User, "relation": "can", "object": q.Object},
		"context":   about,
	}
	if len(contextual) > 0 {
		request["contextual_tuples"] = map[string]any{"tuple_keys": contextual}
	}
	return request
}

// time is the clock of the operator, or of the one that runs as a program in its place.
func (o *operatorUnderTest) time() clock.PassiveClock {
	if o.stop == nil {
		return clock.RealClock{}
	}
	return o.clock
}

// check asks the store, with these contextual tuples.
func (o *operatorUnderTest) check(q question, contextual ...map[string]any) (bool, error) {
	return o.ask(q.request(contextual...))
}

// ask asks OpenFGA's own API.
func (o *operatorUnderTest) ask(request map[string]any) (bool, error) {
	id, err := o.storeID()
	if err != nil {
		return false, err
	}
	var answer struct{ Allowed bool }
	err = o.call(http.MethodPost, "/stores/"+id+"/check", request, &answer)
	return answer.Allowed, err
}

// tuples are all that the store holds, one line each, as `object relation user`, with the context of
// their condition behind it.
func (o *operatorUnderTest) tuples() ([]string, error) {
	id, err := o.storeID()
	if err != nil {
		return nil, err
	}
	var lines []string
	for token := ""; ; {
		var page struct {
			Tuples []struct {
				Key struct {
					Object, Relation, User string
					Condition              *struct{ Context map[string]any }
				}
			}
			ContinuationToken string `json:"continuation_token"`
		}
		request := map[string]any{"page_size": 100, "continuation_token": token}
		if err := o.call(http.MethodPost, "/stores/"+id+"/read", request, &page); err != nil {
			return nil, err
		}
		for _, tuple := range page.Tuples {
			if tuple.Key.Object == "organization:~writer" || tuple.Key.Object == "organization:~installation" {
				continue // whose turn it is to write, and whose the store is
			}
			line := strings.Join([]string{tuple.Key.Object, tuple.Key.Relation, tuple.Key.User}, " ")
			if condition := tuple.Key.Condition; condition != nil {
				encoded, err := json.Marshal(condition.Context) // with sorted keys
				if err != nil {
					return nil, err
				}
				line += " " + string(encoded)
			}
			lines = append(lines, line)
		}
		if token = page.ContinuationToken; token == "" {
			return lines, nil
		}
	}
}

// synced fails until applications are answered, and the store holds what the cluster says.
func (o *operatorUnderTest) synced() error {
	_, err := o.evaluate(suiteKey, map[string]any{
		"subject":  entity{"type": "user", "id": "nobody"},
		"action":   entity{"name": "nothing"},
		"resource": entity{"type": "organization", "id": "nowhere"},
	})
	if err != nil {
		return err
	}
	switch {
	case o.external == nil: // whose API answers no earlier
		_, err = o.check(question{User: "user:nobody", Permission: "nothing", Object: "organization:nowhere"})
	case o.stop != nil:
		if measured(inSyncMetric) != 1 {
			err = errors.New("the store is not in sync")
		}
	default:
		var text string
		if text, err = scraped(o.metricsAddress); err == nil && !strings.Contains(text, "\n"+inSyncMetric+" 1\n") {
			err = errors.New("the store is not in sync")
		}
	}
	return err
}

const inSyncMetric = "bailiwick_store_in_sync"

// scraped are the metrics of an operator that runs as a program.
func scraped(address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// storeID fails until the embedded store answers applications.
func (o *operatorUnderTest) storeID() (string, error) {
	var answer struct{ Stores []struct{ ID string } }
	if err := o.call(http.MethodGet, "/stores?name="+o.name, nil, &answer); err != nil {
		return "", err
	}
	if len(answer.Stores) != 1 {
		return "", fmt.Errorf("%d stores", len(answer.Stores))
	}
	return answer.Stores[0].ID, nil
}

func (o *operatorUnderTest) call(method, path string, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+o.address+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s: %s", method, path, response.Status, answer)
	}
	return json.Unmarshal(answer, into)
}
