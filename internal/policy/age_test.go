package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func aged(seconds int64, namespace, name string) v1alpha1.Object {
	return &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: name, CreationTimestamp: metav1.Unix(seconds, 0),
	}}
}

func TestCompareAgePutsTheOldestFirst(t *testing.T) {
	want := []v1alpha1.Object{
		aged(1, "z", "z"),
		aged(2, "", "z"), // cluster-scoped
		aged(2, "a", "b"),
		aged(2, "a", "c"),
		aged(2, "a-b", "a"),
		aged(2, "ab", "a"),
		aged(2, "b", "A"),
		aged(2, "b", "a"),
		aged(3, "a", "a"),
	}
	random := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		got := slices.Clone(want)
		random.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		slices.SortFunc(got, policy.CompareAge)
		if !slices.Equal(got, want) {
			t.Fatalf("sorted differently from one order than from another: %v", got)
		}
	}
}

func TestCompareAgeComparesInstantsNotTheirWriting(t *testing.T) {
	there, elsewhere := aged(1000, "a", "a"), aged(1000, "a", "a")
	elsewhere.SetCreationTimestamp(metav1.NewTime(time.Unix(1000, 0).In(time.FixedZone("elsewhere", 3600))))
	if got := policy.CompareAge(there, elsewhere); got != 0 {
		t.Errorf("the same instant in two zones: got %d, want 0", got)
	}
}

func TestCompareAgeIsTheSameFromBothSides(t *testing.T) {
	objects := []v1alpha1.Object{aged(1, "a", "a"), aged(1, "a", "b"), aged(1, "b", "a"), aged(2, "a", "a")}
	for _, a := range objects {
		for _, b := range objects {
			if there, back := policy.CompareAge(a, b), policy.CompareAge(b, a); there != -back || (a == b) != (there == 0) {
				t.Errorf("%v and %v: %d one way, %d the other", a, b, there, back)
			}
		}
	}
}
