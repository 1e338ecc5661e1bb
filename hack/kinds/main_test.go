package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

const repository = "../.."

// some are a table of their own, so that a kind more changes nothing here.
var some = []kinds.Kind{
	{Name: kinds.User, Verb: kinds.VerbBind},
	{Name: kinds.GroupMembership, InForce: true, Verb: kinds.VerbBind},
	{Name: kinds.Role, Verb: kinds.VerbEscalate},
	{Name: kinds.PermissionGrant, InForce: true, Verb: kinds.VerbEscalate},
}

func TestEveryListIsThatOfTheTable(t *testing.T) {
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			t.Fatal(err)
		}
		switch generated, err := generate(repository, string(text), kinds.All); {
		case err != nil:
			t.Errorf("%s: %v", file, err)
		case generated != string(text):
			t.Errorf("%s is not what internal/kinds says: run `make generate`", file)
		}
	}
}

func TestOnlyTheListIsReplaced(t *testing.T) {
	const before = `# by hand
rules:
- apiGroups:
  - authz.bailiwick.dev
  resources: # generated: resources of kinds with bind
  - gone
  - users
  verbs: # by hand
  - get
- resources:
  - users
`
	const want = `# by hand
rules:
- apiGroups:
  - authz.bailiwick.dev
  resources: # generated: resources of kinds with bind
  - groupmemberships
  - users
  verbs: # by hand
  - get
- resources:
  - users
`
	got, err := generate(repository, before, some)
	if err != nil || got != want {
		t.Errorf("got %v\n%s", err, got)
	}
	if again, err := generate(repository, got, some); err != nil || again != got {
		t.Errorf("once more: got %v\n%s", err, again)
	}
}

func TestTheListsOfAnExpressionAreReplacedInTheirOrder(t *testing.T) {
	const before = `  # generated: names of kinds with bind
  # generated: names of kinds with escalate
  - expression: >-
      request.resource.resource in [] &&
      request.userInfo.username in ['operator'] &&
      authorizer.check(request.resource.resource in ['gone'] ? 'escalate' : 'bind')
  - expression: request.resource.resource in ['other']
`
	const want = `  # generated: names of kinds with bind
  # generated: names of kinds with escalate
  - expression: >-
      request.resource.resource in ['groupmemberships', 'users'] &&
      request.userInfo.username in ['operator'] &&
      authorizer.check(request.resource.resource in ['permissiongrants', 'roles'] ? 'escalate' : 'bind')
  - expression: request.resource.resource in ['other']
`
	if got, err := generate(repository, before, some); err != nil || got != want {
		t.Errorf("got %v\n%s", err, got)
	}
}

func TestAListThatCannotBeMadeIsAnError(t *testing.T) {
	for text, complaint := range map[string]string{
		"resources:\n- users\n":                                          "no line ends with a comment like",
		"resources: # generated: resources of some kinds\n":              `"resources of some kinds" is nothing that can be generated`,
		"resources: # generated: relatives of all kinds\n":               `"relatives of all kinds" is nothing that can be generated`,
		"# generated: names of all kinds\n- expression: \"true\"\n":      "nothing compares request.resource.resource with names",
		"<!-- generated: pages of all kinds -->\n| kind | page |\n":      "",
		"files: # generated: definitions of all kinds\n- bases/x.yaml\n": "",
	} {
		_, err := generate(repository, text, some)
		if complaint == "" && err != nil || complaint != "" && (err == nil || !strings.Contains(err.Error(), complaint)) {
			t.Errorf("%q: got %v, want %q", text, err, complaint)
		}
	}
	if _, err := titleOf(repository, kinds.Kind{Name: "Nothing"}); err == nil {
		t.Error("a kind without a page has a title")
	}
}
