package tuplesync

import "github.com/bailiwick-dev/bailiwick/internal/objectid"

// queue has items in order. Organizations take turns, item by item, so that one with thousands of them shares each write with the
// others, and nobody else's revocation waits until all of them are written.
type queue struct {
	// organizations have items, the one whose turn it is first.
	organizations []string
	items         map[string][]item
	length        int
}

// organization is the one whose fact an item is.
func (i item) organization() string {
	if i.isCell() {
		return objectid.Organization(i.cell.Object)
	}
	return objectid.Organization(i.key.Object)
}

// add adds items behind all others of their organizations.
func (q *queue) add(items ...item) {
	for _, it := range items {
		of := it.organization()
		q.addOrganization(of)
		q.items[of] = append(q.items[of], it)
	}
	q.length += len(items)
}

// putBack adds items before all others of their organizations, in this order.
func (q *queue) putBack(items ...item) {
	before := map[string][]item{}
	for _, it := range items {
		of := it.organization()
		before[of] = append(before[of], it)
	}
	for of, first := range before {
		q.addOrganization(of)
		q.items[of] = append(first, q.items[of]...)
	}
	q.length += len(items)
}

// addOrganization gives an organization without items the last turn.
func (q *queue) addOrganization(organization string) {
	if q.items == nil {
		q.items = map[string][]item{}
	}
	if len(q.items[organization]) == 0 {
		q.organizations = append(q.organizations, organization)
	}
}

// first is the item to look at next; false if there is none.
func (q *queue) first() (first item, some bool) {
	if q.length == 0 {
		return item{}, false
	}
	return q.items[q.organizations[0]][0], true
}

// skip takes the first item away. The next one is another organization's, where another has any.
func (q *queue) skip() {
	of := q.organizations[0]
	q.organizations = q.organizations[1:]
	if q.items[of] = q.items[of][1:]; len(q.items[of]) > 0 {
		q.organizations = append(q.organizations, of)
	} else {
		delete(q.items, of)
	}
	q.length--
}
