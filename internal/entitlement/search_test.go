package entitlement_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

var noon = time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC)

// world is an index, and what was entered into it.
type world struct {
	*rand.Rand
	index  *entitlement.Index
	facts  map[kinds.Ref]entitlement.Facts
	users  []string
	places []scope.Path
}

func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), index: entitlement.New("acme"), facts: map[kinds.Ref]entitlement.Facts{}}
	w.places = append(w.places, scope.Path{Organization: "acme"})
	for _, workspace := range []string{"prod", "lab"} {
		w.places = append(w.places, scope.Path{Organization: "acme", Workspace: workspace})
		for n := range 20 { // more than a principal has in a list
			w.places = append(w.places, scope.Path{Organization: "acme", Workspace: workspace, Project: fmt.Sprint("p", n)})
		}
	}
	w.set("Organization", "acme", entitlement.Facts{Scopes: w.places})
	for n := range 8 {
		w.users = append(w.users, fmt.Sprint("u", n))
		w.index.Apply([]entitlement.Update{{User: &entitlement.UserUpdate{Name: w.users[n], Subject: "s" + w.users[n]}}})
	}
	return w
}

func (w *world) set(kind, name string, now entitlement.Facts) {
	by := kinds.Ref{Kind: kind, Namespace: "acme", Name: name}
	w.index.Apply([]entitlement.Update{{By: by, Old: w.facts[by], New: now}})
	w.facts[by] = now
}

func (w *world) window() (window policy.Window) {
	if w.IntN(3) == 0 {
		window.From = noon.Add(time.Duration(w.IntN(4)-2) * time.Hour)
	}
	if w.IntN(3) == 0 {
		window.Until = noon.Add(time.Duration(w.IntN(4)-1) * time.Hour)
	}
	return window
}

func (w *world) permission() string { return fmt.Sprint("P", w.IntN(3)) }

func (w *world) principal() entitlement.Principal {
	if w.IntN(2) == 0 {
		return entitlement.Principal{Group: fmt.Sprint("g", w.IntN(3))}
	}
	return entitlement.Principal{User: w.users[w.IntN(len(w.users))]}
}

// edit changes something.
func (w *world) edit() {
	at := w.places[w.IntN(len(w.places))]
	if w.IntN(3) == 0 {
		at = w.places[w.IntN(3)]
	}
	switch name := fmt.Sprint("o", w.IntN(300)); w.IntN(6) {
	case 0:
		w.set("RoleAssignment", name, entitlement.Facts{Binding: &entitlement.Binding{Principal: w.principal(), Role: fmt.Sprint("r", w.IntN(2)), At: &at, Window: w.window()}})
	case 1:
		w.set("PermissionGrant", name, entitlement.Facts{Grants: &entitlement.Grants{
			Principal: w.principal(), At: at, Grants: []policy.Grant{{Permission: w.permission(), Window: w.window()}, {Permission: w.permission()}},
		}})
	case 2:
		w.set("GroupMembership", name, entitlement.Facts{Membership: &entitlement.Membership{
			User: w.users[w.IntN(len(w.users))], Group: fmt.Sprint("g", w.IntN(3)), Permissions: []string{w.permission()}, Window: w.window(),
		}})
	case 3:
		user := entitlement.UserUpdate{Name: w.users[w.IntN(len(w.users))]}
		if w.IntN(4) > 0 {
			user.Subject = "s" + user.Name
		}
		w.index.Apply([]entitlement.Update{{User: &user}})
	case 4:
		w.index.Apply([]entitlement.Update{{Role: &entitlement.RoleUpdate{Name: fmt.Sprint("r", w.IntN(2)), Grants: []entitlement.RoleGrant{
			{Grant: &policy.Grant{Permission: w.permission(), Window: w.window()}},
		}}}})
	default:
		refs := slices.SortedFunc(maps.Keys(w.facts), func(a, b kinds.Ref) int { return a.Compare(b) })
		if by := refs[w.IntN(len(refs))]; by.Kind != "Organization" {
			w.set(by.Kind, by.Name, entitlement.Facts{})
		}
	}
}

