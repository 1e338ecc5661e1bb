package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

var _ = Describe("An edit of a permission grant", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	type holds func() (bool, error)
	// step is one edit, and what holds after it, and nothing else of these.
	type step struct {
		Edit  func(*v1alpha1.PermissionGrant)
		Holds []holds
	}

	// follow makes an edit after the other. Before each, vanish takes away what the grant then names.
	follow := func(g *v1alpha1.PermissionGrant, steps []step, vanish ...func()) {
		GinkgoHelper()
		expectOnly := func(now int) {
			GinkgoHelper()
			for m, other := range steps {
				for n, holds := range other.Holds {
					Expect(holds()).To(Equal(m == now), "what step %d gives (%d), after step %d", m, n, now)
				}
			}
		}
		for n, s := range steps {
			if n == 0 {
				create(g)
			} else {
				if n <= len(vanish) {
					vanish[n-1]()
					expectOnly(-1)
				}
				edit(g, s.Edit)
			}
			expectReason(g, v1alpha1.ReasonInForce)
			expectOnly(n)
		}
		remove(g)
		expectOnly(-1)
		Expect(w.granted()).To(BeEmpty())
	}

	subjects := func() []step {
		to := func(user, group string) func(*v1alpha1.PermissionGrant) {
			return func(g *v1alpha1.PermissionGrant) { g.Spec.Subject = v1alpha1.GrantSubject{User: user, Group: group} }
		}
		return []step{
			{nil, []holds{w.may("alice", w.View, w.at("prod"))}},
			{to("bob", ""), []holds{w.may("bob", w.View, w.at("prod"))}},
			{to("", "devs"), []holds{w.groupMay(w.View, w.at("prod"))}},
			{to("carol", ""), []holds{w.may("carol", w.View, w.at("prod"))}},
		}
	}

	It("[K3] moves the permissions from one subject to the next", func() {
		create(w.user("carol"))
		follow(w.grant("g").ToUser("alice").Grants(w.View).InWorkspace("prod").Obj(), subjects())
	})

})
