package reconcile

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

var _ = Describe("Manifests with grants", func() {
	// The first way is one at a time, each after what it names. The others must lead to the same.
	It("[K5] lead to the same state in any order, one at a time, all at once, and coming and going", func() {
		noon := inAnHour()
		reference := arriveWithGrants(noon, func(objects []client.Object) { create(objects...) })
		letOperatorWork()
		want := reference()
		for _, word := range []string{"InForce", "Pending", "Expired", "PermissionsInvalid", "UserNotFound", "grant_N"} {
			Expect(want).To(ContainSubstring(word))
		}
		seed := uint64(GinkgoRandomSeed())
		AddReportEntry("seed of the orders", seed)
		for n := range 9 {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			orders := []func([]client.Object){
				func(objects []client.Object) { create(shuffled(random, objects)...) },
				func(objects []client.Object) {
					var all []func() error
					for _, object := range shuffled(random, objects) {
						all = append(all, func() error { return k8sClient.Create(ctx, object) })
					}
					atOnce(all...)
				},
				func(objects []client.Object) {
					for _, object := range shuffled(random, objects) {
						for range random.IntN(3) {
							create(object.DeepCopyObject().(client.Object))
							remove(object.DeepCopyObject().(client.Object))
						}
						create(object)
					}
				},
			}
			state := arriveWithGrants(noon, orders[n%len(orders)])
			letOperatorWork()
			Expect(state()).To(Equal(want), "seed %d, order %d", seed, n)
		}
	})
})

var anySide = regexp.MustCompile(` grant_[ab] `)

// arriveWithGrants makes an organization with grants in a namespace of its own, in some order, and
// returns how to look at what came of it, in words that are the same for each.
func arriveWithGrants(noon time.Time, in func([]client.Object)) (state func() string) {
	GinkgoHelper()
	w := &world{worlds.World{Namespace: newNamespace(ctx)}}
	ns := w.Namespace
	w.Type, w.View, w.Edit, w.Delete = ns+".doc", ns+":View", ns+":Edit", ns+":Delete"
	everywhere := []client.Object{
		build.ResourceType(ns).OfType(w.Type).Permits(w.View).Permits(w.Edit, build.String("color"), build.Number("floor")).Obj(),
		build.ResourceType(ns + "-other").OfType(ns + ".other").Permits(w.Delete).Obj(),
		build.Organization(ns).OwnedBy("alice").Workspace("prod", "vision").Workspace("lab").Obj(),
	}
	within := []client.Object{
		w.user("alice"), w.user("bob"), build.User(ns, "away").KnownAs(w.subject("away")).Suspended().Obj(),
		build.Group(ns, "devs").Obj(),
		// Six that are one tuple in the store.
		w.grant("one").ToUser("alice").Grants(w.View).GrantsIf(w.Edit, build.Equals("color", "red")).Obj(),
		w.grant("two").ToUser("alice").GrantsIf(w.Edit, build.In("color", "red", "blue"), build.NotEquals("floor", "3")).Obj(),
		w.temporary("three").ToUser("alice").Grants(w.Delete).From(noon.Add(-2 * time.Hour)).Until(noon).Obj(),
		w.temporary("four").ToUser("alice").Grants(w.Delete).From(noon).For("PT1H").Obj(),
		w.temporary("five").ToUser("alice").Grants(w.Delete).From(noon.Add(3 * time.Hour)).For("PT1H").Obj(),
		w.temporary("six").ToUser("alice").Grants(w.Delete).From(noon.Add(-3 * time.Hour)).For("PT1H").Obj(),

		w.grant("group").ToGroup("devs").Grants(w.View, ns+":Nothing").InWorkspace("prod").Obj(),
		w.grant("object").ToUser("bob").Grants(w.View, w.Delete).InProject("prod", "vision").OnResource(w.Type, "42").Obj(),
		w.temporary("object").ToUser("bob").Grants(w.Edit).InProject("prod", "vision").OnResource(w.Type, "42").From(noon).For("8h").Obj(),
		w.grant("model").ToUser("bob").Grants(w.Delete).InWorkspace("lab").OnEvery(ns + ".other").Obj(),
		w.grant("away").ToUser("away").Grants(w.View).Obj(),
		w.grant("no-user").ToUser("carol").Grants(w.View).Obj(),
		w.grant("no-group").ToGroup("ops").Grants(w.View).Obj(),
		w.temporary("no-scope").ToUser("bob").Grants(w.View).InWorkspace("nowhere").From(noon).For("1h").Obj(),
		w.temporary("no-type").ToUser("bob").Grants(w.View).OnResource(ns+".nothing", "42").From(noon).For("1h").Obj(),
	}
	objects := slices.Concat(everywhere, within)
	in(objects)
	return func() string {
		var lines []string
		for _, object := range objects {
			lines = append(lines, statusText(object))
		}
		tuples, err := w.inStore()
		if err != nil {
			return err.Error()
		}
		for _, tuple := range tuples {
			// On which of the two sides a grant is says nothing.
			lines = append(lines, anySide.ReplaceAllString(tuple, " grant_N "))
		}
		slices.Sort(lines)
		return strings.ReplaceAll(strings.Join(lines, "\n"), ns, "NS")
	}
}
