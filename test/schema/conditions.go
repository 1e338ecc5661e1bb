package schema

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

func init() { rows((*suite).conditions) }

func (s *suite) conditions() {
	for _, place := range s.entryPlaces() {
		Describe("The schema of conditions of "+place.kind, func() { s.conditionsAt(place) })
	}
}

// entryPlace is where permission entries stand. What an entry must be is a rule of each, not of the entry, and all of
// these are to be the same.
type entryPlace struct {
	kind string
	// entry is the path of the entry, and rule that of what refuses its conditions, in words that begin with before.
	entry, rule, before string
	write               func(entry string) error
}

func (s *suite) entryPlaces() []entryPlace {
	place := func(kind, entry, spec string) entryPlace {
		p := entryPlace{kind: kind, entry: entry, rule: entry + ".conditions", write: func(entry string) error {
			return s.server.Try(Manifest(kind, "p", fmt.Sprintf(spec, entry)))
		}}
		if list, isList := strings.CutSuffix(entry, "[1]"); isList {
			p.rule, p.before = list, "[1].conditions"
		}
		return p
	}
	return []entryPlace{
		place("Role", "spec.permissionGrants[1]", plainRole+"permissionGrants: [{permission: view}, %s, {permission: view}]"),
		place("PermissionGrant", "spec.permissions[1]", "subject: {user: alice}\npermissions: [{permission: view}, %s]"),
		place("AccessPolicy", "spec.permissions[1]", policyAsks+"permissions: [{permission: view}, %s]\nscopes: [{}]\nmaxDuration: PT4H"),
		place("TemporaryPermissionGrant", "spec.permissionGrant", "user: alice\njustification: needed for the incident\nduration: PT8H\npermissionGrant: %s"),
		place("AccessRequest", "spec.permissionGrant", requestNeeds+"permissionGrant: %s"),
	}
}

func (s *suite) conditionsAt(place entryPlace) {
	const (
		wantsForm   = `["team"]: set values, with at least one, for In, and value for every other type, never both`
		wantsNumber = `["team"].value must be a number for LessThan, LessThanOrEqual, GreaterThan and GreaterThanOrEqual, as in '1000'`
		wantsName   = "an attribute's name has 1 to 128 characters: write one that the permission's ResourceType declares"
	)
	conditions := place.entry + ".conditions"
	beRefused := func(says string) types.GomegaMatcher { return BeRefusedAt(place.rule, place.before+says) }
	entry := func(fields string) error { return place.write("{permission: edit, " + fields + "}") }
	// One place is enough for what both servers are asked.
	onBoth := func(r tableRow) tableRow {
		r.both = place.kind == "Role"
		return r
	}

	s.table("of one attribute", func(condition string) error { return entry("conditions: {team: " + condition + "}") },
		onBoth(row("[G2] takes Equals with a value", "{type: Equals, value: red}", BeAccepted())),
		row("[G2] takes NotEquals with a value", "{type: NotEquals, value: red}", BeAccepted()),
		row("[G2] takes In with values", "{type: In, values: [red, blue]}", BeAccepted()),
		row("[G2] takes a quoted number", "{type: Equals, value: '3'}", BeAccepted()),
		row("takes the empty string as a value", "{type: Equals, value: ''}", BeAccepted()),
		row("takes the empty string among values", "{type: In, values: ['']}", BeAccepted()),

		onBoth(row("[G2] refuses Equals without a value", "{type: Equals}", beRefused(wantsForm))),
		row("[G2] refuses NotEquals without a value", "{type: NotEquals}", beRefused(wantsForm)),
		row("[G2] refuses a null as a value", "{type: Equals, value: null}", beRefused(wantsForm)),
		row("[G2] refuses In without values", "{type: In}", beRefused(wantsForm)),
		row("[G2] refuses In with no values", "{type: In, values: []}", BeRefusedAt(conditions+".team.values", "at least 1 items")),
		row("[G2] refuses In with a null for values", "{type: In, values: null}", beRefused(wantsForm)),
		row("[G2] refuses a null among values", "{type: In, values: [null]}", BeRefusedAt(conditions+".team.values[0]", "must be of type string")),
		row("[G2] refuses Equals with values", "{type: Equals, values: [red]}", beRefused(wantsForm)),
		row("[G2] refuses Equals with both forms", "{type: Equals, value: red, values: [red]}", beRefused(wantsForm)),
		row("[G2] refuses NotEquals with both forms", "{type: NotEquals, value: red, values: [red]}", beRefused(wantsForm)),
		row("[G2] refuses In with both forms", "{type: In, value: red, values: [red]}", beRefused(wantsForm)),
		onBoth(row("[G2] refuses LessThan with a word", "{type: LessThan, value: many}", beRefused(wantsNumber))),
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
		onBoth(row("refuses an empty map", "conditions: {}", BeRefusedAt(conditions, "at least 1 properties"))),
		row("refuses a null", "conditions: null", BeRefusedAt(place.rule, "conditions can't be null: name at least one, or leave the field out to give the permission without conditions")),
		row("refuses a null for the only attribute", "conditions: {team: null}", BeRefusedAt(conditions, "at least 1 properties")),

		row("takes 20 attributes", conditionsOn(20), BeAccepted()),
		onBoth(row("refuses 21 attributes", conditionsOn(21), BeRefusedAt(conditions, "must have at most 20 items"))),
		row("takes an attribute's name of 128 characters", "conditions: {"+letters(128)+": {type: Equals, value: red}}", BeAccepted()),
		row("refuses an attribute's name of 129 characters", "conditions: {"+letters(129)+": {type: Equals, value: red}}",
			BeRefusedAt(place.rule, wantsName)),
		row("refuses an attribute without a name", "conditions: {'': {type: Equals, value: red}}",
			BeRefusedAt(place.rule, wantsName)),
		row("refuses what is wrong beside what is right", "conditions: {team: {type: In, value: red}, color: {type: Equals, value: red}}", beRefused(wantsForm)),
		row("names every attribute that is wrong", "conditions: {team: {type: In, value: red}, color: {type: Equals}}",
			And(beRefused(`["`), BeRefusedAt(place.rule, `"team"`), BeRefusedAt(place.rule, `"color"`))),
		row("refuses what is wrong at an attribute with a line break in its name, which a message may not have", `conditions: {"team\n": {type: In, value: red}}`,
			BeRefusedAt(place.rule, "value for every other type")),
	)
}

func conditionsOn(n int) string {
	elements := list(n, "a%d: {type: Equals, value: red}")
	return fmt.Sprintf("conditions: {%s}", elements[1:len(elements)-1])
}
