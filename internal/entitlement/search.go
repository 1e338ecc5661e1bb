package entitlement

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// chunk is how many users are looked at without a pause in which differences can be entered.
const chunk = 512

// Subjects are those who may do what is asked, whatever subject it names: in their order, after one of them, and at most so many.
// It says whether there are more, and until when that holds if nothing is edited.
func (x *Index) Subjects(q Question, after string, limit int, now time.Time) (found []string, more bool, validUntil time.Time) {
	users, version := x.ordered()
	next, there := slices.BinarySearchFunc(users, after, func(u *user, subject string) int { return strings.Compare(u.subject, subject) })
	if there {
		next++
	}
	s := subjectSearch{Question: q, limit: limit, now: now, ofGroups: map[*group]span{}}
	for ; next < len(users) && !s.more; next += chunk {
		x.subjectsAmong(users[next:min(next+chunk, len(users))], version, &s)
	}
	return s.found, s.more, s.until.instant
}

// subjectSearch is how far a search for subjects has come.
type subjectSearch struct {
	Question
	limit int
	now   time.Time
	found []string
	more  bool
	until earliest
	// ofGroups is when groups have it, as far as they were looked at since the index was as applied says.
	ofGroups map[*group]span
	applied  int
}

// ordered are all users in force, by subject. The list is kept until one of them changes: its version is that of the index then.
func (x *Index) ordered() (users []*user, version int) {
	x.mu.RLock()
	kept, version := x.subjects.Load(), x.version
	if kept != nil {
		x.mu.RUnlock()
		return *kept, version
	}
	users = slices.Collect(maps.Values(x.users))
	x.mu.RUnlock()
	slices.SortFunc(users, func(a, b *user) int { return strings.Compare(a.subject, b.subject) })
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.version == version {
		x.subjects.Store(&users)
	}
	return users, version
}

func (x *Index) subjectsAmong(users []*user, version int, s *subjectSearch) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if _, declared := x.scopes[s.At.Container()]; !declared && s.Group == "" {
		return
	}
	if x.applied != s.applied {
		// Else whoever gets by a group what they had by themselves could be missed.
		clear(s.ofGroups)
		s.applied = x.applied
	}
	above := x.upward(s.At)
	for _, who := range users {
		gone := x.version != version && x.users[who.subject] != who
		if gone || who.own == nil || !who.own.mayBe(above, s) {
			continue
		}
		if len(s.found) == s.limit {
			s.more = true
			return
		}
		s.found = append(s.found, who.subject)
	}
}

// mayBe says whether a user may do what is asked, by themselves or as a member of a group.
func (p *principal) mayBe(above []*site, s *subjectSearch) bool {
	if s.Group != "" {
		var held span
		for _, member := range p.membersOf(s.Group) {
			if slices.Contains(member.permissions, s.Permission) {
				held.add(member.window, s.now)
			}
		}
		s.until.add(held.until)
		return held.holds
	}
	held := p.spanOf(above, s)
	ends := earliest{held.until}
	for n := range p.groups {
		if held.permanent {
			return true
		}
		in := &p.groups[n]
		if in.group.given == nil {
			continue
		}
		ofGroup, known := s.ofGroups[in.group]
		if !known {
			ofGroup = in.group.given.spanOf(above, s)
			s.ofGroups[in.group] = ofGroup
		}
		if !ofGroup.holds && ofGroup.until.IsZero() {
			continue // it never has it
		}
		var within span
		for _, member := range in.by {
			within.add(member.window, s.now)
		}
		ends.add(ofGroup.until)
		ends.add(within.until)
		held.holds = held.holds || ofGroup.holds && within.holds
		held.permanent = ofGroup.permanent && within.permanent
	}
	if !held.permanent {
		s.until.add(ends.instant)
	}
	return held.holds
}

// spanOf is when what is asked is held, by what is given to this principal at these sites.
func (p *principal) spanOf(above []*site, s *subjectSearch) (held span) {
	for _, here := range above {
		if there := p.places.at(here); there != nil && !held.permanent {
			there.each(candidate{}, s.Permission, func(found candidate) bool {
				if found.grant.Met(s.Attributes) {
					held.add(found.window, s.now)
				}
				return !held.permanent
			})
		}
	}
	return held
}

// earliest is the earliest of some instants.
type earliest struct{ instant time.Time }

func (e *earliest) add(instant time.Time) {
	if !instant.IsZero() && (e.instant.IsZero() || instant.Before(e.instant)) {
		e.instant = instant
	}
}

// change notes when a window opens or closes next.
func (e *earliest) change(window policy.Window, now time.Time) {
	if now.Before(window.From) {
		e.add(window.From)
	} else if window.Includes(now) {
		e.add(window.Until)
	}
}

// Actions are the permissions that a subject has at a place or on a group, whatever permission is asked for, in order.
func (x *Index) Actions(q Question, now time.Time) (permissions []string, validUntil time.Time) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	who := x.users[q.Subject]
	if who == nil || who.own == nil {
		return nil, time.Time{}
	}
	held := map[string]struct{}{}
	var until earliest
	if q.Group != "" {
		for _, member := range who.own.membersOf(q.Group) {
			until.change(member.window, now)
			for _, permission := range member.permissions {
				if member.window.Includes(now) {
					held[permission] = struct{}{}
				}
			}
		}
	} else if _, declared := x.scopes[q.At.Container()]; declared {
		for found := range x.candidates(who, q.At, "") {
			if !found.grant.Met(q.Attributes) {
				continue
			}
			until.change(found.window, now)
			if found.window.Includes(now) {
				held[found.grant.Permission] = struct{}{}
			}
		}
	}
	return slices.Sorted(maps.Keys(held)), until.instant
}

