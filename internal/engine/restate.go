package engine

import (
	"slices"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// restatedAtOnce is how many objects of an organization say other words or numbers each CountEvery, at most: an edit of a role that
// thousands inherit from would have thousands of statuses written, and so would the next one.
const restatedAtOnce = 50

// restating is the kind under which an organization waits in later for its restatements.
const restating = "restating"

// restatements are the objects of an organization whose status is to say the same in other words or numbers, in order and each once.
type restatements struct {
	order   []kinds.Ref
	waiting map[kinds.Ref]struct{}
}

// restate has controllers look later at what is to say other words or numbers, because of others. However often these change, each is
// looked at once.
func (e *Engine) restate(refs []kinds.Ref) {
	for _, ref := range refs {
		if organization := ref.Organization(); e.addRestatement(organization, ref) {
			e.later.AddAfter(kinds.Ref{Kind: restating, Name: organization}, e.options.CountEvery)
		}
	}
}

// addRestatement says whether it is the first one that its organization waits for.
func (e *Engine) addRestatement(organization string, ref kinds.Ref) (first bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.restatements[organization]
	if first = r == nil; first {
		r = &restatements{waiting: map[kinds.Ref]struct{}{}}
		e.restatements[organization] = r
	}
	if _, waits := r.waiting[ref]; !waits {
		r.waiting[ref] = struct{}{}
		r.order = append(r.order, ref)
	}
	return first
}

// restateSome has controllers look at the first ones of an organization; others have their turn later.
func (e *Engine) restateSome(organization string) {
	some, more := e.takeRestatements(organization)
	e.enqueue(some)
	if more {
		e.later.AddAfter(kinds.Ref{Kind: restating, Name: organization}, e.options.CountEvery)
	}
}

func (e *Engine) takeRestatements(organization string) (some []kinds.Ref, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.restatements[organization]
	if r == nil {
		return nil, false
	}
	count := min(len(r.order), restatedAtOnce)
	some, r.order = slices.Clone(r.order[:count]), r.order[count:]
	for _, ref := range some {
		delete(r.waiting, ref)
	}
	if len(r.order) == 0 {
		delete(e.restatements, organization)
	}
	return some, len(r.order) > 0
}
