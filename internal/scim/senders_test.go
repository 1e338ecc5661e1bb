package scim

import (
	"slices"
	"testing"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// Okta, by its documentation (developer.okta.com, "Okta and SCIM Version 2.0"); nothing was recorded from it. It looks for a user before it
// makes one, reads before it replaces, and pushes groups by PATCH without a path, with the id in the value.
func TestOktaSends(t *testing.T) { // [P1] [P3]
	w := newWorld(t)
	const patchOp = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
	const dana = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"dana@okta.local",
		"name":{"givenName":"Dana","familyName":"Diaz"},"emails":[{"primary":true,"value":"dana@okta.local","type":"work"}],
		"displayName":"Dana Diaz","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7","groups":[],"password":"1mz050nq","active":true}`
	ids := w.play(
		step{line: "GET ServiceProviderConfig", code: 200, want: `{"patch":{"supported":true},"etag":{"supported":true}}`},
		step{line: "GET Users?startIndex=1&count=2", code: 200, want: `{"totalResults":0,"Resources":[]}`},
		step{line: `GET Users?filter=userName eq "dana@okta.local"&startIndex=1&count=100`, code: 200, want: `{"totalResults":0,"startIndex":1}`},
		step{name: "dana", line: "POST Users", body: dana, code: 201, want: `{"userName":"dana@okta.local","externalId":"00ujl29u0le5T6Aj10h7",
			"active":true,"displayName":"Dana Diaz","name":{"givenName":"Dana","familyName":"Diaz"},
			"emails":[{"value":"dana@okta.local","type":"work","primary":true}],"meta":{"resourceType":"User"}}`},
		step{line: `GET Users?filter=userName eq "dana@okta.local"&startIndex=1&count=100`, code: 200, want: `{"totalResults":1,"Resources":[{"id":"<dana>"}]}`},
		step{line: "GET Users/<dana>", code: 200, want: `{"id":"<dana>","userName":"dana@okta.local"}`},
		// Changed by PUT: the whole user, with the id.
		step{line: "PUT Users/<dana>", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"<dana>",
			"userName":"dana@okta.local","name":{"givenName":"Dana","middleName":"Excited","familyName":"Doe"},
			"emails":[{"primary":true,"value":"doe@okta.local","type":"work","display":"doe@okta.local"}],"displayName":"Dana Doe",
			"externalId":"00ujl29u0le5T6Aj10h7","active":true,"groups":[],"meta":{"resourceType":"User"}}`,
			want: `{"displayName":"Dana Doe","name":{"givenName":"Dana","familyName":"Doe"},"emails":[{"value":"doe@okta.local"}]}`},
		// Deactivated and reactivated by PATCH, without a path.
		step{line: "PATCH Users/<dana>", code: 200, body: `{` + patchOp + `,"Operations":[{"op":"replace","value":{"active":false}}]}`, want: `{"active":false}`},
		step{line: "PATCH Users/<dana>", code: 200, body: `{` + patchOp + `,"Operations":[{"op":"replace","value":{"active":true}}]}`, want: `{"active":true}`},
		step{name: "eli", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eli@okta.local","active":true}`},
		// Groups.
		step{line: "GET Groups?startIndex=1&count=100", code: 200, want: `{"totalResults":0}`},
		step{name: "team", line: "POST Groups", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Test SCIMv2","members":[]}`,
			want: `{"displayName":"Test SCIMv2","members":[]}`},
		step{line: "PATCH Groups/<team>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"add","path":"members","value":[{"value":"<dana>","display":"dana@okta.local"}]}]}`},
		step{line: "GET Groups/<team>", code: 200, want: `{"members":[{"value":"<dana>"}]}`},
		step{line: "PATCH Groups/<team>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"replace","value":{"id":"<team>","displayName":"Test SCIMv20"}}]}`},
		step{line: "GET Groups/<team>", code: 200, want: `{"id":"<team>","displayName":"Test SCIMv20","members":[{"value":"<dana>"}]}`},
		step{line: "PATCH Groups/<team>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"remove","path":"members[value eq \"<dana>\"]"},
			{"op":"add","path":"members","value":[{"value":"<eli>","display":"eli@okta.local"}]}]}`},
		step{line: "GET Groups/<team>", code: 200, want: `{"members":[{"value":"<eli>"}]}`},
		// All members at once, as after an outage.
		step{line: "PATCH Groups/<team>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"replace","path":"members","value":[{"value":"<dana>"},{"value":"<eli>"}]}]}`},
		step{line: "GET Groups/<team>", code: 200, want: `{"members":[{"value":"<dana>"},{"value":"<eli>"}]}`},
		step{line: "DELETE Groups/<team>", code: 204},
		step{line: "GET Groups/<team>", code: 404},
		// Deactivated by PUT, as an app of one's own is.
		step{line: "PUT Users/<eli>", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"eli@okta.local","active":false}`, want: `{"active":false}`},
	)
	if members := w.members(ids["team"]); len(members) != 0 {
		t.Errorf("memberships of a deleted group: %v", members)
	}
	if !w.user(ids["eli"]).Spec.Suspended || w.user(ids["dana"]).Spec.Suspended {
		t.Error("deactivated is suspended, and reactivated is not")
	}
}

// Entra, by its documentation (learn.microsoft.com, "Develop a SCIM endpoint" and "SCIM 2.0 protocol compliance"); nothing was recorded from
// it: capitalised operations, paths with filters, True as a text, an extension, members removed by their values, and groups read without
// their members.
func TestEntraSends(t *testing.T) { // [P1] [P3]
	w := newWorld(t)
	const patchOp = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
	ids := w.play(
		// The test of the connection asks for somebody who is not there.
		step{line: `GET Users?filter=userName eq "9cfa9e6a-a0a0-4c9d-8b0d-3d8a3a3e2a3c"`, code: 200, want: `{"totalResults":0,"itemsPerPage":0}`},
		step{line: `GET Users?filter=emails[type eq "work"].value eq "anna@example.com"`, code: 200, want: `{"totalResults":0}`},
		step{name: "anna", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
			"externalId":"0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef","userName":"Anna@example.com","active":true,
			"emails":[{"primary":true,"type":"work","value":"anna@example.com"}],"meta":{"resourceType":"User"},
			"name":{"formatted":"Anna Arendt","familyName":"Arendt","givenName":"Anna"},"roles":[],
			"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"7","department":"IT"}}`,
			want: `{"userName":"Anna@example.com","displayName":"Anna Arendt"}`},
		step{line: `GET Users?filter=externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef"`, code: 200, want: `{"totalResults":1,"Resources":[{"id":"<anna>"}]}`},
		step{line: `GET Users?filter=emails[type eq "work"].value eq "ANNA@example.com"`, code: 200, want: `{"totalResults":1}`},
		step{line: "PATCH Users/<anna>", code: 200, body: `{` + patchOp + `,"Operations":[
			{"op":"Replace","path":"emails[type eq \"work\"].value","value":"anna@new.example"},
			{"op":"Replace","path":"name.familyName","value":"Brandt"},{"op":"Add","path":"name.formatted","value":"Anna Brandt"},
			{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"HR"},
			{"op":"Add","path":"addresses[type eq \"work\"].streetAddress","value":"One Way"},
			{"op":"Add","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}]}`,
			want: `{"displayName":"Anna Brandt","name":{"familyName":"Brandt","givenName":"Anna"},"emails":[{"value":"anna@new.example"}]}`},
		// Attributes in one operation without a path, its keys being paths.
		step{line: "PATCH Users/<anna>", code: 200, body: `{` + patchOp + `,"Operations":[{"op":"replace","value":{
			"displayName":"A. Brandt","name.givenName":"Anne","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber":"8"}}]}`,
			want: `{"displayName":"A. Brandt","name":{"givenName":"Anne","familyName":"Brandt"}}`},
		step{line: "PATCH Users/<anna>", code: 200, body: `{` + patchOp + `,"Operations":[{"op":"Replace","path":"active","value":"False"}]}`, want: `{"active":false}`},
		step{line: "PATCH Users/<anna>", code: 200, body: `{` + patchOp + `,"Operations":[{"op":"Replace","path":"active","value":"True"}]}`, want: `{"active":true}`},
		// The documentation changes a userName so; here that would give one identity what another was given.
		step{line: "PATCH Users/<anna>", code: 400, body: `{` + patchOp + `,"Operations":[{"op":"Replace","path":"userName","value":"brandt@example.com"}]}`,
			want: `{"scimType":"mutability"}`},
		step{name: "bert", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"bert@example.com"}`},
		// Groups.
		step{line: `GET Groups?excludedAttributes=members&filter=displayName eq "Writers"`, code: 200, want: `{"totalResults":0}`},
		step{name: "writers", line: "POST Groups", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group",
			"http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159",
			"displayName":"Writers","meta":{"resourceType":"Group"}}`, want: `{"displayName":"Writers","externalId":"8aa1a0c0-c4c3-4bc0-b4a5-2ef676900159"}`},
		step{line: `GET Groups?excludedAttributes=members&filter=displayName eq "writers"`, code: 200, want: `{"totalResults":1,"Resources":[{"members":null}]}`},
		step{line: "PATCH Groups/<writers>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"Add","path":"members","value":[{"$ref":null,"value":"<anna>"},{"$ref":null,"value":"<bert>"}]}]}`},
		step{line: `GET Groups?excludedAttributes=members&filter=id eq "<writers>" and members eq "<anna>"`, code: 200, want: `{"totalResults":1}`},
		step{line: "PATCH Groups/<writers>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"Replace","path":"displayName","value":"Authors"}]}`},
		step{line: "GET Groups/<writers>", code: 200, want: `{"id":"<writers>","displayName":"Authors","members":[{"value":"<anna>"},{"value":"<bert>"}]}`},
		step{line: "PATCH Groups/<writers>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"Remove","path":"members","value":[{"$ref":null,"value":"<anna>"}]}]}`},
		step{line: "GET Groups/<writers>", code: 200, want: `{"members":[{"value":"<bert>"}]}`},
		step{line: `GET Groups?excludedAttributes=members&filter=id eq "<writers>" and members eq "<anna>"`, code: 200, want: `{"totalResults":0}`},
		step{line: "DELETE Users/<bert>", code: 204},
		step{line: "GET Groups/<writers>", code: 200, want: `{"members":[]}`},
		step{line: "DELETE Users/<bert>", code: 404},
		step{line: "DELETE Groups/<writers>", code: 204},
	)
	if anna := w.user(ids["anna"]); anna.Spec.Subject != "Anna@example.com" || anna.Spec.Email != "anna@new.example" {
		t.Errorf("%+v", anna.Spec)
	}
}

// authentik, by its source: it creates first and looks on a conflict, compares the members that a group shows,
// and sends one operation for each member.
func TestAuthentikSends(t *testing.T) { // [P1]
	w := newWorld(t)
	const patchOp = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
	w.play(
		step{line: "GET ServiceProviderConfig", code: 200, want: `{"bulk":{"maxOperations":1000},"filter":{"supported":true}}`},
		step{line: "GET Users", code: 200, want: `{"totalResults":0}`},
		step{name: "cleo", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e1","userName":"cleo",
			"name":{"formatted":"Cleo Crane","givenName":"Cleo","familyName":"Crane"},"displayName":"Cleo Crane","active":true,
			"emails":[{"value":"cleo@example.com","type":"other","primary":true}]}`, want: `{"id":"cleo"}`},
		step{line: "POST Users", code: 409, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e1","userName":"cleo"}`, want: `{"scimType":"uniqueness","status":"409"}`},
		step{line: `GET Users?filter=userName eq "cleo"`, code: 200, want: `{"Resources":[{"id":"cleo"}]}`},
		step{line: "PUT Users/cleo", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e1","id":"cleo","userName":"cleo","displayName":"C. Crane","active":true}`,
			want: `{"displayName":"C. Crane"}`},
		step{name: "crew", line: "POST Groups", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g1","displayName":"Crew"}`},
		step{line: "POST Groups", code: 409, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"g1","displayName":"Crew"}`},
		step{line: "GET Groups/<crew>", code: 200, want: `{"members":[]}`},
		step{line: "PATCH Groups/<crew>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"add","path":"members","value":[{"value":"cleo"}]}]}`},
		step{line: "PATCH Groups/<crew>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"replace","value":{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],
			"id":"<crew>","externalId":"g1","displayName":"Crew 2"}}]}`},
		step{line: "GET Groups/<crew>", code: 200, want: `{"displayName":"Crew 2","externalId":"g1","members":[{"value":"cleo"}]}`},
		step{line: "PATCH Groups/<crew>", code: 204, body: `{` + patchOp + `,"Operations":[{"op":"remove","path":"members","value":[{"value":"cleo"}]}]}`},
		step{line: "GET Groups/<crew>", code: 200, want: `{"members":[]}`},
	)
}

// The extension keycloak-scim of Keycloak, by its source (GroupAdapter, ScimClient): everything by POST and PUT, groups with all their
// members, and without the attribute where there are none.
func TestKeycloakSends(t *testing.T) { // [P1]
	w := newWorld(t)
	ids := w.play(
		step{name: "dora", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"k1","userName":"dora",
			"displayName":"Dora","active":true,"emails":[{"value":"dora@example.com"}],"roles":[{"value":"r"}]}`},
		step{name: "emil", line: "POST Users", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"k2","userName":"emil","active":true}`},
		step{name: "cast", line: "POST Groups", code: 201, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"kg","displayName":"Cast",
			"members":[{"value":"<dora>","$ref":"Users/<dora>"}]}`, want: `{"members":[{"value":"<dora>"}]}`},
		step{line: "PUT Groups/<cast>", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"kg","displayName":"Cast",
			"members":[{"value":"<emil>","$ref":"Users/<emil>"}]}`, want: `{"members":[{"value":"<emil>"}]}`},
		step{line: "PUT Groups/<cast>", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"kg","displayName":"The cast"}`,
			want: `{"displayName":"The cast","members":[{"value":"<emil>"}]}`},
		step{line: "PUT Groups/<cast>", code: 200, body: `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"externalId":"kg","displayName":"The cast"}`,
			want: `{"members":[]}`}, // its last member has left
		step{line: "DELETE Users/<dora>", code: 204},
	)
	if members := w.members(ids["cast"]); !slices.Equal(members, []string{}) {
		t.Error(members)
	}
}

