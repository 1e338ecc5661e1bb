package reconcile

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("Grants that give the same", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// pairs are two grants that give alice View in prod, of either kind.
	type pair func() (v1alpha1.Object, v1alpha1.Object)
	pairs := []struct {
		name string
		of   pair
	}{
		{"two for good", func() (v1alpha1.Object, v1alpha1.Object) {
			one := w.grant("one").ToUser("alice").Grants(w.View).InWorkspace("prod")
			return one.Obj(), w.grant("two").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj()
		}},
		{"two for a time", func() (v1alpha1.Object, v1alpha1.Object) {
			one := w.temporary("one").ToUser("alice").Grants(w.View).InWorkspace("prod").For("PT1H")
			return one.Obj(), w.temporary("two").ToUser("alice").Grants(w.View).InWorkspace("prod").For("2h").Obj()
		}},
		{"one for good and one for a time", func() (v1alpha1.Object, v1alpha1.Object) {
			one := w.grant("one").ToUser("alice").Grants(w.View).InWorkspace("prod")
			return one.Obj(), w.temporary("one").ToUser("alice").Grants(w.View).InWorkspace("prod").For("PT1H").Obj()
		}},
	}
	both := func(of pair) []v1alpha1.Object {
		GinkgoHelper()
		a, b := of()
		create(a, b)
		expectReason(a, v1alpha1.ReasonInForce)
		expectReason(b, v1alpha1.ReasonInForce)
		return []v1alpha1.Object{a, b}
	}

	for _, p := range pairs {
		name, of := p.name, p.of
		It("[K2] hold until the last of them is gone, in either order: "+name, func() {
			for _, firstToGo := range []int{0, 1} {
				pair := both(of)
				remove(pair[firstToGo])
				Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeTrue())
				remove(pair[1-firstToGo])
				Expect(w.may("alice", w.View, w.at("prod", "vision"))()).To(BeFalse())
				Expect(w.granted()).To(BeEmpty())
			}
		})

		It("[K2] end when both are deleted at one moment: "+name, func() {
			for range 5 {
				pair := both(of)
				atOnce(
					func() error { return k8sClient.Delete(ctx, pair[0]) },
					func() error { return k8sClient.Delete(ctx, pair[1]) },
				)
				remove(pair[0], pair[1])
				Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
				Expect(w.granted()).To(BeEmpty())
			}
		})

		It("[K2] hold when one is deleted at the moment at which the other comes: "+name, func() {
			one, two := of()
			copied := func(of v1alpha1.Object) v1alpha1.Object { return of.DeepCopyObject().(v1alpha1.Object) }
			create(copied(one))
			expectReason(one, v1alpha1.ReasonInForce)
			for range 6 {
				atOnce(
					func() error { return k8sClient.Delete(ctx, copied(one)) },
					func() error { return k8sClient.Create(ctx, copied(two)) },
				)
				remove(copied(one))
				expectReason(two, v1alpha1.ReasonInForce)
				Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
				one, two = two, one
			}
			remove(copied(one))
			Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
			Expect(w.granted()).To(BeEmpty())
		})
	}

	It("[K2] on one object keep it in its place until the last is gone", func() {
		toAlice := w.grant("alice").ToUser("alice").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Obj()
		toBob := w.temporary("bob").ToUser("bob").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").For("PT1H").Obj()
		above := w.grant("above").ToGroup("devs").Grants(w.Edit).InWorkspace("prod").Obj()
		create(toAlice, toBob, above)
		for _, g := range []v1alpha1.Object{toAlice, toBob, above} {
			expectReason(g, v1alpha1.ReasonInForce)
		}
		object := w.object("42", "prod", "vision")
		Expect(w.groupMay(w.Edit, object)()).To(BeTrue(), "held above the object")
		remove(toAlice)
		Expect(w.may("alice", w.View, object)()).To(BeFalse())
		Expect(w.may("bob", w.View, object)()).To(BeTrue())
		Expect(w.groupMay(w.Edit, object)()).To(BeTrue())
		remove(toBob)
		Expect(w.may("bob", w.View, object)()).To(BeFalse())
		Expect(w.granted()).To(ConsistOf(HavePrefix(w.at("prod"))))
	})
})
