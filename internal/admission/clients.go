package admission

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"slices"
)

// Clients are those who may ask the webhooks: an API server that is configured to show a certificate. Where none
// is, everybody who reaches the port may, in anybody's name.
type Clients struct {
	// CAFile has the certificates, in PEM, that a client's is signed by; empty asks for none.
	CAFile string
	// Names are the common names of which a client's certificate has one.
	Names []string
}

// Restricted says whether nobody but the API server may ask.
func (c Clients) Restricted() bool { return c.CAFile != "" }

// Check says what is the matter with the file.
func (c Clients) Check() error {
	_, err := c.authorities()
	return err
}

func (c Clients) authorities() (*x509.CertPool, error) {
	content, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates that the webhook's clients are signed by: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", c.CAFile)
	}
	return pool, nil
}

// Configure has a server ask for certificates. The file is read for each connection, so that another one counts
// at once; without it there is no connection. The readiness probe shows none, so Only refuses who does not.
func (c Clients) Configure(config *tls.Config) {
	if !c.Restricted() {
		return
	}
	base := config.Clone()
	base.ClientAuth = tls.VerifyClientCertIfGiven
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		pool, err := c.authorities()
		if err != nil {
			return nil, err
		}
		this := base.Clone()
		this.ClientCAs = pool
		return this, nil
	}
}

// Only serves those who may ask.
func (c Clients) Only(next http.Handler) http.Handler {
	if !c.Restricted() {
		return next
	}
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.TLS == nil || len(request.TLS.VerifiedChains) == 0 || !slices.Contains(c.Names, request.TLS.PeerCertificates[0].Subject.CommonName) {
			http.Error(answer, "only the API server may ask, with its certificate", http.StatusForbidden)
			return
		}
		next.ServeHTTP(answer, request)
	})
}
