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

	It("[G2] must be met with every other of its entry, and with those of another entry none", Label(embeddedOnly), func() {
		given(conditional().
			GrantsIf(w.Edit, build.Equals("color", "red"), build.In("floor", "1", "2"), build.NotEquals("draft", "true")).
			GrantsIf(w.Edit, build.Equals("color", "gold")))
		expectMay(true,
			attributes{"color": "red", "floor": 1, "draft": false},
			attributes{"color": "red", "floor": 2, "draft": false},
			attributes{"color": "gold"}, attributes{"color": "gold", "floor": 9, "draft": true})
		expectMay(false,
			attributes{"color": "red", "floor": 3, "draft": false},
			attributes{"color": "red", "floor": 1, "draft": true},
			attributes{"color": "blue", "floor": 1, "draft": false},
			attributes{"color": "red", "floor": 1}, attributes{"color": "red"}, attributes{"floor": 1, "draft": false})
	})

	It("[G2] stands beside one without, which makes it idle", func() {
		given(conditional().GrantsIf(w.Edit, build.Equals("color", "red")).Grants(w.Edit))
		expectMay(true, attributes{"color": "blue"}, attributes{})
	})

	It("[G2] of one role does not restrict another role of the same user", func() {
		given(conditional().GrantsIf(w.Edit, build.Equals("color", "red")))
		expectMay(false, attributes{"color": "blue"})
		plain := w.assignment("plain", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(plain)
		expectReason(plain, v1alpha1.ReasonInForce)
		expectMay(true, attributes{"color": "blue"}, attributes{})
		remove(plain)
		expectMay(false, attributes{"color": "blue"})
		expectMay(true, attributes{"color": "red"})
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

	DescribeTable("[G3] with a value that can't be read is reported, naming the attribute, and that entry gives nothing",
		func(condition build.Condition, attribute string, words ...string) {
			role := conditional().GrantsIf(w.Edit, condition).Grants(w.View).GrantsIf(w.Delete).Obj()
			assigned := w.assignment("a", "conditional").ToUser("alice").Obj()
			create(role, assigned)
			expectReason(role, v1alpha1.ReasonPermissionsInvalid, "1 of 3 entries", "conditions["+attribute+"]")
			Eventually(faultsOf(role)).Should(HaveExactElements(And(
				HaveField("Permission", w.Edit), HaveField("Reason", v1alpha1.ReasonValueInvalid),
				HaveField("Message", containAll(append(words, "conditions["+attribute+"]")...)))))
			expectReason(assigned, v1alpha1.ReasonInForce)
			expectMay(false, attributes{}, attributes{"floor": 3, "draft": true}, attributes{"floor": 0, "draft": false},
				attributes{"floor": "abc", "draft": "yes"}, attributes{"floor": "", "draft": ""})
			Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
			Expect(w.may("alice", w.Delete, w.at("prod"))()).To(BeTrue())
		},
		Entry("a word as a Number", build.Equals("floor", "abc"), "floor", `"abc"`, "not a number"),
		Entry("nothing as a Number", build.NotEquals("floor", ""), "floor", `""`, "not a number"),
		Entry("a space before a Number", build.Equals("floor", " 3"), "floor", "not a number"),
		Entry("a hexadecimal Number", build.Equals("floor", "0x3"), "floor", "not a number"),
		Entry("an infinite Number", build.NotEquals("floor", "Inf"), "floor", "not a number"),
		Entry("a Number that is none", build.NotEquals("floor", "NaN"), "floor", "not a number"),
		Entry("an integer beyond 2^53", build.NotEquals("floor", "9007199254740994"), "floor", "use an attribute of type String"),
		Entry("one of several Numbers", build.In("floor", "1", "two", "3"), "floor", `"two"`, "not a number"),
		Entry("a word as a Boolean", build.NotEquals("draft", "yes"), "draft", `"yes"`, `write "true" or "false"`),
		Entry("a Boolean in capitals", build.Equals("draft", "True"), "draft", `"True"`, `write "true" or "false"`),
		Entry("a number as a Boolean", build.Equals("draft", "1"), "draft", `"1"`, `write "true" or "false"`),
		Entry("both Booleans", build.In("draft", "true", "false"), "draft", "excludes nothing"),
	)

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

	It("[G4] on a String or a Boolean is not met by another type, NotEquals included", func() {
		given(conditional().GrantsIf(w.Edit, build.NotEquals("color", "red")).GrantsIf(w.Edit, build.NotEquals("draft", "true")))
		expectMay(true, attributes{"color": "3"}, attributes{"draft": false}, attributes{"color": 3, "draft": false})
		expectMay(false,
			attributes{"color": nil}, attributes{"color": 3}, attributes{"color": true}, attributes{"color": []any{"blue"}},
			attributes{"color": attributes{"a": "blue"}}, attributes{"color": []any{}}, attributes{"color": attributes{}},
			attributes{"draft": nil}, attributes{"draft": "false"}, attributes{"draft": 0}, attributes{"draft": []any{false}},
			attributes{"draft": attributes{}}, attributes{"Color": "blue"}, nil)
	})

	It("[G4] takes an attribute of 100 KB", func() {
		given(conditional().GrantsIf(w.Edit, build.NotEquals("color", "red")).GrantsIf(w.Edit, build.In("color", "red", "blue"), build.Equals("floor", "1")))
		long := strings.Repeat("red", 100<<10/3)
		expectMay(true, attributes{"color": long}, attributes{"color": "red", "floor": 1, "other": long})
		expectMay(false, attributes{"color": "red", "floor": long}, attributes{"color": "red", "floor": []any{long, long}})
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

	It("[G2] In takes 200 values", func() {
		var colors, floors []string
		for n := range 200 {
			colors = append(colors, fmt.Sprint("color-", n))
			floors = append(floors, fmt.Sprint(n))
		}
		given(conditional().GrantsIf(w.Edit, build.In("color", colors...), build.In("floor", floors...)))
		expectMay(true,
			attributes{"color": "color-0", "floor": 0}, attributes{"color": "color-199", "floor": 199}, attributes{"color": "color-100", "floor": 7})
		expectMay(false,
			attributes{"color": "color-200", "floor": 0}, attributes{"color": "color-0", "floor": 200}, attributes{"color": "color-", "floor": 0},
			attributes{"color": "color-0", "floor": 0.5})
	})
})

// otherThanNumbers are requests whose attribute is not a Number.
func otherThanNumbers(attribute string) []attributes {
	return []attributes{
		nil, {}, {attribute: nil}, {attribute: "3"}, {attribute: ""}, {attribute: true}, {attribute: []any{}}, {attribute: []any{3}},
		{attribute: attributes{}}, {attribute: attributes{"3": 3}}, {"other": 3}, {attribute: strings.Repeat("3", 100<<10)},
	}
}
