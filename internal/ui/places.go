package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// holdersShown is how many holders of a place stand in the tree.
const holdersShown = 5

// placeRow is a place in the tree.
type placeRow struct {
	At, Name, URL string
	Level         string
	Depth         int
	Held          []holderRow
	// More is how many hold something there besides.
	More int
}

// holderRow is what one object gives to whom.
type holderRow struct {
	At, AtURL string
	Who       link
	// Role is what a RoleAssignment gives, Permissions what the grants do.
	Role        link
	Permissions []string
	By          query.Object
	Until       *instant
	InForce     bool
	Reason      string
}

func (r holderRow) text() string {
	return strings.Join(append([]string{r.At, r.Who.Kind, r.Who.Name, r.Role.Name, r.By.Kind, r.By.Name, r.Reason}, r.Permissions...), " ")
}

func (s *site) placeURL(at string) string {
	return s.url("place") + "?" + url.Values{"at": {at}}.Encode()
}

func (s *site) holderRow(at string, holder query.Holder) holderRow {
	row := holderRow{
		At: at, AtURL: s.placeURL(at), Who: s.link(holder.Subject), Permissions: holder.Permissions, By: holder.By, InForce: holder.InForce, Reason: holder.Reason,
	}
	if holder.Role != "" {
		row.Role = s.link(query.Object{Kind: "Role", Name: holder.Role})
	}
	if holder.Until != nil {
		until := s.instant(holder.Until.Time)
		row.Until = &until
	}
	return row
}

// places is the tree of all places, with those who hold something there.
func (s *site) places(w *query.World, r *http.Request) page {
	var rows []placeRow
	var walk func(place *query.Place, above string, depth int)
	walk = func(place *query.Place, above string, depth int) {
		row := placeRow{
			At: place.At, Name: strings.TrimPrefix(place.At, above), URL: s.placeURL(place.At), Level: string(place.Level), Depth: depth,
			More: max(0, len(place.Held)-holdersShown),
		}
		for _, holder := range place.Held[:min(len(place.Held), holdersShown)] {
			row.Held = append(row.Held, s.holderRow(place.At, holder))
		}
		rows = append(rows, row)
		for _, below := range place.Below {
			walk(below, place.At+"/", depth+1)
		}
	}
	walk(w.Tree(), "", 0)
	return page{Template: "places", Title: "Places", Body: listOf(r, "places", rows, func(row placeRow) string { return row.At })}
}

// place is one place: who holds something there, and who does since it lies below others.
func (s *site) place(w *query.World, r *http.Request) page {
	asked := r.URL.Query().Get("at")
	var way []*query.Place
	for next := w.Tree(); next != nil; {
		way = append(way, next)
		at := next.At
		next = nil
		for _, below := range way[len(way)-1].Below {
			if strings.HasPrefix(asked+"/", below.At+"/") {
				next = below
			}
		}
		if at == asked {
			break
		}
	}
	here := way[len(way)-1]
	if here.At != asked {
		return s.noSuch("place", asked)
	}
	type body struct {
		Level  string
		Above  []entry
		Held   list[holderRow]
		Below  []entry
		Hidden int
	}
	b := body{Level: string(here.Level)}
	var held []holderRow
	for _, place := range slices.Backward(way) {
		for _, holder := range place.Held {
			held = append(held, s.holderRow(place.At, holder))
		}
	}
	for _, above := range way[:len(way)-1] {
		b.Above = append(b.Above, entry{Text: above.At, URL: s.placeURL(above.At)})
	}
	for _, below := range here.Below[:min(len(here.Below), rowsShown)] {
		b.Below = append(b.Below, entry{Text: fmt.Sprintf("%s (%d)", strings.TrimPrefix(below.At, here.At+"/"), len(below.Held)), URL: s.placeURL(below.At)})
	}
	b.Hidden = max(0, len(here.Below)-rowsShown)
	b.Held = listOf(r, "holders", held, holderRow.text)
	return page{Template: "place", Title: here.At, Body: b}
}
