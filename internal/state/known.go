package state

import "github.com/bailiwick-dev/bailiwick/internal/entitlement"

// Known says of which parts of a question anything is known, whatever the answer is. Of a Group it looks at the organization
// only, so that it waits for no evaluation.
func (s *State) Known(organization string, q entitlement.Question) entitlement.Known {
	var known entitlement.Known
	if t := s.find(organization); t != nil {
		known = t.index.Known(q)
	}
	_, known.Permission = s.Permission(q.Permission)
	return known
}
