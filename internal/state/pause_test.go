package state_test

import (
	"maps"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// pausing is an organization in which every kind has an object whose edit makes a difference to the store.
type pausing struct {
	*testing.T
	clock *clocktesting.FakePassiveClock
	// state is what the operator holds, and objects are those of the cluster.
	state   *state.State
	objects map[kinds.Ref]client.Object
}

func newPausing(t *testing.T) *pausing {
	p := &pausing{T: t, clock: clocktesting.NewFakePassiveClock(epoch.Add(time.Minute)), objects: map[kinds.Ref]client.Object{}}
	p.state = state.New(limits, p.clock)
	invitation := build.Invitation("acme", "inv").Obj()
	for _, object := range []client.Object{
		namespace("acme"),
		build.Organization("acme").Workspace("prod").Workspace("lab").Obj(),
		build.ResourceType("app").Permits("View").Permits("Edit").Obj(),
		build.User("acme", "ann").Obj(), build.User("acme", "sue").Suspended().Obj(),
		build.Group("acme", "devs").Obj(),
		build.GroupMembership("acme", "ann-devs", "ann", "devs").As(v1alpha1.GroupAdmin).Obj(),
		build.Role("acme", "editor").Grants("View").Obj(),
		build.RoleAssignment("acme", "ann").Gives("editor").ToUser("ann").InWorkspace("prod").Obj(),
		build.RoleAssignment("acme", "invited").Gives("editor").ToInvitation("inv").InWorkspace("lab").Obj(),
		build.PermissionGrant("acme", "ann").ToUser("ann").Grants("View").InWorkspace("lab").Obj(),
		build.PermissionGrant("acme", "sue").ToUser("sue").Grants("View").Obj(),
		build.TemporaryPermissionGrant("acme", "ann").ToUser("ann").Grants("Edit").Until(epoch.Add(time.Hour)).Obj(),
		invitation,
	} {
		object.SetUID(types.UID("1 " + object.GetName()))
		object.SetCreationTimestamp(metav1.NewTime(epoch))
		object.SetGeneration(1)
		if o, ok := object.(v1alpha1.Object); ok {
			o.CommonStatus().ObservedGeneration = -1
		}
		p.put(p.state, object)
	}
	return p
}

// put is what the API server has and the controller sees; the operator then writes the status.
func (p *pausing) put(state *state.State, object client.Object) {
	p.objects[kinds.RefOf(object)] = object
	p.look(state, state.Put(copies(object)...).Again)
	p.report(state, kinds.RefOf(object))
}

// look has a controller look again at all that another object's change concerns.
func (p *pausing) look(state *state.State, again []kinds.Ref) {
	for _, concerned := range again {
		if o := p.objects[concerned]; o != nil {
			state.Put(copies(o)...)
			p.report(state, concerned)
		}
	}
}

func (p *pausing) report(state *state.State, ref kinds.Ref) {
	object, ok := p.objects[ref].(v1alpha1.Object)
	if !ok {
		return
	}
	outcome, _ := state.Outcome(ref)
	object.CommonStatus().ObservedGeneration = object.GetGeneration()
	object.CommonStatus().Held = nil
	if outcome.Paused != nil {
		object.CommonStatus().Held = outcome.Paused.Record
	}
}

// change is an edit of an object; the operator sees it, if it is there, and writes the status.
func (p *pausing) change(ref kinds.Ref, edit func(client.Object), seen bool) {
	object := p.objects[ref].DeepCopyObject().(client.Object)
	before := object.DeepCopyObject().(v1alpha1.Object)
	edit(object)
	if !v1alpha1.SameDeclared(before, object.(v1alpha1.Object)) {
		object.SetGeneration(object.GetGeneration() + 1)
	}
	p.objects[ref] = object
	if seen {
		p.look(p.state, p.state.Put(copies(object)...).Again)
		p.report(p.state, ref)
	}
}

func paused(by client.Object, is bool) {
	annotations := map[string]string{}
	if is {
		annotations[v1alpha1.AnnotationPaused] = "true"
	}
	by.SetAnnotations(annotations)
}

func (p *pausing) pause(ref kinds.Ref, is, seen bool) {
	p.change(ref, func(o client.Object) { paused(o, is) }, seen)
}

// anew is the state after a start of the operator, and follows what a replica makes of the same objects, one
// by one in any order.
func (p *pausing) anew() (anew, follows *state.State) {
	anew, follows = state.New(limits, p.clock), state.New(limits, p.clock)
	var all []client.Object
	for _, object := range p.objects {
		all = append(all, object)
		for _, again := range follows.Follow(nil, copies(object)...).Again {
			follows.Follow(nil, copies(p.objects[again])...)
		}
	}
	anew.Put(copies(all...)...)
	return anew, follows
}

// take is what a state wants in the store.
func (p *pausing) take(state *state.State) snapshot {
	p.Helper()
	refs := map[kinds.Ref]bool{}
	for ref := range p.objects {
		refs[ref] = true
	}
	found := take(p.T, state, refs)
	found.outcomes = nil
	return found
}

// unpaused is what would be wanted if nobody had paused anything.
func (p *pausing) unpaused() snapshot {
	state := state.New(limits, p.clock)
	for _, object := range copies(values(p.objects)...) {
		object.SetAnnotations(nil)
		if o, ok := object.(v1alpha1.Object); ok {
			o.CommonStatus().Held = nil
		}
		state.Put(object)
	}
	return p.take(state)
}

func values(objects map[kinds.Ref]client.Object) (list []client.Object) {
	for _, object := range objects {
		list = append(list, object)
	}
	return list
}

// holds expects all who keep a state to want the same.
func (p *pausing) holds(want snapshot) {
	p.Helper()
	anew, follows := p.anew()
	for _, state := range []*state.State{p.state, anew, follows} {
		expectSame(p.T, p.take(state), want)
	}
	if !anew.History().Equal(p.state.History()) {
		p.Error("after a start it goes by something else")
	}
	follows.FollowHistory(p.state.History())
	if _, same := follows.SameHistory("acme"); !same {
		p.Error("whoever follows goes by something else")
	}
}

// giving are edits of an object of each kind, all of which make a difference to the store.
var giving = map[kinds.Ref]func(client.Object){
	{Kind: kinds.Organization, Name: "acme"}: func(o client.Object) {
		o.(*v1alpha1.Organization).Spec.Workspaces = o.(*v1alpha1.Organization).Spec.Workspaces[:1]
	},
	{Kind: kinds.ResourceType, Name: "app"}: func(o client.Object) {
		o.(*v1alpha1.ResourceType).Spec.Permissions = o.(*v1alpha1.ResourceType).Spec.Permissions[1:]
	},
	{Kind: kinds.User, Namespace: "acme", Name: "sue"}: func(o client.Object) { o.(*v1alpha1.User).Spec.Suspended = false },
	{Kind: kinds.Group, Namespace: "acme", Name: "devs"}: func(o client.Object) {
		o.(*v1alpha1.Group).Spec.ConfigurablePermissions = []string{"other"}
	},
	{Kind: kinds.GroupMembership, Namespace: "acme", Name: "ann-devs"}: func(o client.Object) {
		o.(*v1alpha1.GroupMembership).Spec.Role = v1alpha1.GroupMember
	},
	{Kind: kinds.Role, Namespace: "acme", Name: "editor"}: func(o client.Object) {
		o.(*v1alpha1.Role).Spec.PermissionGrants = append(o.(*v1alpha1.Role).Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: "Edit"})
	},
	{Kind: kinds.RoleAssignment, Namespace: "acme", Name: "ann"}: func(o client.Object) {
		o.(*v1alpha1.RoleAssignment).Spec.Scope.Workspace = "lab"
	},
	{Kind: kinds.PermissionGrant, Namespace: "acme", Name: "ann"}: func(o client.Object) {
		o.(*v1alpha1.PermissionGrant).Spec.Permissions[0].Permission = "Edit"
	},
	{Kind: kinds.TemporaryPermissionGrant, Namespace: "acme", Name: "ann"}: func(o client.Object) {
		o.(*v1alpha1.TemporaryPermissionGrant).Spec.ExpiresAt = &metav1.Time{Time: epoch.Add(2 * time.Hour)}
	},
	{Kind: kinds.Invitation, Namespace: "acme", Name: "inv"}: func(o client.Object) { o.(*v1alpha1.Invitation).Spec.AcceptedBy = "ann" },
}

