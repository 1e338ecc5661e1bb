package kinds_test

import (
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// Whatever the API registers that is an object of ours stands in the table, with the list that belongs to it.
func TestTheTableHasEveryKindOfTheAPI(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	tabled := map[string]kinds.Kind{}
	for _, kind := range kinds.All {
		tabled[kind.Name] = kind
	}
	for name, goType := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		if _, ours := reflect.TypeAssert[v1alpha1.Object](reflect.New(goType)); !ours {
			continue
		}
		kind, known := tabled[name]
		if !known {
			t.Errorf("%s stands not in kinds.All", name)
			continue
		}
		if got := reflect.TypeOf(kind.New()).Elem(); got != goType {
			t.Errorf("New of %s makes a %v", name, got)
		}
		if got, want := reflect.TypeOf(kind.NewList()).Elem(), scheme.KnownTypes(v1alpha1.GroupVersion)[name+"List"]; got != want {
			t.Errorf("NewList of %s makes a %v", name, got)
		}
	}
	if _, known := tabled[kinds.Namespace]; known {
		t.Error("Namespace is not of our API")
	}
}

func TestRefOfNamesTheOrganization(t *testing.T) {
	for _, kind := range kinds.All {
		object := kind.New()
		object.SetName("n")
		want := "acme"
		if !kind.ClusterScoped {
			object.SetNamespace("acme")
		}
		switch kind.Name {
		case kinds.ResourceType:
			want = ""
		case kinds.Organization:
			want = "n"
		}
		ref := kinds.RefOf(object.(client.Object))
		if ref.Kind != kind.Name || ref.Organization() != want {
			t.Errorf("%s: got %v of organization %q, want %q", kind.Name, ref, ref.Organization(), want)
		}
	}
}
