package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// The sizes that don't depend on how many users there are.
const (
	roles, permissions   = 10, 20
	workspaces, projects = 10, 11
	rolesOfEach          = 5
	groupsOfEach         = 3
	usersOfAGroup        = 120
	// leavers are users of one role, which is taken from them.
	leavers = 50
	// approvers are every so many users, who may approve what costs limit at most.
	approvers, limit = 10, 1000
)

// approve is the permission that has a condition.
const approve = "App:Approve"

// place is a project, or a workspace, whose project is none.
type place struct{ workspace, project int }

const none = -1

// assignment gives a role at a place to a user or to a group.
type assignment struct {
	name        string
	user, group string
	role        int
	place       place
}

// world is an organization as plain data, for each engine to say in its own words.
type world struct {
	users  []string
	groups []string
	// groupsOf are a user's.
	groupsOf map[string][]string
	// assignments are those of users and groups; those of leavers come last.
	assignments []assignment
	// held are the same, by who has them.
	held map[string][]assignment
	// approvers may approve.
	approvers map[string]bool
}

// question asks whether a user has a permission at a project. amount is what the condition of approve tests.
type question struct {
	user, permission string
	place            place
	amount           int
}

func newWorld(users int) *world {
	chosen := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same organization each time
	w := &world{groupsOf: map[string][]string{}, held: map[string][]assignment{}, approvers: map[string]bool{}}
	for g := range max(groupsOfEach, users*groupsOfEach/usersOfAGroup) {
		group := fmt.Sprint("g", g)
		w.groups = append(w.groups, group)
		w.assign(assignment{name: group, group: group, role: chosen.IntN(roles), place: place{chosen.IntN(workspaces), none}})
	}
	for u := range users {
		user := fmt.Sprint("u", u)
		w.users = append(w.users, user)
		w.approvers[user] = u%approvers == 0
		for n := range groupsOfEach {
			w.groupsOf[user] = append(w.groupsOf[user], w.groups[(u*groupsOfEach+n)%len(w.groups)])
		}
		for n := range rolesOfEach {
			w.assign(assignment{name: fmt.Sprint(user, "-", n), user: user, role: chosen.IntN(roles), place: place{chosen.IntN(workspaces), chosen.IntN(projects)}})
		}
	}
	for n := range leavers {
		user := fmt.Sprint("leaver", n)
		w.users = append(w.users, user)
		w.assign(assignment{name: user, user: user, role: n % roles, place: place{n % workspaces, n % projects}})
	}
	return w
}

func (w *world) assign(a assignment) {
	w.assignments = append(w.assignments, a)
	w.held[a.user+a.group] = append(w.held[a.user+a.group], a)
}

// scopes is how many places there are, the organization among them.
func (*world) scopes() int { return 1 + workspaces + workspaces*projects }

// leaving are the assignments that are taken away.
func (w *world) leaving() []assignment { return w.assignments[len(w.assignments)-leavers:] }

func permissionOf(role, n int) string { return fmt.Sprintf("App:R%dP%d", role, n) }

// questions are random ones, of which about half are answered with yes: half of them ask about something that the user's own
// assignments or those of their groups give.
func (w *world) questions(count int) []question {
	chosen := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same questions each time
	asked := make([]question, count)
	for n := range asked {
		user := w.users[chosen.IntN(len(w.users)-leavers)]
		q := question{
			user: user, permission: permissionOf(chosen.IntN(roles), chosen.IntN(permissions)),
			place: place{chosen.IntN(workspaces), chosen.IntN(projects)}, amount: chosen.IntN(2 * limit),
		}
		switch chosen.IntN(4) {
		case 0:
			given := w.held[user][chosen.IntN(rolesOfEach)]
			q.permission, q.place = permissionOf(given.role, chosen.IntN(permissions)), given.place
		case 1:
			given := w.held[w.groupsOf[user][chosen.IntN(groupsOfEach)]][0]
			q.permission, q.place.workspace = permissionOf(given.role, chosen.IntN(permissions)), given.place.workspace
		case 2:
			q.permission = approve
		}
		asked[n] = q
	}
	return asked
}

// may is the right answer, worked out as plainly as can be.
func (w *world) may(q question) bool {
	if q.permission == approve {
		return w.approvers[q.user] && q.amount <= limit
	}
	for _, holder := range append(slices.Clone(w.groupsOf[q.user]), q.user) {
		for _, a := range w.held[holder] {
			if a.covers(q.place) && a.gives(q.permission) {
				return true
			}
		}
	}
	return false
}

func (a assignment) covers(asked place) bool {
	return a.place.workspace == asked.workspace && (a.place.project == none || a.place.project == asked.project)
}

func (a assignment) gives(permission string) bool {
	for n := range permissions {
		if permissionOf(a.role, n) == permission {
			return true
		}
	}
	return false
}
