// Package entitlement is the index of who holds what in one organization: which permissions, where, under which conditions, from
// when until when, and through which objects. It answers questions in microseconds. What is in it comes from package state, which
// evaluates objects; the store's tuples say the same in another form.
package entitlement

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Entitlement is one way in which a user holds a permission.
type Entitlement struct {
	// Grant is the permission, with its conditions, and the window in which all that makes it holds.
	Grant policy.Grant
	// At is where it is held; it holds at everything below.
	At scope.Path
	// Through are the objects that make it: a RoleAssignment, its Role and the Role that this one inherits it from, a
	// PermissionGrant or a TemporaryPermissionGrant, and then the GroupMembership or the Invitation through which it reaches
	// the user, if it does so through one.
	Through []kinds.Ref
}

// Principal is whom something is given to: a User or a Group, by name.
type Principal struct {
	User, Group string
}

// Facts are what one object yields, at most one of these.
type Facts struct {
	Scopes     []scope.Path // declared by an Organization
	Binding    *Binding
	Grants     *Grants
	Membership *Membership
}

// Binding says that a principal has a role at a place.
type Binding struct {
	Principal
	Role string
	At   *scope.Path
	// Invitation is the name of the one that the user has accepted to get it, empty where it names the user or a group.
	Invitation string
	Window     policy.Window
}

// Grants are permissions that a principal has at a place without a role.
type Grants struct {
	Principal
	At     scope.Path
	Grants []policy.Grant
}

// Membership says that a user is in a group, and which permissions they have on the group itself, as its admin.
type Membership struct {
	User, Group string
	Permissions []string
	Window      policy.Window
}

// RoleGrant is a permission that a role gives, and the name of the role that it is inherited from, empty for its own.
type RoleGrant struct {
	// Grant is shared by all roles that inherit it, and nobody changes it.
	Grant *policy.Grant
	From  string
}

// Update is one difference. Several that belong together are seen together.
type Update struct {
	// By and Old and New are what an object yielded, and what it yields now.
	By       kinds.Ref
	Old, New Facts
	// User is set to say for which subject a User stands; an empty subject means for none.
	User *UserUpdate
	// Role is set to say what a Role gives.
	Role *RoleUpdate
}

// UserUpdate says for whom a User stands.
type UserUpdate struct{ Name, Subject string }

// RoleUpdate says what a role gives.
type RoleUpdate struct {
	Name   string
	Grants []RoleGrant
}

// Index is the index of one organization. Its methods may be called concurrently; readers wait only while differences are
// entered, never for an evaluation.
type Index struct {
	organization string

	mu sync.RWMutex
	// active are the users in force, by the names of their Users, and users finds them by subject.
	active, users map[string]*user
	principals    map[Principal]*principal
	groups        map[string]*group
	roles         map[string]*role
	// sites are the paths at which anything is given.
	sites map[scope.Path]*site
	// scopes are those that are declared: at any other place nobody holds anything.
	scopes map[scope.Path]struct{}
	// subjects are users in the order of their subjects, nil where that is not known; version counts their changes.
	subjects atomic.Pointer[[]*user]
	version  int
	// applied counts all changes.
	applied int
}

// user is one in force.
type user struct {
	name, subject string
	// own is what is given to them, nil if that is nothing.
	own *principal
}

// principal is what is given to one user or group, by place, and the groups that a user is in.
type principal struct {
	places places
	groups []membership
}

// group is one that something is given to, or that has members.
type group struct {
	name string
	// given is what is given to it, nil if that is nothing.
	given *principal
	// members counts those who are in it.
	members int
}

// membership is that of a user in a group, by at least one object.
type membership struct {
	group *group
	by    []member
}

// site is a path that is looked up once for a question, and not again for each principal.
type site struct {
	path scope.Path
	// used counts the places of principals here.
	used int
}

// member is a membership of a user in a group.
type member struct {
	by          []kinds.Ref // one
	permissions []string
	window      policy.Window
}

type place struct {
	bindings []binding
	grants   []granted
}

// binding is one of those that a RoleAssignment yields.
type binding struct {
	// by is the name of the RoleAssignment, of the index's organization.
	by   string
	role *role
	of   *Binding
}

type granted struct {
	by     kinds.Ref
	grants []policy.Grant
}

// role is what a role gives. It stays as long as somebody is bound to it, so that bindings find it whatever it gives.
type role struct {
	name   string
	grants []RoleGrant
	bound  int
	// byPermission finds grants. The first question about them makes it: nobody asks about most of the roles that an edit changes.
	byPermission atomic.Pointer[map[string][]int]
}

// giving are the numbers of the grants of a permission.
func (r *role) giving(permission string) []int {
	if known := r.byPermission.Load(); known != nil {
		return (*known)[permission]
	}
	made := map[string][]int{}
	for n, given := range r.grants {
		made[given.Grant.Permission] = append(made[given.Grant.Permission], n)
	}
	r.byPermission.Store(&made)
	return made[permission]
}

