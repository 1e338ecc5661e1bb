package state_test

import (
	"fmt"
	"testing"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// attacks are organizations of which one Role is edited, at the limits.
func attacks() map[string]struct {
	objects  []client.Object
	old, now *v1alpha1.Role
} {
	conditioned := func(from int) *v1alpha1.Role {
		role := build.Role("acme", "r000")
		for n := range 200 {
			role = role.GrantsIf("P000", build.Equals("color", fmt.Sprint(from+n)))
		}
		return role.Obj()
	}
	type attack = struct {
		objects  []client.Object
		old, now *v1alpha1.Role
	}
	all := map[string]attack{}
	for name, objects := range map[string][]client.Object{
		"ConditionedEntries": children(100, conditioned(0)),
		"EmptyChildren":      children(300, build.Role("acme", "r000").Obj()),
		"Chain":              inheriting(256),
	} {
		old := objects[0].(*v1alpha1.Role)
		now := build.Role("acme", "r000").Grants("P001", "P002").Obj()
		if name == "ConditionedEntries" {
			now = conditioned(100)
		}
		all[name] = attack{objects, old, now}
	}
	return all
}

func BenchmarkAttack(b *testing.B) {
	for name, a := range attacks() {
		declares := build.ResourceType("flow").OfType("flow")
		for n := range 250 {
			declares = declares.Permits(permission(n), build.String("color"), build.Number("size"))
		}
		s := state.New(state.Limits{ConditionCost: 10_000}, clocktesting.NewFakePassiveClock(epoch))
		s.Put(declares.Obj(), namespace("acme"), build.Organization("acme").Obj(), build.User("acme", "mallory").KnownAs("mallory").Obj(),
			build.User("acme", "boss").KnownAs("boss").Obj(), build.PermissionGrant("acme", "all").ToUser("boss").Grants("P000", "P001", "P002").Obj())
		s.Put(copies(a.objects...)...)
		b.Run(name+"/TooLarge", func(b *testing.B) {
			for b.Loop() {
				s.TooLarge(a.old, a.now)
			}
		})
		b.Run(name+"/Refused", func(b *testing.B) {
			for b.Loop() {
				if s.MissingPrivileges("mallory", a.old, a.now).Empty() {
					b.Fatal("not refused")
				}
			}
		})
		b.Run(name+"/Allowed", func(b *testing.B) {
			for b.Loop() {
				if m := s.MissingPrivileges("boss", a.old, a.now); !m.Empty() {
					b.Fatal(m)
				}
			}
		})
		b.Run(name+"/ClosesCycle", func(b *testing.B) {
			for b.Loop() {
				s.ClosesCycle(a.old, a.now)
			}
		})
		b.Run(name+"/EndsAdministration", func(b *testing.B) {
			for b.Loop() {
				s.EndsAdministration(a.old, a.now)
			}
		})
		b.Run(name+"/Put", func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				s.Put(copies([]client.Object{a.now, a.old}[n%2])...)
			}
		})
	}
}
