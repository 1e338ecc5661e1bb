package revision_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/revision"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// history is a role with its revisions, as a cluster has them.
type history struct {
	*testing.T
	role      *v1alpha1.Role
	revisions []*appsv1.ControllerRevision
}

func newHistory(t *testing.T) *history {
	role := build.Role("acme", "editor").Obj()
	role.UID = "1"
	return &history{T: t, role: role}
}

// gives edits the role, carries out what is planned then, and returns the plan.
func (h *history) gives(now time.Time, permissions ...string) revision.Plan {
	h.Helper()
	edited := build.Role("acme", "editor").Grants(permissions...).Obj()
	h.role.Spec = edited.Spec
	plan := h.plan(now)
	for _, written := range []*appsv1.ControllerRevision{plan.Create, plan.Update} {
		if written != nil {
			h.remove(written.Name)
			h.revisions = append(h.revisions, written)
		}
	}
	for _, old := range plan.Delete {
		h.remove(old.Name)
	}
	if again := h.plan(now); again.Writes() {
		h.Errorf("planned again, the plan writes: %+v", again)
	}
	return plan
}

func (h *history) plan(now time.Time) revision.Plan {
	h.Helper()
	plan, err := revision.For(h.role, h.revisions, now)
	if err != nil {
		h.Fatal(err)
	}
	return plan
}

func (h *history) remove(name string) {
	h.revisions = slices.DeleteFunc(h.revisions, func(one *appsv1.ControllerRevision) bool { return one.Name == name })
}

// numbers are the revisions that there are, the oldest first.
func (h *history) numbers() (numbers []int64) {
	for _, one := range h.revisions {
		numbers = append(numbers, one.Revision)
	}
	slices.Sort(numbers)
	return numbers
}

func TestAnEditMakesARevisionAndTheOldOneGoesAfterADay(t *testing.T) {
	h := newHistory(t)
	first := h.gives(noon, "P0")
	if first.Create == nil || first.Previous != nil || !first.Next.IsZero() {
		t.Fatalf("the first revision: %+v", first)
	}
	if want := `{"spec":{"frontendView":"Client","inherits":[],"permissionGrants":[{"permission":"P0"}]}}`; string(first.Create.Data.Raw) != want {
		t.Errorf("it holds %s, want %s", first.Create.Data.Raw, want)
	}
	if !metav1.IsControlledBy(first.Create, h.role) || first.Create.Labels[v1alpha1.LabelRole] != "editor" || first.Create.Namespace != "acme" {
		t.Errorf("it does not belong to its role: %+v", first.Create.ObjectMeta)
	}
	if first.Create.OwnerReferences[0].BlockOwnerDeletion != nil {
		t.Error("it needs a right on the Role's finalizers")
	}
	edited := noon.Add(time.Hour)
	second := h.gives(edited, "P0", "P1")
	goes := edited.Add(revision.Kept)
	if second.Create == nil || second.Create.Revision != 2 || second.Previous.Name != first.Current || !second.Next.Equal(goes) || !second.Previous.ExpiresAt.Time.Equal(goes) {
		t.Fatalf("the second revision: %+v", second)
	}
	if plan := h.plan(goes.Add(-time.Nanosecond)); plan.Writes() || plan.Previous == nil {
		t.Errorf("before its time: %+v", plan)
	}
	last := h.gives(goes, "P0", "P1")
	if len(last.Delete) != 1 || last.Delete[0].Name != first.Current || last.Previous != nil || !last.Next.IsZero() {
		t.Errorf("at its time: %+v", last)
	}
}

func TestWhatIsNotContentMakesNoRevision(t *testing.T) {
	h := newHistory(t)
	h.gives(noon, "P0")
	h.role.Spec.DisplayName, h.role.Spec.Description = "Editor", "edits"
	h.role.Spec.AssignableAt = []v1alpha1.ScopeLevel{v1alpha1.LevelProject}
	h.role.Spec.Inherits = []string{}
	if plan := h.plan(noon.Add(time.Hour)); plan.Writes() {
		t.Errorf("got %+v", plan)
	}
	for what, edit := range map[string]func(*v1alpha1.RoleSpec){
		"frontendView":     func(s *v1alpha1.RoleSpec) { s.FrontendView = v1alpha1.ViewAdmin },
		"no frontendView":  func(s *v1alpha1.RoleSpec) { s.FrontendView = "" },
		"inherits":         func(s *v1alpha1.RoleSpec) { s.Inherits = []string{"viewer"} },
		"permissionGrants": func(s *v1alpha1.RoleSpec) { s.PermissionGrants = nil },
	} {
		before := h.role.Spec
		edit(&h.role.Spec)
		if plan := h.plan(noon.Add(time.Hour)); plan.Create == nil {
			t.Errorf("no revision for another %s", what)
		}
		h.role.Spec = before
	}
}

// In a merge patch a null takes a field away, and a field that is left out stays as it is.
func TestARevisionWithoutAViewTakesTheViewAway(t *testing.T) {
	h := newHistory(t)
	h.role.Spec.FrontendView = ""
	if want := `{"spec":{"frontendView":null,"inherits":[],"permissionGrants":[]}}`; string(h.plan(noon).Create.Data.Raw) != want {
		t.Errorf("got %s, want %s", h.plan(noon).Create.Data.Raw, want)
	}
}

