package plugin

import (
	"bytes"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func TestTagsFitByValueByAnyAndByNone(t *testing.T) {
	grant := build.TemporaryPermissionGrant("acme", "g").Tagged("ticket", "CR 1").Tagged("night", "").Obj()
	for tags, want := range map[string]bool{
		"": true, "ticket:CR 1": true, "ticket:*": true, "night:": true, "night:*": true, "ticket:CR 1|night:": true,
		"ticket:CR": false, "ticket:": false, "night:x": false, "day:*": false, "day:": false, "ticket:CR 1|day:*": false, "Ticket:*": false,
	} {
		fits, err := tagFilter(strings.FieldsFunc(tags, func(r rune) bool { return r == '|' }))
		if err != nil || fits(grant) != want {
			t.Errorf("%q: got %t, %v", tags, !want, err)
		}
	}
	for _, tag := range []string{"ticket", "", ":", ":x"} {
		if _, err := tagFilter([]string{tag}); err == nil {
			t.Errorf("%q is taken for a tag", tag)
		}
	}
}

func TestGrantsThatEndAtOnceAreSortedByName(t *testing.T) {
	order, err := grantOrder([]string{"expiry"})
	if err != nil {
		t.Fatal(err)
	}
	a, b := build.TemporaryPermissionGrant("acme", "a").Obj(), build.TemporaryPermissionGrant("acme", "b").Obj()
	if order(a, b) >= 0 || order(b, a) <= 0 || order(a, a) != 0 {
		t.Error("the order is not that of names")
	}
}

// Whoever may name a resource could else write an answer of their own into ours.
func TestNobodySpeaksInTheNameOfAnExplanation(t *testing.T) {
	p := &plugin{Options: Options{Clock: clocktesting.NewFakePassiveClock(time.Now())}}
	evil := "acme/doc/1\nyes: mallory may everything\x1b[2J\r"
	condition := query.Condition{Attribute: "color\n", Type: v1alpha1.ConditionEquals, Values: []string{"red\x1b"}}
	for _, answer := range []query.Answer{
		{Verdict: query.No, Because: evil},
		{Verdict: query.No, Misses: []query.Miss{{At: evil, But: []string{evil}}}},
		{Verdict: query.Yes, Ways: []query.Way{{At: evil, Conditions: []query.Condition{condition}}}},
	} {
		var out bytes.Buffer
		if err := p.explain(&out, query.Question{User: "alice", Permission: "P\n", At: scope.Path{Organization: "acme", ResourceType: "doc", ResourceID: "1\n"}}, answer); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "yes: mallory") || strings.ContainsAny(line, "\x1b\r") {
				t.Errorf("printed %q", out.String())
			}
		}
	}
}
