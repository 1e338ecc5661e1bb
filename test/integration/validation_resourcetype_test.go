package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

var _ = Describe("The schema of ResourceType", func() {
	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("ResourceType", "flow", spec))).To(outcome)
	},
		Entry("takes a type and a permission", "type: Flow\npermissions: [{name: view}]", beAccepted()),
		Entry("refuses no type", "permissions: [{name: view}]", beRefusedAt("spec.type", "Required value")),
		Entry("refuses no permissions", "type: Flow", beRefusedAt("spec.permissions", "Required value")),
		Entry("refuses an empty list of permissions", "type: Flow\npermissions: []", beRefusedAt("spec.permissions", "at least 1 items")),
		Entry("takes 256 permissions", "type: Flow\npermissions: "+list(256, "{name: p%d}"), beAccepted()),
		Entry("refuses 257 permissions", "type: Flow\npermissions: "+list(257, "{name: p%d}"),
			beRefusedAt("spec.permissions", "must have at most 256 items")),
		Entry("refuses a permission twice", "type: Flow\npermissions: [{name: view}, {name: view}]",
			beRefusedAt("spec.permissions[1]", "Duplicate value")),
		Entry("refuses a permission without its name", "type: Flow\npermissions: [{description: See it.}]",
			beRefusedAt("spec.permissions[0].name", "Required value")),
		Entry("takes a description of 1024 characters", "type: Flow\npermissions: [{name: view, description: "+letters(1024)+"}]", beAccepted()),
		Entry("refuses a description of 1025 characters", "type: Flow\npermissions: [{name: view, description: "+letters(1025)+"}]",
			beRefusedAt("spec.permissions[0].description", "may not be more than 1024")),
		Entry("refuses an unknown field", "type: Flow\npermissions: [{name: view, conditions: []}]",
			beRefusedAsUnknown("spec.permissions[0].conditions")),
	)

	DescribeTable("attributes", func(attributes string, outcome types.GomegaMatcher) {
		Expect(try(manifest("ResourceType", "flow", "type: Flow\npermissions: [{name: view, attributes: "+attributes+"}]"))).To(outcome)
	},
		Entry("takes every type", "[{name: team, type: String}, {name: level, type: Number}, {name: mfa, type: Boolean}]", beAccepted()),
		Entry("refuses another type", "[{name: team, type: string}]",
			beRefusedAt("spec.permissions[0].attributes[0].type", `supported values: "String", "Number", "Boolean"`)),
		Entry("refuses no type", "[{name: team}]", beRefusedAt("spec.permissions[0].attributes[0].type", "Required value")),
		Entry("refuses no name", "[{type: String}]", beRefusedAt("spec.permissions[0].attributes[0].name", "Required value")),
		Entry("takes 32", list(32, "{name: a%d, type: String}"), beAccepted()),
		Entry("refuses 33", list(33, "{name: a%d, type: String}"), beRefusedAt("spec.permissions[0].attributes", "must have at most 32 items")),
		Entry("refuses one twice", "[{name: team, type: String}, {name: team, type: Number}]",
			beRefusedAt("spec.permissions[0].attributes[1]", "Duplicate value")),
	)

	describeText("spec.type", 128, func(text string) error {
		return try(manifest("ResourceType", "flow", fmt.Sprintf("type: %q\npermissions: [{name: view}]", text)))
	})
	describeText("spec.permissions[0].name", 256, func(text string) error {
		return try(manifest("ResourceType", "flow", fmt.Sprintf("type: Flow\npermissions: [{name: %q}]", text)))
	})
	describeText("spec.permissions[0].attributes[0].name", 128, func(text string) error {
		return try(manifest("ResourceType", "flow",
			fmt.Sprintf("type: Flow\npermissions: [{name: view, attributes: [{name: %q, type: String}]}]", text)))
	})
})
