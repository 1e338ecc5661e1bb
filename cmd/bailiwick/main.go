// Command bailiwick is the operator: it keeps an authorization store in the state that the resources of
// a cluster describe.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/zap/zapcore"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// Set by the build.
var (
	version = "development"
	commit  = "unknown"
)

func main() {
	code, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bailiwick:", err)
	}
	os.Exit(code)
}

// The exit codes. Those of a dry run are kubectl diff's: there is a difference, or something went wrong.
const (
	exitFailed    = 1
	exitDiffers   = 1
	exitNotLooked = 2
)

// flags are the settings as they are written on the command line or, in capitals with BAILIWICK_ before
// them and "_" for "-", in the environment.
type flags struct {
	operator.Options
	store     string
	storeName string
	embedded  operator.EmbeddedOptions
	remote    openfga.RemoteOptions
	logLevel  string
	// decisionLog has decisions written beside the operator's own log, which is on standard error.
	decisionLog bool
	version     bool
	dryRun      bool
	output      string
}

func run() (code int, err error) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		if err := check(ctrl.SetupSignalHandler(), ctrl.GetConfig, os.Args[1:]); err != nil {
			return exitFailed, err
		}
		return 0, nil
	}
	f := &flags{}
	set := f.define()
	if err := fromEnvironment(set, os.LookupEnv); err != nil {
		return exitFailed, err
	}
	if err := set.Parse(os.Args[1:]); err != nil {
		return exitFailed, err
	}
	if f.version {
		fmt.Printf("bailiwick %s (%s)\n", version, commit)
		return 0, nil
	}
	options, err := f.options()
	if err != nil {
		return f.failed(), err
	}
	ctrl.SetLogger(options.Log)
	ctx := ctrl.SetupSignalHandler()
	cluster, err := ctrl.GetConfig()
	if err != nil {
		return f.failed(), fmt.Errorf("finding the cluster: %w", err)
	}
	if f.dryRun {
		return f.look(ctx, cluster, options, os.Stdout)
	}
	o, err := operator.New(ctx, cluster, options)
	if err != nil {
		return exitFailed, err
	}
	options.Log.Info("starting", "version", version, "commit", commit, "store", f.store)
	if err := o.Run(ctx); err != nil {
		return exitFailed, err
	}
	return 0, nil
}

func (f *flags) failed() int {
	if f.dryRun {
		return exitNotLooked
	}
	return exitFailed
}

// look says what a start would change.
func (f *flags) look(ctx context.Context, cluster *rest.Config, options operator.Options, to io.Writer) (int, error) {
	found, err := operator.DryRun(ctx, cluster, options)
	if err != nil {
		return exitNotLooked, err
	}
	write := found.Text
	if f.output == "json" {
		write = found.JSON
	}
	switch err := write(to); {
	case err != nil:
		return exitNotLooked, err
	case found.Empty():
		return 0, nil
	}
	return exitDiffers, nil
}

