package reconcile

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

var _ = Describe("Manifests", func() {
	// The first way is one at a time, each after what it names. The others must lead to the same.
	It("[K5] [G11] lead to the same state in any order, one at a time, all at once, and coming and going", func() {
		reference := arrive(func(objects []client.Object) { create(objects...) })
		letOperatorWork()
		want := reference()
		Expect(want).To(ContainElement(ContainSubstring("InForce")))
		Expect(want).To(ContainElement(ContainSubstring("InheritanceCycle")))
		Expect(want).To(ContainElement(ContainSubstring("slot_")))

		seed := uint64(GinkgoRandomSeed())
		AddReportEntry("seed of the orders", seed)
		for n := range 5 {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			oneAtATime := func(objects []client.Object) { create(shuffled(random, objects)...) }
			allAtOnce := func(objects []client.Object) {
				var all []func() error
				for _, object := range shuffled(random, objects) {
					all = append(all, func() error { return k8sClient.Create(ctx, object) })
				}
				atOnce(all...)
			}
			comingAndGoing := func(objects []client.Object) {
				for _, object := range shuffled(random, objects) {
					if random.IntN(3) == 0 {
						create(object.DeepCopyObject().(client.Object))
						remove(object.DeepCopyObject().(client.Object))
					}
					create(object)
				}
			}
			orders := []func([]client.Object){oneAtATime, allAtOnce, oneAtATime, allAtOnce, comingAndGoing}
			state := arrive(orders[n])
			letOperatorWork()
			Expect(state()).To(ConsistOf(want), "seed %d, order %d", seed, n)
		}
	})
})

// place is which of the slots holds a role's permissions, and which relation a grant's. They change place
// when they are changed, so it says nothing.
var place = regexp.MustCompile(`(#slot_|grant_)[0-7ab]`)

// ofTheObject is what names an object's revision for its UID and its content.
var ofTheObject = regexp.MustCompile(`(revision: \S+)-[0-9a-f]{10}\b`)

