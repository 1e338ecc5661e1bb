package schema

import . "github.com/onsi/ginkgo/v2"

func init() { rows((*suite).ordering) }

func (s *suite) ordering() {
	Describe("The schema of conditions that order Numbers", func() {
		const wantsForm = `[0].conditions["team"]: set values, with at least one, for In, and value for every other type, never both`
		const wantsNumber = `[0].conditions["team"].value must be a number for LessThan`

		for _, operator := range []string{"LessThan", "LessThanOrEqual", "GreaterThan", "GreaterThanOrEqual"} {
			s.table("[G2] "+operator, func(fields string) error {
				condition := "{type: " + operator + fields + "}"
				return s.server.Try(Manifest("Role", "editor", plainRole+"permissionGrants: [{permission: edit, conditions: {team: "+condition+"}}]"))
			},
				row("takes a number", ", value: '1000'", BeAccepted()).onBoth(),
				row("takes a negative fraction", ", value: '-2.5'", BeAccepted()),
				row("takes a power of ten", ", value: '1E+3'", BeAccepted()),
				row("refuses no value", "", BeRefusedAt("spec.permissionGrants", wantsForm)),
				row("refuses a word", ", value: many", BeRefusedAt("spec.permissionGrants", wantsNumber)).onBoth(),
				row("refuses the empty string", ", value: ''", BeRefusedAt("spec.permissionGrants", wantsNumber)),
				row("refuses a blank", ", value: ' 3'", BeRefusedAt("spec.permissionGrants", wantsNumber)),
				row("refuses infinity", ", value: Inf", BeRefusedAt("spec.permissionGrants", wantsNumber)),
				row("refuses an unquoted number", ", value: 3", BeRefusedAt("spec.permissionGrants[0].conditions.team.value", "must be of type string")),
				row("refuses values", ", values: ['3']", BeRefusedAt("spec.permissionGrants", wantsForm)),
				row("refuses both forms", ", value: '3', values: ['3']", BeRefusedAt("spec.permissionGrants", wantsForm)),
			)
		}
	})
}
