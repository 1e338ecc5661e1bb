package tuplesync

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// plan is what must be written for an item.
type plan struct {
	item    item
	version int
	writes  []store.Tuple
	deletes []store.Key
	// holds is what the cell holds afterwards.
	holds slots
	// again means that the item has to be planned again afterwards, and drain that it first has to wait
	// until the decisions of now have ended.
	again, drain bool
	// older is as in work, once this is written.
	older int
	bytes int
	// drift is the direction of the difference that a comparison found and this repairs, if it does.
	drift string
}

// planFor says what must be written for an item, as things are wanted now.
func (s *Syncer) planFor(ctx context.Context, it item, known work) (plan, error) {
	if it.isCell() {
		return s.planCell(ctx, it, known)
	}
	return s.planTuple(ctx, it, known)
}

func (s *Syncer) planTuple(ctx context.Context, it item, known work) (plan, error) {
	p := plan{item: it, drift: known.drift}
	wanted := s.state.Desired(it.key)
	if known.verify {
		found, there, err := s.store.Get(ctx, it.key)
		if err != nil {
			return p, fmt.Errorf("reading a tuple that differs: %w", err)
		}
		if there && found.Context != nil {
			// One that holds under a condition where it should hold always: to the store, another fact
			// under the same key. It must go before the right one can come.
			p.drift = driftOf(true, wanted)
			p.deletes, p.again = []store.Key{it.key}, wanted
			return p, nil
		}
		if there == wanted {
			return p, nil
		}
		if !known.expected {
			p.drift = driftOf(there, wanted)
		}
	}
	// Without a condition there is nothing to compare: writing what is there and deleting what is not
	// change nothing.
	if wanted {
		p.writes = []store.Tuple{{Key: it.key}}
	} else {
		p.deletes = []store.Key{it.key}
	}
	return p, nil
}

func (s *Syncer) planCell(ctx context.Context, it item, known work) (plan, error) {
	s.mu.Lock()
	holds := s.held[it.cell]
	s.mu.Unlock()
	p := plan{item: it, drift: known.drift, older: known.older}
	if known.unknown || known.verify {
		found, err := s.readCell(ctx, it.cell)
		if err != nil {
			return plan{}, err
		}
		if known.verify && !found.equal(holds) {
			p.drift = driftOf(found != slots{}, holds != slots{})
		}
		holds = found
	}
	p.holds = holds
	wanted := s.state.Contexts(it.cell)
	if it.cell.Switches() {
		p.switchSides(wanted, known.drained)
		return p, nil
	}
	missing := p.dropUnwanted(wanted)
	p.again = !p.fill(missing, holds)
	return p, nil
}

// switchSides plans the next step of replacing what a cell of two sides holds. At every moment at least
// one side that all decisions have seen, or will see, says what both old and new allow.
func (p *plan) switchSides(wanted []*structpb.Struct, drained bool) {
	free, match := -1, -1
	for n := range p.item.cell.Places() {
		switch {
		case p.holds[n] == nil:
			if free < 0 {
				free = n
			}
		case match < 0 && len(wanted) > 0 && proto.Equal(p.holds[n], wanted[0]):
			match = n
		}
	}
	both := free < 0
	switch {
	case len(wanted) == 0:
		p.dropUnwanted(nil)
	case both && !drained:
		p.drain = true
	case both:
		// All decisions see both sides, so either may go. If neither is wanted any more, it is the older one: what
		// was taken away when the newer one came has waited long enough, however often things change meanwhile.
		drop := p.older
		if match >= 0 {
			drop = 1 - match
		}
		p.deletes = []store.Key{p.item.cell.Place(drop)}
		p.holds[drop] = nil
		p.again = match < 0
	case match < 0:
		p.writes = []store.Tuple{tuples.Tuple(p.item.cell.Place(free), wanted[0])}
		p.bytes = proto.Size(wanted[0])
		p.holds[free] = wanted[0]
		p.older = 1 - free
		p.again = p.holds[p.older] != nil
	}
}

// dropUnwanted deletes the slots whose context is not wanted, and returns the wanted ones that no slot
// has.
func (p *plan) dropUnwanted(wanted []*structpb.Struct) (missing []*structpb.Struct) {
	kept := [store.Slots]bool{}
	for _, context := range wanted {
		found := false
		for n, holds := range p.holds {
			if !kept[n] && holds != nil && (holds == context || proto.Equal(holds, context)) {
				kept[n], found = true, true
				p.holds[n] = context // equal, and the memory is shared
				break
			}
		}
		if !found {
			missing = append(missing, context)
		}
	}
	for n, holds := range p.holds {
		if holds != nil && !kept[n] {
			p.deletes = append(p.deletes, p.item.cell.Place(n))
			p.holds[n] = nil
		}
	}
	return missing
}

// fill writes the missing contexts into slots that were free before, so that old and new change places
// in one transaction. False when there are not enough, which only a foreign hand can bring about: what
// is not wanted then goes first.
func (p *plan) fill(missing []*structpb.Struct, before slots) bool {
	var writes []store.Tuple
	bytes := 0
	holds := p.holds
	for n := range before {
		if len(missing) == 0 {
			break
		}
		if before[n] == nil {
			writes = append(writes, tuples.Tuple(p.item.cell.Place(n), missing[0]))
			bytes += proto.Size(missing[0])
			holds[n] = missing[0]
			missing = missing[1:]
		}
	}
	if len(missing) > 0 {
		return false
	}
	p.writes, p.bytes, p.holds = writes, bytes, holds
	return true
}

func (s *Syncer) readCell(ctx context.Context, cell tuples.Cell) (slots, error) {
	var found slots
	for n := range cell.Places() {
		tuple, there, err := s.store.Get(ctx, cell.Place(n))
		if err != nil {
			return found, fmt.Errorf("reading what is held at %s: %w", cell.Object, err)
		}
		if there {
			found[n] = tuple.Context
			if found[n] == nil {
				found[n] = tuples.ForGood
			}
		}
	}
	return found, nil
}

func (s slots) equal(other slots) bool {
	for n := range s {
		if s[n] != other[n] && (s[n] == nil || other[n] == nil || !proto.Equal(s[n], other[n])) {
			return false
		}
	}
	return true
}
