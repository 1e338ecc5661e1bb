package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

var _ = Describe("The schema of PermissionGrant", func() {
	const toAlice = "subject: {user: alice}\n"
	const giveEdit = "permissions: [{permission: edit}]\n"
	grant := func(spec string) error { return try(manifest("PermissionGrant", "g", spec)) }

	DescribeTable("subjects", func(subject string, outcome types.GomegaMatcher) {
		Expect(grant(giveEdit + subject)).To(outcome)
	},
		Entry("takes a user", "subject: {user: alice}", beAccepted()),
		Entry("takes a group", "subject: {group: crew}", beAccepted()),
		Entry("refuses none", "subject: {}", beRefusedAt("spec.subject", "set exactly one of user and group")),
		Entry("refuses a missing subject", "scope: {}", beRefusedAt("spec.subject", "Required value")),
		Entry("refuses a null", "subject: null", beRefusedAt("spec.subject", "Required value")),
		Entry("refuses a null for the only one", "subject: {user: null}", beRefusedAt("spec.subject", "set exactly one of user and group")),
		Entry("refuses both", "subject: {user: alice, group: crew}", beRefusedAt("spec.subject", "set exactly one of user and group")),
		Entry("refuses an invitation, which roles are assigned to", "subject: {invitation: bob}", beRefusedAsUnknown("spec.subject.invitation")),
		Entry("refuses an unquoted number as a name", "subject: {user: 7}", beRefusedAt("spec.subject.user", "must be of type string")),
	)

	DescribeTable("permissions", func(permissions string, outcome types.GomegaMatcher) {
		Expect(grant(toAlice + permissions)).To(outcome)
	},
		Entry("[A1] takes one", "permissions: [{permission: edit}]", beAccepted()),
		Entry("[A1] takes several", "permissions: [{permission: edit}, {permission: view}]", beAccepted()),
		Entry("takes one twice", "permissions: [{permission: edit, conditions: {team: {type: Equals, value: red}}}, {permission: edit}]", beAccepted()),
		Entry("takes 100", "permissions: "+list(100, "{permission: p%d}"), beAccepted()),
		Entry("refuses 101", "permissions: "+list(101, "{permission: p%d}"), beRefusedAt("spec.permissions", "must have at most 100 items")),
		Entry("[A3] refuses an empty list", "permissions: []", beRefusedAt("spec.permissions", "at least 1 items")),
		Entry("[A3] refuses no list", "scope: {}", beRefusedAt("spec.permissions", "Required value")),
		Entry("[A3] refuses a null", "permissions: null", beRefusedAt("spec.permissions", "Required value")),
		Entry("[A3] refuses a null among them", "permissions: [{permission: edit}, null]", beRefusedAt("spec.permissions[1]", "must be of type object")),
		Entry("[A3] refuses an empty name", "permissions: [{permission: edit}, {permission: ''}]",
			beRefusedAt("spec.permissions[1].permission", "must not be blank: write the name of a permission")),
		Entry("[A3] refuses a blank name", "permissions: [{permission: ' \t'}]",
			beRefusedAt("spec.permissions[0].permission", "must not be blank: write the name of a permission")),
		Entry("[A3] refuses no name", "permissions: [{}]", beRefusedAt("spec.permissions[0].permission", "Required value")),
		Entry("[A3] refuses a null for a name", "permissions: [{permission: null}]", beRefusedAt("spec.permissions[0].permission", "Required value")),
		Entry("refuses a name instead of an entry", "permissions: [edit]", beRefusedAt("spec.permissions[0]", "must be of type object")),
		Entry("refuses a null for conditions, which would be none", "permissions: [{permission: edit, conditions: null}]",
			beRefusedAt("spec.permissions[0].conditions", "conditions can't be null: name at least one, or leave the field out")),
		Entry("refuses empty conditions", "permissions: [{permission: edit, conditions: {}}]",
			beRefusedAt("spec.permissions[0].conditions", "at least 1 properties")),
		Entry("refuses an unknown field", "permissions: [{permission: edit, condition: {}}]", beRefusedAsUnknown("spec.permissions[0].condition")),
	)
	describeText("spec.permissions[0].permission", 256, func(text string) error {
		return grant(toAlice + fmt.Sprintf("permissions: [{permission: %q}]", text))
	})

	describeGrantScope(func(scope string) error { return grant(toAlice + giveEdit + scope) })
	for _, name := range []struct{ field, spec string }{
		{"spec.subject.user", giveEdit + "subject: {user: %q}"},
		{"spec.subject.group", giveEdit + "subject: {group: %q}"},
	} {
		describeName(name.field, "lower-case letters, digits, '-' and '.'", func(value string) error {
			return grant(fmt.Sprintf(name.spec, value))
		})
	}

	It("lets everything be changed", func() {
		object := manifest("PermissionGrant", "g", toAlice+giveEdit+"scope: {workspace: prod}")
		object.SetNamespace(newNamespace(ctx))
		Expect(replace(object, "PermissionGrant", "subject: {group: crew}\npermissions: [{permission: view}]")).To(Succeed())
	})
})

