// Package examples runs the applications of docs/examples that Bailiwick protects, against decisions from memory and PostgreSQL.
package examples

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/postgres"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const key = "the-key-of-an-example-0123456789abcdef"

// point is a decision point that answers from memory.
type point struct {
	known *state.State
	url   string
	// silent has it give no answer until the asker has gone.
	silent atomic.Bool
}

// Enter implements decision.Memory.
func (p *point) Enter(string) (decision.Reading, error) { return reading{p.known}, nil }

// reading implements decision.Reading.
type reading struct{ *state.State }

// Leave implements decision.Reading.
func (reading) Leave() error { return nil }

func serve(t *testing.T, objects ...client.Object) *point {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys.yaml")
	content := fmt.Sprintf(`{"callers": [{"name": "example", "key": %q, "organizations": ["acme"]}]}`, key)
	if err := os.WriteFile(keys, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	namespace := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "acme"}}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kinds.Namespace))
	p := &point{known: state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, clock.RealClock{})}
	p.known.Put(append([]client.Object{
		namespace,
		build.ResourceType("app").OfType("App").Permits("App:View", build.String("color"), build.Number("size"), build.Boolean("open")).Permits("App:Edit").Obj(),
		build.Organization("acme").Workspace("prod", "vision", "speech").Workspace("lab", "vision").Obj(),
		build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "bob").KnownAs("bob").Obj(),
	}, objects...)...)
	handler := decision.New(decision.Options{
		Callers: decision.Callers{Keys: apikeys.Open(keys, logr.Discard())}, Memory: p, Ready: func() bool { return false }, Clock: clock.RealClock{}, Log: logr.Discard(),
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.silent.Load() {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the asker has gone
			<-r.Context().Done()
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// examples are how the applications are started, but for their address.
var examples = map[string]func(*testing.T) []string{
	"Go": func(t *testing.T) []string {
		t.Helper()
		program := filepath.Join(t.TempDir(), "protect")
		run(t, "go", "build", "-C", "../../docs/examples/go", "-o", program, "./protect")
		return []string{program}
	},
	"JavaScript": func(t *testing.T) []string {
		t.Helper()
		directory := t.TempDir()
		if err := os.CopyFS(directory, os.DirFS("../../docs/examples/javascript")); err != nil {
			t.Fatal(err)
		}
		run(t, "npm", "ci", "--prefix", directory, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--fetch-timeout=30000", "--fetch-retries=4")
		return []string{"node", filepath.Join(directory, "protect.js")}
	},
}

func run(t *testing.T, name string, arguments ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, output)
	}
}

// start starts an application before a decision point, and returns its URL.
func start(t *testing.T, program []string, at *point) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program[0], append(program[1:], "127.0.0.1:0")...)
	command.Env = append(os.Environ(), "BAILIWICK_DECISION_URL="+at.url, "BAILIWICK_DECISION_KEY="+key)
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed
	})
	url, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}