func TestSendingEverythingAgainWritesNothing(t *testing.T) { // [P4]
	w := newWorld(t)
	const dana = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"Dana@example.com","externalId":"1","active":true,
		"name":{"givenName":"Dana"},"emails":[{"value":"dana@example.com","type":"home"},{"value":"dana@work.example","type":"work"}]}`
	const group = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"All","externalId":"2"}`
	ids := w.play(
		step{name: "dana", line: "POST Users", body: dana, code: 201, want: `{"emails":[{"value":"dana@work.example"}]}`},
		step{name: "all", line: "POST Groups", body: group, code: 201},
		step{line: "PATCH Groups/<all>", code: 204, body: `{"Operations":[{"op":"add","path":"members","value":[{"value":"<dana>"}]}]}`},
	)
	w.quiet("sending everything again", func() {
		for _, one := range []step{
			{line: "POST Users", body: dana, code: 409},
			{line: "PUT Users/" + ids["dana"], body: dana, code: 200},
			{line: "PATCH Users/" + ids["dana"], body: `{"Operations":[{"op":"Replace","path":"active","value":"True"},{"op":"Add","path":"externalId","value":"1"}]}`, code: 200},
			{line: "POST Groups", body: group, code: 409},
			{line: "PUT Groups/" + ids["all"], body: group[:len(group)-1] + `,"members":[{"value":"` + ids["dana"] + `"}]}`, code: 200},
			{line: "PATCH Groups/" + ids["all"], body: `{"Operations":[{"op":"replace","value":{"displayName":"All"}}]}`, code: 204},
			{line: "PATCH Groups/" + ids["all"], body: `{"Operations":[{"op":"add","path":"members","value":[{"value":"` + ids["dana"] + `"}]}]}`, code: 204},
			{line: "PATCH Groups/" + ids["all"], body: `{"Operations":[{"op":"replace","path":"members","value":[{"value":"` + ids["dana"] + `"}]}]}`, code: 204},
			{line: "PATCH Groups/" + ids["all"], body: `{"Operations":[{"op":"remove","path":"members","value":[{"value":"nobody"}]}]}`, code: 204},
		} {
			w.play(one)
		}
	})
}