// New is an empty index.
func New(organization string) *Index {
	return &Index{
		organization: organization,
		active:       map[string]*user{}, users: map[string]*user{},
		principals: map[Principal]*principal{}, groups: map[string]*group{}, roles: map[string]*role{},
		sites: map[scope.Path]*site{}, scopes: map[scope.Path]struct{}{},
	}
}

// Apply enters differences, all at once.
func (x *Index) Apply(updates []Update) {
	if len(updates) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.applied++
	for _, update := range updates {
		switch {
		case update.User != nil:
			x.setUser(*update.User)
		case update.Role != nil:
			x.setRole(*update.Role)
		default:
			x.leaveScopes(update.Old.Scopes)
			x.enter(update.By, update.New)
			x.leave(update.By, update.Old)
		}
	}
}

func (x *Index) setUser(update UserUpdate) {
	x.version++
	x.subjects.Store(nil)
	if was, there := x.active[update.Name]; there {
		delete(x.active, update.Name)
		if x.users[was.subject] == was {
			delete(x.users, was.subject)
		}
	}
	if update.Subject != "" {
		made := &user{name: update.Name, subject: update.Subject, own: x.principals[Principal{User: update.Name}]}
		x.active[update.Name], x.users[update.Subject] = made, made
	}
}

func (x *Index) setRole(update RoleUpdate) {
	r := x.role(update.Name)
	r.grants = update.Grants
	r.byPermission.Store(nil)
	x.dropUnused(r)
}

func (x *Index) role(name string) *role {
	if x.roles[name] == nil {
		x.roles[name] = &role{name: name}
	}
	return x.roles[name]
}

func (x *Index) dropUnused(r *role) {
	if r.bound == 0 && len(r.grants) == 0 {
		delete(x.roles, r.name)
	}
}

func (x *Index) principal(who Principal) *principal {
	if x.principals[who] == nil {
		x.setPrincipal(who, &principal{})
	}
	return x.principals[who]
}

// setPrincipal enters a principal, or takes it out if it is nil.
func (x *Index) setPrincipal(who Principal, p *principal) {
	if p == nil {
		delete(x.principals, who)
	} else {
		x.principals[who] = p
	}
	if active := x.active[who.User]; active != nil {
		active.own = p
	}
	if who.Group != "" {
		of := x.group(who.Group)
		of.given = p
		x.dropUnusedGroup(of)
	}
}

func (x *Index) group(name string) *group {
	if x.groups[name] == nil {
		x.groups[name] = &group{name: name}
	}
	return x.groups[name]
}

func (x *Index) dropUnusedGroup(g *group) {
	if g.given == nil && g.members == 0 {
		delete(x.groups, g.name)
	}
}

// membersOf are the memberships of a user in a group.
func (p *principal) membersOf(group string) []member {
	for n := range p.groups {
		if p.groups[n].group.name == group {
			return p.groups[n].by
		}
	}
	return nil
}

func (x *Index) place(who Principal, at scope.Path) *place {
	p := x.principal(who)
	here := x.sites[at]
	if here == nil {
		here = &site{path: at}
		x.sites[at] = here
	}
	there := p.places.at(here)
	if there == nil {
		there = &place{}
		p.places.add(here, there)
		here.used++
	}
	return there
}

func (x *Index) enter(by kinds.Ref, facts Facts) {
	for _, path := range facts.Scopes {
		x.scopes[path] = struct{}{}
	}
	switch {
	case facts.Binding != nil:
		r := x.role(facts.Binding.Role)
		r.bound++
		at := x.place(facts.Binding.Principal, *facts.Binding.At)
		at.bindings = append(at.bindings, binding{by.Name, r, facts.Binding})
	case facts.Grants != nil:
		at := x.place(facts.Grants.Principal, facts.Grants.At)
		at.grants = append(at.grants, granted{by: by, grants: facts.Grants.Grants})
	case facts.Membership != nil:
		x.join(x.principal(Principal{User: facts.Membership.User}), facts.Membership.Group, member{[]kinds.Ref{by}, facts.Membership.Permissions, facts.Membership.Window})
	}
}

// join enters one membership of a user in a group.
func (x *Index) join(p *principal, name string, made member) {
	of := x.group(name)
	n := slices.IndexFunc(p.groups, func(m membership) bool { return m.group == of })
	if n < 0 {
		n = len(p.groups)
		p.groups = append(p.groups, membership{group: of})
		of.members++
	}
	p.groups[n].by = append(p.groups[n].by, made)
}

func (x *Index) leaveScopes(paths []scope.Path) {
	for _, path := range paths {
		delete(x.scopes, path)
	}
}

