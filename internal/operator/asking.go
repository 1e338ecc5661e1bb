package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/installation"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/serviceaccounts"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// AskingOptions say how applications ask, and who they are.
type AskingOptions struct {
	// TLSDirectory holds tls.crt and tls.key, as a Secret of the type kubernetes.io/tls is mounted. Both
	// APIs then take nothing but TLS. Changed files need no restart.
	TLSDirectory string
	// DecisionAddress is where AuthZEN is served, DecisionKeysFile the file of those who may ask; without
	// it, and without ServiceAccounts, nothing is served.
	DecisionAddress, DecisionKeysFile string
	// DecisionServiceAccounts has AuthZEN take the tokens of ServiceAccounts.
	DecisionServiceAccounts bool
	// DecisionURL is under which applications know AuthZEN. Default: as it is served.
	DecisionURL string
	// DecisionLog is where every decision of AuthZEN is written to; nil is nowhere. With DecisionLogPseudonymKeyFile, a file
	// with a key, it has pseudonyms for subjects.
	DecisionLog                 io.Writer
	DecisionLogPseudonymKeyFile string
	// OpenFGAKeysFile is the file of those who may use the embedded store's own API, which knows no
	// organizations: only a key for all of them counts. Default: everyone may.
	OpenFGAKeysFile string
}

const (
	// A connection that says nothing is ended, one that stays is let go, and requests have to come and
	// answers to be taken in time.
	headerTimeout  = 10 * time.Second
	requestTimeout = 20 * time.Second
	answerTimeout  = 30 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
	// reviewsPerSecond bound what callers have the API server asked.
	reviewsPerSecond = 200
)

// certificate has the certificate of the APIs watched; nil where there is none.
func (o *Operator) certificate(directory, part string) (*tls.Config, error) {
	if directory == "" {
		return nil, nil
	}
	files := &certificateFiles{certificate: filepath.Join(directory, "tls.crt"), key: filepath.Join(directory, "tls.key")}
	if err := o.manager.Add(everyReplica(files.watch)); err != nil {
		return nil, fmt.Errorf("adding the certificate of the APIs: %w", err)
	}
	o.files[part] = files.check
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: files.get}, nil
}

// decisionCertificate is what AuthZEN is served by: the certificate that was given or, where it is asked over a network by the
// name in its URL, one that the operator makes for that host. It is nil on loopback.
func (o *Operator) decisionCertificate(options Options, given *tls.Config) (config *tls.Config, host string, err error) {
	asking := options.Asking
	served := asking.DecisionKeysFile != "" || asking.DecisionServiceAccounts
	address, _, _ := net.SplitHostPort(asking.DecisionAddress) // one that is none is refused where it is listened on
	if !served || given != nil || isLoopback(address) || asking.DecisionURL == "" || options.WebhookPort == 0 {
		return given, "", nil
	}
	known, err := publicURL(asking.DecisionURL)
	if err != nil {
		return nil, "", err
	}
	parsed, err := url.Parse(known)
	if err != nil {
		return nil, "", err
	}
	// The keeper is there when somebody connects.
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return o.keeper.Certificate(hello)
	}}, parsed.Hostname(), nil
}

// certificateFiles are watched from when they can be read. Until then there is no connection; afterwards the last
// that could be read is served.
type certificateFiles struct {
	certificate, key string
	watcher          atomic.Pointer[certwatcher.CertWatcher]
}

// filesEvery is how often files that could not be read are looked for.
const filesEvery = 5 * time.Second

func (f *certificateFiles) watch(ctx context.Context) error {
	for {
		watcher, err := certwatcher.New(f.certificate, f.key)
		if err == nil {
			f.watcher.Store(watcher)
			return watcher.Start(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(filesEvery):
		}
	}
}

func (f *certificateFiles) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if watcher := f.watcher.Load(); watcher != nil {
		return watcher.GetCertificate(hello)
	}
	return nil, f.check()
}

// check says what is wrong with the files now.
func (f *certificateFiles) check() error {
	if _, err := tls.LoadX509KeyPair(f.certificate, f.key); err != nil {
		return fmt.Errorf("reading the certificate of the APIs: %w", err)
	}
	return nil
}

// encrypted sees to it that no key goes over a network in the clear.
func encrypted(address string, config *tls.Config) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if config != nil || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("keys would come to %s in the clear: give a certificate, or serve on 127.0.0.1", address)
}

