package ui

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// personRow is a User in a list.
type personRow struct {
	query.Person
	URL string
}

func (r personRow) text() string {
	return strings.Join([]string{r.Name, r.DisplayName, r.Subject, r.Email, r.Reason}, " ")
}

func (s *site) people(w *query.World, r *http.Request) page {
	var rows []personRow
	for _, person := range w.People() {
		rows = append(rows, personRow{person, s.url("people", person.Name)})
	}
	return page{Template: "people", Title: "People", Body: listOf(r, "people", rows, personRow.text)}
}

// membershipRow is a User in a Group.
type membershipRow struct {
	query.Membership
	UserURL, GroupURL string
	Until             *instant
}

func (s *site) memberships(w *query.World, user, group string) (rows []membershipRow) {
	for _, membership := range w.Memberships(user, group) {
		row := membershipRow{Membership: membership, UserURL: s.url("people", membership.User), GroupURL: s.url("groups", membership.Group)}
		if membership.Until != nil {
			until := s.instant(membership.Until.Time)
			row.Until = &until
		}
		rows = append(rows, row)
	}
	return rows
}

// holdingRow is a permission that somebody holds.
type holdingRow struct {
	query.Holding
	Via   []link
	Until *instant
	AtURL string
}

func (r holdingRow) text() string {
	words := []string{r.Permission, r.At}
	for _, via := range r.Via {
		words = append(words, via.Kind, via.Name)
	}
	for _, condition := range r.Conditions {
		words = append(words, condition.String())
	}
	return strings.Join(words, " ")
}

func (s *site) holdingRow(holding query.Holding) holdingRow {
	row := holdingRow{Holding: holding, Via: s.links(holding.Via), AtURL: s.placeURL(holding.At)}
	if holding.Until != nil {
		until := s.instant(holding.Until.Time)
		row.Until = &until
	}
	return row
}

// person is everything that a user holds, through what, until when, and what they nearly hold.
func (s *site) person(w *query.World, r *http.Request) page {
	person, there := w.Person(r.PathValue("name"))
	if !there {
		return s.noSuch("User", r.PathValue("name"))
	}
	type near struct {
		But   string
		Holds []holdingRow
		More  int
	}
	type body struct {
		query.Person
		Groups []membershipRow
		Holds  list[holdingRow]
		Nearly []near
		Ask    string
	}
	b := body{Person: person, Groups: s.memberships(w, person.Name, ""), Ask: s.url("ask") + "?user=" + person.Name}
	var holds []holdingRow
	for _, holding := range w.Holdings(person.Name) {
		holds = append(holds, s.holdingRow(holding))
	}
	b.Holds = listOf(r, "permissions", holds, holdingRow.text)
	for _, miss := range w.Nearly(person.Name) {
		n := near{But: miss.But, More: max(0, len(miss.Holds)-holdersShown)}
		for _, holding := range miss.Holds[:min(len(miss.Holds), holdersShown)] {
			n.Holds = append(n.Holds, s.holdingRow(holding))
		}
		b.Nearly = append(b.Nearly, n)
	}
	return page{Template: "person", Title: cmp.Or(person.DisplayName, person.Name), Body: b}
}

// group is who is in a group, and what is given to it.
func (s *site) group(w *query.World, r *http.Request) page {
	name := r.PathValue("name")
	if !w.HasGroup(name) {
		return s.noSuch("Group", name)
	}
	type body struct {
		Members list[membershipRow]
		Gets    list[holderRow]
	}
	b := body{Members: listOf(r, "members", s.memberships(w, "", name), func(row membershipRow) string { return row.User + " " + row.Reason })}
	b.Gets.Label = "what is given"
	subject := query.Object{Kind: "Group", Name: name}
	for at, holder := range w.Holders() {
		if holder.Subject == subject {
			b.Gets.Rows = append(b.Gets.Rows, s.holderRow(at, holder))
		}
	}
	return page{Template: "group", Title: name, Body: b}
}
