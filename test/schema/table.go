package schema

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// suite declares rows as specs that ask its server.
type suite struct {
	server   Server
	bothOnly bool
}

// tableRow is one thing that the schema accepts or refuses.
type tableRow struct {
	name string
	// before is what an edit starts from, in a table of edits.
	before, given string
	outcome       types.GomegaMatcher
	both          bool
}

func row(name, given string, outcome types.GomegaMatcher) tableRow {
	return tableRow{name: name, given: given, outcome: outcome}
}

func edit(name, before, after string, outcome types.GomegaMatcher) tableRow {
	return tableRow{name: name, before: before, given: after, outcome: outcome}
}

// onBoth marks a row that runs against the real API server, too.
func (r tableRow) onBoth() tableRow {
	r.both = true
	return r
}

// marked marks the rows of these names, where a table is shared by fields of which one is enough.
func marked(names []string, rows ...tableRow) []tableRow {
	for _, name := range names {
		i := slices.IndexFunc(rows, func(r tableRow) bool { return r.name == name })
		if i < 0 {
			panic(fmt.Sprintf("no row is called %q", name))
		}
		rows[i].both = true
	}
	return rows
}

// table declares rows that have something written.
func (s *suite) table(description string, write func(given string) error, rows ...tableRow) {
	s.edits(description, func(_, given string) error { return write(given) }, rows...)
}

// edits declares rows that have something written over what was there before.
func (s *suite) edits(description string, write func(before, after string) error, rows ...tableRow) {
	Describe(description, func() {
		for _, r := range rows {
			s.specIf(r.both, r.name, func() { Expect(write(r.before, r.given)).To(r.outcome) })
		}
	})
}

// spec declares a row that is no line of a table.
func (s *suite) spec(name string, body func()) { s.specIf(false, name, body) }

// specOnBoth declares one that runs against both servers.
func (s *suite) specOnBoth(name string, body func()) { s.specIf(true, name, body) }

func (s *suite) specIf(both bool, name string, body func()) {
	if both || !s.bothOnly {
		It(name, body)
	}
}