func (f *flags) define() *pflag.FlagSet {
	set := pflag.NewFlagSet("bailiwick", pflag.ExitOnError)
	set.StringVar(&f.store, "store", "embedded", "where the authorization store is: embedded in this process, or external")
	set.StringVar(&f.storeName, "openfga-store-name", "bailiwick", "name of the store in OpenFGA; it is created if it is not there")
	set.StringVar(&f.remote.Adopt, "openfga-adopt-store", "", "the owner of an external store to take over from it: what the operator says when it refuses the store, the UID of an installation or \"unmarked\". The store's model is replaced and its tuples deleted. Without effect once the store is this installation's")
	set.StringVar(&f.embedded.Path, "store-path", "", "file of the embedded store; empty keeps it for this run only")
	set.StringVar(&f.embedded.API.HTTPAddress, "openfga-http-address", "127.0.0.1:8080", "where applications ask the embedded store over HTTP")
	set.StringVar(&f.embedded.API.GRPCAddress, "openfga-grpc-address", "127.0.0.1:8081", "where applications ask the embedded store over gRPC")
	set.StringVar(&f.Asking.OpenFGAKeysFile, "openfga-api-keys-file", "", "file with the keys of those who may ask the embedded store; empty lets everyone ask")
	set.BoolVar(&f.DecisionsOnly, "decisions-only", false, "answer AuthZEN and do nothing else: without a store, a webhook and leader election. --store says which kind of store the operator has")
	set.StringVar(&f.Asking.DecisionAddress, "decision-address", "127.0.0.1:8084", "where AuthZEN is served")
	set.StringVar(&f.Asking.DecisionKeysFile, "decision-keys-file", "", "file with the keys of those who may ask AuthZEN; without it, and without --decision-service-accounts, AuthZEN is not served")
	set.BoolVar(&f.Asking.DecisionServiceAccounts, "decision-service-accounts", false, "whether ServiceAccounts may ask AuthZEN with their tokens, about the organizations in whose namespaces they may create decisions.authz.bailiwick.dev")
	set.StringVar(&f.Asking.DecisionURL, "decision-public-url", "", "the URL under which applications know AuthZEN; empty is as it is served")
	set.BoolVar(&f.decisionLog, "decision-log", false, "whether every decision of AuthZEN is written to standard output, as a line of JSON")
	set.StringVar(&f.Asking.DecisionLogPseudonymKeyFile, "decision-log-pseudonym-key-file", "", "file with a key of at least 32 bytes by which that log has pseudonyms for subjects; without it, their names")
	set.StringVar(&f.Asking.TLSDirectory, "tls-directory", "", "directory with tls.crt and tls.key for AuthZEN and the embedded store's API, which then take nothing but TLS; read again when they change")
	set.StringVar(&f.SCIM.Address, "scim-address", "", "where directories send people by SCIM; empty serves none")
	set.StringVar(&f.SCIM.TLSDirectory, "scim-tls-directory", "", "directory with tls.crt and tls.key for SCIM, which then takes nothing but TLS; read again when they change")
	set.StringVar(&f.SCIM.KeysFile, "scim-keys-file", "", "file with the keys of those who act as an organization's ServiceAccount bailiwick-scim; without it SCIM takes the tokens of ServiceAccounts only")
	set.StringVar(&f.Events.URL, "events-sink-url", "", "where CloudEvents about access are posted, as in https://events.example.com/bailiwick; empty posts none")
	set.StringVar(&f.Events.CAFile, "events-sink-ca-file", "", "file with the certificates that the events sink's is signed by; empty takes the system's")
	set.StringVar(&f.Events.TokenFile, "events-sink-token-file", "", "file with the bearer token that is shown to the events sink; read again for every event")
	set.StringVar(&f.remote.Address, "openfga-server", "", "host:port of the external OpenFGA server's gRPC API")
	set.BoolVar(&f.remote.TLS, "openfga-tls", true, "whether the external server is spoken to over TLS")
	set.StringVar(&f.remote.CAFile, "openfga-ca-file", "", "file with the certificates that the external server's is signed by; empty takes the system's")
	set.StringVar(&f.remote.KeyFile, "openfga-key-file", "", "file with the external server's pre-shared key; it is read again when it changes")
	set.DurationVar(&f.remote.SwitchGrace, "switch-grace", time.Second, "how long a decision of the external server may take: what replaces a grant is kept beside it for that long")
	set.DurationVar(&f.CompareEvery, "resync-interval", 10*time.Minute, "how often the whole store is compared with the cluster")
	set.DurationVar(&f.CountEvery, "role-count-interval", time.Second, "how often a status says another number or text because other objects have changed, at most")
	set.IntVar(&f.Workers, "workers", 32, "how many objects of a kind are worked on at once")
	set.Float32Var(&f.QPS, "kube-api-qps", 1000, "how many requests a second the API server is sent at most")
	set.BoolVar(&f.LeaderElect, "leader-elect", true, "whether several operators agree on one that writes")
	set.DurationVar(&f.Lease.Duration, "leader-elect-lease-duration", 6*time.Second, "how long the others wait before one of them leads in the place of a leader that renews its lease no more")
	set.DurationVar(&f.Lease.RenewDeadline, "leader-elect-renew-deadline", 4*time.Second, "how long the leader tries to renew its lease before it ends; less than the lease's duration")
	set.DurationVar(&f.Lease.RetryPeriod, "leader-elect-retry-period", time.Second/2, "how often each operator tries to get or to renew the lease; less than the renew deadline and, where decisions are served, at most a sixth of the lease")
	set.StringVar(&f.Namespace, "namespace", "bailiwick-system", "the operator's own namespace: of the lease, and of the webhook's certificate")
	set.IntVar(&f.WebhookPort, "webhook-port", 9443, "where the API server calls the webhook; 0 serves none")
	set.StringVar(&f.WebhookDNSName, "webhook-dns-name", "bailiwick-webhook.bailiwick-system.svc", "the name under which the API server calls the webhook")
	set.StringVar(&f.UsernamePrefix, "username-prefix", "", "what the API server puts before the subjects of Users, as its --oidc-username-prefix does, and what is taken off to find out who writes; names without it then stand for no User, but for those that an Organization maps and those that begin with system:")
	set.StringVar(&f.WebhookClients.CAFile, "webhook-client-ca-file", "", "file with the certificates that the API server's own, which it shows to webhooks, is signed by; nobody else may then ask the webhook; read again when it changes")
	set.StringSliceVar(&f.WebhookClients.Names, "webhook-client-names", nil, "the common names of which the API server's certificate has one")
	set.StringVar(&f.MetricsAddress, "metrics-address", ":8082", "where metrics are served; 0 serves none")
	set.StringVar(&f.ProfileAddress, "pprof-address", "", "where Go's profiles are served, for whoever finds out what takes time or memory: a loopback address; empty serves none")
	set.StringVar(&f.HealthAddress, "health-address", ":8083", "where /healthz and /readyz are served")
	set.StringVar(&f.TraceEndpoint, "otlp-endpoint", "", "URL of a collector that OpenTelemetry traces are sent to, over OTLP with gRPC, as in http://collector:4317; empty sends none")
	set.DurationVar(&f.ShutdownTimeout, "shutdown-timeout", 25*time.Second, "how long what has begun may take to end; less than the pod's grace period")
	set.StringVar(&f.logLevel, "log-level", "info", "debug, info or error")
	set.BoolVar(&f.dryRun, "dry-run", false, "say what a start would change in the store and the objects, and exit; nothing is written. The exit code is 0 for nothing, 1 for something, 2 for an error")
	set.StringVar(&f.output, "output", "text", "how a dry run says it: text or json")
	set.BoolVar(&f.version, "version", false, "print the version and exit")
	return set
}

