package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

var _ = Describe("The schema of conditions", func() {
	const (
		conditions = "spec.permissionGrants[0].conditions"
		wantsValue = "set value for Equals and NotEquals"
		wantsList  = "set values, with at least one, for In"
	)
	entry := func(fields string) error {
		return try(manifest("Role", "editor", plainRole+"permissionGrants: [{permission: edit, "+fields+"}]"))
	}

	DescribeTable("of one attribute", func(condition string, outcome types.GomegaMatcher) {
		Expect(entry("conditions: {team: " + condition + "}")).To(outcome)
	},
		Entry("[G2] takes Equals with a value", "{type: Equals, value: red}", beAccepted()),
		Entry("[G2] takes NotEquals with a value", "{type: NotEquals, value: red}", beAccepted()),
		Entry("[G2] takes In with values", "{type: In, values: [red, blue]}", beAccepted()),
		Entry("[G2] takes a quoted number", "{type: Equals, value: '3'}", beAccepted()),
		Entry("takes the empty string as a value", "{type: Equals, value: ''}", beAccepted()),
		Entry("takes the empty string among values", "{type: In, values: ['']}", beAccepted()),

		Entry("[G2] refuses Equals without a value", "{type: Equals}", beRefusedAt(conditions+"[team].value", wantsValue)),
		Entry("[G2] refuses NotEquals without a value", "{type: NotEquals}", beRefusedAt(conditions+"[team].value", wantsValue)),
		Entry("[G2] refuses a null as a value", "{type: Equals, value: null}", beRefusedAt(conditions+"[team].value", wantsValue)),
		Entry("[G2] refuses In without values", "{type: In}", beRefusedAt(conditions+"[team].values", wantsList)),
		Entry("[G2] refuses In with no values", "{type: In, values: []}", beRefusedAt(conditions+".team.values", "at least 1 items")),
		Entry("[G2] refuses In with a null for values", "{type: In, values: null}", beRefusedAt(conditions+"[team].values", wantsList)),
		Entry("[G2] refuses a null among values", "{type: In, values: [null]}", beRefusedAt(conditions+".team.values[0]", "must be of type string")),
		Entry("[G2] refuses Equals with values", "{type: Equals, values: [red]}", beRefusedAt(conditions+"[team].value", wantsValue)),
		Entry("[G2] refuses Equals with both forms", "{type: Equals, value: red, values: [red]}", beRefusedAt(conditions+"[team].values", wantsList)),
		Entry("[G2] refuses NotEquals with both forms", "{type: NotEquals, value: red, values: [red]}", beRefusedAt(conditions+"[team].values", wantsList)),
		Entry("[G2] refuses In with both forms", "{type: In, value: red, values: [red]}", beRefusedAt(conditions+"[team].value", wantsValue)),
		Entry("[G2] refuses no type", "{value: red}", beRefusedAt(conditions+".team.type", "Required value")),
		Entry("[G2] refuses another type", "{type: Matches, value: red}",
			beRefusedAt(conditions+".team.type", `supported values: "Equals", "NotEquals", "In"`)),
		Entry("refuses a bare value", "red", beRefusedAt(conditions+".team", "must be of type object")),
		Entry("refuses an unknown field", "{type: Equals, value: red, values_: []}",
			beRefusedAsUnknown(conditions+".team.values_")),

		Entry("[G2] refuses an unquoted number", "{type: Equals, value: 3}", beRefusedAt(conditions+".team.value", "must be of type string")),
		Entry("[G2] refuses an unquoted truth value", "{type: Equals, value: true}", beRefusedAt(conditions+".team.value", "must be of type string")),
		Entry("[G2] refuses an unquoted number among values", "{type: In, values: ['2', 3]}",
			beRefusedAt(conditions+".team.values[1]", "must be of type string")),

		Entry("takes a value of 256 characters", "{type: Equals, value: "+letters(256)+"}", beAccepted()),
		Entry("refuses a value of 257 characters", "{type: Equals, value: "+letters(257)+"}",
			beRefusedAt(conditions+".team.value", "may not be more than 256")),
		Entry("takes 200 values", "{type: In, values: "+list(200, "v%d")+"}", beAccepted()),
		Entry("refuses 201 values", "{type: In, values: "+list(201, "v%d")+"}",
			beRefusedAt(conditions+".team.values", "must have at most 200 items")),
		Entry("takes a value of 256 characters among values", "{type: In, values: ["+letters(256)+"]}", beAccepted()),
		Entry("refuses a value of 257 characters among values", "{type: In, values: ["+letters(257)+"]}",
			beRefusedAt(conditions+".team.values[0]", "may not be more than 256")),
		Entry("refuses a value twice", "{type: In, values: [red, red]}",
			beRefusedAt(conditions+"[team].values[1]", "Duplicate value")),
	)

	DescribeTable("of an entry", func(fields string, outcome types.GomegaMatcher) {
		Expect(entry(fields)).To(outcome)
	},
		// Without conditions the permission is given whatever the request says. That has to be what the
		// author meant.
		Entry("refuses an empty map", "conditions: {}", beRefusedAt(conditions, "at least 1 properties")),
		Entry("refuses a null", "conditions: null", beRefusedAt(conditions, "conditions can't be null: name at least one, or leave the field out")),
		Entry("refuses a null for the only attribute", "conditions: {team: null}", beRefusedAt(conditions, "at least 1 properties")),

		Entry("takes 20 attributes", conditionsOn(20), beAccepted()),
		Entry("refuses 21 attributes", conditionsOn(21), beRefusedAt(conditions, "must have at most 20 items")),
		Entry("takes an attribute's name of 128 characters", "conditions: {"+letters(128)+": {type: Equals, value: red}}", beAccepted()),
		Entry("refuses an attribute's name of 129 characters", "conditions: {"+letters(129)+": {type: Equals, value: red}}",
			beRefusedAt(conditions, "an attribute's name has 1 to 128 characters")),
		Entry("refuses an attribute without a name", "conditions: {'': {type: Equals, value: red}}",
			beRefusedAt(conditions, "an attribute's name has 1 to 128 characters")),
	)
})

func conditionsOn(n int) string {
	elements := list(n, "a%d: {type: Equals, value: red}")
	return fmt.Sprintf("conditions: {%s}", elements[1:len(elements)-1])
}
