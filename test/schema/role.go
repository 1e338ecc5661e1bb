package schema

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
)

const plainRole = "description: May edit.\nfrontendView: Client\n"

func init() { rows((*suite).role) }

func (s *suite) role() {
	Describe("The schema of Role", func() {
		s.objectName("Role", plainRole)

		s.table("what it says of itself", func(spec string) error { return s.server.Try(Manifest("Role", "editor", spec)) },
			row("[G1] takes a description and a view", plainRole, BeAccepted()).onBoth(),
			row("[G1] takes a display name of 256 characters", plainRole+"displayName: "+strings.Repeat("é", 256), BeAccepted()),
			row("[G1] refuses a display name of 257 characters", plainRole+"displayName: "+letters(257),
				BeRefusedAt("spec.displayName", "may not be more than 256")),
			row("[G1] refuses an empty display name", plainRole+"displayName: ''",
				BeRefusedAt("spec.displayName", "at least 1 chars")),
			row("[G1] refuses a blank display name", plainRole+"displayName: ' '",
				BeRefusedAt("spec.displayName", "must not be blank: write a name, or leave the field out")),
			row("[G1] refuses no description", "frontendView: Client",
				BeRefusedAt("spec.description", "Required value")).onBoth(),
			row("[G1] refuses an empty description", "description: ''\nfrontendView: Client",
				BeRefusedAt("spec.description", "must not be blank: say what the role is for")),
			row("[G1] refuses a blank description", "description: ' \t'\nfrontendView: Client",
				BeRefusedAt("spec.description", "must not be blank: say what the role is for")),
			row("[G1] refuses a description that is blank in Unicode", "description: \"\\u2003\"\nfrontendView: Client",
				BeRefusedAt("spec.description", "must not be blank: say what the role is for")),
			row("takes a description of 4096 characters", "frontendView: Client\ndescription: "+letters(4096), BeAccepted()),
			row("refuses a description of 4097 characters", "frontendView: Client\ndescription: "+letters(4097),
				BeRefusedAt("spec.description", "may not be more than 4096")),
			row("[G1] takes the view Admin", "description: May.\nfrontendView: Admin", BeAccepted()),
			row("[G1] takes no view", "description: May.", BeAccepted()),
			row("[G1] refuses another view", "description: May.\nfrontendView: Owner",
				BeRefusedAt("spec.frontendView", `supported values: "Client", "Admin"`)),
			row("[G1] refuses a view in lower case", "description: May.\nfrontendView: admin",
				BeRefusedAt("spec.frontendView", `supported values: "Client", "Admin"`)),
			row("refuses an unknown field", plainRole+"permissions: []", BeRefusedAsUnknown("spec.permissions")),
		)

		s.table("types and levels", func(spec string) error { return s.server.Try(Manifest("Role", "editor", plainRole+spec)) },
			row("takes Standard", "type: Standard", BeAccepted()),
			row("takes Base", "type: Base", BeAccepted()),
			row("takes Share", "type: Share", BeAccepted()),
			row("refuses another type", "type: Custom", BeRefusedAt("spec.type", `supported values: "Standard", "Base", "Share"`)),
			row("takes all levels of a Standard role", "assignableAt: [Organization, Workspace, Project]", BeAccepted()),
			row("takes all levels of a Base role", "type: Base\nassignableAt: [Organization, Workspace, Project]", BeAccepted()),
			row("[Z6] takes a Share role at Resource", "type: Share\nassignableAt: [Resource]", BeAccepted()),
			row("[Z6] refuses a Share role at Organization", "type: Share\nassignableAt: [Organization]",
				BeRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
			row("[Z6] refuses a Share role at Workspace", "type: Share\nassignableAt: [Workspace]",
				BeRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
			row("[Z6] refuses a Share role at Project, also beside Resource", "type: Share\nassignableAt: [Resource, Project]",
				BeRefusedAt("spec.assignableAt", "a Share role is assignable at Resource only")),
			row("refuses a Standard role at Resource", "assignableAt: [Project, Resource]",
				BeRefusedAt("spec.assignableAt", "every other role at Organization, Workspace and Project")),
			row("refuses a Base role at Resource", "type: Base\nassignableAt: [Resource]",
				BeRefusedAt("spec.assignableAt", "every other role at Organization, Workspace and Project")),
			row("refuses no level", "assignableAt: []", BeRefusedAt("spec.assignableAt", "at least 1 items")),
			row("refuses a null, which would be all levels", "assignableAt: null",
				BeRefusedAt("spec.assignableAt", "name the levels, or leave the field out")),
			row("refuses a level twice", "assignableAt: [Project, Project]",
				BeRefusedAt("spec.assignableAt[1]", "Duplicate value")),
			row("refuses more levels than there are", "assignableAt: [Organization, Workspace, Project, Resource, Cluster]",
				BeRefusedAt("spec.assignableAt", "must have at most 4 items")),
			row("refuses another level", "assignableAt: [Cluster]",
				BeRefusedAt("spec.assignableAt[0]", "supported values")),
		)

		s.table("[G11] inheritance", func(inherits string) error {
			return s.server.Try(Manifest("Role", "editor", plainRole+"inherits: "+inherits))
		},
			row("takes none", "[]", BeAccepted()),
			row("takes 32", list(32, "role-%d"), BeAccepted()),
			row("refuses 33", list(33, "role-%d"), BeRefusedAt("spec.inherits", "must have at most 32 items")),
			row("refuses a role twice", "[viewer, writer, viewer]", BeRefusedAt("spec.inherits[2]", "Duplicate value")),
			row("refuses a null in the list", "[null]", BeRefusedAt("spec.inherits[0]", "must be of type string")),
			row("refuses a number", "[7]", BeRefusedAt("spec.inherits[0]", "must be of type string")),
			row("refuses one name that is no list", "viewer", BeRefusedAt("spec.inherits", "must be of type array")),
			row("refuses a reference", "[{name: viewer}]", BeRefusedAsUnknown("spec.inherits[0].name")),
			row("refuses a role of another organization", "[acme/viewer]", BeRefusedAt("spec.inherits[0]", "must be the name of a Role")),
			row("takes the role's own name, which its status then reports", "[editor]", BeAccepted()),
			row("takes what a Base role inherits, which its status then reports", "[viewer]\ntype: Base", BeAccepted()),
		)
		s.name("spec.inherits[0]", "must be the name of a Role: lower-case letters, digits, '-' and '.'", func(name string) error {
			return s.server.Try(Manifest("Role", "editor", plainRole+fmt.Sprintf("inherits: [%q]", name)))
		})

		s.table("permission grants", func(grants string) error {
			return s.server.Try(Manifest("Role", "editor", plainRole+"permissionGrants: "+grants))
		},
			row("takes none", "[]", BeAccepted()),
			row("takes one without conditions", "[{permission: 'Role:CreateRole'}]", BeAccepted()),
			row("takes a permission twice", "[{permission: a}, {permission: a, conditions: {team: {type: Equals, value: red}}}]", BeAccepted()),
			row("takes 1000", list(1000, "{permission: p%d}"), BeAccepted()),
			row("refuses 1001", list(1001, "{permission: p%d}"), BeRefusedAt("spec.permissionGrants", "must have at most 1000 items")),
			row("refuses one without its permission", "[{conditions: {team: {type: Equals, value: red}}}]",
				BeRefusedAt("spec.permissionGrants[0].permission", "Required value")),
			row("refuses an unknown field", "[{permission: a, condition: {}}]",
				BeRefusedAsUnknown("spec.permissionGrants[0].condition")),
			row("refuses a name instead of an entry", "[a]",
				BeRefusedAt("spec.permissionGrants[0]", "must be of type object")),
		)
		s.textIn("spec.permissionGrants", "[0].permission", 256, func(text string) error {
			return s.server.Try(Manifest("Role", "editor", plainRole+fmt.Sprintf("permissionGrants: [{permission: %q}]", text)))
		})
	})
}