var acme = kinds.Ref{Kind: kinds.Organization, Name: "acme"}

// pauses are the ways to pause an object.
func pauses(ref kinds.Ref) []kinds.Ref {
	if ref.Namespace == "" {
		return []kinds.Ref{ref}
	}
	return []kinds.Ref{ref, acme}
}

func TestWhatIsPausedHoldsAsItWasUntilThePauseEnds(t *testing.T) {
	for ref, edit := range giving {
		for _, by := range pauses(ref) {
			t.Run(ref.Kind+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				before := p.unpaused()
				p.pause(by, true, true)
				p.holds(before)
				if outcome, _ := p.state.Outcome(ref); outcome.Paused == nil || outcome.Paused.Waits || outcome.Paused.Record == nil {
					t.Errorf("paused, and nothing waits: %+v", outcome.Paused)
				}
				p.change(ref, edit, true)
				p.holds(before)
				outcome, _ := p.state.Outcome(ref)
				if outcome.Paused == nil || !outcome.Paused.Waits || outcome.Ready || outcome.Stalled {
					t.Errorf("an edit waits: %+v", outcome)
				}
				is := state.KindStatus{Kind: ref.Kind, Status: state.StatusWaiting, Reason: outcome.Paused.By}
				if counts := p.state.Counts().Objects; counts[is] != 1 {
					t.Errorf("it is not counted: %v", counts)
				}
				p.pause(by, false, true)
				if outcome, _ := p.state.Outcome(ref); outcome.Paused != nil {
					t.Errorf("not paused any more: %+v", outcome.Paused)
				}
				after := p.unpaused()
				p.holds(after)
				if maps.Equal(before.tuples, after.tuples) && maps.EqualFunc(before.cells, after.cells, sameContexts) {
					t.Error("the edit makes no difference to the store, so that this has shown nothing")
				}
			})
		}
	}
}

