package cloudevents

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

var anEvent = Event{
	ID: "u-1/2", Type: "request.approved", At: time.Date(2030, 1, 31, 8, 0, 0, 0, time.UTC),
	About: kinds.Ref{Kind: "AccessRequest", Namespace: "acme", Name: "erin-7"}, Sequence: 2, Data: map[string]string{"organization": "acme"},
}

func TestAnEventIsACloudEvent(t *testing.T) {
	var got map[string]any
	var header http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		header = request.Header.Clone()
		content, err := io.ReadAll(request.Body)
		if err == nil {
			err = json.Unmarshal(content, &got)
		}
		if err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	directory := t.TempDir()
	authority, token := filepath.Join(directory, "ca.crt"), filepath.Join(directory, "token")
	write(t, authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	write(t, token, "first\n")
	sink, err := NewSink(SinkOptions{URL: server.URL + "/bailiwick", CAFile: authority, TokenFile: token}, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := sink.Send(t.Context(), anEvent); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"specversion": "1.0", "id": "u-1/2", "type": "dev.bailiwick.authz.request.approved", "time": "2030-01-31T08:00:00Z",
		"source": "/apis/authz.bailiwick.dev/v1alpha1/namespaces/acme/accessrequests/erin-7", "subject": "erin-7",
		"sequence": "0000000002", "partitionkey": "acme/erin-7", "datacontenttype": "application/json",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if data, _ := got["data"].(map[string]any); data["organization"] != "acme" {
		t.Errorf("data is %v", got["data"])
	}
	if header.Get("Content-Type") != "application/cloudevents+json" || header.Get("Authorization") != "Bearer first" {
		t.Errorf("%v", header)
	}
	write(t, token, "second")
	if err := sink.Send(t.Context(), anEvent); err != nil || header.Get("Authorization") != "Bearer second" {
		t.Errorf("with a changed token: %v, %s", err, header.Get("Authorization"))
	}
	// Whoever has another certificate is told nothing.
	stranger, err := NewSink(SinkOptions{URL: server.URL, TokenFile: token}, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	got = nil
	if err := stranger.Send(t.Context(), anEvent); err == nil || got != nil {
		t.Errorf("a certificate that nobody trusts: %v, %v", err, got)
	}
}

func TestARefusalSaysNothingOfTheURL(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/away/s3cret" {
			http.Redirect(answer, request, elsewhere.URL, http.StatusTemporaryRedirect)
			return
		}
		answer.WriteHeader(http.StatusBadGateway)
		_, _ = io.Copy(answer, strings.NewReader(strings.Repeat("s3cret", maxAnswer)))
	}))
	for path, want := range map[string]refusal{"/s3cret": http.StatusBadGateway, "/away/s3cret": http.StatusTemporaryRedirect} {
		var answer refusal
		err := send(t, server.URL+path)
		if !errors.As(err, &answer) || answer != want || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", path, err)
		}
	}
	server.Close()
	if err := send(t, server.URL+"/s3cret"); err == nil || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "http://") {
		t.Errorf("nobody there: %v", err)
	}
}

func send(t *testing.T, to string) error {
	t.Helper()
	sink, err := NewSink(SinkOptions{URL: to}, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	return sink.Send(t.Context(), anEvent)
}

func TestASinkThatCannotBe(t *testing.T) {
	directory := t.TempDir()
	empty, token := filepath.Join(directory, "ca.crt"), filepath.Join(directory, "token")
	write(t, empty, "no certificate")
	write(t, token, "a token")
	for name, c := range map[string]struct {
		options SinkOptions
		want    string
	}{
		"no URL":                {SinkOptions{URL: "s3cret"}, "write one as in https://"},
		"not HTTP":              {SinkOptions{URL: "ftp://s3cret"}, "write one as in https://"},
		"cannot be read":        {SinkOptions{URL: "https://[s3cret"}, "write one as in https://"},
		"a password":            {SinkOptions{URL: "https://" + "me:s3cret" + "@example.com"}, "give a token in a file"},
		"a token in the clear":  {SinkOptions{URL: "http://example.com/s3cret", TokenFile: token}, "write https"},
		"certificates, no TLS":  {SinkOptions{URL: "http://example.com/s3cret", CAFile: empty}, "write https"},
		"certificates, none":    {SinkOptions{URL: "https://example.com/s3cret", CAFile: empty}, "holds none in PEM"},
		"certificates, no file": {SinkOptions{URL: "https://example.com/s3cret", CAFile: empty + "x"}, "no such file"},
	} {
		if _, err := NewSink(c.options, logr.Discard()); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for _, fine := range []SinkOptions{
		{URL: "http://broker-ingress.knative-eventing.svc.cluster.local/acme/default"},
		{URL: "http://127.0.0.1:9000", TokenFile: token}, {URL: "https://example.com", TokenFile: token},
	} {
		if _, err := NewSink(fine, logr.Discard()); err != nil {
			t.Errorf("%+v: %v", fine, err)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