// leave takes out what an object yielded: of two entries of the same object, the older one.
func (x *Index) leave(by kinds.Ref, facts Facts) {
	switch {
	case facts.Binding != nil:
		who, at := facts.Binding.Principal, x.place(facts.Binding.Principal, *facts.Binding.At)
		n := slices.IndexFunc(at.bindings, func(b binding) bool { return b.by == by.Name && b.role.name == facts.Binding.Role })
		r := at.bindings[n].role
		at.bindings = slices.Delete(at.bindings, n, n+1)
		r.bound--
		x.dropUnused(r)
		x.dropEmpty(who, *facts.Binding.At)
	case facts.Grants != nil:
		at := x.place(facts.Grants.Principal, facts.Grants.At)
		n := slices.IndexFunc(at.grants, func(g granted) bool { return g.by == by })
		at.grants = slices.Delete(at.grants, n, n+1)
		x.dropEmpty(facts.Grants.Principal, facts.Grants.At)
	case facts.Membership != nil:
		p := x.principal(Principal{User: facts.Membership.User})
		in := slices.IndexFunc(p.groups, func(m membership) bool { return m.group.name == facts.Membership.Group })
		joined := &p.groups[in]
		n := slices.IndexFunc(joined.by, func(m member) bool { return m.by[0] == by })
		if joined.by = slices.Delete(joined.by, n, n+1); len(joined.by) == 0 {
			of := joined.group
			p.groups = slices.Delete(p.groups, in, in+1)
			of.members--
			x.dropUnusedGroup(of)
		}
		x.dropEmpty(Principal{User: facts.Membership.User}, scope.Path{})
	}
}

func (x *Index) dropEmpty(who Principal, at scope.Path) {
	p, here := x.principals[who], x.sites[at]
	if there := p.places.at(here); there != nil && len(there.bindings) == 0 && len(there.grants) == 0 {
		p.places.remove(here)
		if here.used--; here.used == 0 {
			delete(x.sites, at)
		}
	}
	if p.places.len() == 0 && len(p.groups) == 0 {
		x.setPrincipal(who, nil)
	}
}

// Question asks whether somebody may do something somewhere.
type Question struct {
	// Subject is whom the application knows.
	Subject    string
	Permission string
	// At is the place; Group is set instead where it is about a group.
	At    scope.Path
	Group string
	// Attributes are those of the request, as JSON has them: a number is a float64.
	Attributes map[string]any
}

// Held are all entitlements of a user at the places that are asked for, whatever their conditions, those that have not begun or
// have ended left out. Who is not in force holds nothing.
func (x *Index) Held(user string, asked func(scope.Path) bool, now time.Time) (held []Entitlement) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for given := range x.reaching(x.active[user]) {
		if !given.window.Includes(now) {
			continue
		}
		for here, there := range given.principal.places.all() {
			at := here.path
			if !asked(at) {
				continue
			}
			for _, bound := range there.bindings {
				if !bound.of.Window.Includes(now) {
					continue
				}
				for n := range bound.role.grants {
					if bound.role.grants[n].Grant.Window.Includes(now) {
						held = append(held, x.byRole(at, bound, n, given))
					}
				}
			}
			for _, direct := range there.grants {
				for n := range direct.grants {
					if direct.grants[n].Window.Includes(now) {
						held = append(held, byGrant(at, direct, n, given))
					}
				}
			}
		}
	}
	return held
}

// reach is a principal by which something reaches a user, and the object that makes the user one of it, in a window.
type reach struct {
	principal *principal
	through   []kinds.Ref
	window    policy.Window
}

// reaching are a user, nil for one who is not in force, and the groups that the user is in, by each membership.
func (x *Index) reaching(who *user) func(func(reach) bool) {
	return func(yield func(reach) bool) {
		if who == nil || who.own == nil || !yield(reach{principal: who.own}) {
			return
		}
		for _, in := range who.own.groups {
			for n := range in.by {
				if in.group.given != nil && !yield(reach{in.group.given, in.by[n].by, in.by[n].window}) {
					return
				}
			}
		}
	}
}

func (x *Index) byRole(at scope.Path, held binding, n int, to reach) Entitlement {
	given := held.role.grants[n]
	via := []kinds.Ref{{Kind: kinds.RoleAssignment, Namespace: x.organization, Name: held.by}, {Kind: kinds.Role, Namespace: x.organization, Name: held.role.name}}
	if given.From != "" {
		via = append(via, kinds.Ref{Kind: kinds.Role, Namespace: x.organization, Name: given.From})
	}
	if held.of.Invitation != "" {
		via = append(via, kinds.Ref{Kind: kinds.Invitation, Namespace: x.organization, Name: held.of.Invitation})
	}
	return Entitlement{Grant: within(*given.Grant, held.of.Window, to.window), At: at, Through: append(via, to.through...)}
}

func byGrant(at scope.Path, held granted, n int, to reach) Entitlement {
	return Entitlement{Grant: within(held.grants[n], to.window), At: at, Through: append([]kinds.Ref{held.by}, to.through...)}
}

// within is a grant for as long as windows last that have begun and not ended.
func within(grant policy.Grant, windows ...policy.Window) policy.Grant {
	for _, window := range windows {
		grant.Window, _ = grant.Window.Within(window)
	}
	return grant
}