func TestAnEditThatComesWithThePauseWaitsToo(t *testing.T) {
	for ref, edit := range giving {
		t.Run(ref.Kind, func(t *testing.T) {
			p := newPausing(t)
			before := p.unpaused()
			p.change(ref, func(o client.Object) { edit(o); paused(o, true) }, true)
			p.holds(before)
		})
	}
}

func TestAnEditThatCameWhileTheOperatorWasAwayWaitsToo(t *testing.T) {
	for ref, edit := range giving {
		for _, by := range pauses(ref) {
			t.Run(ref.Kind+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				before := p.unpaused()
				p.pause(by, true, true)
				p.change(ref, edit, false)
				p.state, _ = p.anew()
				p.holds(before)
			})
		}
	}
}

func TestWhatIsNotKnownToHaveHeldGivesNothing(t *testing.T) {
	for ref, edit := range giving {
		for _, by := range pauses(ref) {
			t.Run(ref.Kind+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				// Both come while the operator is away, so that nobody has recorded what held.
				p.change(ref, edit, false)
				p.pause(by, true, false)
				p.state, _ = p.anew()
				outcome, _ := p.state.Outcome(ref)
				if outcome.InForce || outcome.Paused == nil || outcome.Paused.Effective != nil || outcome.Ready || outcome.Message == "" {
					t.Errorf("%+v", outcome)
				}
				want := state.New(limits, p.clock)
				for of, object := range p.objects {
					if of != ref {
						object = object.DeepCopyObject().(client.Object)
						object.SetAnnotations(nil)
						want.Put(object)
					}
				}
				p.report(p.state, ref)
				p.holds(p.take(want))
			})
		}
	}
}

