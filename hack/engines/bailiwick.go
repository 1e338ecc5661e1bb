package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const organization = "acme"

// objects are the world as Bailiwick's kinds.
func (w *world) objects() []client.Object {
	namespace := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: organization}}
	namespace.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kinds.Namespace))
	types, tree := build.ResourceType("app").OfType("app").Permits(approve, build.Number("amount")), build.Organization(organization)
	for n := range workspaces {
		at := place{n, none}
		names := make([]string, projects)
		for p := range names {
			names[p] = place{n, p}.path().Project
		}
		tree.Workspace(at.path().Workspace, names...)
	}
	objects := []client.Object{namespace, tree.Obj()}
	for r := range roles {
		role := build.Role(organization, roleName(r))
		for n := range permissions {
			types.Permits(permissionOf(r, n))
			role.Grants(permissionOf(r, n))
		}
		objects = append(objects, role.Obj())
	}
	objects = append(objects, types.Obj())
	for _, group := range w.groups {
		objects = append(objects, build.Group(organization, group).Obj())
	}
	for _, user := range w.users {
		objects = append(objects, build.User(organization, user).KnownAs(user).Obj())
		for _, group := range w.groupsOf[user] {
			objects = append(objects, build.GroupMembership(organization, user+"-"+group, user, group).Obj())
		}
		if w.approvers[user] {
			objects = append(objects, build.PermissionGrant(organization, user).ToUser(user).GrantsIf(approve, build.AtMost("amount", fmt.Sprint(limit))).Obj())
		}
	}
	for _, a := range w.assignments {
		given := build.RoleAssignment(organization, a.name).Gives(roleName(a.role))
		if a.group != "" {
			given.ToGroup(a.group)
		} else {
			given.ToUser(a.user)
		}
		if at := a.place.path(); at.Project != "" {
			given.InProject(at.Workspace, at.Project)
		} else {
			given.InWorkspace(at.Workspace)
		}
		objects = append(objects, given.Obj())
	}
	return objects
}

func (p place) path() scope.Path {
	path := scope.Path{Organization: organization, Workspace: fmt.Sprint("w", p.workspace)}
	if p.project != none {
		path.Project = fmt.Sprint("p", p.project)
	}
	return path
}

func roleName(role int) string { return fmt.Sprint("r", role) }

func ref(a assignment) kinds.Ref {
	return kinds.Ref{Kind: kinds.RoleAssignment, Namespace: organization, Name: a.name}
}

// stateOf is the world as the operator keeps it.
func stateOf(w *world) *state.State {
	made := state.New(state.Limits{ConditionCost: store.EmbeddedConditionCost}, clock.RealClock{})
	made.Put(w.objects()...)
	return made
}

// bailiwick is asked inside the process.
type bailiwick struct{ state *state.State }

func startBailiwick(_ context.Context, w *world) (engine, error) { return bailiwick{stateOf(w)}, nil }

func (b bailiwick) may(_ context.Context, q question) (bool, error) {
	return b.state.Decide(organization, entitlement.Question{
		Subject: q.user, Permission: q.permission, At: q.place.path(), Attributes: map[string]any{"amount": float64(q.amount)},
	}).Allowed, nil
}

func (b bailiwick) revoke(_ context.Context, a assignment) error {
	b.state.Remove(ref(a))
	return nil
}

func (bailiwick) close() error { return nil }

// authZEN is asked over HTTP, in another place of the same process.
type authZEN struct {
	bailiwick
	server *http.Server
	client http.Client
	url    string
	keys   string
}

const key = "the-key-of-the-one-who-measures-0123456789"

// always is a decision.Memory that may always answer.
type always struct{ *state.State }

// Enter implements decision.Memory.
func (a always) Enter(string) (decision.Reading, error) { return a, nil }

// Leave implements decision.Reading.
func (always) Leave() error { return nil }

func startAuthZEN(ctx context.Context, w *world) (engine, error) {
	keys, err := os.MkdirTemp("", "engines-")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(keys, "keys.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, `{"callers": [{"name": "engines", "key": %q, "organizations": [%q]}]}`, key, organization), 0o600); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &authZEN{
		bailiwick: bailiwick{stateOf(w)}, keys: keys, url: "http://" + listener.Addr().String() + "/access/v1/evaluation",
		client: http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: askers + 1}},
	}
	a.server = &http.Server{ReadHeaderTimeout: time.Second, Handler: decision.New(decision.Options{
		Callers: decision.Callers{Keys: apikeys.Open(file, logr.Discard())}, Memory: always{a.state},
		Ready: func() bool { return false }, Clock: clock.RealClock{}, Log: logr.Discard(),
	})}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *authZEN) may(ctx context.Context, q question) (bool, error) {
	at := q.place.path()
	body := fmt.Appendf(nil, `{"subject": {"type": "user", "id": %q}, "action": {"name": %q}, "resource": {"type": "project", "id": %q}, "context": {"amount": %d}}`,
		q.user, q.permission, at.Organization+"/"+at.Workspace+"/"+at.Project, q.amount)
	if at.Project == "" {
		return false, fmt.Errorf("%+v is about no project", q)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	request.Header = http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}
	response, err := a.client.Do(request)
	if err != nil {
		return false, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return false, fmt.Errorf("the answer is %s", response.Status)
	}
	var answer struct {
		Decision bool `json:"decision"`
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Decision, err
}

func (a *authZEN) close() error {
	a.client.CloseIdleConnections()
	if err := a.server.Close(); err != nil {
		return err
	}
	return os.RemoveAll(a.keys)
}
