package openfga_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	openfgav1 "github.com/openfga/api/proto/openfga/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
)

// admitShop lets in who shows the key of the shop, once.
func admitShop(authorization []string) error {
	if len(authorization) == 1 && authorization[0] == "Bearer shop" {
		return nil
	}
	return errors.New("show a key")
}

func TestApplicationsShowTheirKeys(t *testing.T) {
	s := serveWith(t, openfga.APIOptions{Admit: admitShop})
	write(t, s.store, granted)
	for name, test := range map[string]struct {
		headers http.Header
		want    bool
	}{
		"the key":              {http.Header{"Authorization": {"Bearer shop"}}, true},
		"none":                 {http.Header{}, false},
		"another":              {http.Header{"Authorization": {"Bearer mall"}}, false},
		"two":                  {http.Header{"Authorization": {"Bearer shop", "Bearer shop"}}, false},
		"another behind it":    {http.Header{"Authorization": {"Bearer shop"}, "Grpc-Metadata-Authorization": {"Bearer mall"}}, false},
		"one of another name":  {http.Header{"Grpc-Metadata-X": {"Bearer shop"}}, false},
		"one of the gateway's": {http.Header{"Grpcgateway-Authorization": {"Bearer shop"}}, false},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/check", strings.NewReader(checkBody))
		if err != nil {
			t.Fatal(err)
		}
		request.Header = test.headers
		code, answer := s.do(t, request)
		if test.want && code != http.StatusOK || !test.want && (code != http.StatusUnauthorized || answer["code"] != "unauthenticated" || answer["message"] != "show a key") {
			t.Errorf("%s: %d, %v", name, code, answer)
		}
	}

	check := s.checkRequest(map[string]any{"permission": "App:View"})
	list := &openfgav1.StreamedListObjectsRequest{StoreId: s.store.StoreID(), Type: "organization", Relation: "can", User: "user:alice", Context: check.GetContext()}
	for key, want := range map[string]codes.Code{"Bearer shop": codes.OK, "Bearer mall": codes.Unauthenticated, "": codes.Unauthenticated} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", key)
		_, checkErr := s.client.Check(ctx, check)
		stream, err := s.client.StreamedListObjects(ctx, list)
		if err == nil {
			_, err = stream.Recv()
		}
		_, writeErr := s.client.Write(ctx, &openfgav1.WriteRequest{StoreId: s.store.StoreID()})
		words := map[bool]string{true: "", false: "show a key"}[want == codes.OK]
		for _, got := range []error{checkErr, err} {
			expectCode(t, got, want, words)
		}
		if want == codes.OK {
			want = codes.PermissionDenied
		}
		expectCode(t, writeErr, want, words)
	}
}

func TestTheAPIIsServedOverTLS(t *testing.T) {
	// It has a certificate for 127.0.0.1, and a client that trusts it.
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	s := serveWith(t, openfga.APIOptions{Admit: admitShop, TLS: &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}})
	write(t, s.store, granted)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, strings.Replace(s.url, "http:", "https:", 1)+"/check", strings.NewReader(checkBody))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer shop")
	response, err := certified.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("over HTTPS: %s", response.Status)
	}
	if code, answer := s.post(t, "/check", checkBody); code != http.StatusBadRequest {
		t.Errorf("in the clear: %d, %v", code, answer)
	}

	trusted := x509.NewCertPool()
	trusted.AddCert(certified.Certificate())
	connection, err := grpc.NewClient(s.grpcAddress, grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(trusted, "")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer shop")
	check := s.checkRequest(map[string]any{"permission": "App:View"})
	if response, err := openfgav1.NewOpenFGAServiceClient(connection).Check(ctx, check); err != nil || !response.GetAllowed() {
		t.Errorf("over gRPC with TLS: %v, %v", response, err)
	}
	if _, err := s.client.Check(ctx, check); err == nil {
		t.Error("over gRPC in the clear: answered")
	}
}
