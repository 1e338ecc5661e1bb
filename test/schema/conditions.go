package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

func init() { rows((*suite).conditions) }

func (s *suite) conditions() {
	Describe("The schema of conditions", func() {
		const (
			conditions = "spec.permissionGrants[0].conditions"
			wantsValue = "set value for Equals and NotEquals"
			wantsList  = "set values, with at least one, for In"
		)
		entry := func(fields string) error {
			return s.server.Try(Manifest("Role", "editor", plainRole+"permissionGrants: [{permission: edit, "+fields+"}]"))
		}

		s.table("of one attribute", func(condition string) error { return entry("conditions: {team: " + condition + "}") },
			row("[G2] takes Equals with a value", "{type: Equals, value: red}", BeAccepted()).onBoth(),
			row("[G2] takes NotEquals with a value", "{type: NotEquals, value: red}", BeAccepted()),
			row("[G2] takes In with values", "{type: In, values: [red, blue]}", BeAccepted()),
			row("[G2] takes a quoted number", "{type: Equals, value: '3'}", BeAccepted()),
			row("takes the empty string as a value", "{type: Equals, value: ''}", BeAccepted()),
			row("takes the empty string among values", "{type: In, values: ['']}", BeAccepted()),

			row("[G2] refuses Equals without a value", "{type: Equals}", BeRefusedAt(conditions+"[team].value", wantsValue)).onBoth(),
			row("[G2] refuses NotEquals without a value", "{type: NotEquals}", BeRefusedAt(conditions+"[team].value", wantsValue)),
			row("[G2] refuses a null as a value", "{type: Equals, value: null}", BeRefusedAt(conditions+"[team].value", wantsValue)),
			row("[G2] refuses In without values", "{type: In}", BeRefusedAt(conditions+"[team].values", wantsList)),
			row("[G2] refuses In with no values", "{type: In, values: []}", BeRefusedAt(conditions+".team.values", "at least 1 items")),
			row("[G2] refuses In with a null for values", "{type: In, values: null}", BeRefusedAt(conditions+"[team].values", wantsList)),
			row("[G2] refuses a null among values", "{type: In, values: [null]}", BeRefusedAt(conditions+".team.values[0]", "must be of type string")),
			row("[G2] refuses Equals with values", "{type: Equals, values: [red]}", BeRefusedAt(conditions+"[team].value", wantsValue)),
			row("[G2] refuses Equals with both forms", "{type: Equals, value: red, values: [red]}", BeRefusedAt(conditions+"[team].values", wantsList)),
			row("[G2] refuses NotEquals with both forms", "{type: NotEquals, value: red, values: [red]}", BeRefusedAt(conditions+"[team].values", wantsList)),
			row("[G2] refuses In with both forms", "{type: In, value: red, values: [red]}", BeRefusedAt(conditions+"[team].value", wantsValue)),
			row("[G2] refuses no type", "{value: red}", BeRefusedAt(conditions+".team.type", "Required value")),
			row("[G2] refuses another type", "{type: Matches, value: red}",
				BeRefusedAt(conditions+".team.type", `supported values: "Equals", "NotEquals", "In"`)),
			row("refuses a bare value", "red", BeRefusedAt(conditions+".team", "must be of type object")),
			row("refuses an unknown field", "{type: Equals, value: red, values_: []}",
				BeRefusedAsUnknown(conditions+".team.values_")),

			row("[G2] refuses an unquoted number", "{type: Equals, value: 3}", BeRefusedAt(conditions+".team.value", "must be of type string")),
			row("[G2] refuses an unquoted truth value", "{type: Equals, value: true}", BeRefusedAt(conditions+".team.value", "must be of type string")),
			row("[G2] refuses an unquoted number among values", "{type: In, values: ['2', 3]}",
				BeRefusedAt(conditions+".team.values[1]", "must be of type string")),

			row("takes a value of 256 characters", "{type: Equals, value: "+letters(256)+"}", BeAccepted()),
			row("refuses a value of 257 characters", "{type: Equals, value: "+letters(257)+"}",
				BeRefusedAt(conditions+".team.value", "may not be more than 256")),
			row("takes 200 values", "{type: In, values: "+list(200, "v%d")+"}", BeAccepted()),
			row("refuses 201 values", "{type: In, values: "+list(201, "v%d")+"}",
				BeRefusedAt(conditions+".team.values", "must have at most 200 items")),
			row("takes a value of 256 characters among values", "{type: In, values: ["+letters(256)+"]}", BeAccepted()),
			row("refuses a value of 257 characters among values", "{type: In, values: ["+letters(257)+"]}",
				BeRefusedAt(conditions+".team.values[0]", "may not be more than 256")),
			row("refuses a value twice", "{type: In, values: [red, red]}",
				BeRefusedAt(conditions+"[team].values[1]", "Duplicate value")),
		)

		s.table("of an entry", func(fields string) error { return entry(fields) },
			// Without conditions the permission is given whatever the request says. That has to be what the
			// author meant.
			row("refuses an empty map", "conditions: {}", BeRefusedAt(conditions, "at least 1 properties")).onBoth(),
			row("refuses a null", "conditions: null", BeRefusedAt(conditions, "conditions can't be null: name at least one, or leave the field out")),
			row("refuses a null for the only attribute", "conditions: {team: null}", BeRefusedAt(conditions, "at least 1 properties")),

			row("takes 20 attributes", conditionsOn(20), BeAccepted()),
			row("refuses 21 attributes", conditionsOn(21), BeRefusedAt(conditions, "must have at most 20 items")).onBoth(),
			row("takes an attribute's name of 128 characters", "conditions: {"+letters(128)+": {type: Equals, value: red}}", BeAccepted()),
			row("refuses an attribute's name of 129 characters", "conditions: {"+letters(129)+": {type: Equals, value: red}}",
				BeRefusedAt(conditions, "an attribute's name has 1 to 128 characters")),
			row("refuses an attribute without a name", "conditions: {'': {type: Equals, value: red}}",
				BeRefusedAt(conditions, "an attribute's name has 1 to 128 characters")),
		)
	})
}

func conditionsOn(n int) string {
	elements := list(n, "a%d: {type: Equals, value: red}")
	return fmt.Sprintf("conditions: {%s}", elements[1:len(elements)-1])
}
