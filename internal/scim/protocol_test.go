package scim

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Each error of RFC 7644, section 3.12, that can be met here.
func TestErrors(t *testing.T) { // [P1]
	w := newWorld(t)
	w.play(
		step{line: "POST Users", code: 201, body: `{"userName":"dana"}`},
		step{line: "POST Groups", code: 201, body: `{"displayName":"team"}`},
	)
	patch := func(operations string) string { return `{"Operations":[` + operations + `]}` }
	many := make([]string, maxMembers+1)
	for i := range many {
		many[i] = fmt.Sprintf(`{"value":"user-%d"}`, i)
	}
	w.quiet("what is refused", func() {
		for _, c := range []struct {
			line, body string
			code       int
			scimType   string
		}{
			{`GET Users?filter=userName`, "", 400, "invalidFilter"},
			{`GET Users?filter=userName eq 'dana'`, "", 400, "invalidFilter"},
			{`GET Users?filter=nickName eq "d"`, "", 400, "invalidFilter"},
			{`GET Users?filter=active gt true`, "", 400, "invalidFilter"},
			{`GET Users?filter=userName eq 1`, "", 400, "invalidFilter"},
			{`GET Users?filter=emails[kind eq "work"]`, "", 400, "invalidFilter"},
			{`GET Users?filter=password eq "secret"`, "", 403, "sensitive"},
			{`GET Users?count=many`, "", 400, "invalidValue"},
			{`GET /scim/v2/acme`, "", 400, "tooMany"},
			{`GET /scim/v1/acme/Users`, "", 400, "invalidVers"},
			{"POST Users", `{"userName":"dana"}`, 409, "uniqueness"},
			{"POST Groups", `{"displayName":"Team"}`, 409, "uniqueness"},
			{"PATCH Users/dana", patch(`{"op":"replace","path":"userName","value":"eli"}`), 400, "mutability"},
			{"PUT Users/dana", `{"userName":"eli"}`, 400, "mutability"},
			{"PATCH Groups/team", patch(`{"op":"replace","path":"members[value eq \"dana\"]","value":{"value":"eli"}}`), 400, "mutability"},
			{"POST Users", `{"userName":`, 400, "invalidSyntax"},
			{"POST Users", `["userName"]`, 400, "invalidSyntax"},
			{"PATCH Users/dana", `{}`, 400, "invalidSyntax"},
			{"PATCH Users/dana", patch(`{"op":"move","path":"userName"}`), 400, "invalidSyntax"},
			{"PATCH Users/dana", patch(`{"op":"replace","path":"user Name","value":"x"}`), 400, "invalidPath"},
			{"PATCH Users/dana", patch(`{"op":"replace","path":"emails[","value":"x"}`), 400, "invalidPath"},
			{"PATCH Groups/team", patch(`{"op":"add","path":"members.value","value":"x"}`), 400, "invalidPath"},
			{"PATCH Users/dana", patch(`{"op":"remove"}`), 400, "noTarget"},
			{"POST Users", `{}`, 400, "invalidValue"},
			{"POST Users", `{"userName":"  "}`, 400, "invalidValue"},
			{"POST Users", `{"userName":7}`, 400, "invalidValue"},
			{"POST Groups", `{"members":[]}`, 400, "invalidValue"},
			{"PATCH Users/dana", patch(`{"op":"replace","path":"active","value":"perhaps"}`), 400, "invalidValue"},
			{"PATCH Users/dana", patch(`{"op":"replace","value":true}`), 400, "invalidValue"},
			{"PATCH Users/dana", patch(`{"op":"remove","path":"userName"}`), 400, "invalidValue"},
			{"PATCH Groups/team", patch(`{"op":"remove","path":"members","value":[]}`), 400, "invalidValue"},
			{"PATCH Groups/team", patch(`{"op":"add","path":"members","value":[{"value":"nobody"}]}`), 400, "invalidValue"},
			{"PATCH Groups/team", patch(`{"op":"add","path":"members","value":[{"display":"Dana"}]}`), 400, "invalidValue"},
			{"PATCH Groups/team", patch(`{"op":"remove","path":"members[display eq \"Dana\"]"}`), 400, "invalidFilter"},
			{"PATCH Groups/team", patch(`{"op":"add","path":"members","value":[` + strings.Join(many, ",") + `]}`), 413, ""},
			{"POST Groups", `{"displayName":"` + strings.Repeat("x", maxBodyBytes) + `"}`, 413, ""},
			{"GET Users/nobody", "", 404, ""},
			{"GET Users/no%2Fbody", "", 404, ""},
			{"PATCH Groups/team", patch(`{"op":"add","path":"members","value":[{"value":"../team"}]}`), 400, "invalidValue"},
			{"DELETE Groups/nothing", "", 404, ""},
			{"GET Widgets", "", 404, ""},
			{"GET /elsewhere", "", 404, ""},
			{"DELETE Users", "", 405, ""},
			{"POST Bulk", `{}`, 501, ""},
			{"GET Me", "", 501, ""},
			{"POST Users/.search", `{}`, 501, ""},
		} {
			got := w.send(c.line, c.body)
			scimType, _ := got.body["scimType"].(string)
			if got.code != c.code || scimType != c.scimType {
				t.Errorf("%s %.80s: %d %s, want %d %s: %s", c.line, c.body, got.code, scimType, c.code, c.scimType, got.text)
			}
			if got.body["status"] != fmt.Sprint(c.code) || !slices.Equal(got.body["schemas"].([]any), []any{"urn:ietf:params:scim:api:messages:2.0:Error"}) {
				t.Errorf("%s: this is no error of SCIM's: %s", c.line, got.text)
			}
			if got.header.Get("Content-Type") != contentType {
				t.Errorf("%s: content type %q", c.line, got.header.Get("Content-Type"))
			}
		}
	})
}

