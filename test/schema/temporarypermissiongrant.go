package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

const (
	// needed is what a temporary grant needs beside its end.
	needed      = "user: alice\npermissionGrant: {permission: edit}\njustification: needed for the incident\n"
	oneEnd      = "set exactly one of duration and expiresAt"
	cantLater   = "can't be set, changed or removed later: make another grant, and delete this one"
	cantChange  = "can't be changed: make another grant, and delete this one"
	wrongTagKey = "a tag's key has 1 to 63 ASCII letters, digits, underscores and blanks"
	wrongTag    = "must be of ASCII letters, digits, underscores and blanks, or empty for none"
)

func init() { rows((*suite).temporaryPermissionGrant) }

func (s *suite) temporaryPermissionGrant() {
	Describe("The schema of TemporaryPermissionGrant", func() {
		grant := func(spec string) error { return s.server.Try(Manifest("TemporaryPermissionGrant", "g", spec)) }

		s.table("what it needs", func(spec string) error { return grant(spec) },
			row("[G5] takes a user, a duration, a permission, tags and a justification", needed+"duration: PT8H\ntags: {team: red}", BeAccepted()),
			row("[G5] takes conditions", "user: alice\njustification: needed for the incident\nduration: PT8H\n"+
				"permissionGrant: {permission: edit, conditions: {team: {type: Equals, value: red}}}", BeAccepted()),
			row("[G5] refuses no user", "permissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H",
				BeRefusedAt("spec.user", "Required value")),
			row("[G5] refuses a null for the user", "user: null\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H",
				BeRefusedAt("spec.user", "Required value")),
			row("refuses a group", needed+"group: crew\nduration: PT8H", BeRefusedAsUnknown("spec.group")),
			row("[G5] refuses no permission", "user: alice\njustification: needed for the incident\nduration: PT8H",
				BeRefusedAt("spec.permissionGrant", "Required value")),
			row("[A3] refuses an empty name of a permission", "user: alice\npermissionGrant: {permission: ''}\njustification: needed for the incident\nduration: PT8H",
				BeRefusedAt("spec.permissionGrant.permission", "must not be blank: write the name of a permission")),
			row("refuses a list of permissions", needed+"permissions: [{permission: edit}]\nduration: PT8H", BeRefusedAsUnknown("spec.permissions")),
			row("refuses a null for conditions, which would be none",
				"user: alice\njustification: needed for the incident\nduration: PT8H\npermissionGrant: {permission: edit, conditions: null}",
				BeRefusedAt("spec.permissionGrant.conditions", "conditions can't be null")),
			row("[G5] refuses no justification", "user: alice\npermissionGrant: {permission: edit}\nduration: PT8H",
				BeRefusedAt("spec.justification", "Required value")),
		)
		s.name("spec.user", "must be the name of a User: lower-case letters", func(name string) error {
			return grant(fmt.Sprintf("user: %q\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", name))
		})
		s.text("spec.permissionGrant.permission", 256, func(text string) error {
			return grant(fmt.Sprintf("user: alice\npermissionGrant: {permission: %q}\njustification: needed for the incident\nduration: PT8H", text))
		})
		s.grantScope(func(scope string) error { return grant(needed + "duration: PT8H\n" + scope) })

		s.table("start and end", func(times string) error { return grant(needed + times) },
			row("[G5] takes a duration", "duration: PT8H", BeAccepted()),
			row("takes a deadline", "expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
			row("takes a start and a duration", "startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H", BeAccepted()),
			row("takes a start and a deadline", "startsAt: '2030-01-31T08:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
			row("takes a start in the past", "startsAt: '2020-01-31T08:00:00Z'\nduration: PT8H", BeAccepted()),
			row("takes a deadline in the past", "expiresAt: '2020-01-31T17:00:00Z'", BeAccepted()),
			row("takes other time zones", "startsAt: '2030-01-31T23:00:00-08:00'\nexpiresAt: '2030-02-01T08:00:01+01:00'", BeAccepted()),
			row("refuses neither duration nor deadline", "startsAt: '2030-01-31T08:00:00Z'", BeRefusedAt("spec", oneEnd)),
			row("refuses both", "duration: PT8H\nexpiresAt: '2030-01-31T17:00:00Z'", BeRefusedAt("spec", oneEnd)),
			row("refuses a null for the only duration", "duration: null", BeRefusedAt("spec", oneEnd)),
			row("refuses a null for the only deadline", "expiresAt: null", BeRefusedAt("spec", oneEnd)),
			row("refuses a null for the start, which would be the creation", "startsAt: null\nduration: PT8H",
				BeRefusedAt("spec.startsAt", "startsAt can't be null: write when the grant begins, or leave the field out")),
			row("refuses a start after the deadline", "startsAt: '2030-01-31T17:00:01Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
				BeRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
			row("refuses a start at the deadline", "startsAt: '2030-01-31T17:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
				BeRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
			row("refuses a start at the deadline in another time zone", "startsAt: '2030-01-31T18:00:00+01:00'\nexpiresAt: '2030-01-31T17:00:00Z'",
				BeRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")).onBoth(),
			row("refuses a date without a time", "expiresAt: '2030-01-31'", BeRefusedAt("spec.expiresAt", "must be of type date-time")),
			row("refuses a time without a zone", "expiresAt: '2030-01-31T17:00:00'", BeRefusedAt("spec.expiresAt", "must be of type date-time")),
			row("refuses a day that does not exist", "expiresAt: '2030-02-30T17:00:00Z'", BeRefusedAt("spec.expiresAt", "must be of type date-time")).onBoth(),
			row("refuses an empty deadline", "expiresAt: ''", BeRefusedAt("spec.expiresAt", "must be of type date-time")),
			row("refuses a duration as a deadline", "expiresAt: PT8H", BeRefusedAt("spec.expiresAt", "must be of type date-time")),
			row("refuses an instant as a duration", "duration: '2030-01-31T17:00:00Z'", BeRefusedAt("spec.duration", "must be of whole weeks")),
			row("refuses an unquoted number as a duration", "duration: 8", BeRefusedAt("spec.duration", "must be of type string")),
			row("refuses an unknown field", "durations: PT8H", BeRefusedAsUnknown("spec.durations")),
		)
		for _, field := range []string{"startsAt", "expiresAt"} {
			s.instant("spec."+field, func(instant string) error {
				spec := needed + fmt.Sprintf("%s: %q", field, instant)
				if field == "startsAt" {
					spec += "\nduration: PT8H"
				}
				return grant(spec)
			})
		}
		s.duration("spec.duration", "[G5] ", func(duration string) error {
			return grant(needed + fmt.Sprintf("duration: \"%s\"", duration))
		}, "[G5] takes all units", "[G5] refuses a month")

		s.table("justifications", func(justification string) error {
			return grant("user: alice\npermissionGrant: {permission: edit}\nduration: PT8H\n" + fmt.Sprintf("justification: %q", justification))
		},
			row("[G6] takes 10 characters", "incident 7", BeAccepted()),
			row("[G6] takes 10 characters, whatever their size in bytes", "störung ☃7", BeAccepted()),
			row("[G6] takes 10 characters with blanks around", " incident 7\n", BeAccepted()).onBoth(),
			row("takes 1024 characters", letters(1024), BeAccepted()),
			row("refuses 1025 characters", letters(1025), BeRefusedAt("spec.justification", "may not be more than 1024")),
			row("[G6] refuses 9 characters", "incident7", BeRefusedAt("spec.justification", "must have at least 10 characters")),
			row("[G6] refuses 9 characters padded with blanks", "  incident7 \t\n", BeRefusedAt("spec.justification", "surrounding blanks not counted")).onBoth(),
			row("[G6] refuses 9 characters padded with blanks of Unicode", "\u00a0\u2003incident7\u3000", BeRefusedAt("spec.justification", "surrounding blanks not counted")),
			row("[G6] refuses blanks alone", "               ", BeRefusedAt("spec.justification", "must have at least 10 characters")),
			row("[G6] refuses none", "", BeRefusedAt("spec.justification", "must have at least 10 characters")),
		)

		s.table("tags", func(tags string) error { return grant(needed + "duration: PT8H\ntags: " + tags) },
			row("[G6] takes 20", tags(20), BeAccepted()),
			row("[G6] refuses 21", tags(21), BeRefusedAt("spec.tags", "must have at most 20 items")),
			row("takes none", "{}", BeAccepted()),
			row("[G6] takes letters, digits, underscores and blanks", "{'Change Request_7': 'CR 42_a'}", BeAccepted()).onBoth(),
			row("[G6] takes an empty value", "{urgent: ''}", BeAccepted()),
			row("takes a key of 63 characters", "{"+letters(63)+": red}", BeAccepted()),
			row("refuses a key of 64 characters", "{"+letters(64)+": red}", BeRefusedAt("spec.tags", wrongTagKey)),
			row("takes a value of 256 characters", "{team: "+letters(256)+"}", BeAccepted()),
			row("refuses a value of 257 characters", "{team: "+letters(257)+"}", BeRefusedAt("spec.tags.team", "may not be more than 256")),
			row("[G6] refuses an empty key", "{'': red}", BeRefusedAt("spec.tags", wrongTagKey)),
			row("[G6] refuses a hyphen in a key", "{cost-center: red}", BeRefusedAt("spec.tags", wrongTagKey)),
			row("[G6] refuses a hyphen in a value", "{team: dark-red}", BeRefusedAt("spec.tags[team]", wrongTag)).onBoth(),
			row("[G6] refuses a newline in a key", `{"team\n": red}`, BeRefusedAt("spec.tags", wrongTagKey)),
			row("[G6] refuses a newline in a value", `{team: "red\n"}`, BeRefusedAt("spec.tags[team]", wrongTag)),
			row("[G6] refuses a tab in a value", `{team: "dark\tred"}`, BeRefusedAt("spec.tags[team]", wrongTag)),
			row("[G6] refuses an accent in a key", "{équipe: red}", BeRefusedAt("spec.tags", wrongTagKey)),
			row("[G6] refuses an accent in a value", "{team: équipe}", BeRefusedAt("spec.tags[team]", wrongTag)),
			row("[G6] refuses digits of other alphabets", "{team: '٣'}", BeRefusedAt("spec.tags[team]", wrongTag)),
			row("[G6] refuses a colon, which separates key and value where tags are searched", "{team: 'red:blue'}", BeRefusedAt("spec.tags[team]", wrongTag)),
			row("refuses an unquoted number as a value", "{ticket: 7}", BeRefusedAt("spec.tags.ticket", "must be of type string")),
			row("refuses a list", "[urgent]", BeRefusedAt("spec.tags", "must be of type object")),
		)

		s.table("ttlAfterExpired", func(times string) error { return grant(needed + "ttlAfterExpired: P30D\n" + times) },
			row("takes it with a deadline", "expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
			row("takes it with a start", "startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H", BeAccepted()),
			row("refuses it with duration alone", "duration: PT8H",
				BeRefusedAt("spec.ttlAfterExpired", "needs expiresAt or startsAt: a grant with duration alone")),
		)
		s.duration("spec.ttlAfterExpired", "", func(duration string) error {
			return grant(needed + fmt.Sprintf("expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: \"%s\"", duration))
		})

		s.edits("what can be changed later", func(before, after string) error {
			object := Manifest("TemporaryPermissionGrant", "g", before)
			object.SetNamespace(s.server.NewNamespace())
			return s.server.Replace(object, "TemporaryPermissionGrant", after)
		},
			edit("duration, to longer", needed+"duration: PT8H", needed+"duration: P1D", BeAccepted()),
			edit("duration, to shorter", needed+"duration: PT8H", needed+"duration: PT1S", BeAccepted()),
			edit("expiresAt, to later", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"expiresAt: '2030-02-28T17:00:00Z'", BeAccepted()),
			edit("expiresAt, to the past", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"expiresAt: '2020-01-31T17:00:00Z'", BeAccepted()),
			edit("duration, to expiresAt", needed+"duration: PT8H", needed+"expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
			edit("expiresAt, to duration", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"duration: PT8H", BeAccepted()),
			edit("tags, which are set", needed+"duration: PT8H", needed+"duration: PT8H\ntags: {team: red}", BeAccepted()),
			edit("tags, which are changed", needed+"duration: PT8H\ntags: {team: red}", needed+"duration: PT8H\ntags: {team: blue}", BeAccepted()),
			edit("tags, which are removed", needed+"duration: PT8H\ntags: {team: red}", needed+"duration: PT8H", BeAccepted()),
			edit("ttlAfterExpired, which is set", needed+"expiresAt: '2030-01-31T17:00:00Z'",
				needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D", BeAccepted()),
			edit("ttlAfterExpired, which is changed", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
				needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P2D", BeAccepted()),
			edit("ttlAfterExpired, which is removed", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
				needed+"expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
			edit("not to duration alone beside ttlAfterExpired", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
				needed+"duration: PT8H\nttlAfterExpired: P1D", BeRefusedAt("spec.ttlAfterExpired", "needs expiresAt or startsAt")),
			edit("not to both duration and expiresAt", needed+"duration: PT8H", needed+"duration: PT8H\nexpiresAt: '2030-01-31T17:00:00Z'",
				BeRefusedAt("spec", oneEnd)),
			edit("not to a deadline before the start", needed+"startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H",
				needed+"startsAt: '2030-01-31T08:00:00Z'\nexpiresAt: '2030-01-31T07:00:00Z'", BeRefusedAt("spec.expiresAt", "must be after startsAt")),

			edit("not the user", needed+"duration: PT8H",
				"user: bob\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", BeRefusedAt("spec.user", cantChange)).onBoth(),
			edit("not the user, which is removed", needed+"duration: PT8H",
				"permissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", BeRefusedAt("spec.user", "Required value")),
			edit("not the permission", needed+"duration: PT8H",
				"user: alice\npermissionGrant: {permission: delete}\njustification: needed for the incident\nduration: PT8H",
				BeRefusedAt("spec.permissionGrant", cantChange)),
			edit("not the permission, which is removed", needed+"duration: PT8H",
				"user: alice\njustification: needed for the incident\nduration: PT8H", BeRefusedAt("spec.permissionGrant", "Required value")),
			edit("not conditions, which are set", withConditions(""), withConditions("conditions: {team: {type: Equals, value: red}}"),
				BeRefusedAt("spec.permissionGrant", cantChange)),
			edit("not conditions, which are changed", withConditions("conditions: {team: {type: Equals, value: red}}"),
				withConditions("conditions: {team: {type: Equals, value: blue}}"), BeRefusedAt("spec.permissionGrant", cantChange)),
			edit("not conditions, which are removed", withConditions("conditions: {team: {type: Equals, value: red}}"), withConditions(""),
				BeRefusedAt("spec.permissionGrant", cantChange)),
			edit("but the order of values, which says nothing", withConditions("conditions: {team: {type: In, values: [red, blue]}}"),
				withConditions("conditions: {team: {type: In, values: [blue, red]}}"), BeAccepted()).onBoth(),
			edit("not the justification", needed+"duration: PT8H",
				"user: alice\npermissionGrant: {permission: edit}\njustification: needed for something else\nduration: PT8H",
				BeRefusedAt("spec.justification", cantChange)),
			edit("not the justification, which is removed", needed+"duration: PT8H",
				"user: alice\npermissionGrant: {permission: edit}\nduration: PT8H", BeRefusedAt("spec.justification", "Required value")),

			edit("not startsAt, which is set", needed+"duration: PT8H", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
				BeRefusedAt("spec.startsAt", cantLater)),
			edit("not startsAt, which is changed", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
				needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:01Z'", BeRefusedAt("spec.startsAt", cantLater)),
			edit("not startsAt, which is removed", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'", needed+"duration: PT8H",
				BeRefusedAt("spec.startsAt", cantLater)),
			edit("not startsAt, which is nulled", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'", needed+"duration: PT8H\nstartsAt: null",
				BeRefusedAt("spec.startsAt", cantLater)),
			edit("but the time zone of startsAt, which is the same instant", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
				needed+"duration: PT8H\nstartsAt: '2030-01-31T09:00:00+01:00'", BeAccepted()),

			edit("not a scope, which is set", inScope(""), inScope("scope: {workspace: prod}"), BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is changed", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: lab}"), BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is narrowed", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: prod, project: vision}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is widened", inScope("scope: {workspace: prod, project: vision}"), inScope("scope: {workspace: prod}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is removed", inScope("scope: {workspace: prod}"), inScope(""), BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is emptied", inScope("scope: {workspace: prod}"), inScope("scope: {}"), BeRefusedAt("spec.scope", cantLater)),
			edit("not a scope, which is nulled", inScope("scope: {workspace: prod}"), inScope("scope: null"), BeRefusedAt("spec.scope", cantLater)).onBoth(),
			edit("not a resource, which is set", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: prod, resource: {type: flow, id: '42'}}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("not a resource, which is changed", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {resource: {type: flow, id: '43'}}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("not a resource, which is removed", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("not an object, to all objects of its type", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {resource: {type: flow}}"),
				BeRefusedAt("spec.scope", cantLater)),
			edit("but an empty scope, which can be left out", inScope("scope: {}"), inScope(""), BeAccepted()).onBoth(),
			edit("but no scope, which can be written out as an empty one", inScope(""), inScope("scope: {}"), BeAccepted()),
		)
	})
}

// withConditions is a temporary grant whose entry has these conditions.
func withConditions(conditions string) string {
	if conditions != "" {
		conditions = ", " + conditions
	}
	return "user: alice\njustification: needed for the incident\nduration: PT8H\npermissionGrant: {permission: edit" + conditions + "}"
}

// inScope is a temporary grant with this scope.
func inScope(scope string) string { return needed + "duration: PT8H\n" + scope }

// tags are n of them.
func tags(n int) string {
	elements := list(n, "tag_%d: red")
	return "{" + elements[1:len(elements)-1] + "}"
}
