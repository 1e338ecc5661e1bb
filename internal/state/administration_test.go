package state_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// administered is an organization that alice owns and administers as the last of these does.
func administered(through ...client.Object) *state.State {
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	objects := []client.Object{
		&metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "acme"}},
		build.ResourceType("docs").OfType("doc").Permits("View").Permits("Edit").Obj(),
		build.Organization("acme").AdministeredBy("admin").OwnedBy("alice", "bob").Workspace("prod").Obj(),
		build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "bob").KnownAs("bob").Obj(), build.User("acme", "carol").KnownAs("carol").Obj(),
		build.Role("acme", "viewer").Grants("View").Obj(), build.Role("acme", "admin").Inherits("viewer").Obj(),
		build.Group("acme", "admins").Obj(),
	}
	s.Put(append(objects, through...)...)
	return s
}

func TestAnOwnerAlwaysAdministersWhateverIsEdited(t *testing.T) {
	direct := build.RoleAssignment("acme", "direct").Gives("admin").ToUser("alice").Obj()
	toGroup := build.RoleAssignment("acme", "group").Gives("admin").ToGroup("admins").Obj()
	member := build.GroupMembership("acme", "alice-admins", "alice", "admins").Obj()
	invitation := build.Invitation("acme", "invited").AcceptedBy("alice").Obj()
	invitation.CreationTimestamp = metav1.NewTime(epoch)
	invited := build.RoleAssignment("acme", "invited").Gives("admin").ToInvitation("invited").Obj()
	organization := func() *build.OrganizationBuilder {
		return build.Organization("acme").AdministeredBy("admin").OwnedBy("alice", "bob").Workspace("prod")
	}
	role := func() *build.RoleBuilder { return build.Role("acme", "admin") }
	for name, c := range map[string]struct {
		through     []client.Object
		old, object client.Object
		// ends says whether the write ends the administration; otherwise it does not.
		ends bool
	}{
		"the owner is suspended":                      {[]client.Object{direct}, build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "alice").KnownAs("alice").Suspended().Obj(), true},
		"the owner is deleted":                        {[]client.Object{direct}, build.User("acme", "alice").KnownAs("alice").Obj(), nil, true},
		"somebody else is suspended":                  {[]client.Object{direct}, build.User("acme", "bob").KnownAs("bob").Obj(), build.User("acme", "bob").KnownAs("bob").Suspended().Obj(), false},
		"the admin role is emptied":                   {[]client.Object{direct}, role().Inherits("viewer").Obj(), role().Obj(), true},
		"the admin role gives something else":         {[]client.Object{direct}, role().Inherits("viewer").Obj(), role().Grants("Edit").Obj(), false},
		"the admin role may be assigned below":        {[]client.Object{direct}, role().Inherits("viewer").Obj(), role().Inherits("viewer").AssignableAt("Workspace").Obj(), true},
		"the admin role is deleted":                   {[]client.Object{direct}, role().Inherits("viewer").Obj(), nil, true},
		"a role that it inherits is deleted":          {[]client.Object{direct}, build.Role("acme", "viewer").Grants("View").Obj(), nil, true},
		"a role that it inherits is emptied":          {[]client.Object{direct}, build.Role("acme", "viewer").Grants("View").Obj(), build.Role("acme", "viewer").Obj(), true},
		"a role that it inherits gives more":          {[]client.Object{direct}, build.Role("acme", "viewer").Grants("View").Obj(), build.Role("acme", "viewer").Grants("View", "Edit").Obj(), false},
		"another role is deleted":                     {[]client.Object{direct, build.Role("acme", "other").Grants("View").Obj()}, build.Role("acme", "other").Grants("View").Obj(), nil, false},
		"the assignment is deleted":                   {[]client.Object{direct}, direct, nil, true},
		"the assignment moves below":                  {[]client.Object{direct}, direct, build.RoleAssignment("acme", "direct").Gives("admin").ToUser("alice").InWorkspace("prod").Obj(), true},
		"the assignment goes to another owner":        {[]client.Object{direct}, direct, build.RoleAssignment("acme", "direct").Gives("admin").ToUser("bob").Obj(), false},
		"the assignment goes to somebody else":        {[]client.Object{direct}, direct, build.RoleAssignment("acme", "direct").Gives("admin").ToUser("carol").Obj(), true},
		"it is paused with the write":                 {[]client.Object{direct}, direct, pausedObject(build.RoleAssignment("acme", "direct").Gives("admin").ToUser("carol").Obj()), true},
		"the owner is none any more":                  {[]client.Object{direct}, organization().Obj(), build.Organization("acme").AdministeredBy("admin").OwnedBy("bob").Workspace("prod").Obj(), true},
		"another role is the admin role":              {[]client.Object{direct}, organization().Obj(), organization().AdministeredBy("viewer").Obj(), true},
		"the workspaces change":                       {[]client.Object{direct}, organization().Obj(), build.Organization("acme").AdministeredBy("admin").OwnedBy("alice", "bob").Obj(), false},
		"the Organization is deleted":                 {[]client.Object{direct}, organization().Obj(), nil, false},
		"a group's membership is deleted":             {[]client.Object{toGroup, member}, member, nil, true},
		"a group's membership is somebody else's":     {[]client.Object{toGroup, member}, member, build.GroupMembership("acme", "alice-admins", "carol", "admins").Obj(), true},
		"the group is deleted":                        {[]client.Object{toGroup, member}, build.Group("acme", "admins").Obj(), nil, true},
		"the group's assignment is deleted":           {[]client.Object{toGroup, member}, toGroup, nil, true},
		"one of two ways goes":                        {[]client.Object{toGroup, member, direct}, direct, nil, false},
		"one of two owners is suspended":              {[]client.Object{direct, build.RoleAssignment("acme", "bob").Gives("admin").ToUser("bob").Obj()}, build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "alice").KnownAs("alice").Suspended().Obj(), false},
		"the invitation is deleted":                   {[]client.Object{invitation, invited}, invitation, nil, true},
		"no owner administers it before":              {nil, build.User("acme", "alice").KnownAs("alice").Obj(), nil, false},
		"a role is created that the admin role lacks": {[]client.Object{direct, build.Role("acme", "admin").Inherits("viewer", "later").Obj()}, nil, build.Role("acme", "later").Grants("Edit").Obj(), false},
	} {
		t.Run("[F3] "+name, func(t *testing.T) {
			why := administered(c.through...).EndsAdministration(c.old, c.object)
			if (why != "") != c.ends {
				t.Errorf("got %q", why)
			}
			if why != "" && !strings.Contains(why, "no owner would administer the Organization acme") {
				t.Errorf("%q does not say what is lost", why)
			}
		})
	}
}

