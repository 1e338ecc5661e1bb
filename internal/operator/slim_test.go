package operator

import (
	"encoding/json"
	"strings"
	"testing"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestObjectsThatSayTheSameShareIt(t *testing.T) {
	written := build.RoleAssignment("acme", "a").Gives("editor").ToUser("alice").InProject("prod", "vision").Obj()
	written.Finalizers = []string{v1alpha1.Finalizer}
	written.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}
	written.Status.Scope, written.Status.Subject = "acme/prod/vision", "user/alice"
	written.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "InForce", Message: "in force"}}
	text, err := json.Marshal(written)
	if err != nil {
		t.Fatal(err)
	}
	cached := func() *v1alpha1.RoleAssignment {
		decoded := &v1alpha1.RoleAssignment{}
		if err := json.Unmarshal(text, decoded); err != nil {
			t.Fatal(err)
		}
		kept, err := slim(decoded)
		if err != nil {
			t.Fatal(err)
		}
		return kept.(*v1alpha1.RoleAssignment)
	}
	one, other := cached(), cached()
	written.ManagedFields, written.TypeMeta = nil, metav1.TypeMeta{}
	if !equality.Semantic.DeepEqual(written, one) {
		t.Errorf("the cache keeps %+v, want %+v", one, written)
	}
	for what, of := range map[string]func(*v1alpha1.RoleAssignment) string{
		"namespace": func(a *v1alpha1.RoleAssignment) string { return a.Namespace },
		"finalizer": func(a *v1alpha1.RoleAssignment) string { return a.Finalizers[0] },
		"message":   func(a *v1alpha1.RoleAssignment) string { return a.Status.Conditions[0].Message },
		"user":      func(a *v1alpha1.RoleAssignment) string { return a.Spec.Subject.User },
		"scope":     func(a *v1alpha1.RoleAssignment) string { return a.Status.Scope },
	} {
		if unsafe.StringData(of(one)) != unsafe.StringData(of(other)) { //nolint:gosec // nothing is read through it
			t.Errorf("each has a %s of its own", what)
		}
	}
}

// The informers of several kinds write to objects at once, while an evaluation reads others.
func TestWhatReducedObjectsShareIsNotWrittenTo(t *testing.T) {
	made := func(name string) *v1alpha1.RoleAssignment {
		a := build.RoleAssignment("acme", name).Gives("editor").ToUser("alice").InProject("prod", "vision").Obj()
		a.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: strings.Clone("InForce"), Message: "in force"}}
		return a
	}
	var reducer state.Reducer
	one, other := made("one"), made("other")
	reducer.Reduce(one)
	before := unsafe.StringData(one.Status.Conditions[0].Reason) //nolint:gosec // nothing is read through it
	if _, err := slimmer(&reducer)(other); err != nil {
		t.Fatal(err)
	}
	if &one.Status.Conditions[0] != &other.Status.Conditions[0] {
		t.Error("they share nothing, so that nothing is tested")
	}
	if unsafe.StringData(one.Status.Conditions[0].Reason) != before { //nolint:gosec // as above
		t.Error("what an object has is replaced while another one is read")
	}
}
