package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func init() { rows((*suite).permissionGrant) }

func (s *suite) permissionGrant() {
	Describe("The schema of PermissionGrant", func() {
		const toAlice = "subject: {user: alice}\n"
		const giveEdit = "permissions: [{permission: edit}]\n"
		grant := func(spec string) error { return s.server.Try(Manifest("PermissionGrant", "g", spec)) }

		s.table("subjects", func(subject string) error { return grant(giveEdit + subject) },
			row("takes a user", "subject: {user: alice}", BeAccepted()),
			row("takes a group", "subject: {group: crew}", BeAccepted()),
			row("refuses none", "subject: {}", BeRefusedAt("spec.subject", "set exactly one of user and group")),
			row("refuses a missing subject", "scope: {}", BeRefusedAt("spec.subject", "Required value")),
			row("refuses a null", "subject: null", BeRefusedAt("spec.subject", "Required value")),
			row("refuses a null for the only one", "subject: {user: null}", BeRefusedAt("spec.subject", "set exactly one of user and group")),
			row("refuses both", "subject: {user: alice, group: crew}", BeRefusedAt("spec.subject", "set exactly one of user and group")),
			row("refuses an invitation, which roles are assigned to", "subject: {invitation: bob}", BeRefusedAsUnknown("spec.subject.invitation")),
			row("refuses an unquoted number as a name", "subject: {user: 7}", BeRefusedAt("spec.subject.user", "must be of type string")),
		)

		s.table("permissions", func(permissions string) error { return grant(toAlice + permissions) },
			row("[A1] takes one", "permissions: [{permission: edit}]", BeAccepted()).onBoth(),
			row("[A1] takes several", "permissions: [{permission: edit}, {permission: view}]", BeAccepted()),
			row("takes one twice", "permissions: [{permission: edit, conditions: {team: {type: Equals, value: red}}}, {permission: edit}]", BeAccepted()),
			row("takes 100", "permissions: "+list(100, "{permission: p%d}"), BeAccepted()),
			row("refuses 101", "permissions: "+list(101, "{permission: p%d}"), BeRefusedAt("spec.permissions", "must have at most 100 items")),
			row("[A3] refuses an empty list", "permissions: []", BeRefusedAt("spec.permissions", "at least 1 items")).onBoth(),
			row("[A3] refuses no list", "scope: {}", BeRefusedAt("spec.permissions", "Required value")),
			row("[A3] refuses a null", "permissions: null", BeRefusedAt("spec.permissions", "Required value")),
			row("[A3] refuses a null among them", "permissions: [{permission: edit}, null]", BeRefusedAt("spec.permissions[1]", "must be of type object")),
			row("[A3] refuses an empty name", "permissions: [{permission: edit}, {permission: ''}]",
				BeRefusedAt("spec.permissions", "[1].permission must not be blank: write the name of a permission")).onBoth(),
			row("[A3] refuses a blank name", "permissions: [{permission: ' \t'}]",
				BeRefusedAt("spec.permissions", "[0].permission must not be blank: write the name of a permission")),
			row("[A3] refuses no name", "permissions: [{}]", BeRefusedAt("spec.permissions[0].permission", "Required value")),
			row("[A3] refuses a null for a name", "permissions: [{permission: null}]", BeRefusedAt("spec.permissions[0].permission", "Required value")),
			row("refuses a name instead of an entry", "permissions: [edit]", BeRefusedAt("spec.permissions[0]", "must be of type object")),
			row("refuses a null for conditions, which would be none", "permissions: [{permission: edit, conditions: null}]",
				BeRefusedAt("spec.permissions", "[0].conditions can't be null: name at least one, or leave the field out")),
			row("refuses empty conditions", "permissions: [{permission: edit, conditions: {}}]",
				BeRefusedAt("spec.permissions[0].conditions", "at least 1 properties")),
			row("refuses an unknown field", "permissions: [{permission: edit, condition: {}}]", BeRefusedAsUnknown("spec.permissions[0].condition")),
		)
		s.textIn("spec.permissions", "[0].permission", 256, func(text string) error {
			return grant(toAlice + fmt.Sprintf("permissions: [{permission: %q}]", text))
		})

		s.grantScope(func(scope string) error { return grant(toAlice + giveEdit + scope) },
			"[A2] takes an object", "[A5] refuses an object without its type")
		for _, name := range []struct{ field, spec string }{
			{"spec.subject.user", giveEdit + "subject: {user: %q}"},
			{"spec.subject.group", giveEdit + "subject: {group: %q}"},
		} {
			s.name(name.field, "lower-case letters, digits, '-' and '.'", func(value string) error {
				return grant(fmt.Sprintf(name.spec, value))
			})
		}

		s.spec("lets everything be changed", func() {
			object := Manifest("PermissionGrant", "g", toAlice+giveEdit+"scope: {workspace: prod}")
			object.SetNamespace(s.server.NewNamespace())
			Expect(s.server.Replace(object, "PermissionGrant", "subject: {group: crew}\npermissions: [{permission: view}]")).To(Succeed())
		})
	})
}

// grantScope declares the rows of the scope of a grant of either kind.
func (s *suite) grantScope(write func(scope string) error, both ...string) {
	s.table("scopes", write, marked(both,
		row("takes none, for the organization", "", BeAccepted()),
		row("takes an empty one, for the organization", "scope: {}", BeAccepted()),
		row("takes a project with its workspace", "scope: {workspace: prod, project: vision}", BeAccepted()),
		row("refuses a project without its workspace", "scope: {project: vision}",
			BeRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")),
		row("[A2] takes an object", "scope: {workspace: prod, resource: {type: flow, id: '42'}}", BeAccepted()),
		row("[A2] takes all objects of a type", "scope: {workspace: prod, resource: {type: flow}}", BeAccepted()),
		row("[A5] refuses an object without its type", "scope: {resource: {id: '42'}}",
			BeRefusedAt("spec.scope.resource.type", "Required value")),
		row("[A5] refuses an object with an empty type", "scope: {resource: {type: '', id: '42'}}",
			BeRefusedAt("spec.scope.resource.type", "must not be blank: write the type of a ResourceType")),
		row("[A5] refuses an object with a blank type", "scope: {resource: {type: ' ', id: '42'}}",
			BeRefusedAt("spec.scope.resource.type", "must not be blank: write the type of a ResourceType")),
		row("[A5] refuses an object with a null for its type", "scope: {resource: {type: null, id: '42'}}",
			BeRefusedAt("spec.scope.resource.type", "Required value")),
		row("refuses an empty identifier, which would be no object", "scope: {resource: {type: flow, id: ''}}",
			BeRefusedAt("spec.scope.resource.id", "at least 1 chars")),
		row("refuses an unquoted number as an identifier", "scope: {resource: {type: flow, id: 42}}",
			BeRefusedAt("spec.scope.resource.id", "must be of type string")),
		row("refuses an unknown field", "scope: {worksapce: prod}", BeRefusedAsUnknown("spec.scope.worksapce")),

		// Each of these would be a wider scope than the author meant.
		row("refuses a null", "scope: null", BeRefusedAt("spec.scope", "write {} or leave the field out")),
		row("refuses a null for the workspace", "scope: {workspace: null}", BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		row("refuses a null for the project", "scope: {workspace: prod, project: null}",
			BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		row("refuses a null for the resource", "scope: {workspace: prod, resource: null}",
			BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
		row("refuses a null for the identifier", "scope: {resource: {type: flow, id: null}}",
			BeRefusedAt("spec.scope.resource.id", "id can't be null")),
	)...)
}
