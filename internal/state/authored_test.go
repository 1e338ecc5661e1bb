package state_test

import (
	"fmt"
	"maps"
	"strings"
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

// by stamps an object as admission does.
func by[T v1alpha1.Object](author policy.Author, object T) T {
	if author.Generation == 0 {
		author.Generation = 1
	}
	stamp, err := author.Stamp()
	if err != nil {
		panic(err)
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[v1alpha1.AnnotationAuthor] = stamp
	object.SetAnnotations(annotations)
	if object.GetUID() == "" {
		object.SetUID(types.UID("uid-of-" + object.GetName()))
	}
	object.SetCreationTimestamp(metav1.NewTime(epoch))
	return object
}

var (
	git     = policy.Author{Username: "git", Subject: "git", Verb: "bind"}
	alice   = policy.Author{Username: "alice", Subject: "alice"}     // holds View, and administers nothing
	mallory = policy.Author{Username: "mallory", Subject: "mallory"} // holds nothing
)

// squatted is an organization in which alice holds View, and others hold nothing.
func squatted(objects ...client.Object) *state.State {
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	s.Put(organizationOf(objects...)...)
	return s
}

func organizationOf(objects ...client.Object) []client.Object {
	return append([]client.Object{
		&metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "acme"}},
		build.ResourceType("docs").OfType("doc").Permits("View").Permits("Edit").Obj(),
		build.Organization("acme").AdministeredBy("admin").OwnedBy("root").Workspace("prod").Obj(),
		build.User("acme", "root").KnownAs("root").Obj(), build.User("acme", "alice").KnownAs("alice").Obj(), build.User("acme", "mallory").KnownAs("mallory").Obj(),
		build.Role("acme", "admin").Grants("View", "Edit").Obj(), build.Role("acme", "viewer").Grants("View").Obj(),
		build.RoleAssignment("acme", "root").Gives("admin").ToUser("root").Obj(),
		build.RoleAssignment("acme", "alice").Gives("viewer").ToUser("alice").Obj(),
	}, objects...)
}

// means is an author who meant a User of a subject.
func (a meaning) of(subject string) policy.Author {
	author := policy.Author(a)
	author.User = &policy.MeantUser{UID: "an older one", Subject: subject}
	return author
}

type meaning policy.Author

