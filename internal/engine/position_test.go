package engine

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// followed is the progress of a state of users, whose watch began at version 100.
type followed struct {
	*testing.T
	*progress

	initial bool
}

func follow(t *testing.T) *followed {
	t.Helper()
	f := &followed{T: t, progress: newProgress()}
	f.relist(kinds.User)
	f.saw(kinds.User, "100")
	f.prove(map[string]string{kinds.User: "100"}, f.watched())
	return f
}

func userAt(name string, version int) *v1alpha1.User {
	user := build.User("acme", name).Obj()
	user.ResourceVersion = fmt.Sprint(version)
	return user
}

func (f *followed) shows(kind watch.EventType, name string, version int) {
	f.receive(kinds.User, watch.Event{Type: kind, Object: userAt(name, version)}, &f.initial)
}

func (f *followed) evaluates(name string, version int) {
	ref := kinds.RefOf(userAt(name, version))
	f.marked(ref, fmt.Sprint(version))
	f.done(ref, fmt.Sprint(version))
}

func (f *followed) expect(version string) {
	f.Helper()
	if now := f.of[kinds.User].position; now != version {
		f.Errorf("it includes everything up to %q, want %q", now, version)
	}
}

func TestAStateIncludesWhatWasEvaluatedAndAllBefore(t *testing.T) {
	f := follow(t)
	f.expect("100")
	f.shows(watch.Added, "a", 101)
	f.shows(watch.Added, "b", 102)
	f.shows(watch.Modified, "a", 103)
	f.expect("100")
	// An informer hands out both changes of a as one, before that of b.
	f.evaluates("a", 103)
	f.expect("101")
	f.evaluates("b", 102)
	f.expect("103")
	f.shows(watch.Deleted, "b", 104)
	f.shows(watch.Bookmark, "", 900)
	f.expect("103")
	f.evaluates("b", 104)
	f.expect("104")
	if k := f.of[kinds.User]; len(k.stream)+len(k.waiting)+len(k.evaluated) > 0 {
		t.Errorf("it keeps %+v", k)
	}
}

// The leader has noted that an object is gone with the version of its list, since it missed the event.
func TestABookmarkSaysThatThereWasNothingElse(t *testing.T) {
	f := follow(t)
	f.shows(watch.Deleted, "a", 101)
	f.shows(watch.Bookmark, "", 200)
	f.expect("100")
	f.evaluates("a", 101)
	f.expect("101")
	f.shows(watch.Bookmark, "", 201)
	f.expect("201")
	f.relist(kinds.User)
	f.saw(kinds.User, "300")
	f.shows(watch.Bookmark, "", 301)
	f.expect("201") // what the informer has listed may be missing
}

func TestWhatAnInformerListsIsProvenAnew(t *testing.T) {
	f := follow(t)
	before := f.watched()
	f.relist(kinds.User)
	f.prove(map[string]string{kinds.User: "150"}, before)
	f.expect("150")
	f.prove(map[string]string{kinds.User: "160"}, f.watched()) // the list is still under way
	f.saw(kinds.User, "200")
	f.shows(watch.Added, "a", 210)
	f.evaluates("a", 210) // but what was listed between 160 and 200 may not have been
	f.expect("160")
	f.shows(watch.Added, "b", 211)
	f.prove(map[string]string{kinds.User: "205"}, f.watched())
	f.expect("210")
	f.evaluates("b", 211)
	f.expect("211")
}

func TestWhatIsEvaluatedWhileItIsListedCounts(t *testing.T) {
	f := follow(t)
	f.relist(kinds.User)
	f.saw(kinds.User, "200")
	before := f.watched()
	f.shows(watch.Added, "a", 201)
	f.evaluates("a", 201) // after the list that proves it: nothing comes afterwards that would tell
	f.expect("100")
	f.prove(map[string]string{kinds.User: "200"}, before)
	f.expect("201")

	before = f.watched()
	f.relist(kinds.User)
	f.saw(kinds.User, "300")
	f.shows(watch.Added, "b", 301)
	f.evaluates("b", 301)
	f.prove(map[string]string{kinds.User: "250"}, before)
	f.expect("250") // what the informer has listed meanwhile may be missing
}

func TestAWatchThatBeginsWithAListIsOne(t *testing.T) {
	f := follow(t)
	f.initial = true
	f.relist(kinds.User)
	f.shows(watch.Added, "a", 90)
	end := userAt("", 200)
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	f.receive(kinds.User, watch.Event{Type: watch.Bookmark, Object: end}, &f.initial)
	if k := f.of[kinds.User]; k.listing || k.proven || len(k.stream) > 0 || k.seen != "200" {
		t.Errorf("it is known of the list: %+v", k)
	}
	f.prove(map[string]string{kinds.User: "250"}, f.watched())
	f.shows(watch.Added, "b", 251)
	f.evaluates("b", 251)
	f.expect("251")
}

func TestWhatCameAndWentBeforeAListComesLate(t *testing.T) {
	f := follow(t)
	f.prove(map[string]string{kinds.User: "300"}, f.watched())
	ref := kinds.RefOf(userAt("a", 200))
	if !f.late(ref, userAt("a", 300)) || f.late(ref, userAt("a", 301)) {
		t.Error("it is late when it was made before the list, and not afterwards")
	}
	f.shows(watch.Added, "a", 200)
	f.shows(watch.Deleted, "a", 201)
	f.expect("300")
	f.shows(watch.Added, "b", 301)
	f.evaluates("b", 301)
	f.expect("301")
}

func TestWhereVersionsGoBackNothingIsKnown(t *testing.T) {
	f := follow(t)
	f.shows(watch.Added, "a", 200)
	f.evaluates("a", 200)
	f.expect("200")
	f.relist(kinds.User)
	f.saw(kinds.User, "150")
	f.expect("")
	if f.rewound != 1 || f.of[kinds.User].mark != "" || f.late(kinds.RefOf(userAt("b", 1)), userAt("b", 1)) {
		t.Errorf("something of before counts: %+v", f.of[kinds.User])
	}
	f.prove(map[string]string{kinds.User: "160"}, f.watched())
	f.expect("160")
}

func TestPositionsAreComparedKindByKind(t *testing.T) {
	for name, test := range map[string]struct {
		here, there Position
		want        bool
	}{
		"the same":              {Position{"User": "9", "Role": "5"}, Position{"User": "9", "Role": "5"}, true},
		"later":                 {Position{"User": "10", "Role": "5"}, Position{"User": "9"}, true},
		"earlier in one":        {Position{"User": "10", "Role": "4"}, Position{"User": "9", "Role": "5"}, false},
		"nothing of one":        {Position{"User": "10"}, Position{"Role": "5"}, false},
		"nothing asked":         {nil, nil, true},
		"what can't be read":    {Position{"User": "x"}, Position{"User": "5"}, false},
		"asked what can't be":   {Position{"User": "5"}, Position{"User": "x"}, false},
		"compared as a number":  {Position{"User": "10"}, Position{"User": "9"}, true},
		"not compared as texts": {Position{"User": "9"}, Position{"User": "10"}, false},
	} {
		if got := test.here.Includes(test.there); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}
