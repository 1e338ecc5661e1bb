package ui

import (
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// missesShown is how many near misses an answer shows.
const missesShown = 5

// wayRow is a way in which somebody holds what is asked about.
type wayRow struct {
	query.Way
	Who   link
	AtURL string
	Via   []link
	Until *instant
}

func (s *site) wayRow(user string, way query.Way) wayRow {
	row := wayRow{Way: way, Who: s.link(query.Object{Kind: "User", Name: user}), AtURL: s.placeURL(way.At), Via: s.links(way.Via)}
	if way.Until != nil {
		until := s.instant(way.Until.Time)
		row.Until = &until
	}
	return row
}

func (r wayRow) text() string { return r.Who.Name + " " + r.At }

// ask answers whether somebody may do something somewhere, and why; without a user, who may.
func (s *site) ask(w *query.World, r *http.Request) page {
	asked := r.URL.Query()
	type miss struct {
		query.Miss
		Via   []link
		AtURL string
	}
	type body struct {
		query.Written
		Attributes          string
		Permissions, Scopes []string
		// Fault is what can't be read of the question; Answered says that there is an answer.
		Fault    string
		Answered bool
		At       string
		query.Answer
		Ways   []wayRow
		Misses []miss
		Who    list[wayRow]
	}
	b := body{Permissions: w.Permissions(), Scopes: w.Scopes(), Attributes: asked.Get("attributes")}
	b.Written = query.Written{
		User: strings.TrimSpace(asked.Get("user")), Permission: strings.TrimSpace(asked.Get("permission")),
		Scope: strings.TrimSpace(asked.Get("scope")), Resource: asked.Get("resource"),
	}
	for line := range strings.Lines(b.Attributes) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			b.Written.Attributes = append(b.Written.Attributes, line)
		}
	}
	p := page{Template: "ask", Title: "Ask"}
	if b.Permission == "" {
		p.Body = b
		return p
	}
	q, err := w.Read(b.Written)
	if err != nil {
		b.Fault = err.Error()
		p.Body = b
		return p
	}
	b.Answered, b.At = true, q.At.String()
	if b.User == "" {
		b.Because = w.Unfounded(q)
		var rows []wayRow
		for user, ways := range w.Who(q, len(q.Attributes) > 0) {
			for _, way := range ways {
				rows = append(rows, s.wayRow(user, way))
			}
		}
		b.Who = listOf(r, "people", rows, wayRow.text)
		p.Body = b
		return p
	}
	b.Answer = w.Ask(q)
	for _, way := range b.Answer.Ways {
		b.Ways = append(b.Ways, s.wayRow(b.User, way))
	}
	for _, m := range b.Answer.Misses[:min(len(b.Answer.Misses), missesShown)] {
		b.Misses = append(b.Misses, miss{m, s.links(m.Via), s.placeURL(m.At)})
	}
	p.Body = b
	return p
}
