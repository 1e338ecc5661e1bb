package state_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// asking is an organization in which bob may ask for the role editor in prod for an hour, with a ticket, and ann or cal
// decide; and for P1 where the color is red.
func asking(t *testing.T, requests ...*v1alpha1.AccessRequest) *state.State {
	t.Helper()
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	s.Put(
		namespace("acme"), build.ResourceType("flow").Permits("P0").Permits("P1", build.String("color")).Obj(), build.Organization("acme").Workspace("prod").Workspace("lab").Obj(),
		build.User("acme", "ann").KnownAs("ann").Obj(), build.User("acme", "bob").KnownAs("bob").ReachedAt("bob@x.example").Obj(), build.User("acme", "cal").KnownAs("cal").Obj(),
		build.User("acme", "bob2").KnownAs("BOB@x.example").Obj(), build.User("acme", "sue").KnownAs("sue").Suspended().Obj(),
		build.Role("acme", "editor").Grants("P0").Obj(), build.Role("acme", "admin").Grants("P0").Obj(),
		build.AccessPolicy("acme", "p").For("bob", "sue").Offers("editor").In("prod").Wants("ticket").DecidedBy(2, "ann", "cal", "bob", "bob2").Obj(),
		build.AccessPolicy("acme", "q").For("bob").Permits(v1alpha1.PermissionEntry{Permission: "P1", Conditions: map[string]v1alpha1.AttributeCondition{"color": equals("red")}}).Obj(),
	)
	for _, request := range requests {
		request.UID = types.UID("uid-" + request.Name)
		request.CreationTimestamp = metav1.NewTime(epoch)
		s.Put(request)
	}
	return s
}

func TestR1EachBadRequestIsRefusedWithWhatDoesNotFit(t *testing.T) {
	asked := func() *build.AccessRequestBuilder {
		return build.AccessRequest("acme", "r", "bob").Role("editor").InWorkspace("prod").For("PT1H").Tagged("ticket", "INC 1")
	}
	permission := func(conditions map[string]v1alpha1.AttributeCondition) *v1alpha1.AccessRequest {
		return build.AccessRequest("acme", "r", "bob").Permission(v1alpha1.PermissionEntry{Permission: "P1", Conditions: conditions}).Obj()
	}
	by := func(requester string) *v1alpha1.AccessRequest {
		request := asked().Obj()
		request.Spec.Requester = requester
		return request
	}
	for name, c := range map[string]struct {
		request *v1alpha1.AccessRequest
		want    string // empty where it is taken
	}{
		"what the policy offers":            {asked().Obj(), ""},
		"what no policy allows":             {asked().Role("admin").Obj(), "no AccessPolicy allows this; the nearest is q: spec.roleRef: it does not offer the Role admin"},
		"a place that it does not reach":    {asked().InWorkspace("lab").Obj(), "the nearest is p: spec.scope: it does not reach acme/lab: ask for one of acme/prod"},
		"a place that is not there":         {asked().InWorkspace("moon").Obj(), "acme/moon"},
		"for longer than allowed":           {asked().For("PT61M").Obj(), "the nearest is p: spec.duration: it allows 1h0m0s at most"},
		"without the ticket":                {build.AccessRequest("acme", "r", "bob").Role("editor").InWorkspace("prod").Obj(), `the nearest is p: spec.tags: it requires the tag "ticket" with a value`},
		"for a role that does not exist":    {asked().Role("none").Obj(), "spec.roleRef: there is no Role none in this namespace: correct the name"},
		"by a policy that does not exist":   {asked().By("none").Obj(), "spec.policy: there is no AccessPolicy none in this namespace"},
		"by who may not ask":                {by("cal"), "spec.requester: it is not for the User cal"},
		"by who is no User":                 {by("zoe"), `spec.requester: no User in force here has the subject "zoe"`},
		"by who is suspended":               {by("sue"), "spec.requester: the User sue is suspended"},
		"a permission as it is offered":     {permission(map[string]v1alpha1.AttributeCondition{"color": equals("red")}), ""},
		"a permission without conditions":   {permission(nil), "spec.permissionGrant: it offers P1 under conditions alone: ask for it if color In [red]"},
		"a permission under other ones":     {permission(map[string]v1alpha1.AttributeCondition{"color": equals("blue")}), "ask for it if color In [red]"},
		"a permission in another case":      {build.AccessRequest("acme", "r", "bob").Permission(v1alpha1.PermissionEntry{Permission: "p1"}).Obj(), "did you mean P1?"},
		"what is asked for and not decided": {build.AccessRequest("acme", "again", "bob").Role("editor").InWorkspace("prod").Tagged("ticket", "INC 1").Obj(), "the AccessRequest before of the same requester asks for the same, and is not over"},
	} {
		var there []*v1alpha1.AccessRequest
		if c.request.Name == "again" {
			before := c.request.DeepCopy()
			c.request.CreationTimestamp = metav1.NewTime(epoch.Add(time.Second))
			before.Name = "before"
			there = append(there, before)
		}
		said := asking(t, there...).RefusedRequest(c.request)
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %q, want %q", name, said, c.want)
		}
	}
}

