package admission

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

func accepted(at string) *metav1.ObjectMeta {
	object := &metav1.ObjectMeta{}
	if at != "" {
		metav1.SetMetaDataAnnotation(object, v1alpha1.AnnotationAcceptedAt, at)
	}
	return object
}

func TestOnlyTheWebhookSaysWhenAnInvitationWasAccepted(t *testing.T) {
	for name, c := range map[string]struct {
		stamped, brought, before, now string
		want                          string
	}{
		"it is pending":                                      {"", "", "", "", ""},
		"it is accepted now":                                 {"", "", "", "carol", atNoon},
		"it is accepted now, and says earlier":               {"", earlier, "", "carol", atNoon},
		"it is pending, and says when it was accepted":       {"", earlier, "", "", ""},
		"it is accepted, and stays so":                       {earlier, earlier, "carol", "carol", earlier},
		"it was accepted without the webhook":                {"", "", "carol", "carol", ""},
		"it was accepted without the webhook, and says when": {"", earlier, "carol", "carol", ""},
	} {
		object := accepted(c.brought)
		acceptOnUpdate(accepted(c.stamped), object, c.before, c.now, noon)
		if got := object.Annotations[v1alpha1.AnnotationAcceptedAt]; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAnInvitationThatComesAcceptedIsStampedUnlessItIsARestore(t *testing.T) {
	for name, c := range map[string]struct {
		brought, acceptedBy string
		mayEscalate         bool
		want                string
		asks                int
	}{
		"a pending one":                                {"", "", false, "", 0},
		"a pending one that says when":                 {earlier, "", true, "", 0},
		"an accepted one":                              {"", "carol", false, atNoon, 0},
		"a backup, by who may restore":                 {earlier, "carol", true, earlier, 1},
		"a backup, by who may not restore":             {earlier, "carol", false, atNoon, 1},
		"accepted in the future, by who may restore":   {later, "carol", true, atNoon, 0},
		"accepted at no instant, by who may restore":   {"yesterday", "carol", true, atNoon, 0},
		"accepted at this instant, by who may restore": {atNoon, "carol", true, atNoon, 1},
	} {
		object, asked := accepted(c.brought), 0
		by := Requester{Name: "alice", MayEscalate: func() (bool, error) { asked++; return c.mayEscalate, nil }}
		if err := acceptOnCreate(object, c.acceptedBy, by, noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := object.Annotations[v1alpha1.AnnotationAcceptedAt]; got != c.want || asked != c.asks {
			t.Errorf("%s: got %q after %d questions, want %q after %d", name, got, asked, c.want, c.asks)
		}
	}
	down := errors.New("the API server does not answer")
	by := Requester{MayEscalate: func() (bool, error) { return false, down }}
	if err := acceptOnCreate(accepted(earlier), "carol", by, noon); !errors.Is(err, down) {
		t.Errorf("got %v, want %v", err, down)
	}
}

func TestWhenAnInvitationWasAcceptedCanNotBeChanged(t *testing.T) {
	if err := keepOnUpdate(accepted(atNoon), accepted(earlier), Requester{}); err == nil {
		t.Error("an earlier instant was taken")
	}
	object := accepted("")
	if err := keepOnUpdate(accepted(atNoon), object, Requester{}); err != nil || object.Annotations[v1alpha1.AnnotationAcceptedAt] != atNoon {
		t.Errorf("left out: got %v and %v", object.Annotations, err)
	}
}