func TestWhatIsMadePausedGivesNothing(t *testing.T) {
	for ref := range giving {
		for _, by := range pauses(ref) {
			t.Run(ref.Kind+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				object := p.objects[ref].DeepCopyObject().(v1alpha1.Object)
				p.state.Remove(ref)
				delete(p.objects, ref)
				without := p.unpaused()
				if by != ref {
					p.pause(by, true, true)
				}
				// Made anew under the same name, it is another object.
				object.SetUID("2")
				object.CommonStatus().ObservedGeneration = -1
				if by == ref {
					paused(object, true)
				}
				p.put(p.state, object)
				p.holds(without)
				p.change(ref, func(o client.Object) { o.SetLabels(map[string]string{"a": "b"}) }, true)
				p.holds(without)
			})
		}
	}
}

func TestARecordThatIsLostIsNoneToGoBy(t *testing.T) {
	p := newPausing(t)
	ref := kinds.Ref{Kind: kinds.RoleAssignment, Namespace: "acme", Name: "ann"}
	p.pause(ref, true, true)
	p.change(ref, giving[ref], true)
	o := p.objects[ref].(*v1alpha1.RoleAssignment)
	o.Status.Held = nil
	o.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionPaused, Status: metav1.ConditionTrue}}
	anew, _ := p.anew()
	if outcome, _ := anew.Outcome(ref); outcome.InForce || outcome.Paused.Effective != nil {
		t.Errorf("%+v", outcome)
	}
}

func TestAForgedRecordCountsForNothingWhileTheOperatorRuns(t *testing.T) {
	p := newPausing(t)
	ref := kinds.Ref{Kind: kinds.Role, Namespace: "acme", Name: "editor"}
	p.pause(ref, true, true)
	before := p.unpaused()
	forged, err := v1alpha1.Hold(build.Role("acme", "editor").Grants("View", "Edit").Obj())
	if err != nil {
		t.Fatal(err)
	}
	p.change(ref, func(o client.Object) { o.(*v1alpha1.Role).Status.Held = forged }, true)
	p.holds(before)
}

func TestDeletionsTakeEffectOnWhatIsPaused(t *testing.T) {
	for ref := range giving {
		for _, by := range pauses(ref) {
			t.Run(ref.Kind+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				p.pause(by, true, true)
				p.state.Remove(ref)
				delete(p.objects, ref)
				want := p.unpaused()
				if outcome, there := p.state.Outcome(ref); there {
					t.Errorf("it is gone, and still %+v", outcome)
				}
				p.holds(want)
			})
		}
	}
}

func TestTheDeletedOrganizationPausesNothingAnyMore(t *testing.T) {
	p := newPausing(t)
	ref := kinds.Ref{Kind: kinds.RoleAssignment, Namespace: "acme", Name: "ann"}
	p.pause(acme, true, true)
	p.change(ref, giving[ref], true)
	p.state.Remove(acme)
	organization := p.objects[acme]
	delete(p.objects, acme)
	p.holds(p.unpaused())
	organization.SetAnnotations(nil)
	p.put(p.state, organization)
	p.holds(p.unpaused())
}