func TestWhatOthersMadeIsNotChanged(t *testing.T) { // [P2]
	alice := &v1alpha1.User{Spec: v1alpha1.UserSpec{Subject: "alice@example.com"}}
	alice.Namespace, alice.Name = organization, "alice"
	ops := &v1alpha1.Group{}
	ops.Namespace, ops.Name = organization, "ops"
	membership := &v1alpha1.GroupMembership{Spec: v1alpha1.GroupMembershipSpec{User: "bob", Group: "team", Role: v1alpha1.GroupAdmin}}
	membership.Namespace, membership.Name = organization, "bob-team"
	w := newWorld(t, alice, ops, membership)
	const patchActive = `{"Operations":[{"op":"replace","path":"active","value":false}]}`
	w.quiet("touching what others made", func() {
		w.play(
			step{line: "GET Users", code: 200, want: `{"totalResults":0}`},
			step{line: "GET Users/alice", code: 404},
			step{line: "POST Users", code: 409, body: `{"userName":"alice@example.com"}`, want: `{"scimType":"uniqueness",
				"detail":"the User acme/alice has the userName \"alice@example.com\", and SCIM did not make it: to hand it over, set its label authz.bailiwick.dev/managed-by=scim"}`},
			step{line: "PATCH Users/alice", code: 409, body: patchActive},
			step{line: "PUT Users/alice", code: 409, body: `{"userName":"alice@example.com"}`},
			step{line: "DELETE Users/alice", code: 409},
			step{line: "POST Groups", code: 409, body: `{"displayName":"Ops"}`, want: `{"scimType":"uniqueness"}`},
			step{line: "PATCH Groups/ops", code: 409, body: `{"Operations":[{"op":"add","path":"members","value":[{"value":"alice"}]}]}`},
			step{line: "DELETE Groups/ops", code: 409},
		)
	})
	w.play(
		step{line: "POST Users", code: 201, body: `{"userName":"bob"}`},
		step{line: "POST Groups", code: 201, body: `{"displayName":"team"}`},
		step{line: "GET Groups/team", code: 200, want: `{"members":[]}`},
		step{line: "PATCH Groups/team", code: 409, body: `{"Operations":[{"op":"remove","path":"members","value":[{"value":"bob"}]}]}`,
			want: `{"detail":"the GroupMembership acme/bob-team is not managed by SCIM: change it where it is managed, or hand it over by its label authz.bailiwick.dev/managed-by=scim"}`},
		step{line: "PATCH Groups/team", code: 400, body: `{"Operations":[{"op":"add","path":"members","value":[{"value":"alice"}]}]}`, want: `{"scimType":"invalidValue"}`},
		step{line: "DELETE Groups/team", code: 204},
	)
	if !slices.Equal(w.members("team"), []string{"bob"}) {
		t.Error("the membership that somebody else made is gone")
	}

	// Handed over by the label, both ways.
	object := w.user("alice")
	object.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBySCIM}
	if err := w.objects.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	w.play(
		step{line: `GET Users?filter=userName eq "alice@example.com"`, code: 200, want: `{"Resources":[{"id":"alice"}]}`},
		step{line: "PATCH Users/alice", code: 200, body: patchActive, want: `{"active":false}`},
	)
	object = w.user("alice")
	delete(object.Labels, v1alpha1.LabelManagedBy)
	if err := w.objects.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	w.play(step{line: "PATCH Users/alice", code: 409, body: `{"Operations":[{"op":"replace","path":"active","value":true}]}`})
	if !w.user("alice").Spec.Suspended {
		t.Error("changed after it was handed back")
	}
}
