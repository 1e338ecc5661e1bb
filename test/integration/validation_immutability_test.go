package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("What can't be changed", func() {
	DescribeTable("the type of a Role", func(before, spec string, outcome types.GomegaMatcher) {
		role := manifest("Role", "editor", plainRole+before)
		role.SetNamespace(newNamespace(ctx))
		Expect(replace(role, "Role", plainRole+spec)).To(outcome)
	},
		Entry("stays as it was set", "type: Share", "type: Share\ndisplayName: Edited", beAccepted()),
		Entry("can't be changed", "type: Share", "type: Base", beRefusedAt("spec.type", "can't be changed: make another Role")),
		Entry("can't be set to another than the default later", "", "type: Base", beRefusedAt("spec.type", "can't be changed: make another Role")),
		Entry("can't be removed", "type: Share", "", beRefusedAt("spec.type", "can't be changed: make another Role")),
		Entry("can't be nulled", "type: Share", "type: null", beRefusedAt("spec.type", "can't be changed: make another Role")),
		Entry("can be written out where it was the default", "", "type: Standard", beAccepted()),
		Entry("can be left out where it was the default", "type: Standard", "", beAccepted()),
	)

	DescribeTable("the subject of a User", func(spec string, outcome types.GomegaMatcher) {
		user := build.User(newNamespace(ctx), "alice").KnownAs("alice").Obj()
		Expect(replace(user, "User", spec)).To(outcome)
	},
		Entry("stays as it was set", "subject: alice\nsuspended: true", beAccepted()),
		Entry("can't be changed", "subject: bob", beRefusedAt("spec.subject", "can't be changed: make another User, and delete this one")),
		Entry("can't be changed in case", "subject: Alice", beRefusedAt("spec.subject", "can't be changed: make another User, and delete this one")),
		Entry("can't be removed", "displayName: Alice", beRefusedAt("spec.subject", "Required value")),
	)

	DescribeTable("the type of a ResourceType", func(spec string, outcome types.GomegaMatcher) {
		resourceType := build.ResourceType(newNamespace(ctx)).OfType("Flow").Permits("view").Obj()
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, resourceType)).To(Succeed()) })
		Expect(replace(resourceType, "ResourceType", spec)).To(outcome)
	},
		Entry("stays as it was set", "type: Flow\npermissions: [{name: edit}]", beAccepted()),
		Entry("can't be changed", "type: Stage\npermissions: [{name: view}]",
			beRefusedAt("spec.type", "can't be changed: make another ResourceType instead")),
		Entry("can't be removed", "permissions: [{name: view}]", beRefusedAt("spec.type", "Required value")),
	)

	It("is not the role, subject or scope of a RoleAssignment", func() {
		assignment := build.RoleAssignment(newNamespace(ctx), "a").Gives("editor").ToUser("alice").InProject("prod", "vision").Obj()
		Expect(replace(assignment, "RoleAssignment", "roleRef: {name: viewer}\nsubject: {group: crew}")).To(Succeed())
	})
})