const (
	// needed is what a temporary grant needs beside its end.
	needed      = "user: alice\npermissionGrant: {permission: edit}\njustification: needed for the incident\n"
	oneEnd      = "set exactly one of duration and expiresAt"
	cantLater   = "can't be set, changed or removed later: make another grant, and delete this one"
	cantChange  = "can't be changed: make another grant, and delete this one"
	wrongTagKey = "a tag's key has 1 to 63 ASCII letters, digits, underscores and blanks"
	wrongTag    = "must be of ASCII letters, digits, underscores and blanks, or empty for none"
)

var _ = Describe("The schema of TemporaryPermissionGrant", func() {
	grant := func(spec string) error { return try(manifest("TemporaryPermissionGrant", "g", spec)) }

	DescribeTable("what it needs", func(spec string, outcome types.GomegaMatcher) {
		Expect(grant(spec)).To(outcome)
	},
		Entry("[G5] takes a user, a duration, a permission, tags and a justification", needed+"duration: PT8H\ntags: {team: red}", beAccepted()),
		Entry("[G5] takes conditions", "user: alice\njustification: needed for the incident\nduration: PT8H\n"+
			"permissionGrant: {permission: edit, conditions: {team: {type: Equals, value: red}}}", beAccepted()),
		Entry("[G5] refuses no user", "permissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H",
			beRefusedAt("spec.user", "Required value")),
		Entry("[G5] refuses a null for the user", "user: null\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H",
			beRefusedAt("spec.user", "Required value")),
		Entry("refuses a group", needed+"group: crew\nduration: PT8H", beRefusedAsUnknown("spec.group")),
		Entry("[G5] refuses no permission", "user: alice\njustification: needed for the incident\nduration: PT8H",
			beRefusedAt("spec.permissionGrant", "Required value")),
		Entry("[A3] refuses an empty name of a permission", "user: alice\npermissionGrant: {permission: ''}\njustification: needed for the incident\nduration: PT8H",
			beRefusedAt("spec.permissionGrant.permission", "must not be blank: write the name of a permission")),
		Entry("refuses a list of permissions", needed+"permissions: [{permission: edit}]\nduration: PT8H", beRefusedAsUnknown("spec.permissions")),
		Entry("refuses a null for conditions, which would be none",
			"user: alice\njustification: needed for the incident\nduration: PT8H\npermissionGrant: {permission: edit, conditions: null}",
			beRefusedAt("spec.permissionGrant.conditions", "conditions can't be null")),
		Entry("[G5] refuses no justification", "user: alice\npermissionGrant: {permission: edit}\nduration: PT8H",
			beRefusedAt("spec.justification", "Required value")),
	)
	describeName("spec.user", "must be the name of a User: lower-case letters", func(name string) error {
		return grant(fmt.Sprintf("user: %q\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", name))
	})
	describeText("spec.permissionGrant.permission", 256, func(text string) error {
		return grant(fmt.Sprintf("user: alice\npermissionGrant: {permission: %q}\njustification: needed for the incident\nduration: PT8H", text))
	})
	describeGrantScope(func(scope string) error { return grant(needed + "duration: PT8H\n" + scope) })

	DescribeTable("start and end", func(times string, outcome types.GomegaMatcher) {
		Expect(grant(needed + times)).To(outcome)
	},
		Entry("[G5] takes a duration", "duration: PT8H", beAccepted()),
		Entry("takes a deadline", "expiresAt: '2030-01-31T17:00:00Z'", beAccepted()),
		Entry("takes a start and a duration", "startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H", beAccepted()),
		Entry("takes a start and a deadline", "startsAt: '2030-01-31T08:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'", beAccepted()),
		Entry("takes a start in the past", "startsAt: '2020-01-31T08:00:00Z'\nduration: PT8H", beAccepted()),
		Entry("takes a deadline in the past", "expiresAt: '2020-01-31T17:00:00Z'", beAccepted()),
		Entry("takes other time zones", "startsAt: '2030-01-31T23:00:00-08:00'\nexpiresAt: '2030-02-01T08:00:01+01:00'", beAccepted()),
		Entry("refuses neither duration nor deadline", "startsAt: '2030-01-31T08:00:00Z'", beRefusedAt("spec", oneEnd)),
		Entry("refuses both", "duration: PT8H\nexpiresAt: '2030-01-31T17:00:00Z'", beRefusedAt("spec", oneEnd)),
		Entry("refuses a null for the only duration", "duration: null", beRefusedAt("spec", oneEnd)),
		Entry("refuses a null for the only deadline", "expiresAt: null", beRefusedAt("spec", oneEnd)),
		Entry("refuses a null for the start, which would be the creation", "startsAt: null\nduration: PT8H",
			beRefusedAt("spec.startsAt", "startsAt can't be null: write when the grant begins, or leave the field out")),
		Entry("refuses a start after the deadline", "startsAt: '2030-01-31T17:00:01Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
			beRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
		Entry("refuses a start at the deadline", "startsAt: '2030-01-31T17:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
			beRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
		Entry("refuses a start at the deadline in another time zone", "startsAt: '2030-01-31T18:00:00+01:00'\nexpiresAt: '2030-01-31T17:00:00Z'",
			beRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
		Entry("refuses a date without a time", "expiresAt: '2030-01-31'", beRefusedAt("spec.expiresAt", "must be of type date-time")),
		Entry("refuses a time without a zone", "expiresAt: '2030-01-31T17:00:00'", beRefusedAt("spec.expiresAt", "must be of type date-time")),
		Entry("refuses a day that does not exist", "expiresAt: '2030-02-30T17:00:00Z'", beRefusedAt("spec.expiresAt", "must be of type date-time")),
		Entry("refuses an empty deadline", "expiresAt: ''", beRefusedAt("spec.expiresAt", "must be of type date-time")),
		Entry("refuses a duration as a deadline", "expiresAt: PT8H", beRefusedAt("spec.expiresAt", "must be of type date-time")),
		Entry("refuses an instant as a duration", "duration: '2030-01-31T17:00:00Z'", beRefusedAt("spec.duration", "must be of whole weeks")),
		Entry("refuses an unquoted number as a duration", "duration: 8", beRefusedAt("spec.duration", "must be of type string")),
		Entry("refuses an unknown field", "durations: PT8H", beRefusedAsUnknown("spec.durations")),
	)
	// What the API server's format lets through, and Go's clients can't read, would stop the operator
	// from seeing any grant.
	for _, field := range []string{"startsAt", "expiresAt"} {
		DescribeTable("the instant at spec."+field, func(instant string, outcome types.GomegaMatcher) {
			spec := needed + fmt.Sprintf("%s: %q", field, instant)
			if field == "startsAt" {
				spec += "\nduration: PT8H"
			}
			Expect(grant(spec)).To(outcome)
		},
			Entry("takes the first", "2000-01-01T00:00:00Z", beAccepted()),
			Entry("takes the last", "2999-12-31T23:59:59Z", beAccepted()),
			Entry("takes fractions of a second", "2030-01-31T17:00:00.5Z", beAccepted()),
			Entry("refuses an earlier one", "1999-12-31T23:59:59Z", beRefusedAt("spec."+field, "must be in the years 2000 to 2999")),
			Entry("refuses a later one", "3000-01-01T00:00:00Z", beRefusedAt("spec."+field, "must be in the years 2000 to 2999")),
			Entry("refuses one that is later in UTC", "2999-12-31T23:59:59-08:00", beRefusedAt("spec."+field, "must be in the years 2000 to 2999")),
			Entry("refuses the year 0", "0000-01-01T00:00:00Z", beRefusedAt("spec."+field, "must be in the years 2000 to 2999")),
			Entry("refuses lower case", "2030-01-31t17:00:00z", beRefusedAt("spec."+field, "Invalid date-time")),
			Entry("refuses a zone that does not exist", "2030-01-31T17:00:00+99:99", beRefusedAt("spec."+field, "Invalid date-time")),
			Entry("refuses another mark before fractions", "2030-01-31T17:00:00x5Z", beRefusedAt("spec."+field, "Invalid date-time")),
		)
	}
	describeDuration("spec.duration", "[G5] ", func(duration string) error {
		return grant(needed + fmt.Sprintf("duration: \"%s\"", duration))
	})

	DescribeTable("justifications", func(justification string, outcome types.GomegaMatcher) {
		Expect(grant("user: alice\npermissionGrant: {permission: edit}\nduration: PT8H\n" + fmt.Sprintf("justification: %q", justification))).To(outcome)
	},
		Entry("[G6] takes 10 characters", "incident 7", beAccepted()),
		Entry("[G6] takes 10 characters, whatever their size in bytes", "störung ☃7", beAccepted()),
		Entry("[G6] takes 10 characters with blanks around", " incident 7\n", beAccepted()),
		Entry("takes 1024 characters", letters(1024), beAccepted()),
		Entry("refuses 1025 characters", letters(1025), beRefusedAt("spec.justification", "may not be more than 1024")),
		Entry("[G6] refuses 9 characters", "incident7", beRefusedAt("spec.justification", "must have at least 10 characters")),
		Entry("[G6] refuses 9 characters padded with blanks", "  incident7 \t\n", beRefusedAt("spec.justification", "surrounding blanks not counted")),
		Entry("[G6] refuses 9 characters padded with blanks of Unicode", "\u00a0\u2003incident7\u3000", beRefusedAt("spec.justification", "surrounding blanks not counted")),
		Entry("[G6] refuses blanks alone", "               ", beRefusedAt("spec.justification", "must have at least 10 characters")),
		Entry("[G6] refuses none", "", beRefusedAt("spec.justification", "must have at least 10 characters")),
	)

	DescribeTable("tags", func(tags string, outcome types.GomegaMatcher) {
		Expect(grant(needed + "duration: PT8H\ntags: " + tags)).To(outcome)
	},
		Entry("[G6] takes 20", tags(20), beAccepted()),
		Entry("[G6] refuses 21", tags(21), beRefusedAt("spec.tags", "must have at most 20 items")),
		Entry("takes none", "{}", beAccepted()),
		Entry("[G6] takes letters, digits, underscores and blanks", "{'Change Request_7': 'CR 42_a'}", beAccepted()),
		Entry("[G6] takes an empty value", "{urgent: ''}", beAccepted()),
		Entry("takes a key of 63 characters", "{"+letters(63)+": red}", beAccepted()),
		Entry("refuses a key of 64 characters", "{"+letters(64)+": red}", beRefusedAt("spec.tags", wrongTagKey)),
		Entry("takes a value of 256 characters", "{team: "+letters(256)+"}", beAccepted()),
		Entry("refuses a value of 257 characters", "{team: "+letters(257)+"}", beRefusedAt("spec.tags.team", "may not be more than 256")),
		Entry("[G6] refuses an empty key", "{'': red}", beRefusedAt("spec.tags", wrongTagKey)),
		Entry("[G6] refuses a hyphen in a key", "{cost-center: red}", beRefusedAt("spec.tags", wrongTagKey)),
		Entry("[G6] refuses a hyphen in a value", "{team: dark-red}", beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("[G6] refuses a newline in a key", `{"team\n": red}`, beRefusedAt("spec.tags", wrongTagKey)),
		Entry("[G6] refuses a newline in a value", `{team: "red\n"}`, beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("[G6] refuses a tab in a value", `{team: "dark\tred"}`, beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("[G6] refuses an accent in a key", "{équipe: red}", beRefusedAt("spec.tags", wrongTagKey)),
		Entry("[G6] refuses an accent in a value", "{team: équipe}", beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("[G6] refuses digits of other alphabets", "{team: '٣'}", beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("[G6] refuses a colon, which separates key and value where tags are searched", "{team: 'red:blue'}", beRefusedAt("spec.tags[team]", wrongTag)),
		Entry("refuses an unquoted number as a value", "{ticket: 7}", beRefusedAt("spec.tags.ticket", "must be of type string")),
		Entry("refuses a list", "[urgent]", beRefusedAt("spec.tags", "must be of type object")),
	)

	DescribeTable("ttlAfterExpired", func(times string, outcome types.GomegaMatcher) {
		Expect(grant(needed + "ttlAfterExpired: P30D\n" + times)).To(outcome)
	},
		Entry("takes it with a deadline", "expiresAt: '2030-01-31T17:00:00Z'", beAccepted()),
		Entry("takes it with a start", "startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H", beAccepted()),
		Entry("refuses it with duration alone", "duration: PT8H",
			beRefusedAt("spec.ttlAfterExpired", "needs expiresAt or startsAt: a grant with duration alone")),
	)
	describeDuration("spec.ttlAfterExpired", "", func(duration string) error {
		return grant(needed + fmt.Sprintf("expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: \"%s\"", duration))
	})

	DescribeTable("what can be changed later", func(before, after string, outcome types.GomegaMatcher) {
		object := manifest("TemporaryPermissionGrant", "g", before)
		object.SetNamespace(newNamespace(ctx))
		Expect(replace(object, "TemporaryPermissionGrant", after)).To(outcome)
	},
		Entry("duration, to longer", needed+"duration: PT8H", needed+"duration: P1D", beAccepted()),
		Entry("duration, to shorter", needed+"duration: PT8H", needed+"duration: PT1S", beAccepted()),
		Entry("expiresAt, to later", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"expiresAt: '2030-02-28T17:00:00Z'", beAccepted()),
		Entry("expiresAt, to the past", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"expiresAt: '2020-01-31T17:00:00Z'", beAccepted()),
		Entry("duration, to expiresAt", needed+"duration: PT8H", needed+"expiresAt: '2030-01-31T17:00:00Z'", beAccepted()),
		Entry("expiresAt, to duration", needed+"expiresAt: '2030-01-31T17:00:00Z'", needed+"duration: PT8H", beAccepted()),
		Entry("tags, which are set", needed+"duration: PT8H", needed+"duration: PT8H\ntags: {team: red}", beAccepted()),
		Entry("tags, which are changed", needed+"duration: PT8H\ntags: {team: red}", needed+"duration: PT8H\ntags: {team: blue}", beAccepted()),
		Entry("tags, which are removed", needed+"duration: PT8H\ntags: {team: red}", needed+"duration: PT8H", beAccepted()),
		Entry("ttlAfterExpired, which is set", needed+"expiresAt: '2030-01-31T17:00:00Z'",
			needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D", beAccepted()),
		Entry("ttlAfterExpired, which is changed", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
			needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P2D", beAccepted()),
		Entry("ttlAfterExpired, which is removed", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
			needed+"expiresAt: '2030-01-31T17:00:00Z'", beAccepted()),
		Entry("not to duration alone beside ttlAfterExpired", needed+"expiresAt: '2030-01-31T17:00:00Z'\nttlAfterExpired: P1D",
			needed+"duration: PT8H\nttlAfterExpired: P1D", beRefusedAt("spec.ttlAfterExpired", "needs expiresAt or startsAt")),
		Entry("not to both duration and expiresAt", needed+"duration: PT8H", needed+"duration: PT8H\nexpiresAt: '2030-01-31T17:00:00Z'",
			beRefusedAt("spec", oneEnd)),
		Entry("not to a deadline before the start", needed+"startsAt: '2030-01-31T08:00:00Z'\nduration: PT8H",
			needed+"startsAt: '2030-01-31T08:00:00Z'\nexpiresAt: '2030-01-31T07:00:00Z'", beRefusedAt("spec.expiresAt", "must be after startsAt")),

		Entry("not the user", needed+"duration: PT8H",
			"user: bob\npermissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", beRefusedAt("spec.user", cantChange)),
		Entry("not the user, which is removed", needed+"duration: PT8H",
			"permissionGrant: {permission: edit}\njustification: needed for the incident\nduration: PT8H", beRefusedAt("spec.user", "Required value")),
		Entry("not the permission", needed+"duration: PT8H",
			"user: alice\npermissionGrant: {permission: delete}\njustification: needed for the incident\nduration: PT8H",
			beRefusedAt("spec.permissionGrant", cantChange)),
		Entry("not the permission, which is removed", needed+"duration: PT8H",
			"user: alice\njustification: needed for the incident\nduration: PT8H", beRefusedAt("spec.permissionGrant", "Required value")),
		Entry("not conditions, which are set", withConditions(""), withConditions("conditions: {team: {type: Equals, value: red}}"),
			beRefusedAt("spec.permissionGrant", cantChange)),
		Entry("not conditions, which are changed", withConditions("conditions: {team: {type: Equals, value: red}}"),
			withConditions("conditions: {team: {type: Equals, value: blue}}"), beRefusedAt("spec.permissionGrant", cantChange)),
		Entry("not conditions, which are removed", withConditions("conditions: {team: {type: Equals, value: red}}"), withConditions(""),
			beRefusedAt("spec.permissionGrant", cantChange)),
		Entry("but the order of values, which says nothing", withConditions("conditions: {team: {type: In, values: [red, blue]}}"),
			withConditions("conditions: {team: {type: In, values: [blue, red]}}"), beAccepted()),
		Entry("not the justification", needed+"duration: PT8H",
			"user: alice\npermissionGrant: {permission: edit}\njustification: needed for something else\nduration: PT8H",
			beRefusedAt("spec.justification", cantChange)),
		Entry("not the justification, which is removed", needed+"duration: PT8H",
			"user: alice\npermissionGrant: {permission: edit}\nduration: PT8H", beRefusedAt("spec.justification", "Required value")),

		Entry("not startsAt, which is set", needed+"duration: PT8H", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
			beRefusedAt("spec.startsAt", cantLater)),
		Entry("not startsAt, which is changed", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
			needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:01Z'", beRefusedAt("spec.startsAt", cantLater)),
		Entry("not startsAt, which is removed", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'", needed+"duration: PT8H",
			beRefusedAt("spec.startsAt", cantLater)),
		Entry("not startsAt, which is nulled", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'", needed+"duration: PT8H\nstartsAt: null",
			beRefusedAt("spec.startsAt", cantLater)),
		Entry("but the time zone of startsAt, which is the same instant", needed+"duration: PT8H\nstartsAt: '2030-01-31T08:00:00Z'",
			needed+"duration: PT8H\nstartsAt: '2030-01-31T09:00:00+01:00'", beAccepted()),

		Entry("not a scope, which is set", inScope(""), inScope("scope: {workspace: prod}"), beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is changed", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: lab}"), beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is narrowed", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: prod, project: vision}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is widened", inScope("scope: {workspace: prod, project: vision}"), inScope("scope: {workspace: prod}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is removed", inScope("scope: {workspace: prod}"), inScope(""), beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is emptied", inScope("scope: {workspace: prod}"), inScope("scope: {}"), beRefusedAt("spec.scope", cantLater)),
		Entry("not a scope, which is nulled", inScope("scope: {workspace: prod}"), inScope("scope: null"), beRefusedAt("spec.scope", cantLater)),
		Entry("not a resource, which is set", inScope("scope: {workspace: prod}"), inScope("scope: {workspace: prod, resource: {type: flow, id: '42'}}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("not a resource, which is changed", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {resource: {type: flow, id: '43'}}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("not a resource, which is removed", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("not an object, to all objects of its type", inScope("scope: {resource: {type: flow, id: '42'}}"), inScope("scope: {resource: {type: flow}}"),
			beRefusedAt("spec.scope", cantLater)),
		Entry("but an empty scope, which can be left out", inScope("scope: {}"), inScope(""), beAccepted()),
		Entry("but no scope, which can be written out as an empty one", inScope(""), inScope("scope: {}"), beAccepted()),
	)
})

var _ = Describe("The schema of an Organization's temporary grants", func() {
	organization := func(spec string) error {
		return try(manifest("Organization", "acme", "owners: [alice]\n"+spec))
	}
	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(organization(spec)).To(outcome)
	},
		Entry("takes none", "temporaryGrants: {}", beAccepted()),
		Entry("takes a maximum", "temporaryGrants: {maxDuration: P30D}", beAccepted()),
		// Each of these would lift the limit.
		Entry("refuses a null", "temporaryGrants: null", beRefusedAt("spec.temporaryGrants", "temporaryGrants can't be null: write the rules")),
		Entry("refuses a null for the maximum", "temporaryGrants: {maxDuration: null}",
			beRefusedAt("spec.temporaryGrants.maxDuration", "maxDuration can't be null: set a duration")),
		Entry("refuses an unknown field", "temporaryGrants: {maximum: P30D}", beRefusedAsUnknown("spec.temporaryGrants.maximum")),
	)
	describeDuration("spec.temporaryGrants.maxDuration", "", func(duration string) error {
		return organization(fmt.Sprintf("temporaryGrants: {maxDuration: \"%s\"}", duration))
	})
})

// describeGrantScope tests the scope of a grant of either kind.
func describeGrantScope(write func(scope string) error) {
	DescribeTable("scopes", func(scope string, outcome types.GomegaMatcher) {
		Expect(write(scope)).To(outcome)
	},
		Entry("takes none, for the organization", "", beAccepted()),
		Entry("takes an empty one, for the organization", "scope: {}", beAccepted()),
		Entry("takes a project with its workspace", "scope: {workspace: prod, project: vision}", beAccepted()),
		Entry("refuses a project without its workspace", "scope: {project: vision}",
			beRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")),
		Entry("[A2] takes an object", "scope: {workspace: prod, resource: {type: flow, id: '42'}}", beAccepted()),
		Entry("[A2] takes all objects of a type", "scope: {workspace: prod, resource: {type: flow}}", beAccepted()),
		Entry("[A5] refuses an object without its type", "scope: {resource: {id: '42'}}",
			beRefusedAt("spec.scope.resource.type", "Required value")),
		Entry("[A5] refuses an object with an empty type", "scope: {resource: {type: '', id: '42'}}",
			beRefusedAt("spec.scope.resource.type", "must not be blank: write the type of a ResourceType")),
		Entry("[A5] refuses an object with a blank type", "scope: {resource: {type: ' ', id: '42'}}",
			beRefusedAt("spec.scope.resource.type", "must not be blank: write the type of a ResourceType")),
		Entry("[A5] refuses an object with a null for its type", "scope: {resource: {type: null, id: '42'}}",
			beRefusedAt("spec.scope.resource.type", "Required value")),
		Entry("refuses an empty identifier, which would be no object", "scope: {resource: {type: flow, id: ''}}",
			beRefusedAt("spec.scope.resource.id", "at least 1 chars")),
		Entry("refuses an unquoted number as an identifier", "scope: {resource: {type: flow, id: 42}}",
			beRefusedAt("spec.scope.resource.id", "must be of type string")),
		Entry("refuses an unknown field", "scope: {worksapce: prod}", beRefusedAsUnknown("spec.scope.worksapce")),

		// Each of these would be a wider scope than the author meant.
		Entry("refuses a null", "scope: null", beRefusedAt("spec.scope", "write {} or leave the field out")),
		Entry("refuses a null for the workspace", "scope: {workspace: null}", beRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		Entry("refuses a null for the project", "scope: {workspace: prod, project: null}",
			beRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		Entry("refuses a null for the resource", "scope: {workspace: prod, resource: null}",
			beRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		Entry("refuses a null for the identifier", "scope: {resource: {type: flow, id: null}}",
			beRefusedAt("spec.scope.resource.id", "id can't be null")),
	)
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
