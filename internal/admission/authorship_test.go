package admission_test

import (
	"encoding/json"
	gomaps "maps"
	"net/http"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/admission"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// stamp is what the webhook makes of the author's stamp of an object that somebody writes, by what was there before; false
// where it refuses.
func (j *judge) stamp(user, resource string, old, object client.Object) (*policy.Author, bool) {
	j.t.Helper()
	operation := admissionv1.Create
	if old != nil {
		operation = admissionv1.Update
	}
	request := j.request(user, resource, operation)
	request.Name, request.Object.Raw = object.GetName(), j.raw(object)
	if old != nil {
		request.OldObject.Raw = j.raw(old)
	}
	stamper := &admission.Stamper{Reviewer: j.Reviewer, Clock: clocktesting.NewFakePassiveClock(now), State: func() *state.State { return j.state }}
	response := stamper.Handle(j.t.Context(), request)
	if !response.Allowed {
		return nil, false
	}
	annotations := map[string]string{}
	gomaps.Copy(annotations, object.GetAnnotations())
	for _, patch := range response.Patches {
		value, err := json.Marshal(patch.Value)
		if err != nil {
			j.t.Fatal(err)
		}
		switch patch.Path {
		case "/metadata/annotations":
			annotations = map[string]string{}
			if err := json.Unmarshal(value, &annotations); err != nil && patch.Operation != "remove" {
				j.t.Fatal(err)
			}
		case "/metadata/annotations/authz.bailiwick.dev~1author":
			var text string
			if err := json.Unmarshal(value, &text); err != nil {
				j.t.Fatal(err)
			}
			annotations[v1alpha1.AnnotationAuthor] = text
		}
	}
	return policy.AuthorOf(annotations), true
}

func TestAnObjectSaysWhoWroteWhatItGives(t *testing.T) {
	j := newJudge(t)
	j.answer = func(spec authorizationv1.SubjectAccessReviewSpec) (bool, error) { return spec.User == "root", nil }
	carol := build.User("acme", "carol").KnownAs("carol-now").Obj()
	carol.UID = "uid-of-carol"
	j.state.Put(carol)
	assigned := func(role, user string) *v1alpha1.RoleAssignment {
		return build.RoleAssignment("acme", "x").Gives(role).ToUser(user).Obj()
	}
	written := func(object client.Object, author policy.Author) client.Object {
		stamp, err := author.Stamp()
		if err != nil {
			t.Fatal(err)
		}
		object.SetAnnotations(map[string]string{v1alpha1.AnnotationAuthor: stamp})
		object.SetGeneration(4)
		return object
	}
	until := assigned("viewer", "carol")
	until.Spec.ExpiresAt = &metav1.Time{Time: now.Add(time.Hour)}
	earlier := policy.Author{Username: "alice", Subject: "alice", Generation: 2}
	confirmed := build.User("acme", "carol").KnownAs("carol-now").Obj()
	confirmed.Annotations = map[string]string{v1alpha1.AnnotationConfirmed: "carol-now"}
	before := func(generation int64) *policy.Before {
		return &policy.Before{Generation: generation, Held: v1alpha1.Held{Spec: &runtime.RawExtension{Raw: []byte(`{"roleRef":{"name":"viewer"},"subject":{"user":"later"}}`)}}}
	}
	gits := policy.Author{Username: "root", Subject: "root", Verb: "bind", Generation: 3}
	judged := func(object client.Object) client.Object {
		object.(*v1alpha1.RoleAssignment).Status.Judged = &v1alpha1.Judged{Generation: 2}
		return object
	}
	inForce := assigned("viewer", "later")
	inForce.Generation, inForce.Status.ObservedGeneration, inForce.Status.InForce = 4, 4, true
	chained := earlier
	chained.Before = before(1)
	forged := written(assigned("viewer", "carol"), policy.Author{Username: "root", Verb: "bind"})
	for name, c := range map[string]struct {
		by, resource string
		old, object  client.Object
		want         *policy.Author
	}{
		"who creates it": {"bob", "roleassignments", nil, assigned("viewer", "carol"),
			&policy.Author{Username: "bob", Subject: "bob", Generation: 1, User: &policy.MeantUser{UID: "uid-of-carol", Subject: "carol-now"}}},
		"who creates it with the verb": {"root", "roleassignments", nil, assigned("viewer", "later"), &policy.Author{Username: "root", Subject: "root", Verb: "bind", Generation: 1}},
		"a stamp that is forged": {"bob", "roleassignments", nil, forged,
			&policy.Author{Username: "bob", Subject: "bob", Generation: 1, User: &policy.MeantUser{UID: "uid-of-carol", Subject: "carol-now"}}},
		"who gives more":         {"bob", "roleassignments", written(assigned("viewer", "later"), earlier), written(assigned("admin", "later"), earlier), &policy.Author{Username: "bob", Subject: "bob", Generation: 5}},
		"who adds to the verb's": {"bob", "roleassignments", written(assigned("viewer", "later"), gits), assigned("admin", "later"), &policy.Author{Username: "bob", Subject: "bob", Generation: 5, Before: before(3)}},
		"who adds to what was judged": {"bob", "roleassignments", judged(written(assigned("viewer", "later"), earlier)), assigned("admin", "later"),
			&policy.Author{Username: "bob", Subject: "bob", Generation: 5, Before: before(2)}},
		"who adds to what was not": {"bob", "roleassignments", written(assigned("other", "later"), chained), assigned("admin", "later"),
			&policy.Author{Username: "bob", Subject: "bob", Generation: 5, Before: before(1)}},
		"who adds to nobody's":                  {"bob", "roleassignments", inForce, assigned("admin", "later"), &policy.Author{Username: "bob", Subject: "bob", Generation: 5, Before: before(1)}},
		"who adds to a forger's":                {"bob", "roleassignments", misread(assigned("viewer", "later")), assigned("admin", "later"), &policy.Author{Username: "bob", Subject: "bob", Generation: 5}},
		"who adds with the verb":                {"root", "roleassignments", written(assigned("viewer", "later"), gits), assigned("admin", "later"), &policy.Author{Username: "root", Subject: "root", Verb: "bind", Generation: 5}},
		"who says what there was before itself": {"bob", "roleassignments", nil, written(assigned("viewer", "later"), chained), &policy.Author{Username: "bob", Subject: "bob", Generation: 1}},
		"who only ends it":                      {"bob", "roleassignments", written(assigned("viewer", "carol"), earlier), until, &earlier},
		"who only labels it":                    {"bob", "roleassignments", written(assigned("viewer", "carol"), earlier), assigned("viewer", "carol"), &earlier},
		"who lets it last":                      {"bob", "roleassignments", written(until.DeepCopy(), earlier), assigned("viewer", "later"), &policy.Author{Username: "bob", Subject: "bob", Generation: 5}},
		"who makes a User":                      {"bob", "users", nil, build.User("acme", "new").KnownAs("new").Obj(), &policy.Author{Username: "bob", Subject: "bob", Generation: 1}},
		"who edits a User":                      {"root", "users", written(build.User("acme", "carol").KnownAs("carol-now").Obj(), earlier), build.User("acme", "carol").KnownAs("carol-now").Titled("Carol").Obj(), &earlier},
		"who confirms a User":                   {"root", "users", written(build.User("acme", "carol").KnownAs("carol-now").Obj(), earlier), confirmed.DeepCopy(), &policy.Author{Username: "root", Subject: "root", Verb: "bind", Generation: 5}},
		"who may not confirm":                   {"bob", "users", written(build.User("acme", "carol").KnownAs("carol-now").Obj(), earlier), confirmed.DeepCopy(), nil},
		"nor when it is made":                   {"bob", "users", nil, confirmed.DeepCopy(), nil},
		"a Role, which has none":                {"bob", "roles", nil, build.Role("acme", "r").Obj(), nil},
	} {
		t.Run("[F9] "+name, func(t *testing.T) {
			got, allowed := j.stamp(c.by, c.resource, c.old, c.object)
			if c.want == nil {
				if got != nil || allowed != (c.resource == "roles") {
					t.Errorf("it is allowed: %v, and stamped with %+v", allowed, got)
				}
				return
			}
			wanted, _ := c.want.Stamp()
			found := ""
			if got != nil {
				found, _ = got.Stamp()
			}
			if found != wanted {
				t.Errorf("got %s, want %s", found, wanted)
			}
		})
	}
}

// misread has a stamp whose beginning, which the API server has compared, says another than the rest.
func misread(object *v1alpha1.RoleAssignment) client.Object {
	object.Generation = 4
	object.Annotations = map[string]string{v1alpha1.AnnotationAuthor: `{"username":"alice","generation":4,"verb":"bind"}`}
	return object
}

func TestF9WhatIsNamedIsRefusedThatWasMadeByWhoCouldNotGiveThis(t *testing.T) {
	j := newJudge(t)
	j.answer = func(authorizationv1.SubjectAccessReviewSpec) (bool, error) { return true, nil }
	squatted := build.User("acme", "newcomer").KnownAs("second").Obj()
	stamp, err := (&policy.Author{Username: "mallory", Subject: "mallory"}).Stamp()
	if err != nil {
		t.Fatal(err)
	}
	squatted.Annotations = map[string]string{v1alpha1.AnnotationAuthor: stamp}
	j.state.Put(squatted.DeepCopy())
	grant := build.PermissionGrant("acme", "g").ToUser("newcomer").Grants("View").Obj()
	j.expect(j.create("root", "permissiongrants", grant), http.StatusForbidden,
		`spec.subject.user: the User newcomer was made by "mallory"`, "confirmed=second")
	asks := build.AccessPolicy("acme", "p").For("newcomer").Permits(v1alpha1.PermissionEntry{Permission: "View"}).DecidedBy(1, "bob").Obj()
	decides := build.AccessPolicy("acme", "p").For("bob").Permits(v1alpha1.PermissionEntry{Permission: "View"}).DecidedBy(1, "newcomer").Obj()
	j.expect(j.create("root", "accesspolicies", asks), http.StatusForbidden, `spec.requesters.users: the User newcomer was made by "mallory"`)
	j.expect(j.create("root", "accesspolicies", decides), http.StatusForbidden, `spec.approvals.from.users: the User newcomer was made by "mallory"`)
	squatted.Annotations[v1alpha1.AnnotationConfirmed] = "second"
	j.state.Put(squatted.DeepCopy())
	j.expect(j.create("root", "permissiongrants", grant), http.StatusOK)
	j.expect(j.create("root", "accesspolicies", asks), http.StatusOK)
	j.expect(j.create("root", "accesspolicies", decides), http.StatusOK)
}
