package schema

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).immutability) }

func (s *suite) immutability() {
	Describe("What can't be changed", func() {
		s.edits("the type of a Role", func(before, spec string) error {
			role := Manifest("Role", "editor", plainRole+before)
			role.SetNamespace(s.server.NewNamespace())
			return s.server.Replace(role, "Role", plainRole+spec)
		},
			edit("stays as it was set", "type: Share", "type: Share\ndisplayName: Edited", BeAccepted()),
			edit("can't be changed", "type: Share", "type: Base", BeRefusedAt("spec.type", "can't be changed: make another Role")),
			edit("can't be set to another than the default later", "", "type: Base", BeRefusedAt("spec.type", "can't be changed: make another Role")),
			edit("can't be removed", "type: Share", "", BeRefusedAt("spec.type", "can't be changed: make another Role")),
			edit("can't be nulled", "type: Share", "type: null", BeRefusedAt("spec.type", "can't be changed: make another Role")),
			edit("can be written out where it was the default", "", "type: Standard", BeAccepted()),
			edit("can be left out where it was the default", "type: Standard", "", BeAccepted()).onBoth(),
		)

		s.table("the subject of a User", func(spec string) error {
			user := build.User(s.server.NewNamespace(), "alice").KnownAs("alice").Obj()
			return s.server.Replace(user, "User", spec)
		},
			row("stays as it was set", "subject: alice\nsuspended: true", BeAccepted()),
			row("can't be changed", "subject: bob", BeRefusedAt("spec.subject", "can't be changed: make another User, and delete this one")),
			row("can't be changed in case", "subject: Alice", BeRefusedAt("spec.subject", "can't be changed: make another User, and delete this one")),
			row("can't be removed", "displayName: Alice", BeRefusedAt("spec.subject", "Required value")),
		)

		s.table("the type of a ResourceType", func(spec string) error {
			resourceType := build.ResourceType(s.server.NewNamespace()).OfType("Flow").Permits("view").Obj()
			return s.server.Replace(resourceType, "ResourceType", spec)
		},
			row("stays as it was set", "type: Flow\npermissions: [{name: edit}]", BeAccepted()),
			row("can't be changed", "type: Stage\npermissions: [{name: view}]",
				BeRefusedAt("spec.type", "can't be changed: make another ResourceType instead")).onBoth(),
			row("can't be removed", "permissions: [{name: view}]", BeRefusedAt("spec.type", "Required value")),
		)

		s.spec("is not the role, subject or scope of a RoleAssignment", func() {
			assignment := build.RoleAssignment(s.server.NewNamespace(), "a").Gives("editor").ToUser("alice").InProject("prod", "vision").Obj()
			Expect(s.server.Replace(assignment, "RoleAssignment", "roleRef: {name: viewer}\nsubject: {group: crew}")).To(Succeed())
		})
	})
}
