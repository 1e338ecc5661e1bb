package policy_test

import (
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func TestP5SubjectOfAUsername(t *testing.T) {
	mapped := []v1alpha1.UsernameMapping{{Username: "corp:7f3a", Subject: "alice@acme.example"}, {Username: "oidc:bob", Subject: "robert"}}
	for name, c := range map[string]struct{ username, prefix, want string }{
		"without a prefix it is the name":                         {"alice@acme.example", "", "alice@acme.example"},
		"a prefix that nobody told of stays":                      {"oidc:alice", "", "oidc:alice"},
		"the prefix goes":                                         {"oidc:alice", "oidc:", "alice"},
		"it goes once":                                            {"oidc:oidc:alice", "oidc:", "oidc:alice"},
		"a name without it is somebody else":                      {"alice", "oidc:", ""},
		"a name that is the prefix is nobody":                     {"oidc:", "oidc:", ""},
		"a ServiceAccount has none":                               {"system:serviceaccount:acme:bot", "oidc:", "system:serviceaccount:acme:bot"},
		"a provider can't make up a ServiceAccount":               {"oidc:system:serviceaccount:acme:bot", "oidc:", ""},
		"what is mapped needs no prefix":                          {"corp:7f3a", "oidc:", "alice@acme.example"},
		"what is mapped needs no prefix where none is told of":    {"corp:7f3a", "", "alice@acme.example"},
		"what is mapped comes before the prefix":                  {"oidc:bob", "oidc:", "robert"},
		"what is mapped is compared exactly":                      {"corp:7F3A", "", "corp:7F3A"},
		"a mapping's subject is not mapped again, nor its prefix": {"robert", "", "robert"},
	} {
		if got := policy.SubjectOf(c.username, c.prefix, mapped); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestP5NearSubject(t *testing.T) {
	for _, c := range []struct {
		subject, username string
		want              bool
	}{
		{"alice@acme.example", "oidc:alice@acme.example", true},
		{"alice@acme.example", "https://idp.example#alice@acme.example", true},
		{"Alice@acme.example", "oidc:alice@Acme.example", true},
		{"alice@acme.example", "ALICE@acme.example", true},
		{"alice@acme.example", "malice@acme.example", false},
		{"alice@acme.example", "bob@acme.example", false},
		{"oidc:alice", "alice", false},
		{"\u212aarl", "karl", false}, // the Kelvin sign is no k
	} {
		if got := slices.Contains(policy.NearSubjects(c.username), policy.Spelling(c.subject)); got != c.want {
			t.Errorf("%q for %q: got %v", c.subject, c.username, got)
		}
	}
}

func TestP6SameAddress(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Erin.Roe@Acme.Example", "erin.roe@acme.example", true},
		{"erin.roe@acme.example", "erin.roe@acme.example", true},
		{"erin.roe@acme.example", "erin-roe@acme.example", false},
		{"\u212a@acme.example", "k@acme.example", false},
	} {
		if got := policy.SameAddress(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: got %v", c.a, c.b, got)
		}
		if got := policy.SameButCase(c.a, c.b); got != (c.want && c.a != c.b) {
			t.Errorf("%q and %q differ in case only: got %v", c.a, c.b, got)
		}
	}
}
