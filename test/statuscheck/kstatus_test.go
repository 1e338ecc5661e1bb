package statuscheck

import (
	"testing"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

func TestKStatusReadsTheConventionsOfTheAPI(t *testing.T) {
	deleted := assignment(true, ready("InForce"))
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}

	for name, test := range map[string]struct {
		object *v1alpha1.RoleAssignment
		want   status.Status
	}{
		"valid":   {assignment(true, ready("InForce")), Current},
		"waiting": {assignment(false, notReady("RoleNotFound"), abnormal("Reconciling", "RoleNotFound")), InProgress},
		"wrong":   {assignment(false, notReady("ScopeLevelNotAllowed"), abnormal("Stalled", "ScopeLevelNotAllowed")), Failed},
		"not seen since the edit": {
			with(assignment(true, ready("InForce")), func(s *v1alpha1.RoleAssignmentStatus) { s.ObservedGeneration = 2 }), InProgress},
		"never seen": {
			with(assignment(false), func(s *v1alpha1.RoleAssignmentStatus) { s.ObservedGeneration = -1 }), InProgress},
		"being deleted": {deleted, status.TerminatingStatus},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := KStatus(test.object)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}
