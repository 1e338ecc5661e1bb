package decision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/decision"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestMemoryAnswersInTheWordsOfTheStore(t *testing.T) {
	w := newWorld(t)
	w.notHere = nil
	const project, flow = "project:acme/prod/vision", "resource:acme/prod/vision/flow/42"
	question := func(user, relation, object, parent string) store.Question {
		return store.Question{Key: store.Key{Object: object, Relation: relation, User: user}, Parent: parent, Permission: "App:View"}
	}
	long := objectid.Scope(scope.Path{Organization: "acme", Workspace: "prod", ResourceType: "flow", ResourceID: strings.Repeat("k", 200)})
	for name, test := range map[string]struct {
		question          store.Question
		allowed, answered bool
	}{
		"a place where it is held":                {question("user:alice", "can", project, ""), true, true},
		"a place where it is not":                 {question("user:alice", "can", "workspace:acme/lab", ""), false, true},
		"a place of nobody":                       {question("user:alice", "can", "project:acme/prod/speech", ""), false, true},
		"somebody who is nobody":                  {question("user:mallory", "can", project, ""), false, true},
		"an organization that is none":            {question("user:alice", "can", "organization:globex", ""), false, true},
		"a group":                                 {question("user:alice", "can", "group:acme/devs", ""), false, true},
		"an object that says where it lies":       {question("user:alice", "can", flow, project), true, true},
		"one that does not":                       {question("user:alice", "can", flow, ""), false, false},
		"one that says something else":            {question("user:alice", "can", flow, "workspace:acme/prod"), false, false},
		"one whose id was cut":                    {question("user:alice", "can", long, "workspace:acme/prod"), false, false},
		"a place that says where it lies":         {question("user:alice", "can", project, "workspace:acme/prod"), false, false},
		"a group that says where it lies":         {question("user:alice", "can", "group:acme/devs", "organization:acme"), false, false},
		"another relation":                        {question("user:alice", "role", project, ""), false, false},
		"the members of a group":                  {question("group:acme/devs#member", "can", project, ""), false, false},
		"everybody":                               {question("user:*", "can", project, ""), false, false},
		"a subject whose id was cut":              {question(objectid.User(strings.Repeat("a", 200)), "can", project, ""), false, false},
		"another spelling of a user":              {question("user:%61lice", "can", project, ""), false, false},
		"another spelling of a place":             {question("user:alice", "can", "project:acme/prod/%76ision", ""), false, false},
		"a binding":                               {question("user:alice", "can", "binding:organization/acme/editor", ""), false, false},
		"the object that says whose the store is": {question("user:alice", "can", "organization:~installation", ""), false, false},
	} {
		if allowed, answered := decision.FromMemory(w, test.question); allowed != test.allowed || answered != test.answered {
			t.Errorf("%s: %t, answered %t, want %t, %t", name, allowed, answered, test.allowed, test.answered)
		}
	}
}

func TestMemoryThatMayNotAnswerLeavesItToTheStore(t *testing.T) {
	held := store.Question{Key: store.Key{Object: "workspace:acme/prod", Relation: store.RelationCan, User: "user:alice"}, Permission: "App:View"}
	for name, prevent := range map[string]func(*world){
		"when it is asked":         func(w *world) { w.notHere = errors.New("this replica does not lead") },
		"when the answer is known": func(w *world) { w.late = errors.New("this replica can't tell whether it still leads") },
	} {
		w := newWorld(t)
		w.notHere = nil
		if allowed, answered := decision.FromMemory(w, held); !allowed || !answered {
			t.Fatalf("before: %t, answered %t", allowed, answered)
		}
		prevent(w)
		if allowed, answered := decision.FromMemory(w, held); allowed || answered {
			t.Errorf("%s: %t, answered %t, want no answer", name, allowed, answered)
		}
	}
}
