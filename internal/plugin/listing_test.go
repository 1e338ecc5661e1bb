package plugin

import (
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// clusterOf has objects, and selects by the fields that listings select by.
func clusterOf(objects ...client.Object) *cluster {
	field := func(of func(client.Object) string) client.IndexerFunc {
		return func(object client.Object) []string { return []string{of(object)} }
	}
	assignment := func(of func(*v1alpha1.RoleAssignmentSpec) string) client.IndexerFunc {
		return field(func(o client.Object) string { return of(&o.(*v1alpha1.RoleAssignment).Spec) })
	}
	return &cluster{organization: "acme", WithWatch: fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).
		WithIndex(&v1alpha1.User{}, "metadata.name", field(client.Object.GetName)).
		WithIndex(&v1alpha1.User{}, "spec.subject", field(func(o client.Object) string { return o.(*v1alpha1.User).Spec.Subject })).
		WithIndex(&v1alpha1.GroupMembership{}, "spec.user", field(func(o client.Object) string { return o.(*v1alpha1.GroupMembership).Spec.User })).
		WithIndex(&v1alpha1.Invitation{}, "spec.acceptedBy", field(func(o client.Object) string { return o.(*v1alpha1.Invitation).Spec.AcceptedBy })).
		WithIndex(&v1alpha1.RoleAssignment{}, "spec.roleRef.name", assignment(func(s *v1alpha1.RoleAssignmentSpec) string { return s.RoleRef.Name })).
		WithIndex(&v1alpha1.RoleAssignment{}, "spec.subject.user", assignment(func(s *v1alpha1.RoleAssignmentSpec) string { return s.Subject.User })).
		WithIndex(&v1alpha1.RoleAssignment{}, "spec.subject.group", assignment(func(s *v1alpha1.RoleAssignmentSpec) string { return s.Subject.Group })).
		WithIndex(&v1alpha1.RoleAssignment{}, "spec.subject.invitation", assignment(func(s *v1alpha1.RoleAssignmentSpec) string { return s.Subject.Invitation })).
		Build()}
}

func TestAListingFindsUsersBySubjectAndWhatTheyHaveByOthers(t *testing.T) {
	inForce := build.GroupMembership("acme", "m", "bob", "devs").Obj()
	inForce.Status.InForce = true
	accepted := build.Invitation("acme", "guest").AcceptedBy("bob").Obj()
	accepted.Status.Phase = v1alpha1.InvitationAccepted
	given := func(namespace, name, role string) *build.RoleAssignmentBuilder {
		return build.RoleAssignment(namespace, name).Gives(role)
	}
	c := clusterOf(
		build.Organization("acme").Obj(), build.Role("acme", "editor").Obj(), build.Role("acme", "viewer").Obj(), build.Group("acme", "devs").Obj(), build.Group("acme", "ops").Obj(),
		build.User("acme", "bob").KnownAs("bob@acme").Obj(), build.User("acme", "alice").KnownAs("bob").Obj(), build.User("other", "robert").KnownAs("bob@acme").Obj(),
		inForce, build.GroupMembership("acme", "n", "bob", "ops").Obj(), accepted, build.Invitation("acme", "pending").AcceptedBy("bob").Obj(),
		given("acme", "own", "editor").ToUser("bob").Obj(), given("acme", "group", "editor").ToGroup("devs").Obj(), given("acme", "later", "editor").ToGroup("ops").Obj(),
		given("acme", "invited", "viewer").ToInvitation("guest").Obj(), given("acme", "open", "viewer").ToInvitation("pending").Obj(),
		given("acme", "hers", "viewer").ToUser("alice").Obj(), given("other", "theirs", "editor").ToUser("robert").Obj(), given("acme", "orphan", "editor").ToUser("gone").Obj(),
	)
	for name, test := range map[string]struct {
		user, role, group string
		all               bool
		want              []string
		fails             string
	}{
		"by name":                         {user: "bob", want: []string{"group", "invited", "own"}},
		"by subject":                      {user: "bob@acme", want: []string{"group", "invited", "own"}},
		"by subject, everywhere":          {user: "bob@acme", all: true, want: []string{"group", "invited", "own", "theirs"}},
		"by name, everywhere":             {user: "bob", all: true, want: []string{"group", "invited", "own"}},
		"of a role":                       {user: "bob", role: "viewer", want: []string{"invited"}},
		"by a group":                      {user: "bob", group: "devs", want: []string{"group"}},
		"by a group that they are not in": {user: "alice", group: "devs"},
		"who is gone":                     {user: "gone", want: []string{"orphan"}},
		"nobody":                          {user: "nobody", fails: "--user=nobody names nothing in acme: use one of alice, bob"},
		"nobody, everywhere":              {user: "nobody", all: true, fails: "--user=nobody names nothing in any organization: use one of alice, bob, robert"},
		"a role that is none":             {role: "edtor", fails: "--role=edtor names nothing in acme: use one of editor, viewer"},
		"a role, and nobody":              {user: "nobody", role: "edtor", fails: "--user=nobody names nothing in acme: use one of alice, bob"},
		"everything":                      {want: []string{"group", "hers", "invited", "later", "open", "orphan", "own"}},
	} {
		byUser := &filter{flag: "user", field: "spec.subject.user", value: test.user, known: names(&v1alpha1.UserList{})}
		l := &listing{list: &v1alpha1.RoleAssignmentList{}, all: test.all, user: byUser, through: throughOthers, filters: []*filter{
			byUser, {flag: "role", field: "spec.roleRef.name", value: test.role, known: names(&v1alpha1.RoleList{})},
			{flag: "group", field: "spec.subject.group", value: test.group, known: names(&v1alpha1.GroupList{})},
		}}
		objects, err := l.read(t.Context(), c)
		if (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: got %v, want %q", name, err, test.fails)
		}
		var got []string
		for _, object := range objects {
			got = append(got, object.GetName())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
	nowhere := &cluster{organization: "acmee", WithWatch: c.WithWatch}
	if _, err := (&listing{list: &v1alpha1.RoleAssignmentList{}}).read(t.Context(), nowhere); err == nil || !strings.Contains(err.Error(), "there is no Organization acmee") {
		t.Errorf("got %v", err)
	}
}