func TestSuspensionsAndEarlierEndsTakeEffectOnWhatIsPaused(t *testing.T) {
	length := v1alpha1.Duration("30m")
	for name, c := range map[string]struct {
		ref    kinds.Ref
		brake  func(client.Object)
		passes time.Duration
	}{
		"a suspension": {kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "ann"},
			func(o client.Object) { o.(*v1alpha1.User).Spec.Suspended = true }, 0},
		"a deadline": {kinds.Ref{Kind: kinds.TemporaryPermissionGrant, Namespace: "acme", Name: "ann"},
			func(client.Object) {}, time.Hour},
		"an earlier deadline": {kinds.Ref{Kind: kinds.TemporaryPermissionGrant, Namespace: "acme", Name: "ann"},
			func(o client.Object) {
				o.(*v1alpha1.TemporaryPermissionGrant).Spec.ExpiresAt = &metav1.Time{Time: epoch.Add(time.Second)}
			}, 0},
		"a deadline as a length": {kinds.Ref{Kind: kinds.TemporaryPermissionGrant, Namespace: "acme", Name: "ann"},
			func(o client.Object) {
				spec := &o.(*v1alpha1.TemporaryPermissionGrant).Spec
				spec.ExpiresAt, spec.Duration = nil, &length
			}, 29 * time.Minute},
		"a shorter maximum": {acme, func(o client.Object) {
			o.(*v1alpha1.Organization).Spec.TemporaryGrants.MaxDuration = &length
		}, 29 * time.Minute},
		"an invitation that expires earlier": {kinds.Ref{Kind: kinds.Invitation, Namespace: "acme", Name: "inv"},
			func(o client.Object) { o.(*v1alpha1.Invitation).Spec.ValidFor = &length }, 29 * time.Minute},
	} {
		for _, by := range pauses(c.ref) {
			t.Run(name+" by "+by.Kind, func(t *testing.T) {
				p := newPausing(t)
				p.pause(by, true, true)
				p.change(c.ref, c.brake, true)
				p.clock.SetTime(epoch.Add(time.Minute + c.passes))
				for ref, object := range p.objects {
					p.state.Put(copies(object)...)
					p.report(p.state, ref)
				}
				if outcome, _ := p.state.Outcome(c.ref); outcome.Paused.Waits {
					t.Errorf("it takes effect, and waits: %+v", outcome)
				}
				p.holds(p.unpaused())
			})
		}
	}
}

func TestWhatOnlyEndsASuspensionOrProlongsWaits(t *testing.T) {
	p := newPausing(t)
	ann := kinds.Ref{Kind: kinds.User, Namespace: "acme", Name: "ann"}
	before := p.unpaused()
	p.pause(ann, true, true)
	p.change(ann, func(o client.Object) { o.(*v1alpha1.User).Spec.Suspended = true }, true)
	// It comes back to what held when it was paused, and to no more.
	p.change(ann, func(o client.Object) { o.(*v1alpha1.User).Spec.Suspended = false }, true)
	p.holds(before)
}

func TestWhatAPausedObjectRefersToIsNotPaused(t *testing.T) {
	p := newPausing(t)
	assignment := kinds.Ref{Kind: kinds.RoleAssignment, Namespace: "acme", Name: "ann"}
	role := kinds.Ref{Kind: kinds.Role, Namespace: "acme", Name: "editor"}
	p.pause(assignment, true, true)
	p.change(role, giving[role], true)
	p.holds(p.unpaused())
	p.change(acme, giving[acme], true)
	p.holds(p.unpaused())
	p.state.Remove(role)
	delete(p.objects, role)
	p.holds(p.unpaused())
}

func TestAnAssignmentWithAnEditThatWaitsProtectsNoOther(t *testing.T) {
	r := newRevoking(t)
	one, other := given("one", "admin", 1), given("other", "admin", 2)
	r.state.Put(one, other)
	if why, _ := r.state.Protected(other, nil); why != "" {
		t.Fatalf("there are two, and one is protected: %s", why)
	}
	waiting := one.DeepCopy()
	paused(waiting, true)
	waiting.Spec.RoleRef.Name = "editor"
	r.state.Put(waiting.DeepCopy())
	if why, _ := r.state.Protected(other, nil); why == "" {
		t.Error("alice would have no admin role once the edit is carried out")
	}
	gone := deleted(other)
	r.state.Put(gone)
	r.stay([]*v1alpha1.RoleAssignment{one, other}, "one", "other")
}
