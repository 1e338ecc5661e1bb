package state_test

import (
	"fmt"
	"syscall"
	"testing"

	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// BenchmarkAttack is what an edit of a Role at the limits costs: refused, allowed and carried out, in CPU, since other work on the
// machine makes it take longer.
func BenchmarkAttack(b *testing.B) {
	conditioned := func(from int) *v1alpha1.Role {
		role := build.Role("acme", "r000")
		for n := range 200 {
			role = role.GrantsIf("P000", build.Equals("color", fmt.Sprint(from+n)))
		}
		return role.Obj()
	}
	plain := build.Role("acme", "r000").Grants("P001", "P002").Obj()
	for _, attack := range []struct {
		name    string
		objects []client.Object
		now     *v1alpha1.Role
	}{
		{"300EmptyChildren", children(300, build.Role("acme", "r000").Obj()), plain},
		{"200EntriesAnd100Children", children(100, conditioned(0)), conditioned(100)},
		{"ChainOf256", inheriting(256), plain},
	} {
		old := attack.objects[0].(*v1alpha1.Role)
		declares := build.ResourceType("flow").OfType("flow")
		for n := range 250 {
			declares = declares.Permits(permission(n), build.String("color"), build.Number("size"))
		}
		s := state.New(state.Limits{ConditionCost: 10_000}, clocktesting.NewFakePassiveClock(epoch))
		s.Put(declares.Obj(), namespace("acme"), build.Organization("acme").Obj(), build.User("acme", "mallory").KnownAs("mallory").Obj(),
			build.User("acme", "boss").KnownAs("boss").Obj(), build.PermissionGrant("acme", "all").ToUser("boss").Grants("P000", "P001", "P002").Obj())
		s.Put(copies(attack.objects...)...)
		for _, measured := range []struct {
			name  string
			write func(n int)
		}{
			{"Refused", func(int) { s.TooLarge(old, attack.now); s.MissingPrivileges("mallory", old, attack.now) }},
			{"Allowed", func(int) { s.TooLarge(old, attack.now); s.MissingPrivileges("boss", old, attack.now) }},
			{"CarriedOut", func(n int) { s.Put(copies([]client.Object{attack.now, old}[n%2])...) }},
		} {
			b.Run(attack.name+"/"+measured.name, func(b *testing.B) {
				before := cpu(b)
				for n := 0; b.Loop(); n++ {
					measured.write(n)
				}
				b.ReportMetric((cpu(b)-before)*1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// cpu is how many seconds of a processor this process has used.
func cpu(b *testing.B) float64 {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return float64(used.Utime.Sec+used.Stime.Sec) + float64(used.Utime.Usec+used.Stime.Usec)/1e6
}
