package integration

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

type attributes = map[string]any

var _ = Describe("A condition", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	// given makes a role and gives it to alice.
	given := func(role *build.RoleBuilder) {
		GinkgoHelper()
		assigned := w.assignment("a", "conditional").ToUser("alice").Obj()
		create(role.Obj(), assigned)
		expectReason(role.Obj(), v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
	}
	conditional := func() *build.RoleBuilder { return build.Role(w.Namespace, "conditional") }
	expectMay := func(want bool, all ...attributes) {
		GinkgoHelper()
		for _, a := range all {
			Expect(w.may("alice", w.Edit, w.at("prod"), a)()).To(Equal(want), "with %.100v", a)
		}
	}

	It("[G2] Equals, In and NotEquals decide on a String", func() {
		role := conditional().GrantsIf(w.Edit, build.Equals("color", "red"))
		given(role)
		expectMay(true, attributes{"color": "red"}, attributes{"color": "red", "floor": 3, "other": nil})
		expectMay(false, attributes{"color": "blue"}, attributes{"color": "Red"}, attributes{"color": "red "}, attributes{"color": ""}, attributes{})

		become := func(condition build.Condition) {
			GinkgoHelper()
			edit(role.Obj(), func(r *v1alpha1.Role) { r.Spec = conditional().GrantsIf(w.Edit, condition).Obj().Spec })
			expectReason(role.Obj(), v1alpha1.ReasonValid)
		}
		become(build.In("color", "red", "blue"))
		expectMay(true, attributes{"color": "red"}, attributes{"color": "blue"})
		expectMay(false, attributes{"color": "green"}, attributes{"color": "red,blue"}, attributes{})

		become(build.NotEquals("color", "red"))
		expectMay(true, attributes{"color": "blue"}, attributes{"color": ""}, attributes{"color": "RED"})
		expectMay(false, attributes{"color": "red"}, attributes{})

		become(build.Equals("color", ""))
		expectMay(true, attributes{"color": ""})
		expectMay(false, attributes{"color": "red"}, attributes{}, attributes{"color": nil})
	})

	It("[G3] reads its values as the attribute's type", Label(embeddedOnly), func() {
		given(conditional().
			GrantsIf(w.Edit, build.Equals("floor", "3")).
			GrantsIf(w.Edit, build.In("floor", "-0.5", "1e3")).
			GrantsIf(w.Edit, build.Equals("draft", "true"), build.NotEquals("color", "true")))
		expectMay(true,
			attributes{"floor": 3}, attributes{"floor": 3.0}, attributes{"floor": -0.5}, attributes{"floor": 1000},
			attributes{"draft": true, "color": "3"})
		expectMay(false,
			attributes{"floor": "3"}, attributes{"floor": 3.1}, attributes{"floor": 0.5}, attributes{"floor": "1e3"}, attributes{"floor": "1000"},
			attributes{"draft": "true", "color": "3"}, attributes{"draft": 1, "color": "3"}, attributes{"draft": true, "color": true})
	})

	It("[G4] is not met by an attribute that is missing, null or of another type, and never fails", func() {
		for permission, entry := range map[string]func(*build.RoleBuilder) *build.RoleBuilder{
			"Equals": func(r *build.RoleBuilder) *build.RoleBuilder { return r.GrantsIf(w.Edit, build.Equals("floor", "3")) },
			"In":     func(r *build.RoleBuilder) *build.RoleBuilder { return r.GrantsIf(w.Edit, build.In("floor", "3", "4")) },
			"NotEquals": func(r *build.RoleBuilder) *build.RoleBuilder {
				return r.GrantsIf(w.Edit, build.NotEquals("floor", "5"))
			},
		} {
			By(permission)
			role := entry(conditional()).Grants(w.View)
			given(role)
			expectMay(true, attributes{"floor": 3})
			expectMay(false, otherThanNumbers("floor")...)
			for _, a := range otherThanNumbers("floor") {
				Expect(w.may("alice", w.View, w.at("prod"), a)()).To(BeTrue(), "another permission, with %.100v", a)
			}
			remove(role.Obj(), w.assignment("a", "conditional").Obj())
		}
	})

	It("[G4] takes 256 attributes, and OpenFGA thousands", func() {
		given(conditional().GrantsIf(w.Edit, build.Equals("color", "blue")))
		many := attributes{"color": "blue"}
		add := func(upTo int) {
			for n := range upTo - 1 {
				many[fmt.Sprint("attribute-", n)] = n
			}
		}
		add(256)
		expectMay(true, many)
		delete(many, "color")
		expectMay(false, many)

		By("asking OpenFGA alone, whose questions AuthZEN would refuse as too large")
		check := func() (bool, error) {
			return op.check(question{User: objectid.User(w.subject("alice")), Permission: w.Edit, Object: w.at("prod"), Attributes: many})
		}
		add(5000)
		Expect(check()).To(BeFalse())
		many["color"] = "blue"
		Expect(check()).To(BeTrue())
	})
})

// otherThanNumbers are requests whose attribute is not a Number.
func otherThanNumbers(attribute string) []attributes {
	return []attributes{
		nil, {}, {attribute: nil}, {attribute: "3"}, {attribute: ""}, {attribute: true}, {attribute: []any{}}, {attribute: []any{3}},
		{attribute: attributes{}}, {attribute: attributes{"3": 3}}, {"other": 3}, {attribute: strings.Repeat("3", 100<<10)},
	}
}
