package state

import (
	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

type accessPolicy struct {
	object  *v1alpha1.AccessPolicy
	outcome Outcome
}

type accessRequest struct {
	object  *v1alpha1.AccessRequest
	outcome Outcome
}

type accessDecision struct {
	object  *v1alpha1.AccessDecision
	outcome Outcome
}

// evaluateAccess evaluates policies, then requests, then decisions.
func (p *pass) evaluateAccess() {
	s := p.state
	for key := range p.policies {
		node := s.policies[key]
		now := Outcome{Reason: v1alpha1.ReasonValid, Ready: true, Message: "people may ask by this policy"}
		if node.object == nil {
			delete(s.policies, key)
			now = Outcome{}
		}
		p.judge(kinds.Named(kinds.AccessPolicy, key), &node.outcome, now)
	}
	for key := range p.requests {
		node := s.requests[key]
		if node == nil {
			continue // decisions may name what is not there
		}
		now := Outcome{Reason: v1alpha1.ReasonWaitsForDecision, Message: "waits to be decided"}
		if node.object == nil {
			delete(s.requests, key)
			now = Outcome{}
		}
		p.judge(kinds.Named(kinds.AccessRequest, key), &node.outcome, now)
	}
	for key := range p.decisions {
		node := s.decisions[key]
		now := Outcome{Reason: v1alpha1.ReasonCounts, Ready: true, Message: "counts"}
		if node.object == nil {
			delete(s.decisions, key)
			now = Outcome{}
		}
		p.judge(kinds.Named(kinds.AccessDecision, key), &node.outcome, now)
	}
}