// What the API server answers is told in SCIM's words; what passes is to be repeated.
func TestErrorsOfTheAPIServer(t *testing.T) { // [P2] [P4]
	users := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "users"}
	kind := schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "User"}
	for name, c := range map[string]struct {
		err        error
		code       int
		detail     string
		retryAfter bool
	}{
		"admission":    {apierrors.NewForbidden(users, "dana", errors.New("this gives acme:Delete at acme, not held")), 403, "not held", false},
		"a bad value":  {apierrors.NewInvalid(kind, "dana", field.ErrorList{field.Invalid(field.NewPath("spec", "email"), "x", "must be one address")}), 400, "must be one address", false},
		"no token":     {apierrors.NewUnauthorized("Unauthorized"), 401, "does not know this token", false},
		"too much":     {apierrors.NewTooManyRequests("slow down", 1), 429, "repeat", true},
		"a breakdown":  {apierrors.NewInternalError(errors.New("etcd is away")), 503, "etcd is away", true},
		"nobody there": {errors.New("dial tcp 10.0.0.1:443: connect: connection refused"), 503, "does not answer", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refuse = func(string, client.Object) error { return c.err }
			got := w.send("POST Users", `{"userName":"dana"}`)
			detail, _ := got.body["detail"].(string)
			if got.code != c.code || !strings.Contains(detail, c.detail) || (got.header.Get("Retry-After") != "") != c.retryAfter {
				t.Errorf("%d %v %s", got.code, got.header, got.text)
			}
			if (got.header.Get("WWW-Authenticate") != "") != (c.code == http.StatusUnauthorized) {
				t.Errorf("WWW-Authenticate: %q", got.header.Get("WWW-Authenticate"))
			}
			w.refuse = nil
			w.play(step{line: "POST Users", code: 201, body: `{"userName":"dana"}`})
		})
	}
}

// A request that fails in between does what can be done; repeated, it ends right.
func TestCutOffAndBegunAgain(t *testing.T) { // [P4]
	w := newWorld(t)
	operations, want := []string{}, []string{}
	for i := range 40 {
		id := fmt.Sprintf("user-%02d", i)
		w.play(step{line: "POST Users", code: 201, body: `{"userName":"` + id + `"}`})
		operations = append(operations, `{"value":"`+id+`"}`)
		want = append(want, id)
	}
	w.play(step{line: "POST Groups", code: 201, body: `{"displayName":"team"}`})
	add := `{"Operations":[{"op":"add","path":"members","value":[` + strings.Join(operations, ",") + `]}]}`
	w.refuse = func(_ string, object client.Object) error {
		if membership, is := object.(*v1alpha1.GroupMembership); is && membership.Spec.User >= "user-30" {
			return apierrors.NewServiceUnavailable("the API server is being replaced")
		}
		return nil
	}
	got := w.send("PATCH Groups/team", add)
	if got.code != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" || !strings.Contains(got.text, "9 other members failed") {
		t.Fatalf("%d %s", got.code, got.text)
	}
	if members := w.members("team"); !slices.Equal(members, want[:30]) {
		t.Fatalf("what could be done: %v", members)
	}
	w.refuse = nil
	w.play(step{line: "PATCH Groups/team", code: 204, body: add})
	if members := w.members("team"); !slices.Equal(members, want) {
		t.Fatalf("repeated: %v", members)
	}
	w.quiet("repeating it once more", func() { w.play(step{line: "PATCH Groups/team", code: 204, body: add}) })

	// A user whose deletion was cut off after the memberships went.
	w.refuse = func(verb string, object client.Object) error {
		if _, is := object.(*v1alpha1.User); is && verb == "delete" {
			return apierrors.NewServiceUnavailable("away")
		}
		return nil
	}
	w.play(step{line: "DELETE Users/user-00", code: 503})
	w.refuse = nil
	w.play(step{line: "DELETE Users/user-00", code: 204}, step{line: "GET Users/user-00", code: 404})
	if members := w.members("team"); !slices.Equal(members, want[1:]) {
		t.Error(members)
	}
}

