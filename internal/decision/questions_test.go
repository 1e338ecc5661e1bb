package decision_test

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/go-logr/logr"

	"github.com/bailiwick-dev/bailiwick/internal/apikeys"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

func TestResourcesArePlacesInTheStore(t *testing.T) {
	for resource, want := range map[string]store.Question{
		`{"type": "organization", "id": "acme"}`:         {Key: store.Key{Object: "organization:acme"}},
		`{"type": "workspace", "id": "acme/prod"}`:       {Key: store.Key{Object: "workspace:acme/prod"}},
		`{"type": "project", "id": "acme/prod/vision"}`:  {Key: store.Key{Object: "project:acme/prod/vision"}},
		`{"type": "group", "id": "acme/engineering"}`:    {Key: store.Key{Object: "group:acme/engineering"}},
		`{"type": "project", "id": "acme/../globex"}`:    {Key: store.Key{Object: "project:acme/../globex"}},
		`{"type": "workspace", "id": "acme/%2e%2e"}`:     {Key: store.Key{Object: "workspace:acme/%252e%252e"}},
		`{"type": "workspace", "id": "acme/a:b#c*d~e "}`: {Key: store.Key{Object: "workspace:acme/a%3Ab%23c%2Ad%7Ee%20"}},
		`{"type": "flow", "id": "42", "properties": {"scope": {"organization": "acme"}}}`: {
			Key: store.Key{Object: "resource:acme/flow/42"}, Parent: "organization:acme"},
		`{"type": "flow", "id": "42", "properties": {"scope": {"organization": "acme", "workspace": "prod"}}}`: {
			Key: store.Key{Object: "resource:acme/prod/flow/42"}, Parent: "workspace:acme/prod"},
		`{"type": "authentik_flows.flow", "id": "a/b", "properties": {"scope": {"organization": "acme", "workspace": "prod", "project": "vision"}}}`: {
			Key: store.Key{Object: "resource:acme/prod/vision/authentik_flows.flow/a%2Fb"}, Parent: "project:acme/prod/vision"},
		`{"type": "flow", "id": "../../globex/flow/42", "properties": {"scope": {"organization": "acme"}}}`: {
			Key: store.Key{Object: "resource:acme/flow/..%2F..%2Fglobex%2Fflow%2F42"}, Parent: "organization:acme"},
		// The vector of docs/store.md.
		`{"type": "authentik_flows.flow", "id": "` + strings.Repeat("k", 200) + `", "properties": {"scope": {"organization": "acme", "workspace": "prod", "project": "vision"}}}`: {
			Key:    store.Key{Object: "resource:acme/prod/vision/authentik_flows.flow/" + strings.Repeat("k", 62) + "~4duoTQIEaxlTjdzGwvgA63e2tOcu3jkMQS3ue8xVmUU"},
			Parent: "project:acme/prod/vision",
		},
	} {
		w := newWorld(t)
		want.Relation, want.User, want.Permission, want.Time = "can", "user:alice", "App:View", now
		want.Attributes = map[string]any{}
		w.expect(t, evaluation, all(alice, view, `"resource": `+resource), http.StatusOK, allowed)
		if len(w.asked) != 1 || !reflect.DeepEqual(w.asked[0], want) {
			t.Errorf("%s\nasks %+v\nwant %+v", resource, w.asked, want)
		}
	}
}

func TestSubjectsAreUsersByTheirSubject(t *testing.T) {
	w := newWorld(t)
	w.expect(t, evaluation, all(`"subject": {"type": "user", "id": "system:serviceaccount:acme:ci#*"}`, view, vision), http.StatusOK, denied)
	if got := w.asked[0].User; got != "user:system%3Aserviceaccount%3Aacme%3Aci%23%2A" {
		t.Errorf("asks about %s", got)
	}
}

func TestWhatIsUnknownIsDeniedWithoutAsking(t *testing.T) {
	w := newWorld(t)
	const scoped = `"properties": {"scope": {"organization": "acme"}}`
	for _, body := range []string{
		all(`"subject": {"type": "group", "id": "alice"}`, view, vision),
		all(`"subject": {"type": "User", "id": "alice"}`, view, vision),
		all(alice, view, `"resource": {"type": "spaceship", "id": "1", `+scoped+`}`),
		all(alice, view, `"resource": {"type": "Flow", "id": "1", `+scoped+`}`),
		all(alice, view, `"resource": {"type": "resource", "id": "1", `+scoped+`}`),
	} {
		w.expect(t, evaluation, body, http.StatusOK, denied)
	}
	if len(w.asked) > 0 {
		t.Errorf("asks %+v", w.asked)
	}
}

func TestConditionsSeePropertiesAndContextAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.expect(t, evaluation, `{
		"subject": {"type": "user", "id": "alice", "properties": {"color": "of the subject", "age": 3}},
		"action": {"name": "App:View", "properties": {"color": "of the action", "soft": true}},
		"resource": {"type": "flow", "id": "42", "properties": {
			"scope": {"organization": "acme"}, "color": "red", "both": [1, {"a": null}], "empty": null}},
		"context": {"size": 3.5, "both": [1.0, {"a": null}], "scope": "text", "draft": false,
			"permission": "App:Root", "attributes": {"color": "blue"}, "current_time": "2000-01-01T00:00:00Z",
			"permissions": {"App:View": true}, "rules": {}},
		"permission": "App:Root", "current_time": "2000-01-01T00:00:00Z", "attributes": {"x": 1}
	}`, http.StatusOK, allowed)
	want := store.Question{
		Key:        store.Key{Object: "resource:acme/flow/42", Relation: "can", User: "user:alice"},
		Parent:     "organization:acme",
		Permission: "App:View",
		Time:       now,
		Attributes: map[string]any{
			"color": "red", "both": []any{1.0, map[string]any{"a": nil}}, "empty": nil, "size": 3.5, "scope": "text", "draft": false,
			"permission": "App:Root", "attributes": map[string]any{"color": "blue"}, "current_time": "2000-01-01T00:00:00Z",
			"permissions": map[string]any{"App:View": true}, "rules": map[string]any{},
			"subject_color": "of the subject", "subject_age": 3.0, "action_color": "of the action", "action_soft": true,
		},
	}
	if !reflect.DeepEqual(w.asked[0], want) {
		t.Errorf("asks %+v\nwant %+v", w.asked[0], want)
	}
}

