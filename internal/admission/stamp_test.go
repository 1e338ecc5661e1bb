package admission

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

const (
	atNoon  = "2030-01-01T12:00:00Z"
	earlier = "2029-12-31T00:00:00Z"
	later   = "2030-01-01T12:00:01Z"
)

// stamps are what the webhook writes and keeps: creator, and when a grant was granted.
type stamps struct{ creator, grantedAt string }

func stampsOf(object *metav1.ObjectMeta) stamps {
	return stamps{object.Annotations[v1alpha1.AnnotationCreator], object.Annotations[v1alpha1.AnnotationGrantedAt]}
}

func (s stamps) object() *metav1.ObjectMeta {
	object := &metav1.ObjectMeta{Annotations: map[string]string{"example.com/note": "kept"}}
	for name, value := range map[string]string{v1alpha1.AnnotationCreator: s.creator, v1alpha1.AnnotationGrantedAt: s.grantedAt} {
		if value != "" {
			object.Annotations[name] = value
		}
	}
	return object
}

func TestACreatedGrantIsStampedAndOnlyARestoreKeepsItsStamps(t *testing.T) {
	own := stamps{"carol", atNoon}
	for name, c := range map[string]struct {
		brought      stamps
		mayEscalate  bool
		want         stamps
		escalateAsks int
	}{
		"a new grant":                                         {stamps{}, false, own, 0},
		"a new grant by who may restore":                      {stamps{}, true, own, 0},
		"a backup, by who may not restore":                    {stamps{"alice", earlier}, false, own, 1},
		"a backup, by who may restore":                        {stamps{"alice", earlier}, true, stamps{"alice", earlier}, 1},
		"a forged creator":                                    {stamps{"alice", ""}, false, own, 1},
		"a creator alone, restored":                           {stamps{"alice", ""}, true, stamps{"alice", atNoon}, 1},
		"a forged instant":                                    {stamps{"", earlier}, false, own, 1},
		"an instant alone, restored":                          {stamps{"", earlier}, true, stamps{"carol", earlier}, 1},
		"an instant in the future, by who may not restore":    {stamps{"alice", later}, false, own, 1},
		"an instant in the future, restored":                  {stamps{"alice", later}, true, stamps{"alice", atNoon}, 1},
		"this very instant, restored":                         {stamps{"alice", atNoon}, true, stamps{"alice", atNoon}, 1},
		"an instant that can't be read, restored":             {stamps{"alice", "yesterday"}, true, stamps{"alice", atNoon}, 1},
		"an instant of another zone that is past, restored":   {stamps{"alice", "2030-01-01T13:30:00+02:00"}, true, stamps{"alice", "2030-01-01T13:30:00+02:00"}, 1},
		"an instant of another zone that is future, restored": {stamps{"alice", "2030-01-01T11:30:00-02:00"}, true, stamps{"alice", atNoon}, 1},
	} {
		object, asked := c.brought.object(), 0
		by := Requester{Name: "carol", MayEscalate: func() (bool, error) { asked++; return c.mayEscalate, nil }}
		if err := stampOnCreate(object, true, by, noon.Add(700*time.Millisecond)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := stampsOf(object); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		if asked != c.escalateAsks {
			t.Errorf("%s: asked %d times whether the requester may restore, want %d", name, asked, c.escalateAsks)
		}
		if object.Annotations["example.com/note"] != "kept" || !slices.Equal(object.Finalizers, []string{v1alpha1.Finalizer}) {
			t.Errorf("%s: annotations %v, finalizers %v", name, object.Annotations, object.Finalizers)
		}
	}
}

func TestACreatedGrantIsRefusedWhileNobodyKnowsWhetherItIsARestore(t *testing.T) {
	down := errors.New("the API server does not answer")
	by := Requester{Name: "carol", MayEscalate: func() (bool, error) { return true, down }}
	if err := stampOnCreate(stamps{"alice", earlier}.object(), true, by, noon); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if err := stampOnCreate(stamps{}.object(), true, by, noon); err != nil {
		t.Errorf("a grant without stamps needs no answer: %v", err)
	}
}

func TestOtherKindsGetAFinalizerAndNothingElse(t *testing.T) {
	object := &metav1.ObjectMeta{Finalizers: []string{"example.com/other"}}
	if err := stampOnCreate(object, false, asksNobody(t), noon); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(object.Finalizers, []string{"example.com/other", v1alpha1.Finalizer}) || len(object.Annotations) > 0 {
		t.Errorf("finalizers %v, annotations %v", object.Finalizers, object.Annotations)
	}
}

func TestAFinalizerIsSetOnce(t *testing.T) {
	object := &metav1.ObjectMeta{Finalizers: []string{v1alpha1.Finalizer, "example.com/other"}}
	if err := stampOnCreate(object, false, Requester{}, noon); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(object.Finalizers, []string{v1alpha1.Finalizer, "example.com/other"}) {
		t.Errorf("finalizers %v", object.Finalizers)
	}
}

func TestAnUpdateKeepsTheStampsAndCannotChangeThem(t *testing.T) {
	was := stamps{"alice", earlier}
	for name, c := range map[string]struct {
		is      stamps
		refused bool
	}{
		"leaves them as they are":           {was, false},
		"leaves them out":                   {stamps{}, false},
		"leaves the creator out":            {stamps{"", earlier}, false},
		"leaves the instant out":            {stamps{"alice", ""}, false},
		"changes the creator":               {stamps{"mallory", earlier}, true},
		"changes the instant to a later":    {stamps{"alice", atNoon}, true},
		"changes the instant to an earlier": {stamps{"alice", "2020-01-01T00:00:00Z"}, true},
		"writes the instant another way":    {stamps{"alice", "2029-12-31T01:00:00+01:00"}, true},
		"changes one and leaves one out":    {stamps{"", atNoon}, true},
	} {
		object := c.is.object()
		err := keepOnUpdate(was.object(), object, asksNobody(t))
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
		if got := stampsOf(object); err == nil && got != was {
			t.Errorf("%s: got %v, want %v", name, got, was)
		}
	}
	emptied := was.object()
	emptied.Annotations[v1alpha1.AnnotationCreator] = ""
	if err := keepOnUpdate(was.object(), emptied, asksNobody(t)); err == nil {
		t.Errorf("an emptied creator passed: %v", emptied.Annotations)
	}
}

func TestAnUpdatePutsTheFinalizerBackAndNoOther(t *testing.T) {
	ours, other := v1alpha1.Finalizer, "example.com/other"
	for name, c := range map[string]struct{ was, is, want []string }{
		"kept":                            {[]string{ours}, []string{ours}, []string{ours}},
		"taken away":                      {[]string{ours}, nil, []string{ours}},
		"taken away, with another":        {[]string{ours, other}, nil, []string{ours}},
		"taken away, and another added":   {[]string{ours}, []string{other}, []string{other, ours}},
		"never there":                     {nil, nil, nil},
		"added where it was not":          {nil, []string{ours}, []string{ours}},
		"another's is its owner's affair": {[]string{ours, other}, []string{ours}, []string{ours}},
	} {
		object := &metav1.ObjectMeta{Finalizers: c.is}
		if err := keepOnUpdate(&metav1.ObjectMeta{Finalizers: c.was}, object, asksNobody(t)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !slices.Equal(object.Finalizers, c.want) {
			t.Errorf("%s: got %v, want %v", name, object.Finalizers, c.want)
		}
	}
}

func TestAnUpdateStampsWhatHasNoStampsOnlyAsARestore(t *testing.T) {
	for name, c := range map[string]struct {
		is          stamps
		mayEscalate bool
		refused     bool
	}{
		"nothing is said":                       {stamps{}, false, false},
		"a creator, by who may not restore":     {stamps{"alice", ""}, false, true},
		"an instant, by who may not restore":    {stamps{"", earlier}, false, true},
		"a backup's stamps, by who may restore": {stamps{"alice", earlier}, true, false},
		"a backup's stamps, by who may not":     {stamps{"alice", earlier}, false, true},
	} {
		object := c.is.object()
		by := Requester{Name: "carol", MayEscalate: func() (bool, error) { return c.mayEscalate, nil }}
		err := keepOnUpdate(stamps{}.object(), object, by)
		var refused refusal
		if (err != nil) != c.refused || (err != nil) != errors.As(err, &refused) {
			t.Errorf("%s: %v", name, err)
		}
		if got := stampsOf(object); got != c.is {
			t.Errorf("%s: got %v", name, got)
		}
	}
	down := errors.New("the API server does not answer")
	by := Requester{Name: "carol", MayEscalate: func() (bool, error) { return true, down }}
	if err := keepOnUpdate(stamps{}.object(), stamps{"alice", earlier}.object(), by); !errors.Is(err, down) {
		t.Errorf("while nobody knows who may restore: %v", err)
	}
}

// asksNobody is a requester of whom it does not matter what they may do.
func asksNobody(t *testing.T) Requester {
	t.Helper()
	return Requester{Name: "carol", MayEscalate: func() (bool, error) {
		t.Error("asked without need")
		return false, nil
	}}
}

func TestAStampChangesNothingButWhatIsStamped(t *testing.T) {
	author := map[string]string{"authz.bailiwick.dev/author": "bob"}
	for name, c := range map[string]struct {
		asked, now stamped
		want       string
	}{
		"where there is nothing":      {stamped{}, stamped{author, []string{"ours"}}, `[{"op":"add","path":"/metadata/annotations","value":{"authz.bailiwick.dev/author":"bob"}},{"op":"add","path":"/metadata/finalizers","value":["ours"]}]`},
		"beside others'":              {stamped{map[string]string{"a": "b"}, []string{"theirs"}}, stamped{map[string]string{"a": "b", "authz.bailiwick.dev/author": "bob"}, []string{"theirs", "ours"}}, `[{"op":"add","path":"/metadata/annotations/authz.bailiwick.dev~1author","value":"bob"},{"op":"add","path":"/metadata/finalizers/1","value":"ours"}]`},
		"in place of a forged one":    {stamped{map[string]string{"authz.bailiwick.dev/author": "root"}, nil}, stamped{author, nil}, `[{"op":"replace","path":"/metadata/annotations/authz.bailiwick.dev~1author","value":"bob"}]`},
		"a forged one that goes":      {stamped{map[string]string{"a": "b", "authz.bailiwick.dev/author": "root"}, nil}, stamped{map[string]string{"a": "b"}, nil}, `[{"op":"remove","path":"/metadata/annotations/authz.bailiwick.dev~1author"}]`},
		"the only one, which is gone": {stamped{author, nil}, stamped{map[string]string{}, nil}, `[{"op":"remove","path":"/metadata/annotations"}]`},
		"what is stamped already":     {stamped{author, []string{"ours"}}, stamped{author, []string{"ours"}}, `[]`},
	} {
		patches, err := patchesOf(c.asked, c.now)
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(patches, func(a, b jsonpatch.Operation) int { return strings.Compare(a.Path, b.Path) })
		got, err := json.Marshal(patches)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", name, got, err, c.want)
		}
	}
}
