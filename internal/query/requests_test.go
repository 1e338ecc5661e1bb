package query_test

import (
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestR2ARequestWaitsForDecidersWhoHaveNotDecided(t *testing.T) {
	pending := func(requester, policy string, decisions ...v1alpha1.AccessDecisionOutcome) *v1alpha1.AccessRequest {
		request := build.AccessRequest("acme", "r", requester).Obj()
		request.Status.Phase, request.Status.Policy, request.Status.Decisions = v1alpha1.AccessPending, policy, decisions
		return request
	}
	by := func(decider string, counts bool) v1alpha1.AccessDecisionOutcome {
		return v1alpha1.AccessDecisionOutcome{Decider: decider, Counts: counts}
	}
	over := pending("bob@acme", "named")
	over.Status.Phase = v1alpha1.AccessDenied
	taken := pending("bob@acme", "named")
	taken.Spec.Withdrawn = true
	objects := embedded(with(
		build.User("acme", "carol").KnownAs("carol@acme").Obj(), build.User("acme", "sue").KnownAs("sue@acme").Suspended().Obj(),
		build.GroupMembership("acme", "carol-devs", "carol", "devs").Until(noon.Add(time.Hour)).Obj(),
		build.AccessPolicy("acme", "named").For("bob").DecidedBy(1, "alice", "sue").Obj(), build.AccessPolicy("acme", "group").For("bob").DecidedByGroup("devs").Obj(),
		build.AccessPolicy("acme", "eligible").For("bob").Obj(),
	))
	for name, c := range map[string]struct {
		request *v1alpha1.AccessRequest
		who     string
		want    bool
	}{
		"a decider":                      {pending("bob@acme", "named"), "alice@acme", true},
		"somebody else":                  {pending("bob@acme", "named"), "carol@acme", false},
		"somebody unknown":               {pending("bob@acme", "named"), "zoe@acme", false},
		"a decider who is suspended":     {pending("bob@acme", "named"), "sue@acme", false},
		"a member of the deciding group": {pending("bob@acme", "group"), "alice@acme", true},
		"who is in it until a deadline":  {pending("bob@acme", "group"), "carol@acme", false},
		"who asks":                       {pending("alice@acme", "named"), "alice@acme", false},
		"who has decided":                {pending("bob@acme", "named", by("alice@acme", true)), "alice@acme", false},
		"whose decision does not count":  {pending("bob@acme", "named", by("alice@acme", false)), "alice@acme", true},
		"when others have decided":       {pending("bob@acme", "named", by("carol@acme", true)), "alice@acme", true},
		"by a policy that asks nobody":   {pending("bob@acme", "eligible"), "alice@acme", false},
		"by a policy that is not there":  {pending("bob@acme", "gone"), "alice@acme", false},
		"by none":                        {pending("bob@acme", ""), "alice@acme", false},
		"that is over":                   {over, "alice@acme", false},
		"that is taken back":             {taken, "alice@acme", false},
	} {
		if got := worldOf(objects).WaitsFor(c.request, c.who); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if worldOf(without(kinds.AccessPolicy, objects), kinds.AccessPolicy).WaitsFor(pending("bob@acme", "named"), "alice@acme") {
		t.Error("it waits by a policy that can't be read")
	}
}
