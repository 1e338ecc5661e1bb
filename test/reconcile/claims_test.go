package reconcile

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// Where two objects are made within one second, the one with the smaller name is the older.
var _ = Describe("Two ResourceTypes", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// declare makes a ResourceType that goes with the spec.
	declare := func(b *build.ResourceTypeBuilder) *v1alpha1.ResourceType {
		GinkgoHelper()
		create(b.Obj())
		return b.Obj()
	}

	It("that claim one permission: the younger gives it up", func() {
		younger := declare(build.ResourceType(w.Namespace + "-younger").Permits(w.Edit).Permits(w.Namespace + ":Extra"))
		expectReason(younger, v1alpha1.ReasonPermissionTaken)
		edit(younger, func(t *v1alpha1.ResourceType) { t.Spec.Permissions = t.Spec.Permissions[1:] })
		expectReason(younger, v1alpha1.ReasonValid)
		expectReason(build.ResourceType(w.Namespace).Obj(), v1alpha1.ReasonValid)
	})

	It("that claim one type: the younger declares nothing, until the older is gone", func() {
		extra := w.Namespace + ":Extra"
		younger := declare(build.ResourceType(w.Namespace + "-younger").OfType(w.Type).Permits(extra))
		expectReason(younger, v1alpha1.ReasonTypeTaken,
			"spec.type", w.Type, "older ResourceType "+w.Namespace, "choose another type, or delete one of the two")
		role := build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View, extra).Obj()
		assigned := w.assignment("a", "reader").ToUser("alice").InWorkspace("prod").OnResource(w.Type, "42").Obj()
		create(role, assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		object := w.object("42", "prod", "")
		Expect(w.may("alice", w.View, object)()).To(BeTrue())
		Expect(w.may("alice", extra, object)()).To(BeFalse())
		Eventually(faultsOf(role)).Should(HaveExactElements(HaveField("Permission", extra)))

		remove(build.ResourceType(w.Namespace).Obj())
		Expect(w.may("alice", w.View, object)()).To(BeFalse())
		Expect(w.may("alice", extra, object)()).To(BeTrue())
		expectReason(younger, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
	})
})

var _ = Describe("Two Users with one subject", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("the older holds, the younger says so, until the older is gone", func() {
		younger := build.User(w.Namespace, "alice-again").KnownAs(w.subject("alice")).Obj()
		toOlder := w.assignment("older", "editor").ToUser("alice").InWorkspace("prod").Obj()
		toYounger := w.assignment("younger", "editor").ToUser("alice-again").InWorkspace("lab").Obj()
		create(younger, toOlder, toYounger)
		expectReason(younger, v1alpha1.ReasonSubjectTaken,
			"spec.subject", "older User alice", w.subject("alice"), "delete one of the two, or create this one again")
		expectReason(toOlder, v1alpha1.ReasonInForce)
		expectReason(toYounger, v1alpha1.ReasonUserInvalid, "spec.subject.user", "User alice-again")
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeFalse())

		remove(w.user("alice"))
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue())
		expectReason(younger, v1alpha1.ReasonValid)
		expectReason(toOlder, v1alpha1.ReasonUserNotFound)
		expectReason(toYounger, v1alpha1.ReasonInForce)

		By("a third, who is the youngest now though it has the name of the first")
		back := w.user("alice")
		waitUntilOlder(younger)
		create(back)
		expectReason(back, v1alpha1.ReasonSubjectTaken, "older User alice-again")
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeTrue())
	})

	It("a suspension of the older is not undone by the younger", func() {
		younger := build.User(w.Namespace, "alice-again").KnownAs(w.subject("alice")).Obj()
		assigned := w.assignment("younger", "editor").ToUser("alice-again").Obj()
		create(younger, assigned)
		alice := w.user("alice")
		edit(alice, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(alice, v1alpha1.ReasonSuspended)
		expectReason(younger, v1alpha1.ReasonSubjectTaken)
		expectReason(assigned, v1alpha1.ReasonUserInvalid)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})

	It("differ, when their subjects do in case or a space only", func() {
		shouted := build.User(w.Namespace, "shouted").KnownAs("ALICE@" + w.Namespace).Obj()
		spaced := build.User(w.Namespace, "spaced").KnownAs(w.subject("alice") + " ").Obj()
		assigned := w.assignment("shouted", "editor").ToUser("shouted").Obj()
		create(shouted, spaced, assigned)
		expectReason(shouted, v1alpha1.ReasonValid)
		expectReason(spaced, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(op.may(question{User: "user:ALICE@" + w.Namespace, Permission: w.View, Object: w.at()})).To(BeTrue())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})
})

var _ = Describe("Many objects of which one is in force", func() {
	const many = 40
	var w *world
	BeforeEach(func() { w = newWorld() })

	// one is the n-th of them. Of those that are made within one second the age is that of the name, so that each comes between others.
	for _, claim := range []struct {
		kind, holds, taken string
		one                func(n int) v1alpha1.Object
	}{
		{kinds.User, v1alpha1.ReasonValid, v1alpha1.ReasonSubjectTaken, func(n int) v1alpha1.Object {
			return build.User(w.Namespace, fmt.Sprintf("twin-%02d", n*17%many)).KnownAs("twin@" + w.Namespace).Obj()
		}},
		{kinds.GroupMembership, v1alpha1.ReasonInForce, v1alpha1.ReasonDuplicate, func(n int) v1alpha1.Object {
			return w.membership(fmt.Sprintf("twin-%02d", n*17%many), "alice").Obj()
		}},
	} {
		It("[F8] are written of because of themselves, and of another at most the next two: "+claim.kind, func() {
			one := claim.one
			By("the oldest, the next one, which names it, and a third")
			for n := range 3 {
				create(one(n))
				waitUntilOlder(one(n))
			}
			expectReason(one(0), claim.holds)
			expectReason(one(1), claim.taken, "the older "+claim.kind+" "+one(0).GetName())
			expectReason(one(2), claim.taken, "several older "+claim.kind+"s")

			By("many more: a finalizer and a status for each")
			Expect(op.writes(func() {
				for n := 3; n < many; n++ {
					Expect(k8sClient.Create(ctx, one(n))).To(Succeed())
				}
			})).To(BeEquivalentTo(2 * (many - 3)))
			expectReason(one(many-1), claim.taken, "several older "+claim.kind+"s")

			By("some of these go: a finalizer for each")
			Expect(op.writes(func() {
				for n := 3; n < many/2; n++ {
					Expect(k8sClient.Delete(ctx, one(n))).To(Succeed())
				}
			})).To(BeEquivalentTo(many/2 - 3))

			By("the one in force goes: the next one is, and another one names that")
			Expect(op.writes(func() { Expect(k8sClient.Delete(ctx, one(0))).To(Succeed()) })).To(BeEquivalentTo(3))
			expectReason(one(1), claim.holds)
			expectReason(one(2), claim.taken, "the older "+claim.kind+" "+one(1).GetName())
		})
	}
})

// waitUntilOlder returns when whatever is made from now on is younger than an object.
func waitUntilOlder(object client.Object) {
	GinkgoHelper()
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
	Eventually(func() int64 { return time.Now().Unix() }).Should(BeNumerically(">", object.GetCreationTimestamp().Unix()))
}