// arrive makes an organization in a namespace of its own, in some order, and returns how to look at what
// came of it: what all objects say, and what is in the store, in words that are the same for each.
func arrive(in func([]client.Object)) (state func() []string) {
	GinkgoHelper()
	w := &world{worlds.World{Namespace: newNamespace(ctx)}}
	ns := w.Namespace
	w.Type, w.View, w.Edit, w.Delete = ns+".doc", ns+":View", ns+":Edit", ns+":Delete"
	began, ends := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
	everywhere := []client.Object{
		build.ResourceType(ns).OfType(w.Type).Permits(w.View).Permits(w.Edit, build.String("color"), build.Number("floor")).Obj(),
		build.ResourceType(ns + "-other").OfType(ns + ".other").Permits(w.Delete).Obj(),
		build.Organization(ns).Workspace("prod", "vision", "speech").Workspace("lab").Workspace(hall).Obj(),
	}
	within := []client.Object{
		w.user("alice"), w.user("bob"), build.User(ns, "away").KnownAs(w.subject("away")).Suspended().Obj(),
		build.Group(ns, "devs").Obj(), build.Group(ns, "ops").Obj(),
		build.Role(ns, "editor").Grants(w.View, w.Delete).GrantsIf(w.Edit, build.In("color", "red", "blue")).Obj(),
		build.Role(ns, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj(),
		build.Role(ns, "partly").Grants(w.View, ns+":Nothing").GrantsIf(w.Edit, build.Equals("floor", "abc")).Obj(),
		build.Role(ns, "hollow").Grants(ns + ":Nothing").Obj(),
		build.Role(ns, "base").OfType(v1alpha1.RoleBase).Grants(w.Delete, ns+":Nothing").Obj(),
		build.Role(ns, "left").Inherits("base", "editor").GrantsIf(w.Edit, build.Equals("floor", "3")).Obj(),
		build.Role(ns, "right").Inherits("base").Grants(w.View).Obj(),
		build.Role(ns, "top").Inherits("left", "right").Obj(),
		build.Role(ns, "ring-a").Inherits("ring-b").Grants(w.View).Obj(),
		build.Role(ns, "ring-b").Inherits("ring-c").Obj(),
		build.Role(ns, "ring-c").Inherits("top", "ring-a").Obj(),
		build.Role(ns, "below-ring").Inherits("right", "ring-b").Grants(w.View).Obj(),
		build.Role(ns, "orphan").Inherits("base", "later").Grants(w.View).Obj(),
		build.Role(ns, "bent").OfType(v1alpha1.RoleBase).Inherits("base").Grants(w.View).Obj(),
		build.Role(ns, "local").AssignableAt(v1alpha1.LevelProject).Grants(w.View).Obj(),
		w.assignment("alice", "editor").ToUser("alice").Obj(),
		w.assignment("alice-too", "editor").ToUser("alice").Obj(),
		w.assignment("bob", "editor").ToUser("bob").InProject("prod", "vision").Obj(),
		w.assignment("away", "editor").ToUser("away").Obj(),
		w.assignment("devs", "partly").ToGroup("devs").InWorkspace("prod").Obj(),
		w.assignment("ops", "local").ToGroup("ops").InProject("prod", "speech").Obj(),
		w.assignment("shared", "reader").ToUser("bob").InWorkspace("lab").OnResource(w.Type, "42").Obj(),
		w.assignment("shared-other", "reader").ToGroup("ops").OnResource(ns+".other", "a/b").Obj(),
		w.assignment("top", "top").ToUser("bob").InWorkspace("lab").Obj(),
		w.assignment("right", "right").ToGroup("devs").Obj(),
		w.assignment("ring", "ring-a").ToUser("alice").Obj(),
		w.assignment("below-ring", "below-ring").ToUser("alice").Obj(),
		w.assignment("orphan", "orphan").ToUser("alice").Obj(),
		w.assignment("empty", "hollow").ToUser("bob").Obj(),
		w.assignment("level", "local").ToUser("bob").Obj(),
		w.assignment("no-role", "later").ToUser("bob").Obj(),
		w.assignment("no-user", "editor").ToUser("carol").Obj(),
		w.assignment("no-scope", "editor").ToUser("bob").InWorkspace("nowhere").Obj(),
		build.PermissionGrant(ns, "direct").ToUser("alice").Grants(w.Edit, ns+":Nothing").At(v1alpha1.Scope{Workspace: "prod"}).Obj(),
		build.PermissionGrant(ns, "more").ToUser("alice").GrantsIf(w.View, build.Equals("color", "red")).Grants(w.Delete).At(v1alpha1.Scope{Workspace: "prod"}).Obj(),
		build.PermissionGrant(ns, "no-group").ToGroup("nobody").Grants(w.Edit).Obj(),
		build.TemporaryPermissionGrant(ns, "temporary").ToUser("alice").Grants(w.View).At(v1alpha1.Scope{Workspace: "prod"}).From(began).Until(ends).Obj(),
		build.TemporaryPermissionGrant(ns, "pending").ToUser("bob").Grants(w.View).From(ends).For("8h").Obj(),
		w.assignment("no-type", "reader").ToUser("bob").OnResource(ns+".nothing", "42").Obj(),
	}
	// The last role of a user would not go. What stands is of a type of its own, which does not come and go.
	stands := []client.Object{
		build.ResourceType(ns + "-standing").OfType(ns + ".standing").Permits(ns + ":Stand").Obj(),
		build.Role(ns, standing).Grants(ns + ":Stand").Obj(), w.standing("alice"), w.standing("bob"),
	}
	objects := slices.Concat(everywhere, within)
	create(stands...)
	in(objects)
	return func() []string {
		var lines []string
		for _, object := range objects {
			lines = append(lines, ofTheObject.ReplaceAllString(statusText(object), "$1"))
		}
		tuples, err := w.inStore()
		if err != nil {
			return []string{err.Error()}
		}
		for _, tuple := range tuples {
			lines = append(lines, place.ReplaceAllString(tuple, "${1}N"))
		}
		for n := range lines {
			lines[n] = strings.ReplaceAll(lines[n], ns, "NS")
		}
		return lines
	}
}

// statusText is what an object says, without the times.
func statusText(object client.Object) string {
	read := object.DeepCopyObject().(client.Object)
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read); err != nil {
		return err.Error()
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(read)
	if err != nil {
		return err.Error()
	}
	conditions, _, _ := unstructured.NestedSlice(content, "status", "conditions")
	for _, condition := range conditions {
		delete(condition.(map[string]any), "lastTransitionTime")
	}
	_ = unstructured.SetNestedSlice(content, conditions, "status", "conditions")
	text, err := yaml.Marshal(content["status"])
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%T %s:\n%s", object, object.GetName(), text)
}

// shuffled are copies of the objects in another order.
func shuffled(random *rand.Rand, objects []client.Object) []client.Object {
	other := slices.Clone(objects)
	random.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
	for n := range other {
		other[n] = other[n].DeepCopyObject().(client.Object)
	}
	return other
}
