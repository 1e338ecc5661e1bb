package state

import "github.com/bailiwick-dev/bailiwick/internal/kinds"

func (e *evaluation) run() Change {
	for e.evaluate(); ; e.evaluate() {
		e.apply()
		unjudged := e.toJudge()
		e.entitlements = nil
		if e.clear(); !e.judgeAuthors(unjudged) {
			break
		}
	}
	for use, more := range e.used {
		if more != 0 && e.tenant.roles[use.role] != nil {
			e.change.Restated = append(e.change.Restated, kinds.Named(kinds.Role, use.role))
		}
	}
	e.reportRequests()
	return e.change
}

// evaluate evaluates what is marked, in the order of the kinds: each may mark what comes after it.
func (e *evaluation) evaluate() {
	for _, kind := range kinds.All {
		keeperOf(kind.Name).evaluate(e)
	}
	e.evaluateAdministration()
	for cell, by := range e.cells {
		e.evaluateGrantCell(cell, by)
	}
}

// clear has nothing to be evaluated any more.
func (e *evaluation) clear() {
	clear(e.marked)
	clear(e.timed)
	clear(e.cells)
	clear(e.protection)
	e.protectionOfAll = false
	e.unjudged, e.touched, e.judgesAll, e.judged = set[kinds.Ref]{}, set[dependency]{}, false, set[kinds.Ref]{}
}
