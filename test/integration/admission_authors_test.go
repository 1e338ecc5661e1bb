package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An author", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[P5] is found by what the Organization maps their name to", func() {
		w.holds("carol", w.View)
		theirs := w.editor("corp")
		Expect(theirs.Create(ctx, w.grant("early").ToUser("bob").Grants(w.View).Obj())).
			To(beRefused("holds nothing, being the subject of no User in force here"))

		organization := build.Organization(w.Namespace).Obj()
		edit(organization, func(o *v1alpha1.Organization) {
			o.Spec.Usernames = []v1alpha1.UsernameMapping{{Username: w.subject("corp"), Subject: w.subject("carol")}}
		})
		Eventually(func() error { return theirs.Create(ctx, w.grant("given").ToUser("bob").Grants(w.View).Obj()) }).Should(Succeed())
		Expect(theirs.Create(ctx, w.grant("more").ToUser("bob").Grants(w.Edit).Obj())).To(beRefused("the User carol does not hold"))
	})

	It("[P6] is warned of a subject and an address that another User has but for their case", func() {
		admin, told := warned()
		known := build.User(w.Namespace, "erin").KnownAs("erin@" + w.Namespace).ReachedAt("Erin@Acme.Example").Obj()
		create(known)
		expectReason(known, v1alpha1.ReasonValid)
		Expect(admin.Create(ctx, build.User(w.Namespace, "twin").KnownAs("Erin@"+w.Namespace).ReachedAt("erin@acme.example").Obj())).To(Succeed())
		Expect(told.take()).To(ConsistOf(
			ContainSubstring("the User erin has a subject that differs in the case of letters only"), ContainSubstring("the User erin has the same address")))
		Expect(admin.Create(ctx, build.User(w.Namespace, "other").KnownAs("other@"+w.Namespace).Obj())).To(Succeed())
		Expect(told.take()).To(BeEmpty())
	})
})
