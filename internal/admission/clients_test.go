package admission_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/bailiwick-dev/bailiwick/internal/admission"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// shown is a certificate of a name that has signed itself, and the file of those who trust it.
func shown(t *testing.T, name string) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestOnlyTheAPIServerMayAskWhereItsCertificateIsKnown(t *testing.T) {
	apiserver, trusted := shown(t, "kube-apiserver")
	other, trustedToo := shown(t, "kubelet")
	stranger, _ := shown(t, "kube-apiserver")
	file := filepath.Join(t.TempDir(), "ca.crt")
	write := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(append(trusted, trustedToo...))
	clients := admission.Clients{CAFile: file, Names: []string{"kube-apiserver"}}
	ask := func(clients admission.Clients, certificates ...tls.Certificate) int {
		t.Helper()
		server := httptest.NewUnstartedServer(clients.Only(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
		// It fills in its certificate when it starts, where the operator's has a function.
		pair := httptest.NewTLSServer(nil)
		server.TLS.Certificates = pair.TLS.Certificates
		pool := x509.NewCertPool()
		pool.AddCert(pair.Certificate())
		pair.Close()
		clients.Configure(server.TLS)
		server.StartTLS()
		defer server.Close()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: pool, ServerName: "example.com", Certificates: certificates,
		}}}
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			return 0 // there is no connection
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	expect := func(what string, got int, want ...int) {
		t.Helper()
		if !slices.Contains(want, got) {
			t.Errorf("%s: got %d, want %v", what, got, want)
		}
	}
	expect("the API server", ask(clients, apiserver), http.StatusOK)
	expect("nobody", ask(clients), http.StatusForbidden)
	expect("another one by the same authority", ask(clients, other), http.StatusForbidden)
	expect("one of that name by another authority", ask(clients, stranger), 0, http.StatusForbidden)
	expect("anybody, where the API server's is not known", ask(admission.Clients{}), http.StatusOK)
	if err := clients.Check(); err != nil {
		t.Error(err)
	}

	// The file is read for each connection.
	write([]byte("junk"))
	expect("the API server, with a file of junk", ask(clients, apiserver), 0)
	if clients.Check() == nil {
		t.Error("nothing says that the file is junk")
	}
	write(trusted)
	expect("the API server, when the file is fixed", ask(clients, apiserver), http.StatusOK)
}

// TestARefusalTellsOfNoPrivilegeThatItsAuthorCouldNotRead: without a certificate anybody can make up a request.
func TestARefusalTellsOfNoPrivilegeThatItsAuthorCouldNotRead(t *testing.T) {
	const holds = "which the User alice does not hold"
	for name, test := range map[string]struct {
		authenticated, reads bool
		told                 bool
	}{
		"anybody may ask": {false, true, false},
		"only the API server may ask, for an author who may read roles": {true, true, true},
		"only the API server may ask, for an author who may not":        {true, false, false},
	} {
		t.Run("[F1] "+name, func(t *testing.T) {
			j := newJudge(t)
			j.Authenticated = test.authenticated
			j.answer = func(asked authorizationv1.SubjectAccessReviewSpec) (bool, error) {
				return asked.ResourceAttributes.Resource == "roles" && asked.ResourceAttributes.Verb == "list" && test.reads, nil
			}
			j.state.Put(build.Role("acme", "hidden").Grants("Edit").Obj())
			response := j.create("alice", "roleassignments", build.RoleAssignment("acme", "a").Gives("hidden").ToUser("bob").Obj())
			if test.told {
				j.expect(response, http.StatusForbidden, "this gives Edit at acme, "+holds)
			} else {
				j.expect(response, http.StatusForbidden, `spec.roleRef: this gives more than "alice" holds`, "you can give only what you hold")
				j.expectSilent(response, "Edit")
			}
			// What the request names itself is no secret.
			j.expect(j.grant("alice", "g", "Edit"), http.StatusForbidden, "this gives Edit at acme, "+holds)
		})
	}
}
