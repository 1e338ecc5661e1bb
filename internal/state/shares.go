package state

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// share is what an object wants of a cell that says who has a role, or who is in a group and what its admins may do
// with it. Several objects may want the same, each for another time.
type share struct {
	cell tuples.Cell
	// grants are the permissions or, where the cell is about no permissions, one grant with no more than a window. None
	// means that it is wanted for good.
	grants []policy.Grant
}

// shareIn is a share for as long as a window lasts.
func shareIn(cell tuples.Cell, window policy.Window) share {
	if window == (policy.Window{}) {
		return share{cell: cell}
	}
	return share{cell, []policy.Grant{{Window: window}}}
}

// sharedCell is a cell of which objects want shares. Almost always one of them does so, for good.
type sharedCell struct {
	forGood int
	// limited is set where there are other shares.
	limited *limitedShares
}

type limitedShares struct {
	by map[kinds.Ref][]policy.Grant
	// contexts are those of the cell, unless it is wanted for good.
	contexts []*structpb.Struct
}

var heldForGood = []*structpb.Struct{tuples.ForGood}

// contexts are what the cell should hold.
func (c *sharedCell) contexts() []*structpb.Struct {
	switch {
	case c.forGood > 0:
		return heldForGood
	case c.limited != nil:
		return c.limited.contexts
	}
	return nil
}

// share replaces an object's shares.
func (e *evaluation) share(by kinds.Ref, old, now []share) {
	for n := range now {
		e.replaceShare(by, now[n].cell, shareOf(old, now[n].cell), &now[n])
	}
	for n := range old {
		if shareOf(now, old[n].cell) == nil {
			e.replaceShare(by, old[n].cell, &old[n], nil)
		}
	}
}

func shareOf(shares []share, cell tuples.Cell) *share {
	n := slices.IndexFunc(shares, func(s share) bool { return s.cell == cell })
	if n < 0 {
		return nil
	}
	return &shares[n]
}

// replaceShare replaces one share; nil is none.
func (e *evaluation) replaceShare(by kinds.Ref, cell tuples.Cell, old, now *share) {
	if old != nil && now != nil && reflect.DeepEqual(old.grants, now.grants) {
		return
	}
	node := e.tenant.shared[cell]
	before := node.contexts()
	if old != nil {
		node.remove(by, old)
	}
	if now != nil {
		node.add(by, now)
	}
	node.render(cell)
	if node == (sharedCell{}) {
		delete(e.tenant.shared, cell)
	} else {
		e.tenant.shared[cell] = node
	}
	same := slices.EqualFunc(before, node.contexts(), func(a, b *structpb.Struct) bool { return proto.Equal(a, b) })
	e.change.Cells = append(e.change.Cells, Touched[tuples.Cell]{What: cell, By: by, Joined: same})
}

func (c *sharedCell) remove(by kinds.Ref, old *share) {
	if old.grants == nil {
		c.forGood--
		return
	}
	if delete(c.limited.by, by); len(c.limited.by) == 0 {
		c.limited = nil
	}
}

func (c *sharedCell) add(by kinds.Ref, now *share) {
	if now.grants == nil {
		c.forGood++
		return
	}
	if c.limited == nil {
		c.limited = &limitedShares{by: map[kinds.Ref][]policy.Grant{}}
	}
	c.limited.by[by] = now.grants
}

// render makes the contexts of what is wanted.
func (c *sharedCell) render(cell tuples.Cell) {
	if c.limited == nil {
		return
	}
	all := slices.Concat(slices.Collect(maps.Values(c.limited.by))...)
	if cell.Says != tuples.IsGranted {
		c.limited.contexts = tuples.During(policy.MergeWindows(windowsOf(all)))
		return
	}
	contexts, err := tuples.Contexts(policy.Merge(all), 1)
	if err != nil {
		panic(fmt.Sprintf("state: what was admitted one by one does not fit: %v", err)) // a mistake in the program
	}
	c.limited.contexts = contexts
}

func windowsOf(grants []policy.Grant) []policy.Window {
	windows := make([]policy.Window, len(grants))
	for n, grant := range grants {
		windows[n] = grant.Window
	}
	return windows
}

// admitWindow adds a window to those of older objects that give the same, or says why the store does not take it.
func (t *tenant) admitWindow(admitted []policy.Window, window policy.Window, kind string) ([]policy.Window, *Outcome) {
	with := policy.MergeWindows(append(slices.Clone(admitted), window))
	grants := make([]policy.Grant, len(with))
	for n, window := range with {
		grants[n].Window = window
	}
	outcome := Outcome{}
	if cost, limit := condition.Cost(grants), t.limits.ConditionCost; cost > limit && len(with) > 1 {
		outcome.Reason = v1alpha1.ReasonConditionTooExpensive
		outcome.Message = fmt.Sprintf("with the older %ss that give the same for another time, a decision would cost %d, and the store allows %d: delete some of them, or let their windows touch", kind, cost, limit)
		return admitted, &outcome
	}
	if !tuples.WindowsFit(with) {
		outcome.Reason = v1alpha1.ReasonContextTooLarge
		outcome.Message = fmt.Sprintf("with the older %ss that give the same for another time, this does not fit into the store: delete some of them, or let their windows touch", kind)
		return admitted, &outcome
	}
	return with, nil
}