// fromEnvironment sets the flags that the environment names; the command line has the last word.
func fromEnvironment(set *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var failed error
	set.VisitAll(func(flag *pflag.Flag) {
		name := "BAILIWICK_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, given := lookup(name)
		if !given || failed != nil {
			return
		}
		if err := set.Set(flag.Name, value); err != nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	})
	return failed
}

// options checks what the flags say together.
func (f *flags) options() (operator.Options, error) {
	options := f.Options
	options.Clock = clock.RealClock{}
	if f.decisionLog {
		options.Asking.DecisionLog = os.Stdout
	}
	f.embedded.StoreName, f.remote.StoreName = f.storeName, f.storeName
	if f.output != "text" && f.output != "json" {
		return options, fmt.Errorf("--output=%s: it is text or json", f.output)
	}
	switch f.store {
	case "embedded":
		options.Embedded = &f.embedded
		if f.dryRun && f.remote.Address != "" {
			options.Remote = &f.remote // where the operator that has the store serves it
		}
	case "external":
		if f.remote.Address == "" && !f.DecisionsOnly {
			return options, fmt.Errorf("--store=external needs --openfga-server, the address of the OpenFGA server")
		}
		options.Remote = &f.remote
	default:
		return options, fmt.Errorf("--store=%s: it is embedded or external", f.store)
	}
	if err := f.onlyDecisions(); err != nil {
		return options, err
	}
	if err := loopbackOnly(options.ProfileAddress); err != nil {
		return options, fmt.Errorf("--pprof-address: %w", err)
	}
	if err := ordered(options.Lease); options.LeaderElect && err != nil {
		return options, err
	}
	if err := operator.CheckReadLease(options); err != nil {
		return options, err //nolint:wrapcheck // it names the flags
	}
	if options.WebhookClients.Restricted() != (len(options.WebhookClients.Names) > 0) {
		return options, fmt.Errorf("--webhook-client-ca-file and --webhook-client-names go together: an authority that has signed the API server's certificate may have signed others, too")
	}
	if f.Events.URL == "" && (f.Events.CAFile != "" || f.Events.TokenFile != "") {
		return options, fmt.Errorf("--events-sink-ca-file and --events-sink-token-file need --events-sink-url, where events are posted")
	}
	level, err := zapcore.ParseLevel(f.logLevel)
	if err != nil {
		return options, fmt.Errorf("--log-level: %w", err)
	}
	options.Log = zap.New(zap.Level(level))
	return options, nil
}

// onlyDecisions refuses what a replica that only answers decisions does not do.
func (f *flags) onlyDecisions() error {
	switch {
	case !f.DecisionsOnly:
		return nil
	case f.Asking.DecisionKeysFile == "" && !f.Asking.DecisionServiceAccounts:
		return fmt.Errorf("--decisions-only needs --decision-keys-file or --decision-service-accounts, else nobody could ask")
	case f.dryRun:
		return fmt.Errorf("--dry-run: with --decisions-only there is nothing that a start would change")
	case f.SCIM.Address != "":
		return fmt.Errorf("--scim-address: with --decisions-only SCIM is not served; leave it out")
	case f.Events.URL != "":
		return fmt.Errorf("--events-sink-url: with --decisions-only no events are sent; leave it out")
	}
	return nil
}

// ordered refuses durations of a lease with which two could lead, or a leader could end before it has tried twice.
func ordered(lease operator.LeaseOptions) error {
	if lease.RenewDeadline >= lease.Duration {
		return fmt.Errorf("--leader-elect-renew-deadline=%s: it must be less than --leader-elect-lease-duration, which is %s", lease.RenewDeadline, lease.Duration)
	}
	longest := time.Duration(float64(lease.RenewDeadline) / leaderelection.JitterFactor)
	if lease.RetryPeriod <= 0 || lease.RetryPeriod >= longest {
		return fmt.Errorf("--leader-elect-retry-period=%s: it must be more than 0 and less than %s, for the renew deadline of %s", lease.RetryPeriod, longest, lease.RenewDeadline)
	}
	return nil
}

// loopbackOnly refuses an address that others than this machine's, or this Pod's, can reach: a profile
// shows what is in memory, to whoever asks.
func loopbackOnly(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: write host:port", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address: profiles show what is in memory; use 127.0.0.1 and kubectl port-forward", address)
	}
	return nil
}
