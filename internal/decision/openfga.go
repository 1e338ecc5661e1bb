package decision

import (
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// FromMemory answers a question in the store's words from memory, as the store would. What is not answered is for the store:
// what another relation than store.RelationCan is asked about, an id that can't be read back, an object of which the question
// does not say where it lies, since the store knows only of some, and everything while this process may not answer from memory.
func FromMemory(memory Memory, question store.Question) (allowed, answered bool) {
	organization, asked, ok := inWords(question)
	if !ok {
		return false, false
	}
	known, err := memory.Enter(organization)
	if err != nil {
		return false, false
	}
	allowed = known.Decide(organization, asked).Allowed
	if known.Leave() != nil {
		return false, false
	}
	return allowed, true
}

// inWords is a question of the store in the words of the resources; false if there are none for it.
func inWords(question store.Question) (organization string, asked entitlement.Question, ok bool) {
	asked = entitlement.Question{Permission: question.Permission, Attributes: question.Attributes}
	if asked.Subject, ok = objectid.SubjectOf(question.User); !ok || question.Relation != store.RelationCan {
		return "", asked, false
	}
	if organization, asked.Group, ok = objectid.GroupOf(question.Object); ok {
		return organization, asked, question.Parent == ""
	}
	if asked.At, ok = objectid.ScopeOf(question.Object); !ok {
		return "", asked, false
	}
	parent := place{Path: asked.At}.parent()
	return asked.At.Organization, asked, question.Parent == parent
}
