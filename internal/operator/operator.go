// Package operator puts the parts together: the manager with its controllers, the engine, the store.
package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/controllers"
	"github.com/bailiwick-dev/bailiwick/internal/admission"
	"github.com/bailiwick-dev/bailiwick/internal/cloudevents"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/readlease"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// Options are the settings of an operator. Package main has a flag for each, with its meaning.
type Options struct {
	// Embedded is set for the store in this process, Remote for an OpenFGA server elsewhere.
	Embedded *EmbeddedOptions
	Remote   *openfga.RemoteOptions

	// DecisionsOnly has this process answer AuthZEN and do nothing else: it has no store, never leads, and writes but its own
	// read lease. Embedded or Remote then says which kind of store the operator has.
	DecisionsOnly bool

	Asking AskingOptions
	SCIM   SCIMOptions
	// Events say who is told of what becomes of access; without a URL nobody is.
	Events cloudevents.SinkOptions

	CompareEvery time.Duration
	CountEvery   time.Duration
	Workers      int
	QPS          float32
	LeaderElect  bool
	Lease        LeaseOptions
	// Namespace is the operator's own: the lease and the webhook's certificate are there.
	Namespace      string
	WebhookPort    int
	WebhookDNSName string
	// UsernamePrefix is what the API server puts before the names of those who are known by their subject.
	UsernamePrefix string
	// WebhookClients are those who may ask the webhook.
	WebhookClients admission.Clients
	MetricsAddress string
	HealthAddress  string
	// TraceEndpoint is the URL of the collector that traces are sent to; empty sends none.
	TraceEndpoint   string
	ProfileAddress  string
	ShutdownTimeout time.Duration
	// Clock is what deadlines are kept by.
	Clock clock.WithTicker
	Log   logr.Logger
}

// LeaseOptions are how long leadership lasts, as client-go's leaderelection package has it.
type LeaseOptions struct {
	// Duration is how long the others wait for a leader that renews no more.
	Duration time.Duration
	// RenewDeadline is how long a leader tries to renew before it ends; less than Duration.
	RenewDeadline time.Duration
	// RetryPeriod is how often each replica tries; less than RenewDeadline.
	RetryPeriod time.Duration
}

// EmbeddedOptions are those of the store in this process.
type EmbeddedOptions struct {
	openfga.EmbeddedOptions
	API openfga.APIOptions
}

// Scheme has the kinds that the operator reads and writes.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// clusterTimeout ends a request to the API server that is not repeated by a cache.
const clusterTimeout = 10 * time.Second

// Operator is ready to run.
type Operator struct {
	manager  manager.Manager
	monitor  *liveness.Monitor
	embedded *embeddedStore // nil with an external store
	// connected is the store, whichever it is, as soon as there is one.
	connected   atomic.Pointer[store.Store]
	decisionURL string
	// tracer makes spans, nil none.
	tracer  trace.Tracer
	scimURL string
	// keeper keeps the webhook's certificate; nil without a webhook.
	keeper *installation.Keeper
	// files say what is wrong with a file that somebody else provides, by the part that it is.
	files map[string]func() error
}

// New puts an operator together. It opens the embedded store, if that can be done now. An external one is connected to by
// Run, because it may come later.
func New(ctx context.Context, cluster *rest.Config, options Options) (*Operator, error) {
	o := &Operator{files: map[string]func() error{}}
	if err := o.setUp(ctx, cluster, options); err != nil {
		return nil, errors.Join(err, o.close())
	}
	return o, nil
}

