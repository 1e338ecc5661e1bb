package reconcile

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing/synctest"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/bailiwick-dev/bailiwick/controllers"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// op is the operator of the present spec.
var op *operatorUnderTest

// operatorUnderTest is the operator, but for its webhooks and for what it serves.
type operatorUnderTest struct {
	cluster *cluster
	engine  *engine.Engine
	stop    func()
	ended   chan error
	clock   passing
	// guard is what can be relied on about names.
	guard installation.Guard
	// written counts what it has written.
	written atomic.Int64
}

// manager is controller-runtime's, but for what would ask an API server over the network.
type manager struct {
	ctrl.Manager
	client client.Client
	live   client.Reader
}

func (m *manager) GetClient() client.Client                     { return m.client }
func (m *manager) GetAPIReader() client.Reader                  { return m.live }
func (*manager) GetEventRecorder(string) recorder.EventRecorder { return events.NewFakeRecorder(1000) }

// Start returns when the store holds what the cluster says.
func (o *operatorUnderTest) Start() {
	GinkgoHelper()
	o.begin()
	Eventually(o.engine.InSync).Should(BeTrue())
	synctest.Wait()
}

// begin starts it and waits for nothing.
func (o *operatorUnderTest) begin() {
	GinkgoHelper()
	shutdown := 20 * time.Second
	made, err := ctrl.NewManager(&rest.Config{Host: "nowhere.invalid"}, ctrl.Options{
		Scheme:                  o.cluster.scheme,
		Logger:                  errorsOnly,
		MapperProvider:          func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return o.cluster.mapper, nil },
		Cache:                   cache.Options{NewInformer: o.cluster.newInformer},
		Metrics:                 metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:  "0",
		GracefulShutdownTimeout: &shutdown,
		Controller:              config.Controller{SkipNameValidation: new(true)},
	})
	Expect(err).NotTo(HaveOccurred())
	cached := made.GetCache()
	mgr := &manager{Manager: made, live: o.cluster.client, client: interceptor.NewClient(o.cluster.client, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			return cached.Get(ctx, key, object, options...)
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			return cached.List(ctx, list, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
			return o.counted(c.Patch(ctx, object, patch, options...))
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, name string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
			return o.counted(c.SubResource(name).Patch(ctx, object, patch, options...))
		},
	})}
	o.engine = engine.New(engine.Options{
		Connect:      func(context.Context) (store.Store, error) { return authorization, nil },
		Versions:     engine.VersionsFrom(mgr.GetAPIReader()),
		Limits:       state.Limits{ConditionCost: store.EmbeddedConditionCost},
		Clock:        clock.RealClock{},
		CompareEvery: 1000 * time.Hour,
		CountEvery:   time.Second,
		Log:          errorsOnly,
	})
	Expect(mgr.Add(o.engine.Feed(cached))).To(Succeed())
	Expect(mgr.Add(o.engine)).To(Succeed())
	Expect(controllers.SetupWithManager(ctx, mgr, o.engine, controllers.Options{
		Workers: 16, Clock: clock.RealClock{}, UsernamePrefix: "oidc:",
		Guard: func(context.Context) installation.Guard { return o.guard },
	})).To(Succeed())

	runCtx, cancel := context.WithCancel(ctx)
	o.ended = make(chan error, 1)
	go func() { o.ended <- mgr.Start(runCtx) }()
	o.stop = func() {
		// A watch that has something for the operator when it stops waits for a reader that has gone, and
		// with it the whole bubble.
		synctest.Wait()
		cancel()
		Eventually(o.ended).Should(Receive(Succeed()))
	}
}

// counted counts a write that was not refused.
func (o *operatorUnderTest) counted(refused error) error {
	if refused == nil {
		o.written.Add(1)
	}
	return refused
}

// writes is how often it writes because of what is done.
func (o *operatorUnderTest) writes(do func()) int64 {
	GinkgoHelper()
	letOperatorWork()
	before := o.written.Load()
	do()
	letOperatorWork()
	return o.written.Load() - before
}

// Stop returns when the operator has ended.
func (o *operatorUnderTest) Stop() {
	GinkgoHelper()
	o.stop()
	o.stop = nil
}

