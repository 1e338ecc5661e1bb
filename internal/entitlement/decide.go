package entitlement

import (
	"iter"
	"slices"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// Answer is what is known about a question.
type Answer struct {
	Allowed bool
	// By is the way in which it is allowed that lasts longest.
	By Entitlement
	// ValidUntil is when the answer may be another one although nothing is edited; zero if it stays as it is.
	ValidUntil time.Time
}

// Known says of which parts of a question anything is known.
type Known struct {
	// Subject is a User in force, Permission one that a ResourceType declares, and Place a scope that an Organization declares.
	Subject, Permission, Place bool
}

// Known says whether there is such a user in force, and such a scope.
func (x *Index) Known(q Question) (known Known) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	_, known.Subject = x.users[q.Subject]
	_, known.Place = x.scopes[q.At.Container()]
	return known
}

// Decide answers a question, and says until when the answer holds. At a place that is not declared nobody may do anything, and
// who is not a User in force may do nothing. It stops at the first grant without an end.
func (x *Index) Decide(q Question, now time.Time) Answer {
	x.mu.RLock()
	defer x.mu.RUnlock()
	who := x.users[q.Subject]
	if who == nil || who.own == nil {
		return Answer{}
	}
	if q.Group != "" {
		return who.own.decideGroup(q, now)
	}
	if _, declared := x.scopes[q.At.Container()]; !declared {
		return Answer{}
	}
	var best candidate
	var span span
	for found := range x.candidates(who, q.At, q.Permission) {
		if !found.grant.Met(q.Attributes) {
			continue
		}
		if later := span.add(found.window, now); later {
			best = found
		}
		if span.permanent {
			break
		}
	}
	if !span.holds {
		return Answer{ValidUntil: span.until}
	}
	return Answer{Allowed: true, By: x.entitlement(best), ValidUntil: span.until}
}

// decideGroup: on a group, its admins have its configurable permissions, and nobody has anything else.
func (p *principal) decideGroup(q Question, now time.Time) Answer {
	var best Entitlement
	var span span
	for _, member := range p.membersOf(q.Group) {
		if slices.Contains(member.permissions, q.Permission) && span.add(member.window, now) {
			best = Entitlement{Grant: policy.Grant{Permission: q.Permission, Window: member.window}, Through: member.by}
		}
	}
	return Answer{Allowed: span.holds, By: best, ValidUntil: span.until}
}

// span gathers windows: whether one is open, and until when that stays as it is.
type span struct {
	holds, permanent bool
	until            time.Time
}

// add says whether this window is open, and stays so longer than all before.
func (s *span) add(window policy.Window, now time.Time) bool {
	switch {
	case now.Before(window.From):
		if !s.holds && (s.until.IsZero() || window.From.Before(s.until)) {
			s.until = window.From
		}
		return false
	case !window.Includes(now):
		return false
	case window.Until.IsZero():
		*s = span{holds: true, permanent: true}
		return true
	case !s.holds || window.Until.After(s.until):
		s.holds, s.until = true, window.Until
		return true
	}
	return false
}

// candidate is a grant that reaches a user at a place, whatever its conditions.
type candidate struct {
	grant *policy.Grant
	// window is when it does.
	window policy.Window
	at     scope.Path
	to     reach
	// One of these gives it: grant n of a role that is bound, or of grants without a role.
	bound  *binding
	direct *granted
	n      int
}

// candidates are the grants of one permission, or of all if it is empty, that reach a user at a place or above it.
func (x *Index) candidates(who *user, at scope.Path, permission string) iter.Seq[candidate] {
	return func(yield func(candidate) bool) {
		above := x.upward(at)
		for given := range x.reaching(who) {
			for _, here := range above {
				if there := given.principal.places.at(here); there != nil && !there.each(candidate{at: here.path, to: given}, permission, yield) {
					return
				}
			}
		}
	}
}

// upward are the sites at a path and above it.
func (x *Index) upward(path scope.Path) (found []*site) {
	for at, above := path, true; above; at, above = at.Parent() {
		if here := x.sites[at]; here != nil {
			found = append(found, here)
		}
	}
	return found
}

// each yields what is held at a place, with what the candidate says already.
func (p *place) each(found candidate, permission string, yield func(candidate) bool) bool {
	for i := range p.bindings {
		found.bound = &p.bindings[i]
		role := found.bound.role
		if permission != "" {
			for _, found.n = range role.giving(permission) {
				if given, ever := found.of(role.grants[found.n].Grant); ever && !yield(given) {
					return false
				}
			}
			continue
		}
		for found.n = range role.grants {
			if given, ever := found.of(role.grants[found.n].Grant); ever && !yield(given) {
				return false
			}
		}
	}
	found.bound = nil
	for i := range p.grants {
		found.direct = &p.grants[i]
		for found.n = range found.direct.grants {
			grant := &found.direct.grants[found.n]
			if permission != "" && grant.Permission != permission {
				continue
			}
			if given, ever := found.of(grant); ever && !yield(given) {
				return false
			}
		}
	}
	return true
}

// of is the candidate with a grant, false where what makes it never holds at one time.
func (c candidate) of(grant *policy.Grant) (candidate, bool) {
	window, ever := grant.Window.Within(c.to.window)
	if c.bound != nil && ever {
		window, ever = window.Within(c.bound.of.Window)
	}
	c.grant, c.window = grant, window
	return c, ever
}

// entitlement is a candidate for whoever wants to know what gives it.
func (x *Index) entitlement(found candidate) Entitlement {
	if found.bound != nil {
		return x.byRole(found.at, *found.bound, found.n, found.to)
	}
	return byGrant(found.at, *found.direct, found.n, found.to)
}
