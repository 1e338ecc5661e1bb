package ui

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// siteOf is a site that has read these objects.
func siteOf(tb testing.TB, objects ...v1alpha1.Object) *site {
	tb.Helper()
	s := &site{mirror: newMirror(nil, "acme", clock.RealClock{}), organization: "acme", clock: clock.RealClock{}}
	for _, kind := range s.mirror.kinds {
		var items []any
		for _, object := range objects {
			if kinds.RefOf(object).Kind == kind.kind.Name {
				object.SetResourceVersion("1")
				items = append(items, object)
			}
		}
		if err := kind.Replace(items, "1"); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func (s *site) get(tb testing.TB, address string) string {
	tb.Helper()
	recorder := httptest.NewRecorder()
	s.routes().ServeHTTP(recorder, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, address, nil))
	if recorder.Code != http.StatusOK {
		tb.Fatalf("%s: %d: %s", address, recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

func (s *site) users() *kindMirror {
	return s.mirror.kinds[slices.IndexFunc(s.mirror.kinds, func(k *kindMirror) bool { return k.kind.Name == kinds.User })]
}

// company has as many users as there are, each in three groups, each of which has a role somewhere.
func company(users int) []v1alpha1.Object {
	const groups = 100
	role := build.Role("acme", "editor")
	types := build.ResourceType("docs").OfType("doc")
	for n := range 20 {
		types = types.Permits(fmt.Sprint("doc:", n))
		role = role.Grants(fmt.Sprint("doc:", n))
	}
	organization := build.Organization("acme").OwnedBy("user-0")
	objects := []v1alpha1.Object{types.Obj(), role.Obj()}
	for n := range groups {
		workspace, group := fmt.Sprint("workspace-", n), fmt.Sprint("group-", n)
		organization = organization.Workspace(workspace, "project")
		objects = append(objects, build.Group("acme", group).Obj(), build.RoleAssignment("acme", group).Gives("editor").ToGroup(group).InWorkspace(workspace).Obj())
	}
	for n := range users {
		user := fmt.Sprint("user-", n)
		objects = append(objects, build.User("acme", user).KnownAs(user+"@acme.example").Obj())
		for m := range 3 {
			group := fmt.Sprint("group-", (n+m*7)%groups)
			objects = append(objects, build.GroupMembership("acme", user+"-"+group, user, group).Obj())
		}
	}
	objects = append(objects, organization.Obj())
	for _, object := range objects {
		object.SetGeneration(1)
		status := object.CommonStatus()
		status.ObservedGeneration = 1
		status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: 1}}
		switch o := object.(type) {
		case *v1alpha1.RoleAssignment:
			o.Status.InForce = true
		case *v1alpha1.GroupMembership:
			o.Status.InForce = true
		}
	}
	return objects
}

// [C1] With 20,000 users lists are searched and cut into pages before they reach the browser.
func TestWithManyUsersAPageIsShownAtATime(t *testing.T) {
	s := siteOf(t, company(20_000)...)
	first := s.get(t, "/acme/people")
	if rows := strings.Count(first, `<th scope="row">`); rows != rowsShown || !strings.Contains(first, "1 to 50 of 20000") {
		t.Errorf("%d rows are shown", rows)
	}
	if len(first) > 64<<10 {
		t.Errorf("the page has %d bytes", len(first))
	}
	last := s.get(t, "/acme/people?page=399")
	if !strings.Contains(last, "19951 to 20000 of 20000") || strings.Contains(last, `rel="next"`) || !strings.Contains(last, `rel="prev"`) {
		t.Error("the last page is not the last")
	}
	if beyond := s.get(t, "/acme/people?page=400"); !strings.Contains(beyond, "19951 to 20000") {
		t.Error("beyond the last page is not the last")
	}
	found := s.get(t, "/acme/people?search=USER-19999%40acme")
	if !strings.Contains(found, "1 to 1 of 1") || !strings.Contains(found, `href="/acme/people/user-19999"`) {
		t.Error("user-19999 is not found")
	}
	person := s.get(t, "/acme/people/user-19999")
	if !strings.Contains(person, "1 to 50 of 60") || !strings.Contains(person, "doc:5<") {
		t.Error("user-19999 does not hold what the three groups have")
	}
	group := s.get(t, "/acme/groups/group-7")
	if !strings.Contains(group, "1 to 50 of 600") || !strings.Contains(group, "editor") {
		t.Error("a group does not show its members a page at a time")
	}
}

// [C1] A kind that may no longer be read shows nothing any more, and one that is away for a while stays.
func TestWhatMayNoLongerBeReadIsForgotten(t *testing.T) {
	s := siteOf(t, build.Organization("acme").OwnedBy("alice").Obj(), build.User("acme", "alice").KnownAs("alice@acme").Obj())
	users := s.users()
	users.answered(t.Context(), errors.New("connection refused"))
	if shown := s.get(t, "/acme/people"); !strings.Contains(shown, "alice@acme") || !strings.Contains(shown, "The API server does not answer") {
		t.Errorf("while the API server is away it shows %s", shown)
	}
	users.answered(t.Context(), nil)
	if shown := s.get(t, "/acme/people"); !strings.Contains(shown, "alice@acme") || strings.Contains(shown, "does not answer") {
		t.Errorf("when it is back it shows %s", shown)
	}
	users.answered(t.Context(), apierrors.NewForbidden(schema.GroupResource{Resource: "users"}, "", errors.New("no")))
	if shown := s.get(t, "/acme/people"); strings.Contains(shown, "alice@acme") || !strings.Contains(shown, "User: you may not read it") {
		t.Errorf("without the right it shows %s", shown)
	}
	bob := build.User("acme", "bob").KnownAs("bob@acme").Obj()
	bob.SetResourceVersion("2")
	if err := users.Replace([]any{bob}, "2"); err != nil {
		t.Fatal(err)
	}
	if shown := s.get(t, "/acme/people"); !strings.Contains(shown, "bob@acme") || strings.Contains(shown, "you may not read") {
		t.Errorf("with the right again it shows %s", shown)
	}
}

// Whoever waits is told of each change, once it can be seen.
func TestWhoeverWaitsIsToldOfAChange(t *testing.T) {
	s := siteOf(t)
	next := s.mirror.next()
	bob := build.User("acme", "bob").KnownAs("bob@acme").Obj()
	bob.SetResourceVersion("2")
	if err := s.users().Add(bob); err != nil {
		t.Fatal(err)
	}
	<-next
	if !strings.Contains(s.get(t, "/acme/people"), "bob@acme") {
		t.Error("the change can't be seen")
	}
}

func TestTheTimeLineShowsInstantsWhereTheyAre(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	line := timeLine{now, now}
	if line.at(now) != lineLength/2 {
		t.Error("now is not in the middle of nothing else")
	}
	line = line.with(now.Add(-time.Hour)).with(now.Add(3 * time.Hour))
	for ago, want := range map[time.Duration]int{-time.Hour: 0, 0: 250, 3 * time.Hour: 1000, -2 * time.Hour: 0, 9 * time.Hour: 1000} {
		if got := line.at(now.Add(ago)); got != want {
			t.Errorf("%v is at %d, want %d", ago, got, want)
		}
	}
	if line.has(now.Add(4*time.Hour)) || !line.has(now) {
		t.Error("the line ends elsewhere")
	}
}

// What docs/performance.md says of the page.
func BenchmarkAPersonAmong20000(b *testing.B) {
	s := siteOf(b, company(20_000)...)
	began := time.Now()
	s.get(b, "/acme/people/user-7")
	b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/first")
	for _, address := range []string{"/acme", "/acme/people", "/acme/people/user-7", "/acme/people?search=user-77", "/acme/ask?user=user-7&permission=doc:1&scope=workspace-7"} {
		b.Run(address, func(b *testing.B) {
			for b.Loop() {
				s.get(b, address)
			}
		})
	}
}