// StartAt starts an operator at an instant that has not been yet.
func (o *operatorUnderTest) StartAt(instant time.Time) {
	GinkgoHelper()
	o.clock.StopAt(instant)
	o.Start()
}

// passing is the time of the bubble.
type passing struct{}

// Now is the time.
func (passing) Now() time.Time { return time.Now() }

// StopAt lets time pass up to an instant, and everything happen that happens until then. Time stands still there until
// somebody waits.
func (passing) StopAt(instant time.Time) {
	GinkgoHelper()
	wait := time.Until(instant)
	Expect(wait).To(BeNumerically(">=", 0), "%v has been", instant)
	<-time.After(wait)
	synctest.Wait()
}

// question is what an application asks OpenFGA, with the ids as docs/store.md gives them.
type question struct {
	User, Permission, Object string
	Attributes               map[string]any
}

// may asks OpenFGA, once everything has happened that happens now, and has memory say the same.
func (o *operatorUnderTest) may(q question) (bool, error) {
	allowed, err := o.check(q, "")
	organization, asked, ok := inMemory(q)
	if err != nil || !ok || o.stop == nil {
		return allowed, err
	}
	inStore := allowed
	if asked.At.ResourceType != "" && !allowed { // memory needs no tuple to say where an object lies
		if inStore, err = o.check(q, objectid.Scope(asked.At.Container())); err != nil {
			return false, err
		}
	}
	if remembered := o.engine.State().Decide(organization, asked).Allowed; remembered != inStore {
		return false, fmt.Errorf("OpenFGA says %t, and memory %t, to %+v", inStore, remembered, q)
	}
	return allowed, nil
}

// inMemory is a question as it is asked of memory, which knows no group as the one who asks, and no ids that were cut.
func inMemory(q question) (organization string, asked entitlement.Question, ok bool) {
	userType, users, userOK := segments(q.User)
	objectType, places, objectOK := segments(q.Object)
	if !userOK || !objectOK || userType != objectid.TypeUser {
		return "", asked, false
	}
	asked = entitlement.Question{Subject: users[0], Permission: q.Permission, Attributes: map[string]any{}}
	for name, value := range q.Attributes {
		if number, is := value.(int); is { // as in JSON
			value = float64(number)
		}
		asked.Attributes[name] = value
	}
	asked.At.Organization = places[0]
	switch objectType {
	case objectid.TypeGroup:
		asked.Group = places[1]
		return places[0], asked, true
	case objectid.TypeResource:
		last := len(places) - 2
		asked.At.ResourceType, asked.At.ResourceID = places[last], places[last+1]
		places = places[:last]
	}
	for n, segment := range []*string{&asked.At.Organization, &asked.At.Workspace, &asked.At.Project}[:len(places)] {
		*segment = places[n]
	}
	return places[0], asked, true
}

// segments are the names in an id, as docs/store.md has them.
func segments(id string) (kind string, names []string, ok bool) {
	kind, path, _ := strings.Cut(id, ":")
	if strings.ContainsAny(path, "~#") {
		return "", nil, false
	}
	for segment := range strings.SplitSeq(path, "/") {
		name, err := url.PathUnescape(segment)
		if err != nil {
			return "", nil, false
		}
		names = append(names, name)
	}
	return kind, names, true
}

func (*operatorUnderTest) check(q question, parent string) (bool, error) {
	synctest.Wait()
	return authorization.Check(ctx, store.Question{
		Key:        store.Key{Object: q.Object, Relation: store.RelationCan, User: q.User},
		Parent:     parent,
		Permission: q.Permission, Attributes: q.Attributes, Time: time.Now(),
	})
}

// tuples are all that the store holds, one line each, as `object relation user`, with the context of
// their condition behind it.
func (*operatorUnderTest) tuples() (lines []string, err error) {
	synctest.Wait()
	err = authorization.Walk(ctx, func(tuple store.Tuple) error {
		line := strings.Join([]string{tuple.Object, tuple.Relation, tuple.User}, " ")
		if tuple.Context != nil {
			encoded, err := json.Marshal(tuple.Context.AsMap()) // with sorted keys
			if err != nil {
				return err
			}
			line += " " + string(encoded)
		}
		lines = append(lines, line)
		return nil
	})
	return lines, err
}
