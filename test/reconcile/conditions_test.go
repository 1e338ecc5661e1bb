package reconcile

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

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

	It("[G2] must be met with every other of its entry, and with those of another entry none", func() {
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
