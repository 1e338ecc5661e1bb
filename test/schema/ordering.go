package schema

import . "github.com/onsi/ginkgo/v2"

func init() { rows((*suite).ordering) }

func (s *suite) ordering() {
	Describe("The schema of conditions that order Numbers", func() {
		const team = "spec.permissionGrants[0].conditions[team]"

		for _, operator := range []string{"LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual"} {
			s.table("[G2] "+operator, func(fields string) error {
				condition := "{type: " + operator + fields + "}"
				return s.server.Try(Manifest("Role", "editor", plainRole+"permissionGrants: [{permission: edit, conditions: {team: "+condition+"}}]"))
			},
				row("takes a number", ", value: '1000'", BeAccepted()).onBoth(),
				row("takes a negative fraction", ", value: '-2.5'", BeAccepted()),
				row("takes a power of ten", ", value: '1E+3'", BeAccepted()),
				row("refuses no value", "", BeRefusedAt(team+".value", "set value for Equals and NotEquals, LessThan and the like")),
				row("refuses a word", ", value: many", BeRefusedAt(team+".value", "must be a number for LessThan")).onBoth(),
				row("refuses the empty string", ", value: ''", BeRefusedAt(team+".value", "must be a number for LessThan")),
				row("refuses a blank", ", value: ' 3'", BeRefusedAt(team+".value", "must be a number for LessThan")),
				row("refuses infinity", ", value: Inf", BeRefusedAt(team+".value", "must be a number for LessThan")),
				row("refuses an unquoted number", ", value: 3", BeRefusedAt("spec.permissionGrants[0].conditions.team.value", "must be of type string")),
				row("refuses values", ", values: ['3']", BeRefusedAt(team+".values", "leave it out for every other type")),
				row("refuses both forms", ", value: '3', values: ['3']", BeRefusedAt(team+".values", "leave it out for every other type")),
			)
		}
	})
}
