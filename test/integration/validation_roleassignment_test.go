package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

var _ = Describe("The schema of RoleAssignment", func() {
	DescribeTable("subjects", func(subject string, outcome types.GomegaMatcher) {
		Expect(try(manifest("RoleAssignment", "a", "roleRef: {name: editor}\n"+subject))).To(outcome)
	},
		Entry("[Z2] takes a user", "subject: {user: alice}", beAccepted()),
		Entry("[Z2] takes a group", "subject: {group: crew}", beAccepted()),
		Entry("[Z2] takes an invitation", "subject: {invitation: bob}", beAccepted()),
		Entry("[Z2] refuses none", "subject: {}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("[Z2] refuses a missing subject", "scope: {}",
			beRefusedAt("spec.subject", "Required value")),
		Entry("[Z2] refuses a null for the only one", "subject: {user: null}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("[Z2] refuses a user and a group", "subject: {user: alice, group: crew}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("[Z2] refuses a user and an invitation", "subject: {user: alice, invitation: bob}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("[Z2] refuses a group and an invitation", "subject: {group: crew, invitation: bob}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("[Z2] refuses all three", "subject: {user: alice, group: crew, invitation: bob}",
			beRefusedAt("spec.subject", "set exactly one of user, group and invitation")),
		Entry("refuses a subject of an unknown kind", "subject: {user: alice, team: crew}",
			beRefusedAsUnknown("spec.subject.team")),
		Entry("refuses an unquoted number as a name", "subject: {user: 7}",
			beRefusedAt("spec.subject.user", "must be of type string")),
	)

	DescribeTable("scopes", func(scope string, outcome types.GomegaMatcher) {
		Expect(try(manifest("RoleAssignment", "a", "roleRef: {name: editor}\nsubject: {user: alice}\n"+scope))).To(outcome)
	},
		Entry("takes none, for the organization", "", beAccepted()),
		Entry("takes an empty one, for the organization", "scope: {}", beAccepted()),
		Entry("takes a workspace", "scope: {workspace: prod}", beAccepted()),
		Entry("[Z3] takes a project with its workspace", "scope: {workspace: prod, project: vision}", beAccepted()),
		Entry("[Z3] refuses a project without its workspace", "scope: {project: vision}",
			beRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")),
		Entry("[Z3] refuses a project without its workspace, on a resource", "scope: {project: vision, resource: {type: flow, id: '42'}}",
			beRefusedAt("spec.scope.workspace", "a project needs its workspace: set it")),
		Entry("takes a resource in the organization", "scope: {resource: {type: flow, id: '42'}}", beAccepted()),
		Entry("takes a resource in a workspace", "scope: {workspace: prod, resource: {type: flow, id: '42'}}", beAccepted()),
		Entry("takes a resource in a project", "scope: {workspace: prod, project: vision, resource: {type: flow, id: '42'}}", beAccepted()),
		Entry("refuses a resource without its id", "scope: {resource: {type: flow}}",
			beRefusedAt("spec.scope.resource.id", "a role is assigned at one object: set the object's identifier")),
		Entry("refuses a resource without its type", "scope: {resource: {id: '42'}}",
			beRefusedAt("spec.scope.resource.type", "Required value")),
		Entry("refuses an unquoted number as an id", "scope: {resource: {type: flow, id: 42}}",
			beRefusedAt("spec.scope.resource.id", "must be of type string")),
		Entry("refuses an unknown field", "scope: {worksapce: prod}",
			beRefusedAsUnknown("spec.scope.worksapce")),
	)

	// Each of these would be a wider scope than the author meant.
	DescribeTable("nulls in scopes", func(scope, field, says string) {
		Expect(try(manifest("RoleAssignment", "a", "roleRef: {name: editor}\nsubject: {user: alice}\n"+scope))).
			To(beRefusedAt(field, says))
	},
		Entry("refuses the scope", "scope: null", "spec.scope", "write {} or leave the field out"),
		Entry("refuses a workspace", "scope: {workspace: null}", "spec.scope", "workspace, project and resource can't be null"),
		Entry("refuses a project", "scope: {workspace: prod, project: null}", "spec.scope", "workspace, project and resource can't be null"),
		Entry("refuses a resource", "scope: {workspace: prod, resource: null}", "spec.scope", "workspace, project and resource can't be null"),
		Entry("refuses an id", "scope: {resource: {type: flow, id: null}}", "spec.scope.resource.id", "id can't be null"),
	)

	DescribeTable("the role", func(role string, outcome types.GomegaMatcher) {
		Expect(try(manifest("RoleAssignment", "a", role+"\nsubject: {user: alice}"))).To(outcome)
	},
		Entry("must be there", "scope: {}", beRefusedAt("spec.roleRef", "Required value")),
		Entry("must have a name", "roleRef: {}", beRefusedAt("spec.roleRef.name", "Required value")),
		Entry("can't be of another namespace", "roleRef: {name: editor, namespace: other}",
			beRefusedAsUnknown("spec.roleRef.namespace")),
	)

	for _, name := range []struct{ field, spec string }{
		{"spec.roleRef.name", "roleRef: {name: %q}\nsubject: {user: alice}"},
		{"spec.subject.user", "roleRef: {name: editor}\nsubject: {user: %q}"},
		{"spec.subject.group", "roleRef: {name: editor}\nsubject: {group: %q}"},
		{"spec.subject.invitation", "roleRef: {name: editor}\nsubject: {invitation: %q}"},
		{"spec.scope.workspace", "roleRef: {name: editor}\nsubject: {user: alice}\nscope: {workspace: %q}"},
		{"spec.scope.project", "roleRef: {name: editor}\nsubject: {user: alice}\nscope: {workspace: prod, project: %q}"},
	} {
		describeName(name.field, "lower-case letters, digits, '-' and '.'", func(value string) error {
			return try(manifest("RoleAssignment", "a", fmt.Sprintf(name.spec, value)))
		})
	}

	describeText("spec.scope.resource.type", 128, func(text string) error {
		return try(manifest("RoleAssignment", "a",
			fmt.Sprintf("roleRef: {name: editor}\nsubject: {user: alice}\nscope: {resource: {type: %q, id: '42'}}", text)))
	})
	describeText("spec.scope.resource.id", 253, func(text string) error {
		return try(manifest("RoleAssignment", "a",
			fmt.Sprintf("roleRef: {name: editor}\nsubject: {user: alice}\nscope: {resource: {type: flow, id: %q}}", text)))
	})
})