// Groups are those on which a subject has a permission, in order.
func (x *Index) Groups(subject, permission string, now time.Time) (names []string) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	who := x.users[subject]
	if who == nil || who.own == nil {
		return nil
	}
	for _, in := range who.own.groups {
		if slices.ContainsFunc(in.by, func(m member) bool { return m.window.Includes(now) && slices.Contains(m.permissions, permission) }) {
			names = append(names, in.group.name)
		}
	}
	slices.Sort(names)
	return names
}

// Term is part of what is allowed: an object, or all objects of a type in a place and below it, that meet conditions.
type Term struct {
	At         scope.Path
	Conditions []policy.Test
	// ValidUntil is when it ends, zero if it does not.
	ValidUntil time.Time
}

// Where is where a subject has the permission that is asked for, at the place that is asked about and below it.
type Where struct {
	// Scopes are the organization, workspaces and projects, all of them.
	Scopes []scope.Path
	// Objects are those of the type that something given to the subject names.
	Objects []scope.Path
	// Residual is what else is allowed: an object that no name is known of is allowed if it meets one of these. Conditions on
	// attributes that the question has are met already.
	Residual []Term
	// Declared are the scopes in which objects of the residual can lie.
	Declared   []scope.Path
	ValidUntil time.Time
}

// Where looks for scopes, or for objects if a type of them is given. An attribute of one of these prefixes is not the object's: it
// is missing if the question does not have it.
func (x *Index) Where(q Question, resourceType string, ofOthers []string, now time.Time) (where Where) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	who := x.users[q.Subject]
	if who == nil {
		return Where{}
	}
	var until earliest
	objects, scopes := map[scope.Path]struct{}{}, map[scope.Path]struct{}{}
	for given := range x.reaching(who) {
		for here, there := range given.principal.places.all() {
			at := here.path
			if _, declared := x.scopes[at.Container()]; !declared || !q.At.Covers(at) && !at.Covers(q.At) {
				continue
			}
			if at.ResourceType != "" {
				if at.ResourceType != resourceType {
					continue
				}
				objects[at] = struct{}{}
			}
			there.each(candidate{at: at, to: given}, q.Permission, func(found candidate) bool {
				open, possible := openTests(found.grant.Tests, q.Attributes, ofOthers)
				if !possible {
					return true
				}
				until.change(found.window, now)
				if !found.window.Includes(now) {
					return true
				}
				if resourceType != "" {
					where.Residual = append(where.Residual, Term{At: narrower(at, q.At), Conditions: open, ValidUntil: found.window.Until})
				} else if found.grant.Met(q.Attributes) {
					scopes[at] = struct{}{}
				}
				return true
			})
		}
	}
	where.ValidUntil = until.instant
	if resourceType == "" {
		where.Scopes = x.below(scopes, q.At)
		return where
	}
	if where.Residual = withoutCovered(where.Residual); len(where.Residual) > 0 {
		at := make(map[scope.Path]struct{}, len(where.Residual))
		for _, term := range where.Residual {
			at[term.At.Container()] = struct{}{}
		}
		where.Declared = x.below(at, q.At)
	}
	for at := range objects {
		if x.holdsAt(who, at, q, now) {
			where.Objects = append(where.Objects, at)
		}
	}
	slices.SortFunc(where.Objects, scope.Path.Compare)
	return where
}

func (x *Index) holdsAt(who *user, at scope.Path, q Question, now time.Time) bool {
	for found := range x.candidates(who, at, q.Permission) {
		if found.grant.Holds(now, q.Attributes) && found.window.Includes(now) {
			return true
		}
	}
	return false
}

// below are the declared scopes that lie at one of these or below it, and in a place.
func (x *Index) below(scopes map[scope.Path]struct{}, in scope.Path) (found []scope.Path) {
	for path := range x.scopes {
		if !in.Covers(path) {
			continue
		}
		for at, above := path, true; above; at, above = at.Parent() {
			if _, held := scopes[at]; held {
				found = append(found, path)
				break
			}
		}
	}
	slices.SortFunc(found, scope.Path.Compare)
	return found
}

// narrower is the lower of two places of which one covers the other.
func narrower(a, b scope.Path) scope.Path {
	if a.Covers(b) {
		return b
	}
	return a
}

// openTests are the tests that only an object's own attributes decide; false if one of the others is not met.
func openTests(tests []policy.Test, attributes map[string]any, ofOthers []string) (open []policy.Test, possible bool) {
	for _, test := range tests {
		if _, given := attributes[test.Attribute]; given {
			if !test.Met(attributes) {
				return nil, false
			}
			continue
		}
		if slices.ContainsFunc(ofOthers, func(prefix string) bool { return strings.HasPrefix(test.Attribute, prefix) }) {
			return nil, false
		}
		open = append(open, test)
	}
	return open, true
}

// withoutCovered leaves out what another term allows anyway, and for as long.
func withoutCovered(terms []Term) (kept []Term) {
	slices.SortStableFunc(terms, func(a, b Term) int {
		if order := len(a.Conditions) - len(b.Conditions); order != 0 {
			return order
		}
		return a.At.Compare(b.At)
	})
	for _, term := range terms {
		covered := slices.ContainsFunc(kept, func(other Term) bool {
			lasts := other.ValidUntil.IsZero() || !term.ValidUntil.IsZero() && !other.ValidUntil.Before(term.ValidUntil)
			return lasts && other.At.Covers(term.At) && (len(other.Conditions) == 0 || slices.EqualFunc(other.Conditions, term.Conditions, policy.Test.Equal))
		})
		if !covered {
			kept = append(kept, term)
		}
	}
	return kept
}
