package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

var (
	noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	acme = scope.Path{Organization: "acme"}
	prod = scope.Path{Organization: "acme", Workspace: "prod"}
	lab  = scope.Path{Organization: "acme", Workspace: "lab"}
)

func TestR2WhoMayBeOnePerson(t *testing.T) {
	ann := access.Person{Username: "oidc:ann", Subject: "ann", User: "anna", Email: "ann@x.example"}
	for name, c := range map[string]struct {
		other access.Person
		want  bool
	}{
		"the same":                      {ann, true},
		"the same name":                 {access.Person{Username: "oidc:ann"}, true},
		"a name in another case":        {access.Person{Username: "OIDC:Ann"}, true},
		"a subject that is a name":      {access.Person{Username: "x", Subject: "oidc:ann"}, true},
		"the address in another case":   {access.Person{Username: "x", Email: "ANN@x.example"}, true},
		"a subject that is the address": {access.Person{Username: "x", Subject: "ann@x.example"}, true},
		"the same User":                 {access.Person{Username: "x", User: "anna"}, true},
		"another User":                  {access.Person{Username: "x", User: "ann2"}, false},
		"somebody else":                 {access.Person{Username: "ben", Subject: "ben", User: "ben", Email: "ben@x.example"}, false},
		"nobody":                        {access.Person{}, false},
		"a letter that Unicode folds":   {access.Person{Username: "x", Email: "ann@x.examp\u2113e"}, false},
	} {
		if got := ann.MayBe(c.other); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
	if (access.Person{}).MayBe(access.Person{}) {
		t.Error("nobody may be nobody")
	}
}

func TestR2WhoseDecisionCounts(t *testing.T) {
	requester := access.Person{Username: "rob", Subject: "rob", User: "rob", Email: "rob@x.example"}
	ann, ben := access.Person{Username: "ann", User: "ann"}, access.Person{Username: "ben", User: "ben"}
	by := func(name string, who access.Person, hours int, decider bool) access.Decision {
		return access.Decision{Name: name, By: who, Verdict: v1alpha1.VerdictApprove, At: noon.Add(time.Duration(hours) * time.Hour), Decider: decider}
	}
	for name, c := range map[string]struct {
		decisions []access.Decision
		want      []string // name and reason, the oldest first
	}{
		"a decider":                         {[]access.Decision{by("a", ann, 1, true)}, []string{"a Counts"}},
		"two":                               {[]access.Decision{by("b", ben, 2, true), by("a", ann, 1, true)}, []string{"a Counts", "b Counts"}},
		"who is none":                       {[]access.Decision{by("a", ann, 1, false)}, []string{"a NotADecider"}},
		"the requester":                     {[]access.Decision{by("a", requester, 1, true)}, []string{"a OwnRequest"}},
		"who has their address":             {[]access.Decision{by("a", access.Person{Username: "x", Email: "ROB@x.example"}, 1, true)}, []string{"a OwnRequest"}},
		"twice":                             {[]access.Decision{by("b", ann, 2, true), by("a", ann, 1, true)}, []string{"a Counts", "b DecidedTwice"}},
		"twice, by two Users":               {[]access.Decision{by("a", ann, 1, true), by("b", access.Person{Username: "ann", User: "other"}, 2, true)}, []string{"a Counts", "b DecidedTwice"}},
		"again, as the first did not count": {[]access.Decision{by("a", ann, 1, false), by("b", ann, 2, true)}, []string{"a NotADecider", "b Counts"}},
		"in the last moment":                {[]access.Decision{by("a", ann, 3, true)}, []string{"a NotInTime"}},
		"at once, by name":                  {[]access.Decision{by("b", ann, 1, true), by("a", ann, 1, true)}, []string{"a Counts", "b DecidedTwice"}},
		"nobody":                            {nil, nil},
	} {
		var got []string
		for _, counted := range access.Count(c.decisions, requester, noon.Add(3*time.Hour)) {
			got = append(got, counted.Name+" "+counted.Reason)
			if counted.Message == "" {
				t.Errorf("%s: nothing is said of %s", name, counted.Name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestR1WhatDoesNotFitIsNamed(t *testing.T) {
	red := policy.Test{Attribute: "color", Type: v1alpha1.AttributeString, Operator: v1alpha1.ConditionIn, Values: []policy.Value{{Type: v1alpha1.AttributeString, Text: "red"}}}
	p := &access.Policy{
		Name: "p", Requesters: access.Subjects{Users: []string{"rob"}, Groups: []string{"devs"}}, Roles: []string{"editor", "viewer"},
		Grants: []policy.Grant{{Permission: "Edit", Tests: []policy.Test{red}}, {Permission: "View"}},
		Scopes: []scope.Path{prod, {Organization: "acme", Workspace: "lab", ResourceType: "doc"}}, Longest: 4 * time.Hour, RequiredTags: []string{"ticket"},
	}
	fitting := func(change func(*access.Request)) *access.Request {
		r := &access.Request{Role: "editor", At: prod, Duration: 4 * time.Hour, Tags: map[string]string{"ticket": "4711"}}
		change(r)
		return r
	}
	permission := func(grant policy.Grant) func(*access.Request) {
		return func(r *access.Request) { r.Role, r.Permission, r.Grant = "", grant.Permission, &grant }
	}
	at := func(path scope.Path) func(*access.Request) { return func(r *access.Request) { r.At = path } }
	for name, c := range map[string]struct {
		user   string
		groups []string
		change func(*access.Request)
		want   []string
	}{
		"all of it":                 {"rob", nil, func(*access.Request) {}, nil},
		"by a group":                {"sue", []string{"devs"}, func(*access.Request) {}, nil},
		"somebody else":             {"sue", []string{"ops"}, func(*access.Request) {}, []string{"spec.requester: it is not for the User sue"}},
		"nobody":                    {"", []string{"devs"}, func(*access.Request) {}, []string{"spec.requester: it is not for the User that is not there"}},
		"another role":              {"rob", nil, func(r *access.Request) { r.Role = "admin" }, []string{"spec.roleRef: it does not offer the Role admin: ask for one of editor, viewer"}},
		"a permission":              {"rob", nil, permission(policy.Grant{Permission: "View"}), nil},
		"under the conditions":      {"rob", nil, permission(policy.Grant{Permission: "Edit", Tests: []policy.Test{red}}), nil},
		"without the conditions":    {"rob", nil, permission(policy.Grant{Permission: "Edit"}), []string{"spec.permissionGrant: it offers Edit under conditions alone: ask for it if color In [red]"}},
		"another permission":        {"rob", nil, permission(policy.Grant{Permission: "Delete"}), []string{"spec.permissionGrant: it does not offer Delete"}},
		"one that can't be read":    {"rob", nil, func(r *access.Request) { r.Role, r.Permission, r.Fault = "", "Vie", "no such permission" }, []string{"spec.permissionGrant: no such permission"}},
		"below":                     {"rob", nil, at(scope.Path{Organization: "acme", Workspace: "prod", Project: "vision"}), nil},
		"above":                     {"rob", nil, at(acme), []string{"spec.scope: it does not reach acme: ask for one of acme/prod, acme/lab/doc/*"}},
		"elsewhere":                 {"rob", nil, at(lab), []string{"spec.scope: it does not reach acme/lab"}},
		"an object of a type":       {"rob", nil, at(scope.Path{Organization: "acme", Workspace: "lab", ResourceType: "doc", ResourceID: "1"}), nil},
		"an object of another type": {"rob", nil, at(scope.Path{Organization: "acme", Workspace: "lab", ResourceType: "app", ResourceID: "1"}), []string{"spec.scope"}},
		"for longer":                {"rob", nil, func(r *access.Request) { r.Duration++ }, []string{"spec.duration: it allows 4h0m0s at most"}},
		"without the ticket":        {"rob", nil, func(r *access.Request) { r.Tags = nil }, []string{`spec.tags: it requires the tag "ticket" with a value`}},
		"with a blank one":          {"rob", nil, func(r *access.Request) { r.Tags["ticket"] = " " }, []string{"spec.tags"}},
		"several things":            {"sue", nil, func(r *access.Request) { r.Role, r.At = "admin", lab }, []string{"spec.requester", "spec.roleRef", "spec.scope"}},
	} {
		misfits := p.Misfits(fitting(c.change), c.user, func(group string) bool { return slices.Contains(c.groups, group) })
		if len(misfits) != len(c.want) {
			t.Errorf("%s: got %q, want %q", name, misfits, c.want)
			continue
		}
		for n, want := range c.want {
			if !strings.HasPrefix(misfits[n], want) {
				t.Errorf("%s: got %q, want %q", name, misfits[n], want)
			}
		}
	}
}

func TestR1TheRefusalNamesTheNearestPolicy(t *testing.T) {
	all := access.Subjects{Users: []string{"rob"}}
	offering := func(name string, approvals int, onlyByName bool, roles ...string) *access.Policy {
		return &access.Policy{Name: name, Requesters: all, Roles: roles, Scopes: []scope.Path{acme}, Longest: time.Hour, Approvals: approvals, OnlyByName: onlyByName}
	}
	policies := []*access.Policy{offering("two", 2, false, "editor"), offering("one", 1, false, "editor"), offering("glass", 0, true, "editor", "admin"), offering("view", 0, false, "viewer")}
	elsewhere := offering("elsewhere", 2, false, "deployer")
	elsewhere.Scopes = []scope.Path{lab}
	for name, c := range map[string]struct {
		policies []*access.Policy
		request  access.Request
		chosen   string
		refusal  string
	}{
		"the fewest approvals":           {policies, access.Request{Role: "editor", At: acme, Duration: time.Hour}, "one", ""},
		"the one that is named":          {policies, access.Request{Role: "editor", At: acme, Duration: time.Hour, Policy: "two"}, "two", ""},
		"one for emergencies, named":     {policies, access.Request{Role: "admin", At: acme, Duration: time.Hour, Policy: "glass"}, "glass", ""},
		"one for emergencies, not named": {policies, access.Request{Role: "admin", At: acme, Duration: time.Hour}, "", "no AccessPolicy allows this; the nearest is view: spec.roleRef: it does not offer the Role admin"},
		"one that is not there":          {policies, access.Request{Role: "editor", At: acme, Duration: time.Hour, Policy: "none"}, "", "spec.policy: there is no AccessPolicy none"},
		"only one for emergencies":       {policies[2:3], access.Request{Role: "admin", At: acme, Duration: time.Hour}, "", "offers anything without being named"},
		"none at all":                    {nil, access.Request{Role: "admin", At: acme, Duration: time.Hour}, "", "no AccessPolicy of this namespace"},
		"one that offers it elsewhere, not one that offers nothing of it": {append(policies, elsewhere), access.Request{Role: "deployer", At: acme, Duration: 2 * time.Hour}, "", "the nearest is elsewhere: spec.scope"},
		"the one of which the least is wrong":                             {policies, access.Request{Role: "viewer", At: acme, Duration: 2 * time.Hour}, "", "the nearest is view: spec.duration"},
	} {
		choice := access.Choose(c.policies, &c.request, "rob", func(string) bool { return false })
		chosen := ""
		if choice.Policy != nil {
			chosen = choice.Policy.Name
		}
		if refusal := choice.Refusal(&c.request); chosen != c.chosen || !strings.Contains(refusal, c.refusal) || (refusal == "") != (c.refusal == "") {
			t.Errorf("%s: got %q and %q, want %q and %q", name, chosen, refusal, c.chosen, c.refusal)
		}
	}
}

func TestHowAPolicyGivesIsToldApart(t *testing.T) {
	for want, p := range map[access.Way]access.Policy{
		access.ByApproval: {Approvals: 1, OnlyByName: true}, access.Eligible: {}, access.Emergency: {OnlyByName: true},
	} {
		if got := p.Way(); got != want {
			t.Errorf("%+v: got %s, want %s", p, got, want)
		}
	}
}

func TestR3R4TheLifeOfARequest(t *testing.T) {
	requester := access.Person{Username: "rob", Subject: "rob", User: "rob"}
	two := &access.Policy{Name: "p", Approvals: 2, Within: 8 * time.Hour}
	vote := func(who string, verdict v1alpha1.AccessVerdict) access.Counted {
		return access.Counted{Decision: access.Decision{By: access.Person{Username: who}, Verdict: verdict}, Reason: v1alpha1.ReasonCounts}
	}
	approved := []access.Counted{vote("ann", v1alpha1.VerdictApprove), vote("ben", v1alpha1.VerdictApprove)}
	window := &access.Window{From: noon, Until: noon.Add(2 * time.Hour)}
	after := noon.Add
	for name, c := range map[string]struct {
		facts             access.Facts
		phase             v1alpha1.AccessRequestPhase
		reason            string
		activate, inForce bool
		next              time.Time
	}{
		"one of two":                          {access.Facts{Now: noon, Decisions: approved[:1], Choice: access.Choice{Policy: two}}, v1alpha1.AccessPending, v1alpha1.ReasonWaitsForDecision, false, false, after(8 * time.Hour)},
		"both":                                {access.Facts{Now: noon, Decisions: approved, Choice: access.Choice{Policy: two}}, v1alpha1.AccessApproved, v1alpha1.ReasonApproved, true, false, after(8 * time.Hour)},
		"nobody is asked":                     {access.Facts{Now: noon, Choice: access.Choice{Policy: &access.Policy{}}}, v1alpha1.AccessApproved, v1alpha1.ReasonApproved, true, false, after(24 * time.Hour)},
		"one denies":                          {access.Facts{Now: noon, Decisions: append(slices.Clone(approved), vote("cal", v1alpha1.VerdictDeny)), Choice: access.Choice{Policy: two}}, v1alpha1.AccessDenied, v1alpha1.ReasonDenied, false, false, time.Time{}},
		"a moment before the end of the time": {access.Facts{Now: after(8*time.Hour - 1), Choice: access.Choice{Policy: two}}, v1alpha1.AccessPending, v1alpha1.ReasonWaitsForDecision, false, false, after(8 * time.Hour)},
		"not in time":                         {access.Facts{Now: after(8 * time.Hour), Decisions: approved, Choice: access.Choice{Policy: two}}, v1alpha1.AccessExpired, v1alpha1.ReasonNotDecided, false, false, time.Time{}},
		"suspended":                           {access.Facts{Now: noon, Suspended: true, Decisions: approved, Choice: access.Choice{Policy: two}}, v1alpha1.AccessPending, v1alpha1.ReasonUserSuspended, false, false, after(8 * time.Hour)},
		"no policy":                           {access.Facts{Now: noon, Refusal: "no"}, v1alpha1.AccessPending, v1alpha1.ReasonNotAllowed, false, false, after(24 * time.Hour)},
		"asked twice":                         {access.Facts{Now: noon, Twice: "r", Choice: access.Choice{Policy: two}}, v1alpha1.AccessDenied, v1alpha1.ReasonAskedTwice, false, false, time.Time{}},
		"withdrawn":                           {access.Facts{Now: noon, Withdrawn: true, Decisions: approved, Choice: access.Choice{Policy: two}}, v1alpha1.AccessWithdrawn, v1alpha1.ReasonWithdrawn, false, false, time.Time{}},
		"in force":                            {access.Facts{Now: noon, Grant: window, Choice: access.Choice{Policy: two}}, v1alpha1.AccessActive, v1alpha1.ReasonInForce, false, true, window.Until},
		"a moment before the end":             {access.Facts{Now: after(2*time.Hour - 1), Grant: window, Choice: access.Choice{Policy: two}}, v1alpha1.AccessActive, v1alpha1.ReasonInForce, false, true, window.Until},
		"at the end":                          {access.Facts{Now: after(2 * time.Hour), Grant: window, Choice: access.Choice{Policy: two}}, v1alpha1.AccessExpired, v1alpha1.ReasonExpired, false, false, time.Time{}},
		"in force, and withdrawn":             {access.Facts{Now: noon, Grant: window, Withdrawn: true, Choice: access.Choice{Policy: two}}, v1alpha1.AccessWithdrawn, v1alpha1.ReasonWithdrawn, false, false, time.Time{}},
		"in force, and the policy narrowed":   {access.Facts{Now: noon, Grant: window, Refusal: "no"}, v1alpha1.AccessWithdrawn, v1alpha1.ReasonNotAllowed, false, false, time.Time{}},
		"what gave it deleted":                {access.Facts{Now: noon, HadGrant: true, Decisions: approved, Choice: access.Choice{Policy: two}}, v1alpha1.AccessWithdrawn, v1alpha1.ReasonGrantDeleted, false, false, time.Time{}},
		"over, whatever comes":                {access.Facts{Now: noon, Ended: v1alpha1.AccessDenied, EndedBy: v1alpha1.ReasonDenied, Decisions: approved, Grant: window, Choice: access.Choice{Policy: two}}, v1alpha1.AccessDenied, v1alpha1.ReasonDenied, false, false, time.Time{}},
	} {
		c.facts.Created, c.facts.Requester = noon, requester
		life := access.Evaluate(c.facts)
		if life.Phase != c.phase || life.Reason != c.reason || life.Activate != c.activate || life.InForce != c.inForce || !life.Next.Equal(c.next) || life.Message == "" {
			t.Errorf("%s: got %+v", name, life)
		}
	}
	nobody := access.Evaluate(access.Facts{Now: noon, Created: noon, Requester: access.Person{Username: "rob"}, Choice: access.Choice{Policy: two}})
	if nobody.Reason != v1alpha1.ReasonUserNotFound || nobody.Activate {
		t.Errorf("a requester who is no User: %+v", nobody)
	}
}