// publicURL is a URL to which paths can be added. Beyond loopback it is https.
func publicURL(text string) (string, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.User != nil ||
		parsed.RawQuery != "" || parsed.ForceQuery || parsed.Fragment != "" || path.Clean("/"+parsed.Path) != "/"+strings.Trim(parsed.Path, "/") ||
		strings.ContainsAny(parsed.EscapedPath(), "{}") {
		return "", fmt.Errorf("%q is no URL for decisions: write one as in https://decisions.example.com or https://example.com/decisions", text)
	}
	if parsed.Scheme == "http" && !isLoopback(parsed.Hostname()) {
		return "", fmt.Errorf("%q is no URL for decisions: keys would go over the network in the clear, so write https", text)
	}
	return strings.TrimRight(text, "/"), nil
}

// servedAt is the URL of an address that is listened on. One for every interface is known by none of its own names.
func servedAt(scheme string, address net.Addr) string {
	host, port, _ := net.SplitHostPort(address.String()) // it was made of both
	if net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// admitForAll lets those ask OpenFGA itself who may ask about all organizations.
func admitForAll(file *apikeys.File) func([]string) error {
	return func(authorization []string) error {
		caller, err := file.Authenticate(authorization)
		switch {
		case errors.Is(err, apikeys.ErrUnknown):
			return err
		case err != nil:
			return errors.New("nobody can be told from anybody else: the operator can't read the keys, and its log says why")
		case !caller.MayAskAboutAll():
			return errors.New("OpenFGA's own API shows all organizations, and this key is not for all of them: ask AuthZEN")
		}
		return nil
	}
}

// httpServer answers whoever asks over a network. A panic of the handler ends the process.
func httpServer(handler http.Handler, answerTimeout time.Duration, log logr.Logger) *http.Server {
	return &http.Server{
		Handler:           liveness.Handler(handler),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug),
	}
}

// addDecisions serves AuthZEN.
func (o *Operator) addDecisions(from memory, options Options, config *tls.Config) error {
	log := options.Log.WithName("decision")
	callers, err := o.callers(options, log)
	if err != nil {
		return err
	}
	if err := encrypted(options.Asking.DecisionAddress, config); err != nil {
		return fmt.Errorf("%w; or name the URL under which applications know it, and the operator makes a certificate", err)
	}
	listener, err := net.Listen("tcp", options.Asking.DecisionAddress)
	if err != nil {
		return fmt.Errorf("serving decisions: %w", err)
	}
	o.decisionURL = servedAt("http", listener.Addr())
	if config != nil {
		config = config.Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(listener, config)
		o.decisionURL = servedAt("https", listener.Addr())
	}
	if options.Asking.DecisionURL != "" {
		if o.decisionURL, err = publicURL(options.Asking.DecisionURL); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	var decisions *decision.Log
	if to := options.Asking.DecisionLog; to != nil {
		decisions = decision.NewLog(to, options.Asking.DecisionLogPseudonymKeyFile, options.Clock, log)
	}
	server := httpServer(decision.New(decision.Options{
		URL:       o.decisionURL,
		Callers:   callers,
		Memory:    from,
		Store:     o,
		Ready:     from.engine.InSync,
		HasType:   from.engine.HasType,
		Clock:     options.Clock,
		Log:       log,
		Decisions: decisions,
		Tracer:    o.tracer,
	}), answerTimeout, log)
	answering.Store(&from)
	// On every replica, so that whoever asks one that may not answer hears why.
	err = o.manager.Add(&manager.Server{
		Name: "decisions", Server: server, Listener: listener, ShutdownTimeout: &options.ShutdownTimeout,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("adding decisions: %w", err), listener.Close())
	}
	return nil
}

// callers are those who may ask AuthZEN. The API server is asked about them by a client of their own, so that strangers don't
// hold up what the operator has to do there.
func (o *Operator) callers(options Options, log logr.Logger) (callers decision.Callers, err error) {
	if options.Asking.DecisionKeysFile != "" {
		callers.Keys = apikeys.Open(options.Asking.DecisionKeysFile, log)
		o.files[installation.PartDecisionKeys] = callers.Keys.Check
	}
	if !options.Asking.DecisionServiceAccounts {
		return callers, nil
	}
	cluster := rest.CopyConfig(o.manager.GetConfig())
	cluster.QPS, cluster.Burst = reviewsPerSecond, reviewsPerSecond
	reviews, err := client.New(cluster, client.Options{HTTPClient: o.manager.GetHTTPClient(), Scheme: o.manager.GetScheme(), Mapper: o.manager.GetRESTMapper()})
	if err != nil {
		return callers, fmt.Errorf("setting up the client for the reviews of tokens: %w", err)
	}
	callers.Accounts = serviceaccounts.New(reviews, reviews, options.Clock)
	return callers, nil
}

// Check implements decision.Store with the store that the engine is connected to.
func (o *Operator) Check(ctx context.Context, question store.Question) (bool, error) {
	connected := o.connected.Load()
	if connected == nil {
		return false, fmt.Errorf("asking for a decision: %w: it is not connected to yet", store.ErrUnavailable)
	}
	return (*connected).Check(ctx, question)
}
