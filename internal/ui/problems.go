package ui

import (
	"net/http"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// problemRow is an object that is not ready.
type problemRow struct {
	query.Problem
	Named link
	Since instant
}

func (r problemRow) text() string {
	return strings.Join([]string{r.Kind, r.Name, r.Reason, r.Message}, " ")
}

// problems is what is wrong: orphans, which name something that is gone, and all else that is not ready.
func (s *site) problems(w *query.World, r *http.Request) page {
	type body struct {
		Wrong   list[problemRow]
		Orphans int
	}
	var b body
	var rows []problemRow
	for _, problem := range w.Problems() {
		rows = append(rows, problemRow{problem, s.link(problem.Object), s.instant(problem.Since)})
		if problem.Orphan {
			b.Orphans++
		}
	}
	b.Wrong = listOf(r, "problems", rows, problemRow.text)
	return page{Template: "problems", Title: "Problems", Body: b}
}
