package admission

import (
	"fmt"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

func TestAValueOfTheAnnotationThatPausesNothingIsWarnedOf(t *testing.T) {
	for _, c := range []struct {
		before, now string
		warned      bool
	}{
		{"", "yes", true}, {"", "True", true}, {"true", "yes", true}, {"no", "yes", true},
		{"", "true", false}, {"", "", false}, {"true", "false", false}, {"yes", "", false},
		{"yes", "yes", false}, // another edit
	} {
		got := strings.Join(warnPause(c.before, c.now), "\n")
		if (got != "") != c.warned || c.warned && !strings.Contains(got, `paused]: "`+c.now+`" pauses nothing: write "true"`) {
			t.Errorf("%q after %q: %q", c.now, c.before, got)
		}
	}
}

func TestOnlyADurationAloneBeginsAnew(t *testing.T) {
	for _, c := range []struct {
		resource, spec string
		want           bool
	}{
		{"temporarypermissiongrants", `{"duration":"PT8H"}`, true},
		{"temporarypermissiongrants", `{"duration":"PT8H","startsAt":"2030-01-01T00:00:00Z"}`, false},
		{"temporarypermissiongrants", `{"expiresAt":"2030-01-01T00:00:00Z"}`, false},
		{"permissiongrants", `{}`, false},
		{"invitations", `{"validFor":"PT8H"}`, false},
	} {
		request := &admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Resource: metav1.GroupVersionResource{Resource: c.resource}, Object: runtime.RawExtension{Raw: fmt.Appendf(nil, `{"spec":%s}`, c.spec)},
		}}
		if got := beginsAnew(request); got != c.want {
			t.Errorf("%s %s: %t", c.resource, c.spec, got)
		}
	}
}
