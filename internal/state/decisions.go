package state

import (
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
)

// Decide answers a question about an organization by what is known now. It never waits for an evaluation.
func (s *State) Decide(organization string, q entitlement.Question) entitlement.Answer {
	if t := s.find(organization); t != nil {
		return t.index.Decide(q, t.instant())
	}
	return entitlement.Answer{}
}

// Subjects are those who may do what is asked: see entitlement.Index.
func (s *State) Subjects(organization string, q entitlement.Question, after string, limit int) (subjects []string, more bool, validUntil time.Time) {
	if t := s.find(organization); t != nil {
		return t.index.Subjects(q, after, limit, t.instant())
	}
	return nil, false, time.Time{}
}

// Actions are the permissions that a subject has at a place or on a group: see entitlement.Index.
func (s *State) Actions(organization string, q entitlement.Question) (permissions []string, validUntil time.Time) {
	if t := s.find(organization); t != nil {
		return t.index.Actions(q, t.instant())
	}
	return nil, time.Time{}
}

// Groups are those on which a subject has a permission.
func (s *State) Groups(organization, subject, permission string) []string {
	if t := s.find(organization); t != nil {
		return t.index.Groups(subject, permission, t.instant())
	}
	return nil
}

// Where is where a subject has a permission: see entitlement.Index.
func (s *State) Where(organization string, q entitlement.Question, resourceType string, ofOthers ...string) entitlement.Where {
	if t := s.find(organization); t != nil {
		return t.index.Where(q, resourceType, ofOthers, t.instant())
	}
	return entitlement.Where{}
}

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
