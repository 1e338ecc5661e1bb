package ui

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// roleRow is a Role in the list.
type roleRow struct {
	query.Inheritance
	URL      string
	Inherits []link
}

func (r roleRow) text() string { return r.Role + " " + strings.Join(r.Inheritance.Inherits, " ") }

func (s *site) roleLinks(names []string) (links []link) {
	for _, name := range names {
		links = append(links, s.link(query.Object{Kind: "Role", Name: name}))
	}
	return links
}

func (s *site) roles(w *query.World, r *http.Request) page {
	var rows []roleRow
	for _, role := range w.Roles() {
		rows = append(rows, roleRow{role, s.url("roles", role.Role), s.roleLinks(role.Inherits)})
	}
	return page{Template: "roles", Title: "Roles", Body: listOf(r, "roles", rows, roleRow.text)}
}

// role is what a role gives, to whom, and what inherits from it.
func (s *site) role(w *query.World, r *http.Request) page {
	role, there := w.Role(r.PathValue("name"))
	if !there {
		return s.noSuch("Role", r.PathValue("name"))
	}
	type given struct {
		query.Entry
		From link
	}
	type parent struct {
		link
		Why string
	}
	type body struct {
		query.Role
		Parents  []parent
		Children []link
		Gives    []given
		Holders  list[holderRow]
	}
	b := body{Role: role, Children: s.roleLinks(role.Children)}
	for _, to := range s.roleLinks(role.Inherits) {
		b.Parents = append(b.Parents, parent{to, role.NotInherited[to.Name]})
	}
	for _, entry := range role.Gives {
		b.Gives = append(b.Gives, given{entry, s.link(query.Object{Kind: "Role", Name: entry.From})})
	}
	var holders []holderRow
	for at, holder := range w.Holders() {
		if holder.Role == role.Name {
			holders = append(holders, s.holderRow(at, holder))
		}
	}
	b.Holders = listOf(r, "holders", holders, holderRow.text)
	return page{Template: "role", Title: cmp.Or(role.DisplayName, role.Name), Body: b}
}
