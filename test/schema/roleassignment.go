package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

func init() { rows((*suite).roleAssignment) }

func (s *suite) roleAssignment() {
	Describe("The schema of RoleAssignment", func() {
		s.table("subjects", func(subject string) error {
			return s.server.Try(Manifest("RoleAssignment", "a", "roleRef: {name: editor}\n"+subject))
		},
			row("[Z2] takes a user", "subject: {user: alice}", BeAccepted()).onBoth(),
			row("[Z2] takes a group", "subject: {group: crew}", BeAccepted()),
			row("[Z2] takes an invitation", "subject: {invitation: bob}", BeAccepted()),
			row("[Z2] refuses none", "subject: {}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
			row("[Z2] refuses a missing subject", "scope: {}",
				BeRefusedAt("spec.subject", "Required value")),
			row("[Z2] refuses a null for the only one", "subject: {user: null}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
			row("[Z2] refuses a user and a group", "subject: {user: alice, group: crew}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")).onBoth(),
			row("[Z2] refuses a user and an invitation", "subject: {user: alice, invitation: bob}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
			row("[Z2] refuses a group and an invitation", "subject: {group: crew, invitation: bob}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
			row("[Z2] refuses all three", "subject: {user: alice, group: crew, invitation: bob}",
				BeRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
			row("refuses a subject of an unknown kind", "subject: {user: alice, team: crew}",
				BeRefusedAsUnknown("spec.subject.team")),
			row("refuses an unquoted number as a name", "subject: {user: 7}",
				BeRefusedAt("spec.subject.user", "must be of type string")),
		)

		s.table("scopes", func(scope string) error {
			return s.server.Try(Manifest("RoleAssignment", "a", "roleRef: {name: editor}\nsubject: {user: alice}\n"+scope))
		},
			row("takes none, for the organization", "", BeAccepted()),
			row("takes an empty one, for the organization", "scope: {}", BeAccepted()),
			row("takes a workspace", "scope: {workspace: prod}", BeAccepted()),
			row("[Z3] takes a project with its workspace", "scope: {workspace: prod, project: vision}", BeAccepted()).onBoth(),
			row("[Z3] refuses a project without its workspace", "scope: {project: vision}",
				BeRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")).onBoth(),
			row("[Z3] refuses a project without its workspace, on a resource", "scope: {project: vision, resource: {type: flow, id: '42'}}",
				BeRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")),
			row("takes a resource in the organization", "scope: {resource: {type: flow, id: '42'}}", BeAccepted()),
			row("takes a resource in a workspace", "scope: {workspace: prod, resource: {type: flow, id: '42'}}", BeAccepted()),
			row("takes a resource in a project", "scope: {workspace: prod, project: vision, resource: {type: flow, id: '42'}}", BeAccepted()),
			row("refuses a resource without its id", "scope: {resource: {type: flow}}",
				BeRefusedAt("spec.scope.resource.id", "a role is assigned at one object: set the object's identifier")),
			row("refuses a resource without its type", "scope: {resource: {id: '42'}}",
				BeRefusedAt("spec.scope.resource.type", "Required value")),
			row("refuses an unquoted number as an id", "scope: {resource: {type: flow, id: 42}}",
				BeRefusedAt("spec.scope.resource.id", "must be of type string")),
			row("refuses an unknown field", "scope: {worksapce: prod}",
				BeRefusedAsUnknown("spec.scope.worksapce")),
		)

		// Each of these would be a wider scope than the author meant.
		s.table("nulls in scopes", func(scope string) error {
			return s.server.Try(Manifest("RoleAssignment", "a", "roleRef: {name: editor}\nsubject: {user: alice}\n"+scope))
		},
			row("refuses the scope", "scope: null", BeRefusedAt("spec.scope", "write {} or leave the field out")).onBoth(),
			row("refuses a workspace", "scope: {workspace: null}", BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
			row("refuses a project", "scope: {workspace: prod, project: null}", BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
			row("refuses a resource", "scope: {workspace: prod, resource: null}", BeRefusedAt("spec.scope", "workspace, project and resource can't be null")),
			row("refuses an id", "scope: {resource: {type: flow, id: null}}", BeRefusedAt("spec.scope.resource.id", "id can't be null")),
		)

		s.table("the role", func(role string) error {
			return s.server.Try(Manifest("RoleAssignment", "a", role+"\nsubject: {user: alice}"))
		},
			row("must be there", "scope: {}", BeRefusedAt("spec.roleRef", "Required value")),
			row("must have a name", "roleRef: {}", BeRefusedAt("spec.roleRef.name", "Required value")),
			row("can't be of another namespace", "roleRef: {name: editor, namespace: other}",
				BeRefusedAsUnknown("spec.roleRef.namespace")),
		)

		for _, name := range []struct{ field, spec string }{
			{"spec.roleRef.name", "roleRef: {name: %q}\nsubject: {user: alice}"},
			{"spec.subject.user", "roleRef: {name: editor}\nsubject: {user: %q}"},
			{"spec.subject.group", "roleRef: {name: editor}\nsubject: {group: %q}"},
			{"spec.subject.invitation", "roleRef: {name: editor}\nsubject: {invitation: %q}"},
			{"spec.scope.workspace", "roleRef: {name: editor}\nsubject: {user: alice}\nscope: {workspace: %q}"},
			{"spec.scope.project", "roleRef: {name: editor}\nsubject: {user: alice}\nscope: {workspace: prod, project: %q}"},
		} {
			s.name(name.field, "lower-case letters, digits, '-' and '.'", func(value string) error {
				return s.server.Try(Manifest("RoleAssignment", "a", fmt.Sprintf(name.spec, value)))
			})
		}

		s.text("spec.scope.resource.type", 128, func(text string) error {
			return s.server.Try(Manifest("RoleAssignment", "a",
				fmt.Sprintf("roleRef: {name: editor}\nsubject: {user: alice}\nscope: {resource: {type: %q, id: '42'}}", text)))
		})
		s.text("spec.scope.resource.id", 253, func(text string) error {
			return s.server.Try(Manifest("RoleAssignment", "a",
				fmt.Sprintf("roleRef: {name: editor}\nsubject: {user: alice}\nscope: {resource: {type: flow, id: %q}}", text)))
		})
	})
}
