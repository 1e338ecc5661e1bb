package decision_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/caller"
	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/serviceaccounts"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// accounts knows the token "a.b.c" of the ServiceAccount acme/shop.
type accounts struct {
	refused error
	away    error
	profile caller.Profile
}

// Authenticate implements decision.Accounts.
func (a *accounts) Authenticate(_ context.Context, token string) (serviceaccounts.Account, error) {
	if token != "a.b.c" {
		return serviceaccounts.Account{}, serviceaccounts.ErrNotAToken
	}
	return serviceaccounts.Account{Name: "system:serviceaccount:acme:shop", Profile: a.profile}, a.refused
}

// MayAskAbout implements decision.Accounts.
func (a *accounts) MayAskAbout(_ context.Context, _ serviceaccounts.Account, organization string) (bool, error) {
	return organization == "acme", a.away
}

func TestAServiceAccountAsks(t *testing.T) {
	w := newWorld(t)
	known := &accounts{profile: caller.Profile{DefaultScope: scope.Path{Organization: "acme", Workspace: "prod"}, SubjectTypes: []string{"identity"}}}
	w.options.Callers.Accounts = known
	ask := func(key, body string) (int, string) {
		t.Helper()
		answer := w.send(t, http.MethodPost, evaluation, headers(key), body)
		return answer.Code, strings.TrimSpace(answer.Body.String())
	}
	expect := func(key, body string, code int, words string) {
		t.Helper()
		if got, text := ask(key, body); got != code || !strings.Contains(text, words) {
			t.Errorf("%s: %d %s, want %d with %s", body, got, text, code, words)
		}
	}
	const token, identity, flow = "a.b.c", `"subject": {"type": "identity", "id": "alice"}`, `"resource": {"type": "flow", "id": "42"}`
	expect(token, all(identity, view, flow), http.StatusOK, `"decision":true`)
	if len(w.asked) != 1 || w.asked[0].Object != "resource:acme/prod/flow/42" {
		t.Errorf("its default scope is not used: %+v", w.asked)
	}
	expect(token, all(alice, view, flow), http.StatusOK, `"decision":false`)
	expect(token, all(identity, view, foreign), http.StatusOK, `may not create decisions.authz.bailiwick.dev in the namespace \"globex\"`)
	expect(acmeKey, all(alice, view, vision), http.StatusOK, `"decision":true`)
	expect("x.y.z", all(alice, view, vision), http.StatusUnauthorized, "or the token of a ServiceAccount for the audience bailiwick")
	code, text := w.post(t, searchSubject, all(`"subject": {"type": "user"}`, view, foreign))
	if code != http.StatusOK || !strings.Contains(text, "this key is not for") {
		t.Errorf("%d %s", code, text)
	}

	known.away = errors.New("the API server is away")
	for _, path := range []string{evaluation, searchAction} {
		if answer := w.send(t, http.MethodPost, path, headers(token), all(identity, view, vision)); answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
			t.Errorf("%s while nobody can tell: %d %s", path, answer.Code, answer.Body)
		}
	}
	known.refused = known.away
	expect(token, all(identity, view, vision), http.StatusServiceUnavailable, "does not say who may ask")
	known.refused = &serviceaccounts.ProfileError{}
	w.options.Callers.Keys = nil
	expect("x.y.z", all(alice, view, vision), http.StatusUnauthorized, "needs the header Authorization, with Bearer and the token of a ServiceAccount")
}

func TestOneCallerLeavesRoomForOthers(t *testing.T) {
	w := newWorld(t)
	const most = 256
	arrived, proceed := make(chan struct{}), make(chan struct{})
	w.check = func(context.Context, store.Question) (bool, error) {
		arrived <- struct{}{}
		<-proceed
		return true, nil
	}
	handler := decision.New(w.options)
	var under sync.WaitGroup
	for range most {
		under.Go(func() {
			if answer := ask(t, handler, acmeKey, all(alice, view, vision)); answer.Code != http.StatusOK {
				t.Errorf("%d %s", answer.Code, answer.Body)
			}
		})
	}
	for range most {
		<-arrived
	}
	if answer := ask(t, handler, acmeKey, all(alice, view, vision)); answer.Code != http.StatusTooManyRequests || answer.Header().Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", answer.Code, answer.Body)
	}
	under.Go(func() {
		if answer := ask(t, handler, everyKey, all(alice, view, vision)); answer.Code != http.StatusOK {
			t.Errorf("another caller: %d %s", answer.Code, answer.Body)
		}
	})
	<-arrived
	close(proceed)
	under.Wait()
	go func() { <-arrived }()
	if answer := ask(t, handler, acmeKey, all(alice, view, vision)); answer.Code != http.StatusOK {
		t.Errorf("when there is room again: %d %s", answer.Code, answer.Body)
	}
}
