package state

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// maxCompared is how many pairs of privileges with conditions are compared for one write. What is left then counts as not
// held, so that nobody keeps the webhook busy. A role's entries of one permission, as many as a decision may cost, can be
// compared with as many others.
const maxCompared = 100_000

// privilegeID tells privileges apart: those that are alike have the same.
type privilegeID struct {
	about
	at     scope.Path
	window policy.Window
	tests  string
}

// about is a permission at a path or on a group. One without a name is the right to say who is in groups.
type about struct{ permission, group string }

// testKeys remembers the keys of conditions, which take long to make: those that roles inherit are the same in memory.
type testKeys map[testsAt]string

type testsAt struct {
	first *policy.Test
	count int
}

func (k testKeys) idOf(p Privilege) privilegeID {
	id := privilegeID{about: about{p.Grant.Permission, p.Group}, at: p.At, window: p.Grant.Window}
	if len(p.Grant.Tests) == 0 {
		return id
	}
	at := testsAt{&p.Grant.Tests[0], len(p.Grant.Tests)}
	key, known := k[at]
	if !known {
		key = p.Grant.TestsKey()
		k[at] = key
	}
	id.tests = key
	return id
}

// privilegeSet finds a privilege that covers another one. The same one, or one without conditions, is found at once.
type privilegeSet struct {
	keys testKeys
	all  map[privilegeID]struct{}
	// conditional are those with conditions or a window.
	conditional map[about][]Privilege
}

func newPrivilegeSet(keys testKeys, privileges iter.Seq[Privilege]) *privilegeSet {
	s := &privilegeSet{keys: keys, all: map[privilegeID]struct{}{}, conditional: map[about][]Privilege{}}
	for p := range privileges {
		s.add(keys.idOf(p), p)
	}
	return s
}

func (s *privilegeSet) add(id privilegeID, p Privilege) {
	if s.has(id) {
		return
	}
	s.all[id] = struct{}{}
	if !p.Grant.Always() {
		s.conditional[id.about] = append(s.conditional[id.about], p)
	}
}

func (s *privilegeSet) has(id privilegeID) bool {
	_, there := s.all[id]
	return there
}

// covering is one of the set that covers a privilege. compared counts the pairs that were compared.
func (s *privilegeSet) covering(id privilegeID, p Privilege, compared *int) (privilegeID, bool) {
	if by, found := s.coveringAtOnce(id, p); found {
		return by, true
	}
	for _, what := range id.candidates(p) {
		for _, held := range s.conditional[what] {
			if *compared >= maxCompared {
				return privilegeID{}, false
			}
			*compared++
			if held.Covers(p) {
				return s.keys.idOf(held), true
			}
		}
	}
	return privilegeID{}, false
}

// candidates are what those are about that may cover a privilege.
func (id privilegeID) candidates(p Privilege) []about {
	if id.group != "" || p.isManagement() {
		return []about{id.about, {}} // whoever administers the organization
	}
	return []about{id.about}
}

// coveringAtOnce is the same privilege, or one without conditions that covers it: nothing is compared.
func (s *privilegeSet) coveringAtOnce(id privilegeID, p Privilege) (privilegeID, bool) {
	if s.has(id) {
		return id, true
	}
	for _, what := range id.candidates(p) {
		for at, above := p.At, true; above; at, above = at.Parent() {
			if plain := (privilegeID{about: what, at: at}); s.has(plain) {
				return plain, true
			}
		}
	}
	return privilegeID{}, false
}

// difference gathers what a write gives and its author does not hold.
type difference struct {
	keys testKeys
	// author is what the author holds, and covered remembers of a privilege one that covers it.
	author   *privilegeSet
	covered  map[privilegeID]privilegeID
	missing  *privilegeSet
	listed   []Privilege
	compared int
}

func newDifference(author iter.Seq[Privilege]) *difference {
	keys := testKeys{}
	return &difference{
		keys: keys, author: newPrivilegeSet(keys, author), covered: map[privilegeID]privilegeID{},
		missing: newPrivilegeSet(keys, func(func(Privilege) bool) {}),
	}
}

// add takes what somebody has after the write, and had before it. The same privilege of many, as that of a role of all its
// children, is compared once.
func (d *difference) add(before, after []Privilege) {
	d.addTo(func() []Privilege { return before }, after)
}

// addGrants is add for what somebody has at a path. What stands at the same place as before, from the beginning or from the end,
// is not looked at: that is nearly all of what a role has that inherits from the one that is edited.
func (d *difference) addGrants(path scope.Path, before, after []entitlement.RoleGrant) {
	rest := after
	for n := 0; n < len(before) && len(rest) > 0 && sameGrant(before[n].Grant, rest[0].Grant); n++ {
		rest = rest[1:]
	}
	for n := len(before) - 1; n >= 0 && len(rest) > 0 && sameGrant(before[n].Grant, rest[len(rest)-1].Grant); n-- {
		rest = rest[:len(rest)-1]
	}
	if len(rest) > 0 {
		d.addTo(func() []Privilege { return at(path, before) }, at(path, rest))
	}
}

// sameGrant says whether grants are the same, with the same conditions in memory.
func sameGrant(a, b *policy.Grant) bool {
	return a == b || a.Permission == b.Permission && a.Window == b.Window && len(a.Tests) == len(b.Tests) && (len(a.Tests) == 0 || &a.Tests[0] == &b.Tests[0])
}

// addTo is add; what was before is asked for where what the author holds does not say enough.
func (d *difference) addTo(before func() []Privilege, after []Privilege) {
	var had *privilegeSet
	for _, p := range after {
		id := d.keys.idOf(p)
		by, known := d.covered[id]
		if d.missing.has(id) || known && d.author.has(by) {
			continue
		}
		if by, covered := d.author.coveringAtOnce(id, p); covered {
			d.covered[id] = by
			continue
		}
		if had == nil {
			had = newPrivilegeSet(d.keys, slices.Values(before()))
		}
		if had.has(id) || known && had.has(by) {
			continue
		}
		by, covered := d.author.covering(id, p, &d.compared)
		if !covered {
			by, covered = had.covering(id, p, &d.compared)
		}
		if covered {
			d.covered[id] = by
			continue
		}
		d.missing.add(id, p)
		d.listed = append(d.listed, p)
	}
}

// sorted are the missing privileges in a fixed order: what has no permission's name comes first.
func (d *difference) sorted() []Privilege {
	type listed struct {
		*Privilege

		text string
	}
	all := make([]listed, len(d.listed))
	for n := range d.listed {
		all[n] = listed{&d.listed[n], d.listed[n].String()}
	}
	slices.SortFunc(all, func(a, b listed) int {
		return cmp.Or(strings.Compare(a.Grant.Permission, b.Grant.Permission), strings.Compare(a.text, b.text))
	})
	sorted := slices.Grow([]Privilege(nil), len(all))
	for _, one := range all {
		sorted = append(sorted, *one.Privilege)
	}
	return sorted
}
