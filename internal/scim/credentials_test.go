package scim

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
)

// token is a ServiceAccount's, as far as what it says goes.
func token(subject string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"sub":"`+subject+`"}`)) + "." + encode([]byte("signature"))
}

// The API server sees the sender's own token, or the operator acting as the organization's ServiceAccount; the operator
// as itself it never sees.
func TestWithWhoseRights(t *testing.T) { // [P2]
	seen := http.Header{}
	plane := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		w.WriteHeader(http.StatusNotFound)
	}))
	defer plane.Close()
	const key, operators = "a-key-of-entra-that-is-for-acme-only", "token-of-the-operator"
	file := filepath.Join(t.TempDir(), "keys.yaml")
	if err := os.WriteFile(file, []byte("callers: [{name: entra, key: "+key+", organizations: [acme]}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := apikeys.Open(file, logr.Discard())
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(v1alpha1.GroupVersion.WithKind("User"), meta.RESTScopeNamespace)
	for name, c := range map[string]struct {
		organization, authorization  string
		withoutKeys                  bool
		code                         int
		sentAuthorization, sentAsWho string
	}{
		"a token":                     {organization: "acme", authorization: "Bearer " + token("system:serviceaccount:acme:scim"), sentAuthorization: "Bearer " + token("system:serviceaccount:acme:scim")},
		"a token, without keys":       {organization: "acme", withoutKeys: true, authorization: "bearer " + token("system:serviceaccount:acme:scim"), sentAuthorization: "Bearer " + token("system:serviceaccount:acme:scim")},
		"of another organization":     {organization: "globex", authorization: "Bearer " + token("system:serviceaccount:acme:scim"), code: 403},
		"of a person":                 {organization: "acme", authorization: "Bearer " + token("alice@example.com"), code: 401},
		"of a prefix":                 {organization: "acme", authorization: "Bearer " + token("system:serviceaccount:acme"), code: 401},
		"no token":                    {organization: "acme", authorization: "Bearer secret", code: 401},
		"nothing":                     {organization: "acme", code: 401},
		"basic":                       {organization: "acme", authorization: "Basic " + token("system:serviceaccount:acme:scim"), code: 401},
		"a key":                       {organization: "acme", authorization: "Bearer " + key, sentAuthorization: "Bearer " + operators, sentAsWho: "system:serviceaccount:acme:bailiwick-scim"},
		"a key of another":            {organization: "globex", authorization: "Bearer " + key, code: 403},
		"a key where there are none":  {organization: "acme", withoutKeys: true, authorization: "Bearer " + key, code: 401},
		"a key and a cluster's token": {organization: "acme", authorization: "Bearer " + operators, code: 401},
	} {
		t.Run(name, func(t *testing.T) {
			credentials := &Credentials{Cluster: &rest.Config{Host: plane.URL, BearerToken: operators}, Scheme: scheme, Mapper: mapper, Keys: keys}
			if c.withoutKeys {
				credentials.Keys = nil
			}
			var authorization []string
			if c.authorization != "" {
				authorization = []string{c.authorization}
			}
			connected, err := credentials.Connect(c.organization, authorization)
			if c.code != 0 {
				if err == nil || failureOf(err).Status != c.code || strings.Contains(err.Error(), "signature") {
					t.Fatalf("%v, want %d", err, c.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			seen = nil
			_ = connected.Get(context.Background(), client.ObjectKey{Namespace: "acme", Name: "x"}, &v1alpha1.User{})
			if seen.Get("Authorization") != c.sentAuthorization || seen.Get("Impersonate-User") != c.sentAsWho {
				t.Errorf("%v", seen)
			}
		})
	}

	if err := os.WriteFile(file, []byte("callers: none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (&Credentials{Keys: keys}).Connect("acme", []string{"Bearer " + key}); err == nil || failureOf(err).Status != 503 {
		t.Errorf("keys that can't be read: %v", err)
	}
}