func TestWhatIsMalformedHasNoDecision(t *testing.T) {
	w := newWorld(t)
	resource := func(rest string) string { return all(alice, view, `"resource": {`+rest+`}`) }
	object := func(scope string) string {
		return resource(`"type": "flow", "id": "42", "properties": {"scope": ` + scope + `}`)
	}
	for body, words := range map[string]string{
		all(view, vision):                                                                                "subject is missing",
		all(alice, vision):                                                                               "action is missing",
		all(alice, view):                                                                                 "resource is missing",
		all(`"subject": "alice"`, view, vision):                                                          "subject is not an object",
		all(`"subject": null`, view, vision):                                                             "subject is not an object",
		all(`"subject": {"id": "alice"}`, view, vision):                                                  "subject.type is missing",
		all(`"subject": {"type": "user"}`, view, vision):                                                 "subject.id is missing",
		all(`"subject": {"type": "user", "id": ""}`, view, vision):                                       "subject.id is not a text with at least one",
		all(`"subject": {"type": "user", "id": null}`, view, vision):                                     "subject.id is not a text",
		all(`"subject": {"type": "user", "id": 1}`, view, vision):                                        "subject.id is not a text",
		all(`"subject": {"type": ["user"], "id": "a"}`, view, vision):                                    "subject.type is not a text",
		all(`"subject": {"type": "user", "id": "alice", "properties": []}`, view, vision):                "subject.properties is not an object",
		all(alice, `"action": "App:View"`, vision):                                                       "action is not an object",
		all(alice, `"action": {}`, vision):                                                               "action.name is missing",
		all(alice, `"action": {"name": 123}`, vision):                                                    "action.name is not a text",
		all(alice, `"action": {"name": "App:View", "properties": "x"}`, vision):                          "action.properties is not an object",
		all(alice, view, vision, `"context": "now"`):                                                     "context is not an object",
		all(alice, view, vision, `"context": {"subject_role": "admin"}`):                                 `context has the attribute "subject_role": send it in subject.properties`,
		all(alice, view, vision, `"context": {"action_soft": null}`):                                     `context has the attribute "action_soft": send it in action.properties`,
		resource(`"type": "project", "id": "acme/prod/vision", "properties": {"subject_role": "admin"}`): `resource.properties has the attribute "subject_role"`,
		// Names are compared exactly.
		all(`"Subject": {"type": "user", "id": "alice"}`, view, vision): "subject is missing",

		resource(`"id": "acme"`):           "resource.type is missing",
		resource(`"type": "organization"`): "resource.id is missing",
		resource(`"type": "project", "id": "acme/prod/vision", "properties": 3`):                                     "resource.properties is not an object",
		resource(`"type": "organization", "id": "acme/prod"`):                                                        "resource.id: the organization is named by its path, as in acme",
		resource(`"type": "workspace", "id": "acme"`):                                                                "as in acme/prod",
		resource(`"type": "project", "id": "vision"`):                                                                "as in acme/prod/vision",
		resource(`"type": "project", "id": "acme/prod/vision/x"`):                                                    "as in acme/prod/vision",
		resource(`"type": "project", "id": "acme//vision"`):                                                          "a name is empty",
		resource(`"type": "project", "id": "/prod/vision"`):                                                          "a name is empty",
		resource(`"type": "workspace", "id": "acme/"`):                                                               "a name is empty",
		resource(`"type": "group", "id": "engineering"`):                                                             "as in acme/engineering",
		resource(`"type": "project", "id": "acme/prod/vision", "properties": {"scope": {"organization": "globex"}}`): "resource.properties.scope is for objects",
		resource(`"type": "flow", "id": "42"`):                                                                       "resource.properties.scope is missing",
		object(`"acme"`):                                                                                             "resource.properties.scope is not an object",
		object(`{}`):                                                                                                 "scope.organization is missing",
		object(`{"workspace": "prod"}`):                                                                              "scope.organization is missing",
		object(`{"organization": "acme", "project": "p"}`):                                                           "scope.workspace is missing",
		object(`{"organization": "acme", "workspace": ""}`):                                                          "scope.workspace is not a text",
		object(`{"organization": "acme", "project": null}`):                                                          "scope.project is not a text",
		object(`{"organization": ["acme"]}`):                                                                         "scope.organization is not a text",
		object(`{"organization": "acme", "workpsace": "p"}`):                                                         `no "workpsace"`,
		object(`{"organization": "acme", "Workspace": "p"}`):                                                         `no "Workspace"`,

		all(alice, view, vision, `"context": {`+many(257)+`}`):                                                                             "have 257 members: the most is 256",
		all(alice, view, `"resource": {"type": "organization", "id": "acme", "properties": {`+many(56)+`}}`, `"context": {`+many(201)+`}`): "have 257 members",

		all(alice, view, `"resource": {"type": "flow", "id": "1", "properties": {"color": "red", "scope": {"organization": "acme"}}}`, `"context": {"color": "blue"}`): `the attribute "color" has one value in resource.properties and another in context`,
		all(alice, view, `"resource": {"type": "flow", "id": "1", "properties": {"color": null, "scope": {"organization": "acme"}}}`, `"context": {"color": "blue"}`):  `the attribute "color"`,
		all(alice, view, `"resource": {"type": "flow", "id": "1", "properties": {"floor": 3, "scope": {"organization": "acme"}}}`, `"context": {"floor": "3"}`):        `the attribute "floor"`,
	} {
		w.expectFailure(t, body, http.StatusBadRequest, words)
	}
	if len(w.asked) > 0 {
		t.Errorf("asks %+v", w.asked)
	}
}

// many are members of an object.
func many(count int) string {
	members := make([]string, count)
	for i := range members {
		members[i] = fmt.Sprintf(`"a%d": %d`, i, i)
	}
	return strings.Join(members, ", ")
}

func TestNullIsAsAbsent(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		all(alice, view, vision, `"context": null`),
		all(`"subject": {"type": "user", "id": "alice", "properties": null}`, view, vision),
		all(alice, `"action": {"name": "App:View", "properties": null}`, vision),
		all(alice, view, `"resource": {"type": "project", "id": "acme/prod/vision", "properties": null}`),
		all(alice, view, `"resource": {"type": "project", "id": "acme/prod/vision", "properties": {"scope": null}}`),
	} {
		w.asked = nil
		w.expect(t, evaluation, body, http.StatusOK, allowed)
		if len(w.asked) != 1 || len(w.asked[0].Attributes) > 0 {
			t.Errorf("%s asks %+v", body, w.asked)
		}
	}
	w.expectFailure(t, all(alice, view, `"resource": {"type": "flow", "id": "42", "properties": {"scope": null}}`), http.StatusBadRequest, "resource.properties.scope is missing")
}