func TestAnObjectGivesWhatItsAuthorAndTheMakersOfItsNamesCouldGive(t *testing.T) {
	newcomer := func(by_ policy.Author) *v1alpha1.User {
		return by(by_, build.User("acme", "new").KnownAs("somebody").Obj())
	}
	assigned := func(author policy.Author, role string) *v1alpha1.RoleAssignment {
		return by(author, build.RoleAssignment("acme", "x").Gives(role).ToUser("new").Obj())
	}
	confirmed := func(user *v1alpha1.User, as string) *v1alpha1.User {
		user.Annotations[v1alpha1.AnnotationConfirmed] = as
		return user
	}
	group := func(author policy.Author) *v1alpha1.Group { return by(author, build.Group("acme", "team").Obj()) }
	nobodys := func() *v1alpha1.RoleAssignment {
		return build.RoleAssignment("acme", "x").Gives("admin").ToUser("new").Obj()
	}
	toGroup := by(git, build.RoleAssignment("acme", "x").Gives("viewer").ToGroup("team").Obj())
	accepted := func(author policy.Author) *v1alpha1.Invitation {
		return by(author, build.Invitation("acme", "invited").AcceptedBy("new").Obj())
	}
	toInvited := by(git, build.RoleAssignment("acme", "x").Gives("viewer").ToInvitation("invited").Obj())
	granted := func(author policy.Author) *v1alpha1.PermissionGrant {
		return by(author, build.PermissionGrant("acme", "x").ToUser("new").Grants("View").Obj())
	}
	temporary := func(author policy.Author) *v1alpha1.TemporaryPermissionGrant {
		return by(author, build.TemporaryPermissionGrant("acme", "x").ToUser("new").Grants("View").For("1h").Obj())
	}
	member := func(author policy.Author) *v1alpha1.GroupMembership {
		return by(author, build.GroupMembership("acme", "x", "new", "team").Obj())
	}
	for name, c := range map[string]struct {
		objects []client.Object
		want    string
	}{
		"git's of git's":                         {[]client.Object{assigned(git, "admin"), newcomer(git)}, ""},
		"git's of a squatter's":                  {[]client.Object{assigned(git, "viewer"), newcomer(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"git's of one by who could give it":      {[]client.Object{assigned(git, "viewer"), newcomer(alice)}, ""},
		"git's of one by who could give less":    {[]client.Object{assigned(git, "admin"), newcomer(alice)}, v1alpha1.ReasonNameNotConfirmed},
		"git's of one that is confirmed":         {[]client.Object{assigned(git, "admin"), confirmed(newcomer(mallory), "somebody")}, ""},
		"git's of one that is confirmed as else": {[]client.Object{assigned(git, "admin"), confirmed(newcomer(mallory), "somebody-else")}, v1alpha1.ReasonNameNotConfirmed},
		"one's own of what one holds":            {[]client.Object{assigned(alice, "viewer"), newcomer(alice)}, ""},
		"one's own of what one does not hold":    {[]client.Object{assigned(alice, "admin"), newcomer(git)}, v1alpha1.ReasonNotHeld},
		"nobody's of git's":                      {[]client.Object{nobodys(), newcomer(git)}, ""},
		"nobody's of nobody's":                   {[]client.Object{nobodys(), build.User("acme", "new").KnownAs("somebody").Obj()}, ""},
		"nobody's of a squatter's":               {[]client.Object{nobodys(), newcomer(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"nobody's of one that is confirmed":      {[]client.Object{nobodys(), confirmed(newcomer(mallory), "somebody")}, ""},
		"nobody's of a forged name":              {[]client.Object{nobodys(), forged(newcomer(git))}, v1alpha1.ReasonNameNotConfirmed},
		"a forged author's":                      {[]client.Object{forged(nobodys()), newcomer(git)}, v1alpha1.ReasonNotHeld},
		"a new person under an old name":         {[]client.Object{assigned(meaning(git).of("who-left"), "viewer"), newcomer(git)}, v1alpha1.ReasonNameNotConfirmed},
		"a new person who is confirmed":          {[]client.Object{assigned(meaning(git).of("who-left"), "viewer"), confirmed(newcomer(git), "somebody")}, ""},
		"the same person, made anew":             {[]client.Object{assigned(meaning(git).of("somebody"), "viewer"), newcomer(git)}, ""},
		"a squatter's Group":                     {[]client.Object{toGroup, group(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"git's Group":                            {[]client.Object{toGroup, group(git)}, ""},
		"a squatter's Invitation":                {[]client.Object{toInvited, accepted(mallory), newcomer(git)}, v1alpha1.ReasonNameNotConfirmed},
		"a squatter's address":                   {[]client.Object{toInvited, accepted(git), newcomer(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"git's Invitation and User":              {[]client.Object{toInvited, accepted(git), newcomer(git)}, ""},
		"a grant to a squatter's":                {[]client.Object{granted(git), newcomer(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"a grant of what its author lacks":       {[]client.Object{granted(mallory), newcomer(git)}, v1alpha1.ReasonNotHeld},
		"a grant of what its author holds":       {[]client.Object{granted(alice), newcomer(git)}, ""},
		"a temporary grant to a squatter's":      {[]client.Object{temporary(git), newcomer(mallory)}, v1alpha1.ReasonNameNotConfirmed},
		"a temporary grant to git's":             {[]client.Object{temporary(git), newcomer(git)}, ""},
		"a membership of a squatter's":           {[]client.Object{member(git), newcomer(mallory), group(git)}, v1alpha1.ReasonNameNotConfirmed},
		"a membership by who manages no group":   {[]client.Object{member(alice), newcomer(git), group(git)}, v1alpha1.ReasonNotHeld},
		"a membership by git":                    {[]client.Object{member(git), newcomer(git), group(git)}, ""},
	} {
		t.Run("[F9] "+name, func(t *testing.T) {
			ref := kinds.RefOf(c.objects[0])
			for order, s := range map[string]*state.State{"together": squatted(c.objects...), "one by one": oneByOne(c.objects), "backwards": backwards(c.objects)} {
				outcome, _ := s.Outcome(ref)
				if outcome.InForce != (c.want == "") || c.want != "" && outcome.Reason != c.want {
					t.Errorf("%s: %s, in force %v: %s", order, outcome.Reason, outcome.InForce, outcome.Message)
				}
				if held := len(s.HeldAnywhere(types.NamespacedName{Namespace: "acme", Name: "new"})) > 0; held && c.want != "" {
					t.Errorf("%s: somebody holds something by it", order)
				}
			}
		})
	}
}

// forged has a stamp that JSON reads as another's than the API server has compared.
func forged[T v1alpha1.Object](object T) T {
	object.SetAnnotations(map[string]string{v1alpha1.AnnotationAuthor: `{"username":"mallory","subject":"mallory","username":"git","subject":"git","verb":"bind"}`})
	object.SetUID("forged")
	return object
}

func oneByOne(objects []client.Object) *state.State {
	s := squatted()
	for _, object := range objects {
		s.Put(object.DeepCopyObject().(client.Object))
	}
	return s
}

func backwards(objects []client.Object) *state.State {
	s := squatted()
	for n := range objects {
		s.Put(objects[len(objects)-1-n].DeepCopyObject().(client.Object))
	}
	return s
}

func TestWhatWasFoundOfAnAuthorHoldsFromThenOn(t *testing.T) {
	x := by(alice, build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj())
	x.Generation = 1
	user := by(alice, build.User("acme", "new").KnownAs("somebody").Obj())
	ref := kinds.RefOf(x)
	s := squatted(x.DeepCopy(), user)
	expect := func(s *state.State, name string, inForce bool) state.Outcome {
		t.Helper()
		outcome, _ := s.Outcome(ref)
		if outcome.InForce != inForce {
			t.Errorf("[F9] %s: %s %s", name, outcome.Reason, outcome.Message)
		}
		return outcome
	}
	judged := expect(s, "its author holds it", true).Judged
	if judged == nil || judged.Generation != 1 {
		t.Fatalf("nothing is recorded: %+v", judged)
	}
	loses := kinds.RefOf(build.RoleAssignment("acme", "alice").Obj())
	s.Remove(loses)
	expect(s, "its author has lost it", true)

	recorded := x.DeepCopy()
	recorded.Status.Judged = judged
	after := squatted()
	after.Remove(loses)
	after.Put(user.DeepCopy(), recorded)
	expect(after, "after a restart", true)
	unrecorded := squatted()
	unrecorded.Remove(loses)
	unrecorded.Put(user.DeepCopy(), x.DeepCopy())
	expect(unrecorded, "without the record", false)
	if changed := unrecorded.Put(build.RoleAssignment("acme", "alice").Gives("viewer").ToUser("alice").Obj()); len(changed.Outcomes) < 2 {
		t.Errorf("[F9] it is not said that another one takes effect: %v", changed.Outcomes)
	}
	expect(unrecorded, "when its author has it again", true)

	// An edit that gives more is its author's; what its author lacks, nobody has by it.
	widened := by(policy.Author{Username: "mallory", Subject: "mallory", Generation: 2}, build.RoleAssignment("acme", "x").Gives("admin").ToUser("new").Obj())
	widened.Generation, widened.Status.Judged = 2, judged
	s.Put(widened)
	if outcome := expect(s, "widened by who lacks it", false); outcome.Reason != v1alpha1.ReasonNotHeld || !strings.Contains(outcome.Message, `its author "mallory" did not hold`) || !strings.Contains(outcome.Message, "Edit at acme") || strings.Contains(outcome.Message, "View at acme") {
		t.Errorf("[F9] it says %q: %s", outcome.Reason, outcome.Message)
	}
	// Whoever narrows it holds what it gave only where that is more than before.
	narrowed := by(policy.Author{Username: "mallory", Subject: "mallory", Generation: 3}, build.RoleAssignment("acme", "y").Gives("viewer").ToUser("new").InWorkspace("prod").Obj())
	narrowed.UID = "of y"
	wide := by(git, build.RoleAssignment("acme", "y").Gives("viewer").ToUser("new").Obj())
	wide.UID = "of y"
	s = squatted(user.DeepCopy(), wide)
	ref = kinds.RefOf(narrowed)
	expect(s, "git's, of a User by who could give it", true)
	s.Remove(loses)
	s.Put(narrowed)
	expect(s, "narrowed by who lacks it, with a User by who has lost it", true)
}

func TestWhoeverFollowsGoesByTheRecord(t *testing.T) {
	x, user := by(alice, build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj()), by(alice, build.User("acme", "new").KnownAs("somebody").Obj())
	leader := squatted(user)
	s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
	s.Follow(nil, organizationOf(user)...)
	s.Follow(nil, x.DeepCopy())
	if outcome, _ := s.Outcome(kinds.RefOf(x)); outcome.InForce {
		t.Errorf("[F9] in force before it was judged: %s", outcome.Message)
	}
	expectHistoric(t, s, "acme", false, "while nobody has judged the author of what is new: it gives nothing yet")
	x.Status.ObservedGeneration = x.Generation + 1
	s.Follow(nil, x.DeepCopy())
	expectHistoric(t, s, "acme", true, "while nobody has judged the author of an edit")
	refused := x.DeepCopy()
	refused.Status.ObservedGeneration = refused.Generation
	refused.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotHeld}}
	if state.Unchanged(x, refused) {
		t.Error("[F9] the refusal changes nothing")
	}
	s.Follow(nil, refused)
	expectHistoric(t, s, "acme", false, "when it is known that the author could not give it")
	s.Follow(nil, x.DeepCopy())
	leader.Put(x.DeepCopy())
	judged, _ := leader.Outcome(kinds.RefOf(x))
	recorded := x.DeepCopy()
	recorded.Status.Judged = judged.Judged
	if state.Unchanged(x, recorded) {
		t.Error("[F9] the record changes nothing")
	}
	s.Follow(nil, recorded)
	if outcome, _ := s.Outcome(kinds.RefOf(x)); !outcome.InForce {
		t.Errorf("[F9] not in force with its record: %s", outcome.Message)
	}
	expectHistoric(t, s, "acme", false, "with the record")
	s.Follow(nil, x.DeepCopy()) // as it would be found after a restart
	s.Remove(kinds.RefOf(x))
	s.Follow(nil, x.DeepCopy())
	if outcome, _ := s.Outcome(kinds.RefOf(x)); outcome.InForce {
		t.Errorf("[F9] in force before it was judged: %s", outcome.Message)
	}
	if changed := s.Judge(); len(changed.Outcomes) == 0 {
		t.Error("[F9] whoever begins to lead says nothing of what takes effect")
	}
	if outcome, _ := s.Outcome(kinds.RefOf(x)); !outcome.InForce {
		t.Errorf("[F9] not in force when its follower leads: %s", outcome.Message)
	}
}

// newcomerOf is a User, made by somebody who may give everything, to whom nothing has been given yet.
func newcomerOf() *v1alpha1.User { return by(git, build.User("acme", "new").KnownAs("somebody").Obj()) }

func asPaused[T v1alpha1.Object](object T) T {
	annotations := maps.Clone(object.GetAnnotations())
	annotations[v1alpha1.AnnotationPaused] = "true"
	object.SetAnnotations(annotations)
	return object
}

func TestWhatWasRefusedStaysSoWhileItIsPaused(t *testing.T) {
	for name, written := range map[string]func(more bool) v1alpha1.Object{
		"an assignment": func(more bool) v1alpha1.Object {
			return by(mallory, build.RoleAssignment("acme", "x").Gives(map[bool]string{true: "admin", false: "viewer"}[more]).ToUser("new").Obj())
		},
		"a grant": func(more bool) v1alpha1.Object {
			return by(mallory, build.PermissionGrant("acme", "x").ToUser("new").Grants(map[bool][]string{true: {"View", "Edit"}, false: {"View"}}[more]...).Obj())
		},
	} {
		expectNothing := func(s *state.State, when string) {
			t.Helper()
			if len(s.HeldAnywhere(types.NamespacedName{Namespace: "acme", Name: "new"})) > 0 {
				t.Errorf("[F9] %s gives something %s", name, when)
			}
		}
		s := squatted(newcomerOf(), written(true))
		expectNothing(s, "before")
		s.Put(asPaused(written(true)))
		expectNothing(s, "while it is paused")
		s.Put(asPaused(written(false)))
		expectNothing(s, "while an edit waits")
		outcome, _ := s.Outcome(kinds.RefOf(written(true)))
		restarted := asPaused(written(false))
		restarted.CommonStatus().Held = outcome.Paused.Record
		after := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
		after.Follow(nil, organizationOf(newcomerOf(), restarted)...)
		after.Judge()
		expectNothing(after, "after a restart")
		s.Put(written(false))
		expectNothing(s, "when the pause has ended")
	}
}

// A status that was written before there was anything to judge does not say that the author could give it.
func TestWhatWaitedIsNotHeldToUnjudgedWhileItIsPaused(t *testing.T) {
	for name, c := range map[string]struct {
		judged  *v1alpha1.Judged
		inForce bool
	}{"never judged": {nil, false}, "judged": {&v1alpha1.Judged{Generation: 1}, true}} {
		x := by(mallory, build.RoleAssignment("acme", "x").Gives("later").ToUser("new").Obj())
		x.Generation = 1
		x.Status.ObservedGeneration, x.Status.Judged = 1, c.judged
		x.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonRoleNotFound}}
		x.Annotations[v1alpha1.AnnotationPaused] = "true"
		s := squatted(newcomerOf(), x)
		outcome, _ := s.Outcome(kinds.RefOf(x))
		later := build.Role("acme", "later").Grants("View", "Edit").Obj()
		edited := by(policy.Author{Username: "mallory", Subject: "mallory", Generation: 2}, x.DeepCopy())
		edited.Generation, edited.Status.Held, edited.Spec.Scope.Workspace = 2, outcome.Paused.Record, "prod"
		for when, s := range map[string]*state.State{"edited": s, "restarted": squatted(newcomerOf())} {
			s.Put(later, edited.DeepCopy())
			if outcome, _ := s.Outcome(kinds.RefOf(x)); outcome.InForce != c.inForce {
				t.Errorf("[F9] %s, %s: %s, in force %v: %s", name, when, outcome.Reason, outcome.InForce, outcome.Message)
			}
		}
	}
}

func TestWhoIsNotKnownAnyMoreIsNotJudged(t *testing.T) {
	x := by(mallory, build.RoleAssignment("acme", "x").Gives("admin").ToUser("new").Obj())
	s := squatted(newcomerOf(), x.DeepCopy())
	x.Annotations = nil // as when the webhook was not installed when it was replaced
	s.Put(x)
	if outcome, _ := s.Outcome(kinds.RefOf(x)); !outcome.InForce {
		t.Errorf("%s: %s", outcome.Reason, outcome.Message)
	}
}

func TestOnlyTheNamesThatAreThereAreRecorded(t *testing.T) {
	x := by(git, build.RoleAssignment("acme", "x").Gives("viewer").ToGroup("team").Obj())
	s := squatted(x.DeepCopy())
	for n := range 6 {
		team := build.Group("acme", "team").Obj()
		team.UID = types.UID(fmt.Sprint("uid-", n))
		s.Put(by(alice, team))
		outcome, _ := s.Outcome(kinds.RefOf(x))
		if !outcome.InForce || outcome.Judged == nil || len(outcome.Judged.UIDs) != 1 {
			t.Fatalf("[F9] made anew for the time %d: %s, in force %v, recorded %+v", n, outcome.Reason, outcome.InForce, outcome.Judged)
		}
		x.Status.Judged = outcome.Judged
		s.Put(x.DeepCopy())
		s.Remove(kinds.RefOf(team))
	}
}

// Whoever follows waits for nothing about an object that gives nothing, whoever wrote it.
func TestNobodyWaitsForTheJudgementOfWhatGivesNothing(t *testing.T) {
	follows := func(objects ...client.Object) *state.State {
		s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
		s.Follow(nil, organizationOf(objects...)...)
		return s
	}
	suspended := newcomerOf()
	suspended.Spec.Suspended = true
	for name, x := range map[string]client.Object{
		"an assignment": by(mallory, build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj()),
		"a grant":       by(mallory, build.PermissionGrant("acme", "x").ToUser("new").Grants("View").Obj()),
		"a membership":  by(mallory, build.GroupMembership("acme", "x", "new", "team").Obj()),
	} {
		team := by(git, build.Group("acme", "team").Obj())
		x.(v1alpha1.Object).CommonStatus().ObservedGeneration = 1 // something was said of it, so it may have given something
		s := follows(newcomerOf(), team, x.DeepCopyObject().(client.Object))
		expectHistoric(t, s, "acme", true, name+": while nobody has judged its author")
		s.Follow(nil, suspended.DeepCopy())
		expectHistoric(t, s, "acme", false, name+": when its User is suspended")
		s.Follow(nil, newcomerOf())
		expectHistoric(t, s, "acme", true, name+": when the suspension has ended")
	}
}

func TestWhoeverFollowsLearnsOfAConfirmation(t *testing.T) {
	user := func(author policy.Author) *v1alpha1.User {
		return by(author, build.User("acme", "new").KnownAs("somebody").Obj())
	}
	group := func(author policy.Author) *v1alpha1.Group { return by(author, build.Group("acme", "team").Obj()) }
	invitation := func(author policy.Author) *v1alpha1.Invitation {
		return by(author, build.Invitation("acme", "invited").AcceptedBy("new").Obj())
	}
	toInvited := build.RoleAssignment("acme", "x").Gives("viewer").ToInvitation("invited").Obj()
	toGroup := build.RoleAssignment("acme", "x").Gives("viewer").ToGroup("team").Obj()
	member := by(git, build.GroupMembership("acme", "m", "new", "team").Obj())
	for name, c := range map[string]struct {
		x       v1alpha1.Object
		others  []client.Object
		names   v1alpha1.Object
		confirm string
	}{
		"a User":               {build.RoleAssignment("acme", "x").Gives("viewer").ToUser("new").Obj(), nil, user(mallory), "somebody"},
		"a User, of a grant":   {build.PermissionGrant("acme", "x").ToUser("new").Grants("View").Obj(), nil, user(mallory), "somebody"},
		"a Group":              {toGroup, []client.Object{user(git), member}, group(mallory), "true"},
		"an Invitation":        {toInvited, []client.Object{user(git)}, invitation(mallory), "true"},
		"whoever has accepted": {toInvited, []client.Object{invitation(git)}, user(mallory), "somebody"},
	} {
		t.Run("[F9] "+name, func(t *testing.T) {
			x := by(git, c.x.DeepCopyObject().(v1alpha1.Object))
			x.CommonStatus().Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNameNotConfirmed}}
			s := state.New(state.Limits{ConditionCost: 1000}, clocktesting.NewFakePassiveClock(epoch))
			s.Follow(nil, organizationOf(append([]client.Object{x, c.names.DeepCopyObject().(client.Object)}, c.others...)...)...)
			expect := func(when string, inForce bool) {
				t.Helper()
				if outcome, _ := s.Outcome(kinds.RefOf(x)); outcome.InForce != inForce {
					t.Errorf("%s: %s, in force %v: %s", when, outcome.Reason, outcome.InForce, outcome.Message)
				}
				expectHistoric(t, s, "acme", false, when)
			}
			expect("before", false)
			confirmed := c.names.DeepCopyObject().(v1alpha1.Object)
			confirmed.GetAnnotations()[v1alpha1.AnnotationConfirmed] = c.confirm
			s.Follow(nil, confirmed)
			expect("confirmed", true)
			s.Follow(nil, c.names.DeepCopyObject().(client.Object))
			expect("no more", false)
			another := c.names.DeepCopyObject().(v1alpha1.Object)
			s.Follow(nil, by(git, another))
			expect("of another maker", true)
		})
	}
}

// Nobody judges a Role or an AccessPolicy again when it takes effect: their authors answer for all that these give, whoever has
// it by then, and whoever gives a Role to somebody is judged by what it gives when that takes effect.
func TestWhoWritesRolesAndPoliciesAnswersForThemWhoeverIsFaster(t *testing.T) {
	narrow, wide := build.Role("acme", "r").Grants("View").Obj(), build.Role("acme", "r").Grants("View", "Edit").Obj()
	offers := build.AccessPolicy("acme", "p").For("new").Offers("admin").In("prod").DecidedBy(1, "root").Obj()
	assigned := func() *v1alpha1.RoleAssignment {
		return by(alice, build.RoleAssignment("acme", "x").Gives("r").ToUser("new").Obj())
	}
	for name, s := range map[string]*state.State{
		"nobody has it":  squatted(newcomerOf(), narrow.DeepCopy()),
		"somebody does":  squatted(newcomerOf(), narrow.DeepCopy(), assigned()),
		"it is not seen": squatted(newcomerOf()),
	} {
		old := narrow.DeepCopy()
		for subject, may := range map[string]bool{"alice": false, "mallory": false, "root": true} {
			if missing := s.MissingPrivileges(subject, old, wide); missing.Empty() != may {
				t.Errorf("[F9] %s: widening the Role, %s lacks %v", name, subject, missing)
			}
			if missing := s.MissingPrivileges(subject, nil, offers); missing.Empty() != may {
				t.Errorf("[F9] %s: offering the Role admin, %s lacks %v", name, subject, missing)
			}
		}
	}
	for name, c := range map[string]struct {
		written []client.Object
		inForce bool
	}{
		"the Role is widened first":       {[]client.Object{wide, assigned()}, false},
		"the Role is widened afterwards":  {[]client.Object{assigned(), wide}, true}, // by who could, for whoever has it
		"the Role was not widened at all": {[]client.Object{assigned()}, true},
	} {
		s := squatted(newcomerOf(), narrow.DeepCopy())
		for _, object := range c.written {
			s.Put(object.DeepCopyObject().(client.Object))
		}
		if outcome, _ := s.Outcome(kinds.RefOf(assigned())); outcome.InForce != c.inForce {
			t.Errorf("[F9] %s: %s, in force %v: %s", name, outcome.Reason, outcome.InForce, outcome.Message)
		}
	}
	together := squatted(newcomerOf(), narrow.DeepCopy())
	together.Put(assigned(), wide.DeepCopy())
	if outcome, _ := together.Outcome(kinds.RefOf(assigned())); outcome.InForce {
		t.Errorf("[F9] both at once: %s: %s", outcome.Reason, outcome.Message)
	}
}