func (o *Operator) setUp(ctx context.Context, cluster *rest.Config, options Options) error {
	cluster = rest.CopyConfig(cluster)
	cluster.QPS, cluster.Burst = options.QPS, int(options.QPS)
	o.monitor = liveness.NewMonitor(clock.RealClock{}, options.Log.WithName("liveness"))
	if options.DecisionsOnly {
		return o.setUpDecisionsOnly(ctx, cluster, options)
	}
	settings := managerOptions(options, o.monitor)
	var leads *lease
	if options.LeaderElect {
		leads = &lease{duration: options.Lease.Duration, clock: clock.RealClock{}}
		settings.LeaderElectionConfig = rest.CopyConfig(cluster)
		settings.LeaderElectionConfig.Wrap(leads.watch)
	}
	var e *engine.Engine
	if answersOnEveryReplica(options) {
		settings.Cache.NewInformer = followedBy(&e)
	}
	mgr, err := ctrl.NewManager(cluster, settings)
	if err != nil {
		return fmt.Errorf("setting up the manager: %w", err)
	}
	o.manager = mgr
	if err := o.addTraces(ctx, options); err != nil {
		return err
	}
	engineOptions := engine.Options{
		Connect:        o.connect(options),
		Versions:       engine.VersionsFrom(mgr.GetAPIReader()),
		Limits:         limits(options),
		UsernamePrefix: options.UsernamePrefix,
		Clock:          options.Clock,
		CompareEvery:   options.CompareEvery,
		CountEvery:     options.CountEvery,
		Log:            options.Log.WithName("store"),
	}
	var readers *readlease.Leases
	if answersOnEveryReplica(options) {
		if readers, err = o.addReadLeases(leads.holds, options); err != nil {
			return err
		}
		engineOptions.Readers = readers
	}
	e = engine.New(engineOptions)
	if readers != nil {
		readers.Engine = e
	}
	certificate, err := o.certificate(options.Asking.TLSDirectory, installation.PartTLS)
	if err != nil {
		return err
	}
	ofDecisions, host, err := o.decisionCertificate(options, certificate)
	if err != nil {
		return err
	}
	if options.WebhookPort != 0 {
		if o.keeper, err = o.addKeeper(options, host); err != nil {
			return err
		}
	}
	from := memory{engine: e, lease: leads}
	if readers != nil {
		from.mayRead = readers.Enter
	}
	if options.Embedded != nil {
		if err := o.addEmbedded(ctx, options, e.InSync, from, certificate); err != nil {
			return err
		}
	}
	if servesDecisions(options) {
		if err := errors.Join(o.addDecisions(from, options, ofDecisions), o.addEndpoints(options, host != "")); err != nil {
			return err
		}
	}
	if options.SCIM.Address != "" {
		if err := o.addSCIM(cluster, options); err != nil {
			return err
		}
	}
	if err := o.addEvents(options); err != nil {
		return err
	}
	if err := errors.Join(mgr.Add(e.Feed(mgr.GetCache())), mgr.Add(e)); err != nil {
		return fmt.Errorf("adding the engine: %w", err)
	}
	guard := func(context.Context) installation.Guard {
		return installation.Guard{Problem: "the webhook is switched off: set --webhook-port"}
	}
	if options.WebhookPort != 0 {
		if err := o.addWebhook(options, e); err != nil {
			return err
		}
		guard = o.keeper.Guard
	}
	if err := controllers.SetupWithManager(ctx, mgr, e, controllers.Options{
		Workers: options.Workers, Clock: options.Clock, UsernamePrefix: options.UsernamePrefix, Tracer: o.tracer, Guard: guard,
	}); err != nil {
		return err
	}
	return o.addProbes()
}

func managerOptions(options Options, monitor *liveness.Monitor) ctrl.Options {
	return ctrl.Options{
		Scheme:                        Scheme(),
		Logger:                        options.Log,
		BaseContext:                   func() context.Context { return monitor.Watch(context.Background()) },
		NewClient:                     newClient,
		Metrics:                       metricsserver.Options{BindAddress: options.MetricsAddress},
		Cache:                         cacheOptions(options.Namespace),
		HealthProbeBindAddress:        options.HealthAddress,
		PprofBindAddress:              options.ProfileAddress,
		LeaderElection:                options.LeaderElect,
		LeaderElectionID:              "bailiwick.authz.bailiwick.dev",
		LeaderElectionNamespace:       options.Namespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &options.Lease.Duration,
		RenewDeadline:                 &options.Lease.RenewDeadline,
		RetryPeriod:                   &options.Lease.RetryPeriod,
		GracefulShutdownTimeout:       &options.ShutdownTimeout,
		Controller: config.Controller{
			// Several operators in one process, as tests have them, may each have a controller of a kind.
			SkipNameValidation: new(true),
			// What a panic leaves behind, as locked, would stop everything else.
			RecoverPanic: new(false),
		},
	}
}