// Of numbers that differ, none is taken for another one.
func TestNumbersThatNoDoubleHoldsMeetNoCondition(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]map[string]any{
		"9007199254740992": {"a": 9007199254740992.0}, "9007199254740992.0": {"a": 9007199254740992.0}, "1e15": {"a": 1e15}, "0.1": {"a": 0.1}, "0e5": {"a": 0.0},
		"100000000000000000000": {"a": 1e20}, "-0.0": {"a": 0.0},
		"9007199254740993": {}, "-9007199254740993": {}, "9007199254740993.0": {}, "9007199254740993e0": {}, "1e400": {}, "-1e400": {}, "1e-400": {},
		"123456789012345678901234567890": {}, "1.00000000000000001e23": {}, "99999999999999991611393": {}, "1e23": {"a": 1e23}, "-1e+300": {"a": -1e300}, "99999999999999991611392": {"a": 1e23},
		`[1, 1e400, {"b": 1e400}]`: {"a": []any{1.0, nil, map[string]any{}}},
	} {
		w.asked = nil
		w.expect(t, evaluation, all(alice, view, vision, `"context": {"a": `+text+`}`), http.StatusOK, allowed)
		if len(w.asked) != 1 || !reflect.DeepEqual(w.asked[0].Attributes, want) {
			t.Errorf("%s: asks %+v", text, w.asked)
		}
	}
	object := func(in, out string) string {
		return all(alice, view, `"resource": {"type": "flow", "id": "1", "properties": {"a": `+in+`, "scope": {"organization": "acme"}}}`, `"context": {"a": `+out+`}`)
	}
	w.expectFailure(t, object("9007199254740993", "9007199254740992"), http.StatusBadRequest, `the attribute "a"`)
	w.expect(t, evaluation, object("9007199254740993", "9007199254740993"), http.StatusOK, allowed)
}

// A gateway sends what it knows. Where its questions are about is said where its key is.
func TestACallerHasADefaultScopeAndTypesOfSubjects(t *testing.T) {
	w := newWorld(t)
	w.keys = writeCallers(t, `{"callers": [
		{"name": "gateway", "key": "`+acmeKey+`", "organizations": ["acme"], "defaultScope": {"organization": "acme", "workspace": "prod"}, "subjectTypes": ["identity", "user"]},
		{"name": "other", "key": "`+everyKey+`", "organizations": ["*"], "subjectTypes": ["identity"]}]}`)
	w.options.Callers.Keys = apikeys.Open(w.keys, logr.Discard())
	flow := func(properties string) string { return `"resource": {"type": "flow", "id": "42"` + properties + `}` }
	const identity = `"subject": {"type": "identity", "id": "alice"}`
	for _, test := range []struct{ subject, resource, object, parent string }{
		{alice, flow(""), "resource:acme/prod/flow/42", "workspace:acme/prod"},
		{identity, flow(`, "properties": {"color": "red"}`), "resource:acme/prod/flow/42", "workspace:acme/prod"},
		{identity, flow(`, "properties": {"scope": {"organization": "acme"}}`), "resource:acme/flow/42", "organization:acme"},
		{identity, vision, "project:acme/prod/vision", ""},
	} {
		w.asked = nil
		w.expect(t, evaluation, all(test.subject, view, test.resource), http.StatusOK, allowed)
		if len(w.asked) != 1 || w.asked[0].Object != test.object || w.asked[0].Parent != test.parent {
			t.Errorf("%s asks %+v", test.resource, w.asked)
		}
	}
	w.expect(t, evaluation, all(identity, view, flow(`, "properties": {"scope": {"organization": "globex"}}`)), http.StatusOK,
		`{"decision":false,"context":{"error":{"status":403,"message":"this key is not for the organization \"globex\""}}}`)
	asked := func(body string) string {
		return withoutIDs(t, strings.TrimSpace(w.send(t, http.MethodPost, evaluation, headers(everyKey), body).Body.String()))
	}
	if got := asked(all(identity, view, vision)); got != allowed {
		t.Error(got)
	}
	if got := asked(all(alice, view, vision)); got != denied {
		t.Errorf("a type that is not the caller's: %s", got)
	}
	if got := asked(all(identity, view, flow(""))); !strings.Contains(got, "resource.properties.scope is missing") {
		t.Error(got)
	}
}

func TestAsManyAttributesAsMayBeAreAskedWith(t *testing.T) {
	w := newWorld(t)
	w.expect(t, evaluation, all(alice, view, vision, `"context": {`+many(256)+`}`), http.StatusOK, allowed)
	if got := len(w.asked[0].Attributes); got != 256 {
		t.Errorf("asks with %d attributes", got)
	}
}
