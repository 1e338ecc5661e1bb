package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// person is someone of an organization, whatever the Users are called that stand for them.
type person struct{ organization, subject string }

// holdings are what everybody holds: for good, and at all.
type holdings struct{ lasting, all map[person][]state.Privilege }

// holdings leaves out what is held by some grants.
func (s *sequence) holdings(but map[kinds.Ref]bool) holdings {
	h := holdings{map[person][]state.Privilege{}, map[person][]state.Privilege{}}
	w := s.want()
	for _, object := range w.objects {
		user, ok := object.(*v1alpha1.User)
		if !ok {
			continue
		}
		key, who := client.ObjectKeyFromObject(user), person{user.Namespace, user.Spec.Subject}
		h.lasting[who] = append(h.lasting[who], s.state.Privileges(key)...)
		for _, privilege := range s.state.Privileges(key) {
			if privilege.Group != "" || privilege.Grant.Permission == "" {
				h.all[who] = append(h.all[who], privilege)
			}
		}
		for path := range w.paths(user.Namespace) {
			for _, access := range s.state.Held(key, path) {
				if !but[access.Through[0]] {
					h.all[who] = append(h.all[who], state.Privilege{Grant: access.Grant, At: access.At})
				}
			}
		}
	}
	return h
}

func covered(privilege state.Privilege, by []state.Privilege) bool {
	return slices.ContainsFunc(by, func(held state.Privilege) bool { return held.Covers(privilege) })
}

// attempts are tries of anyone to change anything.
type attempts struct {
	*sequence
	// gave is how often something was given by someone who had it, refused how often it was not theirs.
	gave, refused int
}

// try has someone make a change, if they may, and expects that nobody holds anything then that they did not
// hold before, or whoever asked did.
func (a *attempts) try(requester person, old, object client.Object) {
	a.t.Helper()
	before := a.holdings(nil)
	fingerprint := a.state.Fingerprint("acme")
	var lacking state.MissingPrivileges
	named := object
	if object != nil {
		lacking = a.state.MissingPrivileges(requester.subject, old, object)
	} else {
		named = old
		switch old.(type) {
		case *v1alpha1.User, *v1alpha1.GroupMembership, *v1alpha1.Role: // the only ones that give by going
			lacking = a.state.MissingPrivileges(requester.subject, old, nil)
		}
	}
	if role, is := object.(*v1alpha1.Role); is {
		before, _ := old.(*v1alpha1.Role)
		a.state.TooLarge(before, role)
		a.state.ClosesCycle(before, role)
	}
	if a.state.Fingerprint("acme") != fingerprint {
		a.t.Errorf("to judge %v has changed the state", describe(named))
	}
	organization := named.GetNamespace()
	if organization == "" {
		organization = named.GetName()
	}
	if requester.organization != organization {
		return
	}
	if !lacking.Empty() {
		a.refused++
		return
	}
	full := a.full()
	if object != nil {
		a.put(object)
	} else {
		a.remove(kinds.RefOf(old))
	}
	a.expectGiven(requester, before, named, full)
}

// full are the grants of which the store has not taken everything, before others have gone: they have been
// judged when they were made.
func (a *attempts) full() map[kinds.Ref]bool {
	refs := map[kinds.Ref]bool{}
	for ref := range a.objects {
		outcome, _ := a.state.Outcome(ref)
		if outcome.Reason == v1alpha1.ReasonConditionTooExpensive {
			refs[ref] = true
		}
		for _, permission := range outcome.Permissions {
			if permission.Reason == v1alpha1.ReasonConditionTooExpensive || permission.Reason == v1alpha1.ReasonContextTooLarge {
				refs[ref] = true
			}
		}
	}
	return refs
}

func (a *attempts) expectGiven(requester person, before holdings, named client.Object, full map[kinds.Ref]bool) {
	a.t.Helper()
	_, membership := named.(*v1alpha1.GroupMembership)
	if membership {
		return // who is in a group is for others to say than those who hold what it has
	}
	for who, privileges := range a.holdings(full).all {
		for _, privilege := range privileges {
			if covered(privilege, before.all[who]) {
				continue
			}
			if !covered(privilege, before.lasting[requester]) {
				a.t.Errorf("%v holds %s by %s, which %v gave without having it", who, privilege, describe(named), requester)
				return
			}
			a.gave++
		}
	}
}

func describe(object client.Object) string {
	return fmt.Sprintf("%v %+v", kinds.RefOf(object), object)
}