func get(t *testing.T, url, user string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.Header.Set("X-User", user)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

func TestAnApplicationIsProtected(t *testing.T) {
	for language, prepare := range examples {
		t.Run(language, func(t *testing.T) {
			at := serve(t, build.PermissionGrant("acme", "a").ToUser("alice").Grants("App:View", "App:Edit").InWorkspace("prod").Obj())
			url := start(t, prepare(t), at)
			expect := func(path, user string, code int, text string) {
				t.Helper()
				if got, body := get(t, url+path, user); got != code || body != text {
					t.Errorf("%s as %s: %d %s, want %d %s", path, user, got, body, code, text)
				}
			}
			expect("/projects/acme/prod/vision", "alice", http.StatusOK, "here it is")
			expect("/projects/acme/lab/vision", "alice", http.StatusForbidden, "you may not do this")
			expect("/projects/acme/prod/vision", "bob", http.StatusForbidden, "you may not do this")
			expect("/projects/globex/prod/vision", "alice", http.StatusForbidden, "you may not do this")
			expect("/projects/acme/prod/vision", "", http.StatusUnauthorized, "sign in first")
			expect("/menu/acme/prod/vision", "alice", http.StatusOK, `["App:View","App:Edit"]`)
			expect("/menu/acme/prod/vision", "bob", http.StatusOK, "[]")
			expect("/where/acme", "", http.StatusUnauthorized, "sign in first")
			expect("/where/globex", "alice", http.StatusServiceUnavailable, "the list can't be made")
			at.silent.Store(true)
			expect("/projects/acme/prod/vision", "alice", http.StatusForbidden, "you may not do this")
			expect("/menu/acme/prod/vision", "alice", http.StatusOK, "[]")
			at.silent.Store(false)
			expect("/projects/acme/prod/vision", "alice", http.StatusOK, "here it is")
		})
	}
}

// row is an object that only the application knows. What is nil is NULL.
type row struct {
	workspace, project *string
	id                 string
	color              *string
	size               *float64
	open               *bool
}

func (r row) question(user string) entitlement.Question {
	at := scope.Path{Organization: "acme", ResourceType: "App", ResourceID: r.id}
	attributes := map[string]any{}
	if r.workspace != nil {
		at.Workspace = *r.workspace
	}
	if r.project != nil {
		at.Project = *r.project
	}
	if r.color != nil {
		attributes["color"] = *r.color
	}
	if r.size != nil && !math.IsNaN(*r.size) && !math.IsInf(*r.size, 0) {
		attributes["size"] = *r.size
	}
	if r.open != nil {
		attributes["open"] = *r.open
	}
	return entitlement.Question{Subject: user, Permission: "App:View", At: at, Attributes: attributes}
}

func pick[T any](random *rand.Rand, from ...T) T { return from[random.Intn(len(from))] }

func randomRow(random *rand.Rand, n int) row {
	made := row{
		id:    fmt.Sprint(n % 1000),
		color: pick(random, nil, new("red"), new("Red"), new("blue"), new("")),
		size:  pick(random, nil, new(1.0), new(2.0), new(2.5), new(3.0), new(math.NaN()), new(math.Inf(1))),
		open:  pick(random, nil, new(true), new(false)),
	}
	if made.workspace = pick(random, nil, new("prod"), new("lab"), new("undeclared")); made.workspace != nil {
		made.project = pick(random, nil, new("vision"), new("speech"))
	}
	return made
}

// randomGrants are some of a user's, for half of which an object has to meet conditions.
func randomGrants(random *rand.Rand, user string) (grants []client.Object) {
	conditions := []build.Condition{
		build.Equals("color", "red"), build.In("color", "red", "blue"), build.NotEquals("color", "red"), build.NotEquals("color", ""),
		build.Equals("size", "2"), build.NotEquals("size", "2"), build.In("size", "1", "2.5"), build.LessThan("size", "2.5"), build.GreaterThan("size", "1"),
		build.Equals("open", "true"), build.NotEquals("open", "true"),
	}
	for n := range 6 {
		made := build.PermissionGrant("acme", fmt.Sprintf("%s-%d", user, n)).ToUser(user)
		var met []build.Condition
		for range random.Intn(3) {
			met = append(met, pick(random, conditions...))
		}
		made = made.GrantsIf("App:View", met...)
		switch random.Intn(4) {
		case 0:
			made = made.InWorkspace(pick(random, "prod", "lab"))
		case 1:
			made = made.InProject("prod", pick(random, "vision", "speech"))
		case 2:
			made = made.InWorkspace("prod").OnResource("App", fmt.Sprint(random.Intn(1000)))
		default:
			made = made.InWorkspace("lab")
		}
		grants = append(grants, made.Obj())
	}
	return grants
}

// It shows [D7] that the residual as SQL selects what single decisions allow.
func TestAListFromSQLIsWhatSingleDecisionsAllow(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	uri := postgres.Start(t)
	var database *pgx.Conn
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		database, err = pgx.Connect(ctx, uri)
		return err == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close(context.WithoutCancel(t.Context())) }()
	const table = `CREATE TABLE apps (n int, organization text, workspace text, project text, id text, color text, size double precision, open boolean)`
	if _, err := database.Exec(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	rows := make([]row, 4000)
	var values [][]any
	for n := range rows {
		rows[n] = randomRow(random, n)
		r := rows[n]
		values = append(values, []any{n, "acme", r.workspace, r.project, r.id, r.color, r.size, r.open})
	}
	columns := []string{"n", "organization", "workspace", "project", "id", "color", "size", "open"}
	if _, err := database.CopyFrom(t.Context(), pgx.Identifier{"apps"}, columns, pgx.CopyFromRows(values)); err != nil {
		t.Fatal(err)
	}
	at := serve(t)
	urls := map[string]string{}
	for language, prepare := range examples {
		urls[language] = start(t, prepare(t), at)
	}
	for round := range 20 {
		at.known.Put(randomGrants(random, "bob")...)
		var want []int
		for n := range rows {
			if at.known.Decide("acme", rows[n].question("bob")).Allowed {
				want = append(want, n)
			}
		}
		for language, url := range urls {
			var list struct {
				Where      string `json:"where"`
				Parameters []any  `json:"parameters"`
			}
			code, text := get(t, url+"/where/acme", "bob")
			if err := json.Unmarshal([]byte(text), &list); code != http.StatusOK || err != nil {
				t.Fatalf("%d %s, %v", code, text, err)
			}
			found, err := database.Query(t.Context(), "SELECT n FROM apps WHERE "+list.Where+" ORDER BY n", list.Parameters...)
			if err != nil {
				t.Fatalf("%s: %v", list.Where, err)
			}
			got, err := pgx.CollectRows(found, pgx.RowTo[int])
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("round %d in %s: %d rows and not %d, %v: %s", round, language, len(got), len(want), err, list.Where)
			}
		}
	}
}

func TestAListHasAMostOfTerms(t *testing.T) {
	var grants []client.Object
	for n := range 1001 {
		grants = append(grants, build.PermissionGrant("acme", fmt.Sprint("g", n)).ToUser("bob").Grants("App:View").InWorkspace("lab").OnResource("App", fmt.Sprint(n)).Obj())
	}
	at := serve(t, grants...)
	for language, prepare := range examples {
		t.Run(language, func(t *testing.T) {
			if code, text := get(t, start(t, prepare(t), at)+"/where/acme", "bob"); code != http.StatusServiceUnavailable {
				t.Errorf("%d %.200s", code, text)
			}
		})
	}
}
