package integration

import (
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func contains(list []string, name string) bool { return slices.Contains(list, name) }

// inParallel does something for the numbers from 0 to n, a few at a time.
func inParallel(n int, do func(int) error) {
	GinkgoHelper()
	const lanes = 16
	var things []func() error
	for lane := range lanes {
		things = append(things, func() error {
			for i := lane; i < n; i += lanes {
				if err := do(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	atOnce(things...)
}

var _ = Describe("A group of many members", Label(slow), func() {
	It("[B1] is listed in pages, and one more costs as much as the first", func() {
		const many, perPage = 100, 25
		w := newWorld()
		assigned := w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		began := time.Now()
		name := func(i int) string { return fmt.Sprintf("m%04d", i) }
		inParallel(many, func(i int) error {
			if err := k8sClient.Create(ctx, w.user(name(i))); err != nil {
				return err
			}
			return k8sClient.Create(ctx, w.membership(name(i), name(i)).Obj())
		})
		created := time.Since(began)
		devs := client.MatchingFields{"spec.group": "devs"}
		Eventually(func(g Gomega) {
			var all v1alpha1.GroupMembershipList
			g.Expect(k8sClient.List(ctx, &all, client.InNamespace(w.Namespace), devs)).To(Succeed())
			g.Expect(all.Items).To(HaveLen(many))
			g.Expect(slices.IndexFunc(all.Items, func(m v1alpha1.GroupMembership) bool { return !m.Status.InForce })).To(Equal(-1))
		}).WithTimeout(3 * time.Minute).WithPolling(500 * time.Millisecond).Should(Succeed())
		AddReportEntry(fmt.Sprint(many, " users and memberships created, and in force"), fmt.Sprintf("%.1f s, %.1f s", created.Seconds(), time.Since(began).Seconds()))
		for _, i := range []int{0, 1, many / 2, many - 1} {
			Expect(w.may(name(i), w.View, w.at("prod", "vision"))()).To(BeTrue(), name(i))
		}

		var listed []string
		pages := 0
		for next := ""; pages == 0 || next != ""; pages++ {
			var page v1alpha1.GroupMembershipList
			Expect(k8sClient.List(ctx, &page, client.InNamespace(w.Namespace), devs, client.Limit(perPage), client.Continue(next))).To(Succeed())
			Expect(len(page.Items)).To(BeNumerically("<=", perPage))
			for _, item := range page.Items {
				listed = append(listed, item.Name)
			}
			next = page.Continue
		}
		Expect(pages).To(BeNumerically(">=", 4))
		slices.Sort(listed)
		Expect(slices.Compact(listed)).To(HaveLen(many))

		waitUntilQuiet()
		before := writtenNow()
		create(w.membership("bob", "bob").Obj())
		expectReason(w.membership("bob", "bob").Obj(), v1alpha1.ReasonInForce)
		waitUntilQuiet()
		now := writtenNow()
		AddReportEntry("one more costs", fmt.Sprintf("%v writes to the API, %v to the store", now.ToAPI-before.ToAPI, now.ToStore-before.ToStore))
		Expect(now.ToAPI - before.ToAPI).To(BeNumerically("==", 1))
		Expect(now.ToStore - before.ToStore).To(BeNumerically("==", 1))
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())

		By("taking all away with the group")
		remove(build.Group(w.Namespace, "devs").Obj())
		Expect(w.may(name(7), w.View, w.at("prod"))()).To(BeFalse())
		Expect(w.inStore()).NotTo(ContainElement(HavePrefix(objectid.Group(w.Namespace, "devs"))))
		Expect(k8sClient.Delete(ctx, namespaceNamed(w.Namespace))).To(Succeed())
		Eventually(isGone(namespaceNamed(w.Namespace))).WithTimeout(3 * time.Minute).WithPolling(time.Second).Should(BeTrue())
	})
})
