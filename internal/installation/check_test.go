package installation

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

func TestDecisionsAreCheckedByWhatTheySayAboutThemselves(t *testing.T) {
	answer, status := `{"access_evaluation_endpoint": "https://decisions.example/access/v1/evaluation"}`, http.StatusOK
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/authzen-configuration" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	own := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	expect := func(want, authority string) {
		t.Helper()
		err := CheckDecisions(t.Context(), server.URL, authority)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	expect("", own)
	expect("certificate", "")
	expect("certificate", filepath.Join(t.TempDir(), "not-there"))
	answer = "{}"
	expect("200 OK, and not as AuthZEN does", own)
	answer = "<html>"
	expect("not as AuthZEN does", own)
	status = http.StatusServiceUnavailable
	expect("503", own)
}

func TestWhatRemainsIsNamedByKind(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	fails := errors.New("forbidden")
	var failing error
	cluster := fake.NewClientBuilder().WithScheme(scheme).WithInterceptorFuncs(interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, _ ...client.ListOption) error {
			found := list.(*metav1.PartialObjectMetadataList)
			switch found.Kind {
			case "OrganizationList":
				found.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}}
			case "UserList":
				more := int64(11)
				found.Items = []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Namespace: "acme", Name: "alice"}}}
				found.RemainingItemCount = &more
			case "InvitationList":
				return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "Invitation"}}
			case "GroupList":
				return failing
			}
			return nil
		},
	}).Build()
	got, err := Remaining(t.Context(), cluster)
	if want := []string{"Organization acme", "User acme/alice and 11 more"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	failing = fails
	if _, err := Remaining(t.Context(), cluster); !errors.Is(err, fails) {
		t.Errorf("got %v", err)
	}
}