// newClient makes the manager's client.
func newClient(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.New(config, options)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return liveness.Client(c), nil
}

// stripContent leaves out what a revision holds: it is read by people, not by the operator.
func stripContent(object any) (any, error) {
	if revision, ok := object.(*appsv1.ControllerRevision); ok {
		revision.Data, revision.ManagedFields = runtime.RawExtension{}, nil
	}
	return object, nil
}

func cacheOptions(namespace string) cache.Options {
	ofRoles, err := labels.Parse(v1alpha1.LabelRole)
	utilruntime.Must(err) // a constant
	readLeases, err := labels.Parse(readlease.Label)
	utilruntime.Must(err)
	return cache.Options{
		DefaultTransform: slim,
		ByObject: map[client.Object]cache.ByObject{
			&appsv1.ControllerRevision{}: {Label: ofRoles, Transform: stripContent},
			&coordinationv1.Lease{}:      {Label: readLeases, Namespaces: map[string]cache.Config{namespace: {}}},
		},
	}
}

// addWebhook has the API server's requests stamped and judged.
func (o *Operator) addWebhook(options Options, e *engine.Engine) error {
	if options.WebhookClients.Restricted() {
		o.files[installation.PartClients] = options.WebhookClients.Check
	}
	server := webhook.NewServer(webhook.Options{
		Port: options.WebhookPort,
		TLSOpts: []func(*tls.Config){func(config *tls.Config) {
			config.MinVersion = tls.VersionTLS13
			config.GetCertificate = o.keeper.Certificate
			options.WebhookClients.Configure(config)
		}},
	})
	reviewer := admission.NewReviewer(o.manager.GetClient(), options.Clock)
	register := func(path string, handler webhook.AdmissionHandler) {
		judged := o.monitor.Serving("serving "+path, (&webhook.Admission{Handler: handler, LogConstructor: admission.LogNothingOf}).WithRecoverPanic(false))
		server.Register(path, options.WebhookClients.Only(judged))
	}
	register(admission.StampPath, &admission.Stamper{
		Reviewer: reviewer, Clock: options.Clock, State: e.State, UsernamePrefix: options.UsernamePrefix,
	})
	register(admission.ValidatePath, &admission.Validator{
		Reviewer: reviewer, State: e.State, Clock: options.Clock,
		UsernamePrefix: options.UsernamePrefix,
		Operator:       fmt.Sprintf("system:serviceaccount:%s:bailiwick", options.Namespace),
		Authenticated:  options.WebhookClients.Restricted(),
	})
	if err := o.manager.Add(server); err != nil {
		return fmt.Errorf("adding the webhook: %w", err)
	}
	serving := func(request *http.Request) error {
		if _, err := o.keeper.Certificate(nil); err != nil {
			return err
		}
		if e.State() == nil {
			return errors.New("the objects by which requests are judged are not loaded yet")
		}
		return server.StartedChecker()(request)
	}
	if err := o.manager.AddReadyzCheck("webhook", liveness.Checker(serving)); err != nil {
		return fmt.Errorf("adding the webhook's readiness probe: %w", err)
	}
	return nil
}

// addKeeper has the webhook's certificate and configurations kept. The certificate is also for the host that applications
// know AuthZEN as, if there is one.
func (o *Operator) addKeeper(options Options, decisionHost string) (*installation.Keeper, error) {
	cluster := client.Options{HTTPClient: o.manager.GetHTTPClient(), Scheme: o.manager.GetScheme(), Mapper: o.manager.GetRESTMapper()}
	live, err := client.New(o.manager.GetConfig(), cluster)
	if err != nil {
		return nil, fmt.Errorf("setting up the client for the webhook's certificate: %w", err)
	}
	needed := make([]string, 0, len(kinds.All))
	for _, kind := range kinds.All {
		needed = append(needed, kind.Name)
	}
	served, err := discovery.NewDiscoveryClientForConfigAndClient(o.manager.GetConfig(), cluster.HTTPClient)
	if err != nil {
		return nil, fmt.Errorf("setting up the look for CRDs: %w", err)
	}
	keeper, err := installation.New(installation.Options{
		Cluster:   o.manager.GetConfig(),
		Cache:     cache.Options{HTTPClient: cluster.HTTPClient, Scheme: cluster.Scheme, Mapper: cluster.Mapper},
		Client:    live,
		Namespace: options.Namespace,
		DNSName:   options.WebhookDNSName,

		Several:      options.LeaderElect,
		DecisionHost: decisionHost,

		Kinds:     needed,
		Discovery: served,
		Files:     o.files,
		Parts:     installation.NewParts(o.manager.GetEventRecorder("bailiwick"), o.manager.Elected(), options.Log.WithName("installation")),
	})
	if err != nil {
		return nil, err
	}
	if err := o.manager.Add(keeper); err != nil {
		return nil, fmt.Errorf("adding the keeper of the webhook's certificate: %w", err)
	}
	return keeper, nil
}