func TestPages(t *testing.T) { // [P1]
	w := newWorld(t)
	for i := range 7 {
		w.play(step{line: "POST Users", code: 201, body: fmt.Sprintf(`{"userName":"user-%d","active":%t}`, i, i%2 == 0)})
	}
	var seen []string
	for start := 1; start <= 7; start += 3 {
		got := w.send(fmt.Sprintf("GET Users?startIndex=%d&count=3", start), "")
		for _, one := range got.body["Resources"].([]any) {
			seen = append(seen, one.(map[string]any)["id"].(string))
		}
		if got.body["totalResults"] != 7.0 || got.body["startIndex"] != float64(start) {
			t.Error(got.text)
		}
	}
	if want := []string{"user-0", "user-1", "user-2", "user-3", "user-4", "user-5", "user-6"}; !slices.Equal(seen, want) {
		t.Errorf("all pages: %v", seen)
	}
	w.play(
		step{line: "GET Users?count=0", code: 200, want: `{"totalResults":7,"itemsPerPage":0,"Resources":[]}`},
		step{line: "GET Users?startIndex=-4&count=1", code: 200, want: `{"startIndex":1,"Resources":[{"id":"user-0"}]}`},
		step{line: "GET Users?startIndex=100", code: 200, want: `{"totalResults":7,"Resources":[]}`},
		step{line: "GET Users?count=-1", code: 200, want: `{"itemsPerPage":0}`},
		step{line: "GET Users?filter=active eq true and not (userName eq \"user-0\")", code: 200, want: `{"totalResults":3}`},
		step{line: "GET Users?filter=active eq \"False\" or userName sw \"user-6\"", code: 200, want: `{"totalResults":4}`},
		step{line: "GET Users?filter=userName co \"-3\" and meta.resourceType eq \"User\" and emails ne \"x\" and not (displayName pr)", code: 200, want: `{"totalResults":1}`},
		step{line: "GET Users?attributes=userName&count=1", code: 200, want: `{"Resources":[{"id":"user-0","userName":"user-0","active":null,"meta":null}]}`},
		step{line: "GET Users/user-0?excludedAttributes=meta,urn:ietf:params:scim:schemas:core:2.0:User:active", code: 200, want: `{"id":"user-0","userName":"user-0","active":null,"meta":null}`},
	)
}

func TestVersions(t *testing.T) { // [P1]
	w := newWorld(t)
	made := w.send("POST Users", `{"userName":"dana"}`)
	version := made.header.Get("ETag")
	if version == "" || made.body["meta"].(map[string]any)["version"] != version {
		t.Fatal(made.header, made.text)
	}
	w.header.Set("If-None-Match", version)
	if got := w.send("GET Users/dana", ""); got.code != http.StatusNotModified {
		t.Error("the same version:", got.code)
	}
	w.header.Del("If-None-Match")
	const rename = `{"Operations":[{"op":"replace","path":"displayName","value":"Dana"}]}`
	w.header.Set("If-Match", version)
	w.play(
		step{line: "PATCH Users/dana", code: 200, body: rename},
		step{line: "PATCH Users/dana", code: 412, body: `{"Operations":[{"op":"replace","path":"displayName","value":"D."}]}`},
		step{line: "PUT Users/dana", code: 412, body: `{"userName":"dana"}`},
		step{line: "DELETE Users/dana", code: 412},
	)
	w.header.Set("If-Match", w.send("GET Users/dana", "").header.Get("ETag"))
	w.play(step{line: "DELETE Users/dana", code: 204})

	w.header.Del("If-Match")
	w.play(step{line: "POST Users", code: 201, body: `{"userName":"eli"}`})
	before := w.send("POST Groups", `{"displayName":"team"}`).header.Get("ETag")
	w.play(step{line: "PATCH Groups/team", code: 204, body: `{"Operations":[{"op":"add","path":"members","value":{"value":"eli"}}]}`})
	w.header.Set("If-Match", before)
	w.play(step{line: "PATCH Groups/team", code: 412, body: rename}, step{line: "DELETE Groups/team", code: 412})
	w.header.Set("If-Match", "*")
	w.play(step{line: "DELETE Groups/team", code: 204})
}