func TestR2EachBadDecisionIsRefusedWithWhatToDo(t *testing.T) {
	request := func(name string) *v1alpha1.AccessRequest {
		return build.AccessRequest("acme", name, "bob").Role("editor").InWorkspace("prod").Tagged("ticket", "INC 1").Obj()
	}
	over := func(name string, phase v1alpha1.AccessRequestPhase, reason string) *v1alpha1.AccessRequest {
		r := request(name)
		r.Status.Phase, r.Status.Steps = phase, []v1alpha1.AccessStep{{Sequence: 1, Type: string(phase), Reason: reason}}
		return r
	}
	withdrawn := request("withdrawn")
	withdrawn.Spec.Withdrawn = true
	old := request("old")
	for name, c := range map[string]struct {
		about   *v1alpha1.AccessRequest
		decider string
		want    string
	}{
		"a decider":                          {request("r"), "cal", ""},
		"about one's own request":            {request("r"), "bob", "spec.decider: nobody decides about their own request"},
		"by who has the requester's address": {request("r"), "BOB@x.example", "spec.decider: nobody decides about their own request"},
		"by one who is no decider":           {request("r"), "sue", "spec.decider: \"sue\" may not decide by the policy of the request"},
		"by nobody's User":                   {request("r"), "zoe", "may not decide by the policy of the request"},
		"twice by the same person":           {request("r"), "ann", "spec.decider: who decided has decided before, by first"},
		"about one that is denied":           {over("denied", v1alpha1.AccessDenied, v1alpha1.ReasonDenied), "cal", "the AccessRequest denied is Denied already: there is nothing to decide"},
		"about one that is withdrawn":        {withdrawn, "cal", "the AccessRequest withdrawn is Withdrawn already: there is nothing to decide"},
		"about one that has expired":         {over("expired", v1alpha1.AccessExpired, v1alpha1.ReasonExpired), "cal", "the AccessRequest expired is Expired already: there is nothing to decide"},
		"about one not decided in time":      {old, "cal", "the AccessRequest old is Expired already: there is nothing to decide"},
	} {
		s := asking(t, c.about)
		if c.about == old {
			old.CreationTimestamp = metav1.NewTime(epoch.Add(-48 * time.Hour))
			s.Put(old)
		}
		first := build.AccessDecision(c.about, "first", "ann", v1alpha1.VerdictApprove)
		first.CreationTimestamp = metav1.NewTime(epoch)
		s.Put(first)
		said := s.RefusedDecision(build.AccessDecision(c.about, "second", c.decider, v1alpha1.VerdictDeny))
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %q, want %q", name, said, c.want)
		}
	}
	gone := build.AccessDecision(request("gone"), "d", "ann", v1alpha1.VerdictApprove)
	if said := asking(t).RefusedDecision(gone); !strings.Contains(said, "there is no AccessRequest gone") {
		t.Errorf("about one that is not there: got %q", said)
	}
}

// Whoever makes a User whom a group has already, or lets a suspended one back in, offers them what policies offer to the group.
func TestG12WhoeverIsLetIntoAGroupIsOfferedWhatTheGroupIs(t *testing.T) {
	newcomer, suspended := build.User("acme", "newcomer").KnownAs("newcomer").Obj(), build.User("acme", "newcomer").KnownAs("newcomer").Suspended().Obj()
	for name, c := range map[string]struct {
		subject string
		member  bool
		old     client.Object
		want    string
	}{
		"made by who holds nothing":          {"cal", true, nil, "P0 at acme"},
		"made by who holds it":               {"ann", true, nil, ""},
		"made, and no member":                {"cal", false, nil, ""},
		"let back in by who holds nothing":   {"cal", true, suspended, "P0 at acme"},
		"let back in by who holds it":        {"ann", true, suspended, ""},
		"let back in, and no member of that": {"cal", false, suspended, ""},
	} {
		s := asking(t)
		s.Put(
			build.Group("acme", "devs").Obj(), build.AccessPolicy("acme", "devs").ForGroup("devs").Offers("editor").Obj(),
			build.PermissionGrant("acme", "ann").ToUser("ann").Grants("P0").Obj(),
		)
		if c.member {
			s.Put(build.GroupMembership("acme", "m", "newcomer", "devs").Obj())
		}
		if c.old != nil {
			s.Put(c.old.DeepCopyObject().(client.Object))
		}
		missing := s.MissingPrivileges(c.subject, c.old, newcomer)
		var got []string
		for _, privilege := range missing.Privileges {
			got = append(got, privilege.String())
		}
		if strings.Join(got, ", ") != c.want || len(missing.Unresolved) > 0 {
			t.Errorf("%s: lacks %q, %q, want %q", name, got, missing.Unresolved, c.want)
		}
	}
}

func TestAPolicyWhoseDecidersAreNobodySaysSo(t *testing.T) {
	for name, c := range map[string]struct {
		deciders []string
		count    int32
		want     string
	}{
		"one who is there":     {[]string{"ann"}, 1, v1alpha1.ReasonValid},
		"one who is not there": {[]string{"zoe"}, 1, v1alpha1.ReasonNobodyDecides},
		"one who is suspended": {[]string{"sue"}, 1, v1alpha1.ReasonNobodyDecides},
		"fewer than have to":   {[]string{"ann", "zoe"}, 2, v1alpha1.ReasonNobodyDecides},
		"as many as have to":   {[]string{"ann", "cal", "zoe"}, 2, v1alpha1.ReasonValid},
	} {
		s := asking(t)
		s.Put(build.AccessPolicy("acme", "p").For("bob").Offers("editor").In("prod").DecidedBy(c.count, c.deciders...).Obj())
		outcome, _ := s.Outcome(kinds.Ref{Kind: kinds.AccessPolicy, Namespace: "acme", Name: "p"})
		if outcome.Reason != c.want || outcome.Ready != (c.want == v1alpha1.ReasonValid) || outcome.Message == "" {
			t.Errorf("%s: got %+v", name, outcome)
		}
	}
}