// found are the subjects that a search finds in pages, and until when it says that this holds.
func (w *world) found(q entitlement.Question, limit int, now time.Time) (subjects []string, until time.Time) {
	for after, more := "", true; more; {
		var page []string
		var valid time.Time
		page, more, valid = w.index.Subjects(q, after, limit, now)
		subjects = append(subjects, page...)
		if len(page) > 0 {
			after = page[len(page)-1]
		}
		if until.IsZero() || !valid.IsZero() && valid.Before(until) {
			until = valid
		}
	}
	return subjects, until
}

// allowed are those to whom single decisions allow it.
func (w *world) allowed(q entitlement.Question, now time.Time) (subjects []string) {
	for _, user := range w.users {
		q.Subject = "s" + user
		if w.index.Decide(q, now).Allowed {
			subjects = append(subjects, q.Subject)
		}
	}
	return subjects
}

// It shows [D7], whatever the index went through.
func TestASearchFindsEverybodyToWhomDecisionsAllowIt(t *testing.T) {
	for seed := range seeds.Of(t, 8) {
		w := newWorld(seed)
		for step := range 1000 {
			w.edit()
			q := entitlement.Question{Permission: w.permission(), At: w.places[w.IntN(len(w.places))]}
			if w.IntN(4) == 0 {
				q.At, q.Group = scope.Path{Organization: "acme"}, fmt.Sprint("g", w.IntN(3))
			}
			want := w.allowed(q, noon)
			got, until := w.found(q, 1+w.IntN(4), noon)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d, %+v: %v, and single decisions allow it to %v", seed, step, q, got, want)
			}
			last := noon.AddDate(1, 0, 0)
			if !until.IsZero() {
				last = until.Add(-time.Nanosecond)
			}
			if then := w.allowed(q, last); !slices.Equal(then, want) {
				t.Fatalf("seed %d, step %d, %+v: %v until %s, and it is %v before", seed, step, q, want, until, then)
			}
		}
	}
}

// Whoever may do something throughout is found, also when what gives it changes under way from themselves to a group.
func TestASearchFindsWhoIsAllowedThroughout(t *testing.T) {
	w := newWorld(1)
	var updates []entitlement.Update
	const many = 5000
	for n := range many {
		name := fmt.Sprintf("m%05d", n)
		updates = append(updates,
			entitlement.Update{User: &entitlement.UserUpdate{Name: name, Subject: "z" + name}},
			entitlement.Update{By: kinds.Ref{Kind: "GroupMembership", Namespace: "acme", Name: name}, New: entitlement.Facts{Membership: &entitlement.Membership{User: name, Group: "all"}}},
		)
	}
	w.index.Apply(updates)
	given := func(to entitlement.Principal) entitlement.Facts {
		return entitlement.Facts{Grants: &entitlement.Grants{Principal: to, At: w.places[0], Grants: []policy.Grant{{Permission: "P"}}}}
	}
	last := entitlement.Principal{User: fmt.Sprintf("m%05d", many-1)}
	w.set("PermissionGrant", "own", given(last))
	w.set("PermissionGrant", "other", entitlement.Facts{Grants: &entitlement.Grants{Principal: entitlement.Principal{Group: "all"}, At: w.places[0], Grants: []policy.Grant{{Permission: "Q"}}}})
	q := entitlement.Question{Permission: "P", At: w.places[0]}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				w.set("PermissionGrant", "group", given(entitlement.Principal{Group: "all"}))
				w.set("PermissionGrant", "own", entitlement.Facts{})
				w.set("PermissionGrant", "own", given(last))
				w.set("PermissionGrant", "group", entitlement.Facts{})
			}
		}
	}()
	for range 1000 {
		if found, _ := w.found(q, many, noon); !slices.Contains(found, "z"+last.User) {
			t.Error("not found")
			break
		}
	}
	close(stop)
	<-stopped
}