// A write that meets another one's is made again on what is there then.
func TestTwoSendersAtOnce(t *testing.T) { // [P4]
	w := newWorld(t)
	w.play(step{line: "POST Users", code: 201, body: `{"userName":"dana"}`})
	beaten := false
	w.refuse = func(verb string, _ client.Object) error {
		if verb != "update" || beaten {
			return nil
		}
		beaten = true
		other := w.user("dana")
		other.Spec.Email = "dana@example.com"
		if err := w.objects.Update(t.Context(), other); err != nil {
			t.Error(err)
		}
		return nil
	}
	w.play(step{line: "PATCH Users/dana", code: 200, body: `{"Operations":[{"op":"replace","path":"displayName","value":"Dana"}]}`,
		want: `{"displayName":"Dana","emails":[{"value":"dana@example.com"}]}`})
}

// Two that would have one name, since somebody chose it, are told apart.
func TestNamesInUse(t *testing.T) { // [P1]
	other := &v1alpha1.User{Spec: v1alpha1.UserSpec{Subject: "somebody else"}}
	other.Namespace, other.Name = organization, "dana"
	w := newWorld(t, other)
	ids := w.play(
		step{name: "dana", line: "POST Users", code: 201, body: `{"userName":"dana"}`},
		step{name: "a", line: "POST Groups", code: 201, body: `{"displayName":"team","externalId":"1"}`},
		step{line: "PATCH Groups/<a>", code: 204, body: `{"Operations":[{"op":"replace","path":"displayName","value":"crew"}]}`},
		step{name: "b", line: "POST Groups", code: 201, body: `{"displayName":"team","externalId":"2"}`},
		step{name: "c", line: "POST Groups", code: 201, body: `{"displayName":"team","externalId":"3"}`},
		step{line: "GET Groups/<a>", code: 200, want: `{"displayName":"crew"}`},
		step{line: `GET Groups?filter=displayName eq "team"`, code: 200, want: `{"totalResults":2}`},
		step{line: `GET Groups?filter=externalId eq "3"`, code: 200, want: `{"Resources":[{"id":"<c>"}]}`},
	)
	if ids["dana"] == "dana" || ids["a"] == ids["b"] || ids["b"] == ids["c"] {
		t.Error(ids)
	}
}

func TestRequestsAtOnceAreBounded(t *testing.T) {
	w := newWorld(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	w.refuse = func(string, client.Object) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	done := make(chan int)
	for i := range maxInFlight {
		go func() { done <- w.send("POST Users", fmt.Sprintf(`{"userName":"user-%d"}`, i)).code }()
		<-entered
	}
	if got := w.send("GET Users", ""); got.code != http.StatusTooManyRequests || got.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", got.code, got.text)
	}
	close(leave)
	for range maxInFlight {
		if code := <-done; code != http.StatusCreated {
			t.Error(code)
		}
	}
	w.play(step{line: "GET Users?count=0", code: 200, want: fmt.Sprintf(`{"totalResults":%d}`, maxInFlight)})
}

func TestDiscovery(t *testing.T) { // [P1]
	w := newWorld(t)
	w.play(
		step{line: "GET ResourceTypes", code: 200, want: `{"totalResults":2,"Resources":[{"id":"User","endpoint":"/Users"},{"id":"Group","endpoint":"/Groups"}]}`},
		step{line: "GET ResourceTypes/Group", code: 200, want: `{"schema":"urn:ietf:params:scim:schemas:core:2.0:Group"}`},
		step{line: "GET ResourceTypes/Widget", code: 404},
		step{line: "GET Schemas", code: 200, want: `{"totalResults":2}`},
		step{line: "GET Schemas/urn:ietf:params:scim:schemas:core:2.0:User", code: 200, want: `{"name":"User","attributes":[
			{"name":"userName","required":true,"caseExact":true,"mutability":"immutable","uniqueness":"server"},
			{"name":"displayName"},{"name":"name","type":"complex"},{"name":"active","type":"boolean"},{"name":"emails","multiValued":true}]}`},
		step{line: "GET ServiceProviderConfig", code: 200, want: `{"bulk":{"supported":false},"sort":{"supported":false},"authenticationSchemes":[{"type":"oauthbearertoken"}]}`},
	)
}
