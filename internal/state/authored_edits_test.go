package state_test

import (
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// What others gave is in the stamp, so that it is not asked of who has added to it, whatever the leader has seen of it.
func TestAnEditIsJudgedForWhatItAddsAfterARestartToo(t *testing.T) {
	grant := func(author policy.Author, permissions ...string) *v1alpha1.PermissionGrant {
		g := by(author, build.PermissionGrant("acme", "x").ToUser("new").Grants(permissions...).Obj())
		g.Generation = author.Generation
		return g
	}
	first := func(author policy.Author) policy.Author { author.Generation = 1; return author }
	// edited is what admission writes down of an edit.
	edited := func(author policy.Author, generation int64, before *v1alpha1.PermissionGrant) policy.Author {
		author.Generation, author.Before = generation, state.GivenBefore(before)
		return author
	}
	bob := policy.Author{Username: "bob", Subject: "bob"} // holds Edit
	org := []client.Object{
		newcomerOf(), build.User("acme", "bob").KnownAs("bob").Obj(), build.Role("acme", "editor").Grants("Edit").Obj(),
		build.RoleAssignment("acme", "bob").Gives("editor").ToUser("bob").Obj(),
	}
	gits := grant(first(git), "Edit")
	alices := grant(first(alice), "View")
	judged := alices.DeepCopy()
	judged.Status.Judged = &v1alpha1.Judged{Generation: 1}
	mallorys := grant(first(mallory), "Edit")
	nobodys := build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit").Obj()
	nobodys.UID, nobodys.Generation = "uid-of-x", 1
	carriedOut := saidToBeInForce(nobodys).(*v1alpha1.PermissionGrant)
	suspended := carriedOut.DeepCopy()
	suspended.Status.InForce = false
	waited := carriedOut.DeepCopy()
	waited.Status.InForce = false
	waited.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUserNotFound}}
	machines := grant(policy.Author{Username: "system:serviceaccount:acme:robot", Subject: "root", Verb: "escalate", Generation: 1}, "Edit")
	suspended.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld}}
	editedByMachine := saidToBeInForce(machines).(*v1alpha1.PermissionGrant)
	editedByMachine.Generation = 2
	by(policy.Author{Username: "system:serviceaccount:acme:robot", Verb: "escalate", Generation: 2}, editedByMachine)
	long := gits.DeepCopy()
	for n := range 2000 {
		long.Spec.Permissions = append(long.Spec.Permissions, v1alpha1.PermissionEntry{Permission: fmt.Sprintf("acme:NobodyDeclares%030d", n)})
	}
	chained := grant(edited(alice, 2, gits), "Edit", "View")
	for name, c := range map[string]struct {
		edit    *v1alpha1.PermissionGrant
		inForce bool
	}{
		"to what git gave":                           {grant(edited(alice, 2, gits), "Edit", "View"), true},
		"of more than one holds":                     {grant(edited(mallory, 2, gits), "Edit", "View"), false},
		"to what git gave, without the record":       {grant(policy.Author{Username: "alice", Subject: "alice", Generation: 2}, "Edit", "View"), false},
		"to what was judged":                         {grant(edited(bob, 2, judged), "Edit", "View"), true},
		"to what nobody has judged":                  {grant(edited(bob, 2, alices), "Edit", "View"), false},
		"to what its author could not give":          {grant(edited(alice, 2, mallorys), "Edit", "View"), false},
		"to what nobody has stamped":                 {grant(edited(alice, 2, carriedOut), "Edit", "View"), true},
		"to what nobody has stamped or carried out":  {grant(edited(alice, 2, nobodys), "Edit", "View"), false},
		"to what nobody has stamped, and waited":     {grant(edited(alice, 2, waited), "Edit", "View"), false},
		"to what a machine stamped":                  {grant(edited(alice, 2, machines), "Edit", "View"), false},
		"to what a machine has edited":               {grant(edited(alice, 3, editedByMachine), "Edit", "View"), true},
		"to what a machine gave":                     {grant(edited(alice, 2, saidToBeInForce(machines).(*v1alpha1.PermissionGrant)), "Edit", "View"), true},
		"to what a suspended ServiceAccount gave":    {grant(edited(alice, 2, suspended), "Edit", "View"), false},
		"to another edit that nobody has judged":     {grant(edited(alice, 3, chained), "Edit", "View"), true},
		"to one that its author could not have made": {grant(edited(bob, 3, grant(edited(mallory, 2, gits), "Edit", "View")), "Edit", "View"), false},
		"to what is too long for a stamp":            {grant(edited(alice, 2, long), "Edit", "View"), false},
	} {
		t.Run("[F9] "+name, func(t *testing.T) {
			s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
			s.Follow(nil, organizationOf(append(org, c.edit.DeepCopy())...)...)
			s.Judge()
			if outcome, _ := s.Outcome(kinds.RefOf(c.edit)); outcome.InForce != c.inForce {
				t.Errorf("after a restart: %s, in force %v: %s", outcome.Reason, outcome.InForce, outcome.Message)
			}
		})
	}
	// Two edits that come as one.
	s := squatted(append(org, gits.DeepCopy())...)
	s.Put(grant(edited(alice, 3, grant(edited(git, 2, gits), "Edit", "View")), "Edit", "View"))
	if outcome, _ := s.Outcome(kinds.RefOf(gits)); !outcome.InForce {
		t.Errorf("[F9] two edits at once: %s: %s", outcome.Reason, outcome.Message)
	}
}

// The names of what others gave are theirs as long as the record says so.
func TestTheMakersOfNamesAreNotAskedAgainForWhatOthersGave(t *testing.T) {
	user := by(mallory, build.User("acme", "new").KnownAs("somebody").Obj())
	gits := by(git, build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit").Obj())
	edit := func(before *v1alpha1.PermissionGrant) *v1alpha1.PermissionGrant {
		author := alice
		author.Generation, author.Before = 2, state.GivenBefore(before)
		g := by(author, build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit").InWorkspace("prod").Obj())
		g.Generation, g.Status.Judged = 2, before.Status.Judged
		return g
	}
	recorded := gits.DeepCopy()
	recorded.Status.Judged = &v1alpha1.Judged{Generation: 1, UIDs: []types.UID{user.UID}}
	for name, c := range map[string]struct {
		before  *v1alpha1.PermissionGrant
		inForce bool
	}{"with the record": {recorded, true}, "without it": {gits, false}} {
		s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
		s.Follow(nil, organizationOf(user.DeepCopy(), edit(c.before))...)
		s.Judge()
		if outcome, _ := s.Outcome(kinds.RefOf(gits)); outcome.InForce != c.inForce {
			t.Errorf("[F9] %s: %s, in force %v: %s", name, outcome.Reason, outcome.InForce, outcome.Message)
		}
	}
}

func TestALegalEditOfWhatOthersGaveCountsAfterAPauseToo(t *testing.T) {
	second := alice
	second.Generation = 2
	edit := by(second, build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit", "View").Obj())
	edit.Generation = 2
	s := squatted(newcomerOf(), by(git, build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit").Obj()))
	s.Put(asPaused(by(git, build.PermissionGrant("acme", "x").ToUser("new").Grants("Edit").Obj())))
	s.Put(asPaused(edit.DeepCopy()))
	s.Put(edit)
	if outcome, _ := s.Outcome(kinds.RefOf(edit)); !outcome.InForce {
		t.Errorf("[F9] %s: %s", outcome.Reason, outcome.Message)
	}
}
