package decision_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// The world of BenchmarkMemory.
const (
	manyUsers, manyGroups, groupsOfEach, assignmentsOfEach = 20_000, 500, 3, 5
	manyRoles, permissionsOfEach, manyWorkspaces           = 10, 20, 10
	projectsOfEach                                         = 11
)

// answering is a decision.Memory that always answers.
type answering struct{ *state.State }

func (a answering) Enter(string) (decision.Reading, error) { return a, nil }
func (answering) Leave() error                             { return nil }

// large has 100,000 assignments of roles of 20 permissions, to 20,000 users in 3 groups each, at 120 places.
func large() *state.State {
	chosen := rand.New(rand.NewPCG(1, 2))
	organization, types := build.Organization("acme"), build.ResourceType("app").OfType("flow")
	for w := range manyWorkspaces {
		var projects []string
		for p := range projectsOfEach {
			projects = append(projects, fmt.Sprint("p", p))
		}
		organization.Workspace(fmt.Sprint("w", w), projects...)
	}
	objects := []client.Object{namespace("acme"), organization.Obj()}
	for r := range manyRoles {
		role := build.Role("acme", fmt.Sprint("r", r))
		for p := range permissionsOfEach {
			name := fmt.Sprintf("App:R%dP%d", r, p)
			types.Permits(name)
			role.Grants(name)
		}
		objects = append(objects, role.Obj())
	}
	objects = append(objects, types.Obj())
	for g := range manyGroups {
		objects = append(objects, build.Group("acme", fmt.Sprint("g", g)).Obj())
	}
	for u := range manyUsers {
		user := fmt.Sprint("u", u)
		objects = append(objects, build.User("acme", user).KnownAs(user).Obj())
		for n := range groupsOfEach {
			objects = append(objects, build.GroupMembership("acme", fmt.Sprint(user, "-", n), user, fmt.Sprint("g", (u*groupsOfEach+n)%manyGroups)).Obj())
		}
		for n := range assignmentsOfEach {
			objects = append(objects, build.RoleAssignment("acme", fmt.Sprint(user, "-", n)).Gives(fmt.Sprint("r", chosen.IntN(manyRoles))).ToUser(user).
				InProject(fmt.Sprint("w", chosen.IntN(manyWorkspaces)), fmt.Sprint("p", chosen.IntN(projectsOfEach))).Obj())
		}
	}
	made := state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, clock.RealClock{})
	made.Put(objects...)
	return made
}

// BenchmarkMemory asks a large organization inside the process, and over HTTP with one asker and with 32, quietly and while a
// role in use is edited without pause. Run it with go test ./internal/decision -run '^$' -bench Memory -benchtime 20000x.
func BenchmarkMemory(b *testing.B) {
	known := large()
	b.Run("InProcess", func(b *testing.B) {
		var took []time.Duration
		for n := 0; b.Loop(); n++ {
			began := time.Now()
			known.Decide("acme", entitlement.Question{
				Subject: fmt.Sprint("u", n%manyUsers), Permission: fmt.Sprintf("App:R%dP%d", n%manyRoles, n%permissionsOfEach),
				At: scope.Path{Organization: "acme", Workspace: fmt.Sprint("w", n%manyWorkspaces), Project: fmt.Sprint("p", n%projectsOfEach)},
			})
			took = append(took, time.Since(began))
		}
		reportPercentiles(b, took)
	})
	server := httptest.NewServer(decision.New(decision.Options{
		Callers: decision.Callers{Keys: apikeys.Open(writeKeys(b), logr.Discard())}, Memory: answering{known}, Ready: func() bool { return false }, Clock: clock.RealClock{},
	}))
	b.Cleanup(server.Close)
	for _, askers := range []int{1, 32} {
		b.Run(fmt.Sprintf("HTTP/%d", askers), func(b *testing.B) { askAtOnce(b, server.URL, askers) })
	}
	b.Run("HTTP/1/WhileARoleIsEdited", func(b *testing.B) {
		done := make(chan struct{})
		var editing sync.WaitGroup
		editing.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
					role := build.Role("acme", "r0").Grants("App:R1P1", "App:R0P0")
					if n%2 == 0 {
						role.Grants("App:R2P2")
					}
					known.Put(role.Obj())
				}
			}
		})
		askAtOnce(b, server.URL, 1)
		close(done)
		editing.Wait()
	})
}

// askAtOnce asks b.N questions, so many at a time.
func askAtOnce(b *testing.B, url string, askers int) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: askers}
	defer transport.CloseIdleConnections()
	asking := http.Client{Transport: transport}
	took := make([][]time.Duration, askers)
	var all sync.WaitGroup
	began := time.Now()
	for a := range askers {
		all.Go(func() {
			for n := a; n < b.N; n += askers {
				body := fmt.Sprintf(`{"subject": {"type": "user", "id": "u%d"}, "action": {"name": "App:R%dP%d"}, "resource": {"type": "project", "id": "acme/w%d/p%d"}}`,
					n%manyUsers, n%manyRoles, n%permissionsOfEach, n%manyWorkspaces, n%projectsOfEach)
				request, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url+evaluation, bytes.NewReader([]byte(body)))
				if err != nil {
					b.Error(err)
					return
				}
				request.Header = headers(acmeKey)
				before := time.Now()
				response, err := asking.Do(request)
				if err != nil {
					b.Error(err)
					return
				}
				text, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				took[a] = append(took[a], time.Since(before))
				if err != nil || !strings.Contains(string(text), `"decision":`) {
					b.Errorf("%s: %s, %v", body, text, err)
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "answers/s")
	reportPercentiles(b, slices.Concat(took...))
}

func reportPercentiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))].Nanoseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
}