// limits are those of the store: the embedded one allows more than a stock server does.
func limits(options Options) state.Limits {
	if options.Embedded != nil {
		return state.Limits{ConditionCost: store.EmbeddedConditionCost}
	}
	return state.Limits{ConditionCost: store.MaxConditionCost}
}

func (o *Operator) connect(options Options) func(context.Context) (store.Store, error) {
	return func(ctx context.Context) (store.Store, error) {
		connected, err := o.open(ctx, options)
		if err != nil {
			return nil, err
		}
		o.connected.Store(&connected)
		return connected, nil
	}
}

func (o *Operator) open(ctx context.Context, options Options) (store.Store, error) {
	if o.embedded != nil {
		opened, _, err := o.embedded.get()
		if err != nil {
			return nil, err
		}
		return opened, nil
	}
	owner, err := storeOwner(ctx, o.manager.GetAPIReader())
	if err != nil {
		return nil, err
	}
	external := *options.Remote
	external.Owner = owner
	remote, err := openfga.Remote(ctx, external)
	if err != nil {
		return nil, fmt.Errorf("connecting to the store: %w", err)
	}
	return remote, nil
}

// storeOwner identifies this installation among all that may use an OpenFGA server. It stays the same when the operator is
// installed anew, since the store holds what the cluster says.
func storeOwner(ctx context.Context, reader client.Reader) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	namespace := &metav1.PartialObjectMetadata{}
	namespace.SetGroupVersionKind(engine.NamespaceKind)
	if err := reader.Get(ctx, client.ObjectKey{Name: metav1.NamespaceSystem}, namespace); err != nil {
		return "", fmt.Errorf("reading the UID of the namespace %s, by which this installation marks its store: %w", metav1.NamespaceSystem, err)
	}
	return string(namespace.UID), nil
}

// Run runs the operator until ctx ends, then lets what has begun end.
func (o *Operator) Run(ctx context.Context) error {
	err := o.manager.Start(ctx)
	if err != nil {
		err = fmt.Errorf("running the operator: %w", err)
	}
	return errors.Join(err, o.close())
}

func (o *Operator) close() error {
	if o.embedded == nil {
		return nil
	}
	return o.embedded.close()
}

// DecisionURL is where applications ask AuthZEN; empty if it is not served.
func (o *Operator) DecisionURL() string { return o.decisionURL }

// addProbes: alive is whose loops turn; ready is who has seen the whole cluster. An outage of the store takes
// neither away.
func (o *Operator) addProbes() error {
	var synced atomic.Bool
	mgr := o.manager
	err := mgr.Add(everyReplica(func(ctx context.Context) error {
		synced.Store(mgr.GetCache().WaitForCacheSync(ctx))
		<-ctx.Done()
		return nil
	}))
	if err != nil {
		return fmt.Errorf("adding the readiness probe: %w", err)
	}
	ready := func(*http.Request) error {
		if !synced.Load() {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
	return errors.Join(mgr.AddHealthzCheck("loops", liveness.Checker(o.monitor.Check)), mgr.AddReadyzCheck("caches", ready))
}

// everyReplica is a runnable that does not wait for leadership.
type everyReplica func(context.Context) error

// Start implements manager.Runnable.
func (r everyReplica) Start(ctx context.Context) error { return r(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (r everyReplica) NeedLeaderElection() bool { return false }
