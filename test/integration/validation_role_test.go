package integration

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

const plainRole = "description: May edit.\nfrontendView: Client\n"

var _ = Describe("The schema of Role", func() {
	describeObjectName("Role", plainRole)

	DescribeTable("what it says of itself", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Role", "editor", spec))).To(outcome)
	},
		Entry("[G1] takes a description and a view", plainRole, beAccepted()),
		Entry("[G1] takes a display name of 256 characters", plainRole+"displayName: "+strings.Repeat("é", 256), beAccepted()),
		Entry("[G1] refuses a display name of 257 characters", plainRole+"displayName: "+letters(257),
			beRefusedAt("spec.displayName", "may not be more than 256")),
		Entry("[G1] refuses an empty display name", plainRole+"displayName: ''",
			beRefusedAt("spec.displayName", "at least 1 chars")),
		Entry("[G1] refuses a blank display name", plainRole+"displayName: ' '",
			beRefusedAt("spec.displayName", "must not be blank: write a name, or leave the field out")),
		Entry("[G1] refuses no description", "frontendView: Client",
			beRefusedAt("spec.description", "Required value")),
		Entry("[G1] refuses an empty description", "description: ''\nfrontendView: Client",
			beRefusedAt("spec.description", "must not be blank: say what the role is for")),
		Entry("[G1] refuses a blank description", "description: ' \t'\nfrontendView: Client",
			beRefusedAt("spec.description", "must not be blank: say what the role is for")),
		Entry("[G1] refuses a description that is blank in Unicode", "description: \"\\u2003\"\nfrontendView: Client",
			beRefusedAt("spec.description", "must not be blank: say what the role is for")),
		Entry("takes a description of 4096 characters", "frontendView: Client\ndescription: "+letters(4096), beAccepted()),
		Entry("refuses a description of 4097 characters", "frontendView: Client\ndescription: "+letters(4097),
			beRefusedAt("spec.description", "may not be more than 4096")),
		Entry("[G1] takes the view Admin", "description: May.\nfrontendView: Admin", beAccepted()),
		Entry("[G1] takes no view", "description: May.", beAccepted()),
		Entry("[G1] refuses another view", "description: May.\nfrontendView: Owner",
			beRefusedAt("spec.frontendView", `supported values: "Client", "Admin"`)),
		Entry("[G1] refuses a view in lower case", "description: May.\nfrontendView: admin",
			beRefusedAt("spec.frontendView", `supported values: "Client", "Admin"`)),
		Entry("refuses an unknown field", plainRole+"permissions: []", beRefusedAsUnknown("spec.permissions")),
	)

	DescribeTable("types and levels", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Role", "editor", plainRole+spec))).To(outcome)
	},
		Entry("takes Standard", "type: Standard", beAccepted()),
		Entry("takes Base", "type: Base", beAccepted()),
		Entry("takes Share", "type: Share", beAccepted()),
		Entry("refuses another type", "type: Custom", beRefusedAt("spec.type", `supported values: "Standard", "Base", "Share"`)),
		Entry("takes all levels of a Standard role", "assignableAt: [Organization, Workspace, Project]", beAccepted()),
		Entry("takes all levels of a Base role", "type: Base\nassignableAt: [Organization, Workspace, Project]", beAccepted()),
		Entry("[Z6] takes a Share role at Resource", "type: Share\nassignableAt: [Resource]", beAccepted()),
		Entry("[Z6] refuses a Share role at Organization", "type: Share\nassignableAt: [Organization]",
			beRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
		Entry("[Z6] refuses a Share role at Workspace", "type: Share\nassignableAt: [Workspace]",
			beRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
		Entry("[Z6] refuses a Share role at Project, also beside Resource", "type: Share\nassignableAt: [Resource, Project]",
			beRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
		Entry("refuses a Standard role at Resource", "assignableAt: [Project, Resource]",
			beRefusedAt("spec.assignableAt", "every other role at Organization, Workspace and Project")),
		Entry("refuses a Base role at Resource", "type: Base\nassignableAt: [Resource]",
			beRefusedAt("spec.assignableAt", "every other role at Organization, Workspace and Project")),
		Entry("refuses no level", "assignableAt: []", beRefusedAt("spec.assignableAt", "at least 1 items")),
		Entry("refuses a null, which would be all levels", "assignableAt: null",
			beRefusedAt("spec.assignableAt", "name the levels, or leave the field out")),
		Entry("refuses a level twice", "assignableAt: [Project, Project]",
			beRefusedAt("spec.assignableAt[1]", "Duplicate value")),
		Entry("refuses more levels than there are", "assignableAt: [Organization, Workspace, Project, Resource, Cluster]",
			beRefusedAt("spec.assignableAt", "must have at most 4 items")),
		Entry("refuses another level", "assignableAt: [Cluster]",
			beRefusedAt("spec.assignableAt[0]", "supported values")),
	)

	DescribeTable("[G11] inheritance", func(inherits string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Role", "editor", plainRole+"inherits: "+inherits))).To(outcome)
	},
		Entry("takes none", "[]", beAccepted()),
		Entry("takes 32", list(32, "role-%d"), beAccepted()),
		Entry("refuses 33", list(33, "role-%d"), beRefusedAt("spec.inherits", "must have at most 32 items")),
		Entry("refuses a role twice", "[viewer, writer, viewer]", beRefusedAt("spec.inherits[2]", "Duplicate value")),
		Entry("refuses a null in the list", "[null]", beRefusedAt("spec.inherits[0]", "must be of type string")),
		Entry("refuses a number", "[7]", beRefusedAt("spec.inherits[0]", "must be of type string")),
		Entry("refuses one name that is no list", "viewer", beRefusedAt("spec.inherits", "must be of type array")),
		Entry("refuses a reference", "[{name: viewer}]", beRefusedAsUnknown("spec.inherits[0].name")),
		Entry("refuses a role of another organization", "[acme/viewer]", beRefusedAt("spec.inherits[0]", "must be the name of a Role")),
		Entry("takes the role's own name, which its status then reports", "[editor]", beAccepted()),
		Entry("takes what a Base role inherits, which its status then reports", "[viewer]\ntype: Base", beAccepted()),
	)
	describeName("spec.inherits[0]", "must be the name of a Role: lower-case letters, digits, '-' and '.'", func(name string) error {
		return try(manifest("Role", "editor", plainRole+fmt.Sprintf("inherits: [%q]", name)))
	})

	DescribeTable("permission grants", func(grants string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Role", "editor", plainRole+"permissionGrants: "+grants))).To(outcome)
	},
		Entry("takes none", "[]", beAccepted()),
		Entry("takes one without conditions", "[{permission: 'Role:CreateRole'}]", beAccepted()),
		Entry("takes a permission twice", "[{permission: a}, {permission: a, conditions: {team: {type: Equals, value: red}}}]", beAccepted()),
		Entry("takes 1000", list(1000, "{permission: p%d}"), beAccepted()),
		Entry("refuses 1001", list(1001, "{permission: p%d}"), beRefusedAt("spec.permissionGrants", "must have at most 1000 items")),
		Entry("refuses one without its permission", "[{conditions: {team: {type: Equals, value: red}}}]",
			beRefusedAt("spec.permissionGrants[0].permission", "Required value")),
		Entry("refuses an unknown field", "[{permission: a, condition: {}}]",
			beRefusedAsUnknown("spec.permissionGrants[0].condition")),
		Entry("refuses a name instead of an entry", "[a]",
			beRefusedAt("spec.permissionGrants[0]", "must be of type object")),
	)
	describeText("spec.permissionGrants[0].permission", 256, func(text string) error {
		return try(manifest("Role", "editor", plainRole+fmt.Sprintf("permissionGrants: [{permission: %q}]", text)))
	})
})
