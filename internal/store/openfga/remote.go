package openfga

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
)

const (
	defaultSwitchGrace = time.Second
	// reconnectDelay bounds how long after an outage the store is still not asked again. gRPC's own
	// bound is two minutes.
	reconnectDelay = 2 * time.Second
	// A server that vanishes without a word is found out by data it does not acknowledge, which gRPC
	// watches only where pings are on. Servers take it ill to be pinged more often than every 5 minutes.
	pingEvery   = 6 * time.Minute
	pingTimeout = 10 * time.Second
)

// RemoteOptions say where the external OpenFGA server is, and how to speak to it.
type RemoteOptions struct {
	// Address is the server's gRPC address, host:port.
	Address string
	// TLS turns on TLS. Without it everything goes in the clear.
	TLS bool
	// CAFile holds the certificates that may have signed the server's, in PEM. Default: the system's.
	CAFile string
	// KeyFile holds the pre-shared key. It is read for every call, so that it can be changed in place.
	// It needs TLS.
	KeyFile string
	// StoreName is the name of the store in OpenFGA. Default "bailiwick".
	StoreName string
	// Owner identifies the installation, which is the only one to read and write the store.
	Owner string
	// Adopt names the owner, or Unmarked, of a store to take over. Once it is ours, this changes nothing.
	Adopt string
	// Timeout ends every call. Default 10 s.
	Timeout time.Duration
	// SwitchGrace is how long the server may take for a decision, as far as we wait for it before
	// taking away what the decision may still be reading. Default 1 s.
	SwitchGrace time.Duration
}

// Remote is a store in an external OpenFGA server. The error is ErrUnavailable if it does not answer, ErrForeign if the
// store belongs to somebody else.
func Remote(ctx context.Context, options RemoteOptions) (*Store, error) {
	if options.Owner == "" {
		return nil, errors.New("opening an external store: it needs an owner")
	}
	options.StoreName = cmp.Or(options.StoreName, defaultStoreName)
	remote, err := dial(options)
	if err != nil {
		return nil, err
	}
	if err := remote.bootstrapShared(ctx, options); err != nil {
		return nil, errors.Join(err, remote.Close())
	}
	return remote, nil
}

// dial is a store of which nothing has been asked yet.
func dial(options RemoteOptions) (*Store, error) {
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.SwitchGrace == 0 {
		options.SwitchGrace = defaultSwitchGrace
	}
	how, err := dialOptions(options)
	if err != nil {
		return nil, fmt.Errorf("setting up the connection to the store: %w", err)
	}
	connection, err := grpc.NewClient(options.Address, how...)
	if err != nil {
		return nil, fmt.Errorf("setting up the connection to the store: %w", err)
	}
	return &Store{
		client:  openfgav1.NewOpenFGAServiceClient(connection),
		timeout: options.Timeout,
		grace:   options.SwitchGrace,
		shared:  true,
		checks:  newInFlight(),
		close:   connection.Close,
	}, nil
}

func dialOptions(options RemoteOptions) ([]grpc.DialOption, error) {
	transport, err := transportCredentials(options)
	if err != nil {
		return nil, err
	}
	reconnect := backoff.DefaultConfig
	reconnect.MaxDelay = reconnectDelay
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: options.Timeout}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingEvery, Timeout: pingTimeout}),
	}
	if options.KeyFile != "" {
		if !options.TLS {
			return nil, errors.New("a pre-shared key needs TLS, else everyone on the way can read it")
		}
		key := keyFile(options.KeyFile)
		if _, err := key.read(); err != nil {
			return nil, err
		}
		dial = append(dial, grpc.WithPerRPCCredentials(key))
	}
	return dial, nil
}

func transportCredentials(options RemoteOptions) (credentials.TransportCredentials, error) {
	if !options.TLS {
		if options.CAFile != "" {
			return nil, errors.New("certificates are given, but TLS is off")
		}
		return insecure.NewCredentials(), nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if options.CAFile != "" {
		pem, err := os.ReadFile(options.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", options.CAFile)
		}
	}
	return credentials.NewTLS(config), nil
}

// keyFile sends the pre-shared key that the file of this name holds.
type keyFile string

var _ credentials.PerRPCCredentials = keyFile("")

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (f keyFile) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	key, err := f.read()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + key}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (f keyFile) RequireTransportSecurity() bool { return true }

func (f keyFile) read() (string, error) {
	content, err := os.ReadFile(string(f))
	if err != nil {
		return "", err
	}
	key := strings.TrimSpace(string(content))
	if key == "" {
		return "", fmt.Errorf("%s is empty", string(f))
	}
	return key, nil
}