// change is a change that the API server would let through: something new, an edit of what can be edited, or
// a deletion.
func (a *attempts) change() (old, object client.Object) {
	object = a.maker.object()
	if kind := kinds.RefOf(object).Kind; kind == kinds.ResourceType || kind == kinds.Namespace {
		return nil, nil // whoever may write these is trusted
	}
	old = a.objects[kinds.RefOf(object)]
	if old == nil {
		return nil, object
	}
	if a.maker.oneIn(4) {
		return old, nil
	}
	object.SetCreationTimestamp(old.GetCreationTimestamp())
	switch o := object.(type) {
	case *v1alpha1.User:
		o.Spec.Subject = old.(*v1alpha1.User).Spec.Subject
	case *v1alpha1.Role:
		o.Spec.Type = old.(*v1alpha1.Role).Spec.Type
	case *v1alpha1.RoleAssignment:
		o.Spec.StartsAt = old.(*v1alpha1.RoleAssignment).Spec.StartsAt
	case *v1alpha1.PermissionGrant:
		o.Spec.StartsAt = old.(*v1alpha1.PermissionGrant).Spec.StartsAt
	case *v1alpha1.GroupMembership:
		o.Spec.StartsAt = old.(*v1alpha1.GroupMembership).Spec.StartsAt
		o.Spec.User, o.Spec.Group = old.(*v1alpha1.GroupMembership).Spec.User, old.(*v1alpha1.GroupMembership).Spec.Group
	case *v1alpha1.TemporaryPermissionGrant:
		was := old.(*v1alpha1.TemporaryPermissionGrant).Spec
		o.Spec.User, o.Spec.PermissionGrant, o.Spec.Scope, o.Spec.StartsAt = was.User, was.PermissionGrant, was.Scope, was.StartsAt
	case *v1alpha1.Invitation:
		was := old.(*v1alpha1.Invitation)
		o.Spec.Email = was.Spec.Email
		if was.Spec.AcceptedBy != "" {
			o.Spec.AcceptedBy, o.Annotations = was.Spec.AcceptedBy, was.Annotations
		}
		if o.Spec.AcceptedBy != "" {
			o.Spec.ExpiresAt, o.Spec.ValidFor = was.Spec.ExpiresAt, was.Spec.ValidFor
		}
	}
	return old, object
}

// anyone is a person of an organization: one that a User stands for, as a rule.
func (a *attempts) anyone() person {
	var people []person
	for _, object := range a.list() {
		if user, ok := object.(*v1alpha1.User); ok {
			people = append(people, person{user.Namespace, user.Spec.Subject})
		}
	}
	switch {
	case len(people) == 0 || a.maker.oneIn(10):
		return person{"acme", "nobody"}
	case a.maker.oneIn(2):
		return person{"acme", "boss"}
	}
	return people[a.maker.IntN(len(people))]
}

// boss is someone who holds much, so that there is much to give.
func boss() []client.Object {
	return []client.Object{
		build.ResourceType("boss").OfType("flow").Permits("P0", build.String("color"), build.Number("size")).Permits("P1").Permits("P2").Permits("P3").Obj(),
		build.User("acme", "boss").KnownAs("boss").Obj(),
		build.PermissionGrant("acme", "boss").ToUser("boss").Grants("P0", "P1").Obj(),
		build.PermissionGrant("acme", "boss2").ToUser("boss").Grants("P2").GrantsIf("P3").InWorkspace("w0").Obj(),
	}
}

func (a *attempts) step() {
	a.t.Helper()
	if a.maker.oneIn(3) {
		a.sequence.step() // by someone whom nobody holds anything against
		return
	}
	requester := a.anyone()
	if old, object := a.change(); old != nil || object != nil {
		a.try(requester, old, object)
	}
}

func TestNobodyGivesWhatTheyDoNotHave(t *testing.T) {
	gave, refused := 0, 0
	for seed := range seeds.Of(t, 40) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			a := &attempts{sequence: newSequence(t, rand.New(rand.NewPCG(seed, 77)))}
			a.put(append(a.maker.beginning(), boss()...)...)
			for range 60 {
				if a.step(); t.Failed() {
					for _, object := range slices.SortedFunc(maps.Values(a.objects), older) {
						t.Log(describe(object))
					}
					return
				}
			}
			gave, refused = gave+a.gave, refused+a.refused
		})
	}
	t.Logf("%d privileges given by who had them, %d changes refused", gave, refused)
	if gave < 7 || refused < 200 {
		t.Errorf("only %d privileges were given by who had them, and %d changes refused", gave, refused)
	}
}

func FuzzNobodyGivesWhatTheyDoNotHave(f *testing.F) {
	random := rand.New(rand.NewPCG(5, 5))
	for range 5 {
		script := make([]byte, 600)
		for i := range script {
			script[i] = byte(random.UintN(256))
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		choices := &bytesAsChoices{script[:min(len(script), 1500)]}
		a := &attempts{sequence: newSequence(t, choices)}
		a.put(append(a.maker.beginning(), boss()...)...)
		for len(choices.left) > 0 && !t.Failed() {
			a.step()
		}
	})
}
