// Package cloudevents tells a sink of the operator's choice, by CloudEvents over HTTP, what becomes of access: the steps of
// requests at least once and in order, everything else as well as it can.
package cloudevents

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	"github.com/cloudevents/sdk-go/v2/protocol"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/go-logr/logr"

	"github.com/bailiwick-dev/bailiwick/internal/liveness"
)

const (
	// sendTimeout ends every call of the sink.
	sendTimeout = 10 * time.Second
	// maxAnswer is how much is read of what a sink answers. Nothing of it is used, but that it was read.
	maxAnswer = 4 << 10
)

// SinkOptions say where events are sent.
type SinkOptions struct {
	// URL is where they are posted. It may be a secret in itself, so nobody logs it.
	URL string
	// CAFile holds the certificates that may have signed the sink's, in PEM. Default: the system's.
	CAFile string
	// TokenFile holds what is sent as bearer token. It is read for every call, so that it can be changed in place.
	TokenFile string
}

// Sink takes events. Its methods may be called concurrently.
type Sink struct {
	client cloudevents.Client
	log    logr.Logger
	// failing is set while it takes nothing.
	failing atomic.Bool
}

// NewSink is a sink that has been asked nothing yet.
func NewSink(options SinkOptions, log logr.Logger) (*Sink, error) {
	if err := checkURL(options); err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if options.CAFile != "" {
		pem, err := os.ReadFile(options.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificates of the events sink: %w", err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the certificates of the events sink: %s holds none in PEM", options.CAFile)
		}
	}
	return connect(options, transport, log)
}

func connect(options SinkOptions, through http.RoundTripper, log logr.Logger) (*Sink, error) {
	client, err := cloudevents.NewClientHTTP(
		cloudevents.WithTarget(options.URL),
		cehttp.WithClient(http.Client{
			Transport: authorized{through, options.TokenFile},
			// What a redirect leads to has not been chosen, and would be shown the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("setting up the client of the events sink: %w", withoutURL(err))
	}
	return &Sink{client: client, log: log}, nil
}

// checkURL refuses a URL that can't be posted to, or by which a secret would be shown. It is not repeated: it may be one.
func checkURL(options SinkOptions) error {
	parsed, err := url.Parse(options.URL)
	switch {
	case err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "":
		return errors.New("it is no URL to post to: write one as in https://events.example.com/bailiwick")
	case parsed.User != nil:
		return errors.New("it has a name or password in it, which whoever reads the Deployment sees: give a token in a file")
	case options.CAFile != "" && parsed.Scheme == "http":
		return errors.New("certificates are given, but it begins with http: write https")
	case options.TokenFile != "" && parsed.Scheme == "http" && !isLoopback(parsed.Hostname()):
		return errors.New("the token would go over the network in the clear: write https")
	}
	return nil
}

func isLoopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// refusal is the answer of a sink that does not take an event.
type refusal int

// Error implements error.
func (r refusal) Error() string {
	return fmt.Sprintf("the events sink has answered %d %s", int(r), http.StatusText(int(r)))
}

// isFinal says whether it is of no use to send the event again.
func (r refusal) isFinal() bool {
	switch int(r) {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusUnauthorized:
		return false
	}
	return r < http.StatusInternalServerError
}

// Send sends an event, and returns when the sink has taken it. An error is a refusal where the sink has answered.
func (s *Sink) Send(ctx context.Context, e Event) error {
	defer liveness.Outside(ctx)()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	written, err := e.written()
	if err != nil {
		return err
	}
	result := s.client.Send(binding.WithForceStructured(ctx), written)
	var answer *cehttp.Result
	switch {
	case protocol.IsACK(result):
		sent.Inc()
		if s.failing.Swap(false) {
			s.log.Info("the events sink takes events again")
		}
		return nil
	case protocol.ResultAs(result, &answer):
		err = refusal(answer.StatusCode)
	default:
		err = fmt.Errorf("sending an event: %w", withoutURL(result))
	}
	failed.Inc()
	if !s.failing.Swap(true) && !errors.Is(ctx.Err(), context.Canceled) {
		s.log.Info("the events sink does not take events", "reason", err.Error())
	}
	return err
}

// withoutURL is an error without the URL that it is about.
func withoutURL(err error) error {
	if about, ok := errors.AsType[*url.Error](err); ok {
		return about.Err
	}
	return err
}

// authorized shows the token of a file, and does not have whoever reads an answer read for ever.
type authorized struct {
	http.RoundTripper
	tokenFile string
}

// RoundTrip implements http.RoundTripper.
func (a authorized) RoundTrip(request *http.Request) (*http.Response, error) {
	if a.tokenFile != "" {
		token, err := os.ReadFile(a.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading the token for the events sink: %w", err)
		}
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	response, err := a.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = bounded{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}

type bounded struct {
	io.Reader
	io.Closer
}