func TestGoingBackFindsTheOldRevision(t *testing.T) {
	h := newHistory(t)
	first := h.gives(noon, "P0")
	second := h.gives(noon.Add(time.Hour), "P1")
	third := h.gives(noon.Add(2*time.Hour), "P2")
	back := h.gives(noon.Add(3*time.Hour), "P0")
	if back.Create != nil || back.Update == nil || back.Current != first.Current || back.Update.Revision != 4 || back.Previous.Name != third.Current {
		t.Fatalf("got %+v", back)
	}
	if !back.Next.Equal(noon.Add(2*time.Hour).Add(revision.Kept)) || second.Current == "" {
		t.Errorf("the second goes at %s", back.Next)
	}
	// A day after the first was replaced, which it is not any more.
	if plan := h.gives(noon.Add(time.Hour).Add(revision.Kept), "P0"); plan.Writes() {
		t.Errorf("got %+v", plan)
	}
	if plan := h.gives(noon.Add(3*time.Hour).Add(revision.Kept), "P0"); len(plan.Delete) != 2 || plan.Previous != nil {
		t.Errorf("got %+v", plan)
	}
}

func TestManyEditsKeepABoundedHistory(t *testing.T) {
	h := newHistory(t)
	for n := range 3 * revision.MaxKept {
		h.gives(noon.Add(time.Duration(n)*time.Second), fmt.Sprint("P", n))
	}
	numbers := h.numbers()
	if len(numbers) != revision.MaxKept+1 || numbers[len(numbers)-1] != 3*revision.MaxKept {
		t.Errorf("%d revisions, the newest %d", len(numbers), numbers[len(numbers)-1])
	}
}

func TestForeignHandsChangeHistoryAndNothingElse(t *testing.T) {
	h := newHistory(t)
	first := h.gives(noon, "P0")
	second := h.gives(noon.Add(time.Hour), "P1")
	foreign := second.Create.DeepCopy()
	foreign.Name, foreign.Revision, foreign.OwnerReferences[0].UID = "editor-foreign", 99, "2"
	h.revisions = append(h.revisions, foreign)
	if plan := h.plan(noon.Add(48 * time.Hour)); len(plan.Delete) != 1 || plan.Delete[0].Name != first.Current || plan.Update != nil {
		t.Errorf("got %+v", plan)
	}
	for _, written := range []string{"", "never", "2999-01-01T00:00:00Z"} {
		h.revisions[1].Annotations[v1alpha1.AnnotationCurrentSince] = written
		h.revisions[1].CreationTimestamp = metav1.NewTime(noon.Add(time.Hour))
		if plan := h.plan(noon.Add(2 * time.Hour)); plan.Writes() || !plan.Next.Equal(noon.Add(time.Hour).Add(revision.Kept)) {
			t.Errorf("since %q: got %+v", written, plan)
		}
	}
	h.remove(second.Current)
	if plan := h.gives(noon.Add(2*time.Hour), "P1"); plan.Create == nil || plan.Current != second.Current {
		t.Errorf("removed by hand: got %+v", plan)
	}
	again := build.Role("acme", "editor").Grants("P1").Obj()
	again.UID = "3"
	if plan, err := revision.For(again, h.revisions, noon); err != nil || plan.Create == nil || plan.Current == second.Current || !strings.HasPrefix(plan.Current, "editor-") {
		t.Errorf("a role made anew: got %+v, %v", plan, err)
	}
}

// Whatever is edited when: the current revision is the newest, each other stays for at least a day after it was
// replaced, and a day after the last edit none is left.
func TestEachRevisionStaysForADayAfterItWasReplaced(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	h := newHistory(t)
	now, replaced, last := noon, map[string]time.Time{}, ""
	for range 500 {
		now = now.Add(time.Duration(random.IntN(8*3600)) * time.Second)
		plan := h.gives(now, fmt.Sprint("P", random.IntN(6)))
		if last != "" && plan.Current != last {
			replaced[last] = now
		}
		last = plan.Current
		delete(replaced, last)
		newest := slices.MaxFunc(h.revisions, func(a, b *appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
		if newest.Name != last {
			t.Fatalf("%s is current, and %s the newest", last, newest.Name)
		}
		for name, since := range replaced {
			there := slices.ContainsFunc(h.revisions, func(one *appsv1.ControllerRevision) bool { return one.Name == name })
			if !there && now.Before(since.Add(revision.Kept)) {
				t.Fatalf("%s was replaced at %s, and is gone at %s", name, since, now)
			}
			if !there {
				delete(replaced, name)
			}
		}
	}
	for plan := h.plan(now); !plan.Next.IsZero(); {
		if plan.Next.After(now.Add(revision.Kept)) {
			t.Fatalf("a revision stays until %s after an edit at %s", plan.Next, now)
		}
		next := h.plan(plan.Next)
		for _, old := range next.Delete {
			h.remove(old.Name)
		}
		plan = next
	}
	if len(h.revisions) != 1 || h.revisions[0].Name != last {
		t.Errorf("%d revisions are left", len(h.revisions))
	}
}