func pausedObject(object v1alpha1.Object) client.Object {
	object.SetAnnotations(map[string]string{v1alpha1.AnnotationPaused: "true"})
	return object
}

func TestAnOrganizationSaysThatNobodyAdministersIt(t *testing.T) {
	direct := build.RoleAssignment("acme", "direct").Gives("admin").ToUser("alice").Obj()
	for name, c := range map[string]struct {
		also []client.Object
		want string
	}{
		"nobody has the role":    {nil, "assign the Role admin to one of spec.owners"},
		"the owner is suspended": {[]client.Object{direct, build.User("acme", "alice").KnownAs("alice").Suspended().Obj()}, "the User alice is suspended"},
		"the role is empty":      {[]client.Object{direct, build.Role("acme", "admin").Obj()}, "the RoleAssignment direct gives nothing: the Role admin has no permission"},
		"the owner is in no group": {[]client.Object{
			build.RoleAssignment("acme", "group").Gives("admin").ToGroup("admins").Obj(), build.GroupMembership("acme", "m", "alice", "admins").Obj(),
			build.GroupMembership("acme", "n", "alice", "gone").Obj(),
		}, ""},
	} {
		t.Run("[F3] "+name, func(t *testing.T) {
			outcome, _ := administered(c.also...).Outcome(kinds.Ref{Kind: kinds.Organization, Name: "acme"})
			if c.want == "" {
				if !outcome.Ready {
					t.Errorf("got %+v", outcome)
				}
				return
			}
			if outcome.Ready || outcome.Reason != v1alpha1.ReasonNotAdministered || !strings.Contains(outcome.Message, c.want) || !strings.Contains(outcome.Message, "all else is in effect") {
				t.Errorf("got %s, %q", outcome.Reason, outcome.Message)
			}
		})
	}
	s := administered(direct)
	ref := kinds.Ref{Kind: kinds.Organization, Name: "acme"}
	if outcome, _ := s.Outcome(ref); !outcome.Ready {
		t.Fatalf("administered: got %+v", outcome)
	}
	change := s.Remove(kinds.RefOf(direct))
	if outcome, _ := s.Outcome(ref); outcome.Ready || len(change.Outcomes) != 2 {
		t.Errorf("after its end: got %+v, changed %v", outcome, change.Outcomes)
	}
}
