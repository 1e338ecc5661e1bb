package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

func init() { rows((*suite).resourceType) }

func (s *suite) resourceType() {
	Describe("The schema of ResourceType", func() {
		s.table("fields", func(spec string) error { return s.server.Try(Manifest("ResourceType", "flow", spec)) },
			row("takes a type and a permission", "type: Flow\npermissions: [{name: view}]", BeAccepted()),
			row("refuses no type", "permissions: [{name: view}]", BeRefusedAt("spec.type", "Required value")),
			row("refuses no permissions", "type: Flow", BeRefusedAt("spec.permissions", "Required value")),
			row("refuses an empty list of permissions", "type: Flow\npermissions: []", BeRefusedAt("spec.permissions", "at least 1 items")),
			row("takes 256 permissions", "type: Flow\npermissions: "+list(256, "{name: p%d}"), BeAccepted()),
			row("refuses 257 permissions", "type: Flow\npermissions: "+list(257, "{name: p%d}"),
				BeRefusedAt("spec.permissions", "must have at most 256 items")),
			row("refuses a permission twice", "type: Flow\npermissions: [{name: view}, {name: view}]",
				BeRefusedAt("spec.permissions[1]", "Duplicate value")),
			row("refuses a permission without its name", "type: Flow\npermissions: [{description: See it.}]",
				BeRefusedAt("spec.permissions[0].name", "Required value")),
			row("takes a description of 1024 characters", "type: Flow\npermissions: [{name: view, description: "+letters(1024)+"}]", BeAccepted()),
			row("refuses a description of 1025 characters", "type: Flow\npermissions: [{name: view, description: "+letters(1025)+"}]",
				BeRefusedAt("spec.permissions[0].description", "may not be more than 1024")),
			row("refuses an unknown field", "type: Flow\npermissions: [{name: view, conditions: []}]",
				BeRefusedAsUnknown("spec.permissions[0].conditions")),
		)

		s.table("attributes", func(attributes string) error {
			return s.server.Try(Manifest("ResourceType", "flow", "type: Flow\npermissions: [{name: view, attributes: "+attributes+"}]"))
		},
			row("takes every type", "[{name: team, type: String}, {name: level, type: Number}, {name: mfa, type: Boolean}]", BeAccepted()),
			row("refuses another type", "[{name: team, type: string}]",
				BeRefusedAt("spec.permissions[0].attributes[0].type", `supported values: "String", "Number", "Boolean"`)),
			row("refuses no type", "[{name: team}]", BeRefusedAt("spec.permissions[0].attributes[0].type", "Required value")),
			row("refuses no name", "[{type: String}]", BeRefusedAt("spec.permissions[0].attributes[0].name", "Required value")),
			row("takes 32", list(32, "{name: a%d, type: String}"), BeAccepted()),
			row("refuses 33", list(33, "{name: a%d, type: String}"), BeRefusedAt("spec.permissions[0].attributes", "must have at most 32 items")),
			row("refuses one twice", "[{name: team, type: String}, {name: team, type: Number}]",
				BeRefusedAt("spec.permissions[0].attributes[1]", "Duplicate value")),
		)

		s.text("spec.type", 128, func(text string) error {
			return s.server.Try(Manifest("ResourceType", "flow", fmt.Sprintf("type: %q\npermissions: [{name: view}]", text)))
		})
		s.text("spec.permissions[0].name", 256, func(text string) error {
			return s.server.Try(Manifest("ResourceType", "flow", fmt.Sprintf("type: Flow\npermissions: [{name: %q}]", text)))
		})
		s.text("spec.permissions[0].attributes[0].name", 128, func(text string) error {
			return s.server.Try(Manifest("ResourceType", "flow",
				fmt.Sprintf("type: Flow\npermissions: [{name: view, attributes: [{name: %q, type: String}]}]", text)))
		})
	})
}
