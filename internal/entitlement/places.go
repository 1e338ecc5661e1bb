package entitlement

import "iter"

// few is up to how many places are searched one by one.
const few = 16

// places are what a principal has, by site. Almost everybody has few, and a list of them is read at once.
type places struct {
	list []placeAt
	// byMap has all of them once they were more than few.
	byMap map[*site]*place
}

type placeAt struct {
	at    *site
	place *place
}

func (p *places) len() int { return max(len(p.list), len(p.byMap)) }

// at is what is held at a site, nil if that is nothing.
func (p *places) at(here *site) *place {
	if p.byMap != nil {
		return p.byMap[here]
	}
	for n := range p.list {
		if p.list[n].at == here {
			return p.list[n].place
		}
	}
	return nil
}

// add enters what is held at a site at which nothing is held.
func (p *places) add(here *site, there *place) {
	if p.byMap == nil && len(p.list) < few {
		p.list = append(p.list, placeAt{here, there})
		return
	}
	if p.byMap == nil {
		p.byMap = make(map[*site]*place, len(p.list)+1)
		for _, entry := range p.list {
			p.byMap[entry.at] = entry.place
		}
		p.list = nil
	}
	p.byMap[here] = there
}

func (p *places) remove(here *site) {
	if p.byMap != nil {
		delete(p.byMap, here)
		return
	}
	for n := range p.list {
		if p.list[n].at == here {
			last := len(p.list) - 1
			p.list[n] = p.list[last]
			p.list[last] = placeAt{}
			p.list = p.list[:last]
			return
		}
	}
}

// all are the places, in any order.
func (p *places) all() iter.Seq2[*site, *place] {
	return func(yield func(*site, *place) bool) {
		for _, entry := range p.list {
			if !yield(entry.at, entry.place) {
				return
			}
		}
		for here, there := range p.byMap {
			if !yield(here, there) {
				return
			}
		}
	}
}
