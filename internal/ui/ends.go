package ui

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// spans are how far from now one can look, in days; 0 is everything.
var spans = []struct {
	Name string
	Days int
}{{"a day", 1}, {"a week", 7}, {"a month", 30}, {"a year", 365}, {"everything", 0}}

// usualDays is how far one looks who does not say.
const usualDays = 30

// endingRow is what ends, and its bar on the time line, in thousandths of it.
type endingRow struct {
	query.Ending
	Starts, Ends instant
	Ended        bool
	From, Width  int
}

func (r endingRow) text() string {
	return strings.Join([]string{r.Kind, r.Name, r.For, r.What}, " ")
}

// ends is what ends soon and what has ended, on a time line: as far back as it looks forward.
func (s *site) ends(w *query.World, r *http.Request) page {
	type body struct {
		Spans    []entry
		From, To instant
		// At is where now is on the time line, as the bars are.
		At   int
		Soon list[endingRow]
	}
	days, err := strconv.Atoi(r.URL.Query().Get("days"))
	if err != nil || days < 0 {
		days = usualDays
	}
	var b body
	for _, known := range spans {
		b.Spans = append(b.Spans, entry{Text: known.Name, URL: fmt.Sprint("?days=", known.Days), Current: known.Days == days})
	}
	now := s.clock.Now()
	line := timeLine{now, now}
	if days > 0 {
		line = timeLine{now.AddDate(0, 0, -days), now.AddDate(0, 0, days)}
	}
	var shown []query.Ending
	for _, ending := range w.Endings() {
		if days == 0 {
			line = line.with(ending.Starts).with(ending.Ends)
		}
		if line.has(ending.Ends) {
			shown = append(shown, ending)
		}
	}
	b.From, b.To, b.At = s.instant(line.from), s.instant(line.to), line.at(now)
	rows := make([]endingRow, 0, len(shown))
	for _, ending := range shown {
		row := endingRow{
			Ending: ending, Starts: s.instant(ending.Starts), Ends: s.instant(ending.Ends), Ended: !ending.Ends.After(now), From: line.at(ending.Starts),
		}
		row.Width = max(line.at(ending.Ends)-row.From, thinnest)
		rows = append(rows, row)
	}
	b.Soon = listOf(r, "endings", rows, endingRow.text)
	return page{Template: "ends", Title: "Ending", Body: b}
}

const (
	// lineLength is that of the time line as it is drawn, thinnest the width of a bar that can still be seen.
	lineLength, thinnest = 1000, 5
)

// timeLine is what is between two instants.
type timeLine struct{ from, to time.Time }

// with is the line, long enough for an instant.
func (l timeLine) with(instant time.Time) timeLine {
	if instant.Before(l.from) {
		l.from = instant
	}
	if instant.After(l.to) {
		l.to = instant
	}
	return l
}

func (l timeLine) has(instant time.Time) bool { return !instant.Before(l.from) && !instant.After(l.to) }

// at is where an instant is on the line; at its ends if it is beyond them.
func (l timeLine) at(instant time.Time) int {
	whole := l.to.Unix() - l.from.Unix()
	if whole == 0 {
		return lineLength / 2 // there is nothing but now
	}
	return int(min(max(0, instant.Unix()-l.from.Unix()), whole) * lineLength / whole)
}
