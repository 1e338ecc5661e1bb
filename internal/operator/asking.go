package operator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/bailiwick-dev/bailiwick/internal/callers"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/liveness"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// AskingOptions say how applications ask, and who they are.
type AskingOptions struct {
	// TLSDirectory holds tls.crt and tls.key, as a Secret of the type kubernetes.io/tls is mounted. Both
	// APIs then take nothing but TLS. Changed files need no restart.
	TLSDirectory string
	// DecisionAddress is where AuthZEN is served, DecisionKeysFile the file of those who may ask; without
	// it nothing is served.
	DecisionAddress, DecisionKeysFile string
	// DecisionURL is under which applications know AuthZEN. Default: as it is served.
	DecisionURL string
	// LogDecisions has every decision of AuthZEN logged.
	LogDecisions bool
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
)

// certificate has the certificate of the APIs watched; nil where there is none.
func (o *Operator) certificate(directory string) (*tls.Config, error) {
	if directory == "" {
		return nil, nil
	}
	watcher, err := certwatcher.New(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of the APIs: %w", err)
	}
	if err := o.manager.Add(watcher); err != nil {
		return nil, fmt.Errorf("adding the certificate of the APIs: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: watcher.GetCertificate}, nil
}

// encrypted sees to it that no key goes over a network in the clear.
func encrypted(address string, config *tls.Config) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if config != nil || host == "localhost" || net.ParseIP(host).IsLoopback() {
		return nil
	}
	return fmt.Errorf("keys would come to %s in the clear: give a certificate, or serve on 127.0.0.1", address)
}

// publicURL is a URL to which paths can be added.
func publicURL(text string) (string, error) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return "", fmt.Errorf("%q is no URL for decisions: it is to be as in https://decisions.example.com", text)
	}
	return strings.TrimRight(text, "/"), nil
}

// admitForAll lets those ask OpenFGA itself who may ask about all organizations.
func admitForAll(file *callers.File) func([]string) error {
	return func(authorization []string) error {
		caller, err := file.Authenticate(authorization)
		switch {
		case errors.Is(err, callers.ErrUnknown):
			return err
		case err != nil:
			return errors.New("nobody can be told from anybody else: the operator can't read the keys, and its log says why")
		case !caller.MayAskAboutAll():
			return errors.New("OpenFGA's own API shows all organizations, and this key is not for all of them: ask AuthZEN")
		}
		return nil
	}
}

// addDecisions serves AuthZEN.
func (o *Operator) addDecisions(e *engine.Engine, options Options, config *tls.Config) error {
	log := options.Log.WithName("decision")
	file, err := callers.Open(options.Asking.DecisionKeysFile, log)
	if err != nil {
		return err
	}
	if err := encrypted(options.Asking.DecisionAddress, config); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", options.Asking.DecisionAddress)
	if err != nil {
		return fmt.Errorf("serving decisions: %w", err)
	}
	o.decisionURL = "http://" + listener.Addr().String()
	if config != nil {
		config = config.Clone()
		config.NextProtos = []string{"h2", "http/1.1"}
		listener = tls.NewListener(listener, config)
		o.decisionURL = "https://" + listener.Addr().String()
	}
	if options.Asking.DecisionURL != "" {
		if o.decisionURL, err = publicURL(options.Asking.DecisionURL); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	server := &http.Server{
		Handler: liveness.Handler(decision.New(decision.Options{
			URL:          o.decisionURL,
			Callers:      file,
			Store:        o,
			Ready:        e.InSync,
			HasType:      e.HasType,
			Clock:        options.Clock,
			Log:          log,
			LogDecisions: options.Asking.LogDecisions,
		})),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logr.ToSlogHandler(log), slog.LevelDebug),
	}
	// Every replica answers, so that whoever asks one that does not lead hears why there is no answer.
	err = o.manager.Add(&manager.Server{
		Name: "decisions", Server: server, Listener: listener, ShutdownTimeout: &options.ShutdownTimeout,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("adding decisions: %w", err), listener.Close())
	}
	return nil
}

// Check implements decision.Store with the store that the engine is connected to.
func (o *Operator) Check(ctx context.Context, question store.Question) (bool, error) {
	connected := o.connected.Load()
	if connected == nil {
		return false, fmt.Errorf("asking for a decision: %w: it is not connected to yet", store.ErrUnavailable)
	}
	return (*connected).Check(ctx, question)
}
