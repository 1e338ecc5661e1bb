package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The schema of Organization", func() {
	organization := func(spec string) error {
		return try(manifest("Organization", "acme", "owners: [alice]\n"+spec))
	}

	DescribeTable("the name", func(name string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Organization", name, "owners: [alice]"))).To(outcome)
	},
		Entry("takes 63 characters", letters(63), beAccepted()),
		Entry("refuses 64 characters", letters(64), beRefusedAt("metadata", "metadata.name must be the name of the namespace")),
		Entry("refuses a subdomain, which no namespace has", "eu.acme", beRefusedAt("metadata", "metadata.name must be the name of the namespace")),
	)

	DescribeTable("owners", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Organization", "acme", spec))).To(outcome)
	},
		Entry("takes one", "owners: [alice]", beAccepted()),
		Entry("takes 100", "owners: "+list(100, "user-%d"), beAccepted()),
		Entry("refuses 101", "owners: "+list(101, "user-%d"), beRefusedAt("spec.owners", "must have at most 100 items")),
		Entry("refuses an empty list", "owners: []", beRefusedAt("spec.owners", "at least 1 items")),
		Entry("refuses none", "displayName: Acme", beRefusedAt("spec.owners", "Required value")),
		Entry("refuses one twice", "owners: [alice, alice]", beRefusedAt("spec.owners[1]", "Duplicate value")),
		Entry("refuses an unknown field", "owners: [alice]\nowner: bob", beRefusedAsUnknown("spec.owner")),
	)
	describeName("spec.owners[0]", "must be the name of a User: lower-case letters", func(name string) error {
		return try(manifest("Organization", "acme", fmt.Sprintf("owners: [%q]", name)))
	})

	It("takes admin for the admin role where nothing is said", func() {
		object := build.Organization("acme").Obj()
		Expect(try(object)).To(Succeed())
		Expect(object.Spec.AdminRole).To(Equal("admin"))
	})
	describeName("spec.adminRole", "must be the name of a Role: lower-case letters", func(name string) error {
		return organization(fmt.Sprintf("adminRole: %q", name))
	})
	describeText("spec.displayName", 256, func(text string) error {
		return organization(fmt.Sprintf("displayName: %q", text))
	})

	DescribeTable("workspaces and projects", func(workspaces string, outcome types.GomegaMatcher) {
		Expect(organization("workspaces: " + workspaces)).To(outcome)
	},
		Entry("takes none", "[]", beAccepted()),
		Entry("takes 200 workspaces", list(200, "{name: w%d}"), beAccepted()),
		Entry("refuses 201 workspaces", list(201, "{name: w%d}"), beRefusedAt("spec.workspaces", "must have at most 200 items")),
		Entry("refuses a workspace twice", "[{name: prod}, {name: prod}]", beRefusedAt("spec.workspaces[1]", "Duplicate value")),
		Entry("refuses a workspace without its name", "[{displayName: Production}]", beRefusedAt("spec.workspaces[0].name", "Required value")),
		Entry("takes 400 projects", "[{name: prod, projects: "+list(400, "{name: p%d}")+"}]", beAccepted()),
		Entry("refuses 401 projects", "[{name: prod, projects: "+list(401, "{name: p%d}")+"}]",
			beRefusedAt("spec.workspaces[0].projects", "must have at most 400 items")),
		Entry("refuses a project twice", "[{name: prod, projects: [{name: vision}, {name: vision}]}]",
			beRefusedAt("spec.workspaces[0].projects[1]", "Duplicate value")),
		Entry("takes a project's name again in another workspace",
			"[{name: prod, projects: [{name: vision}]}, {name: test, projects: [{name: vision}]}]", beAccepted()),
		Entry("refuses a project without its name", "[{name: prod, projects: [{displayName: Vision}]}]",
			beRefusedAt("spec.workspaces[0].projects[0].name", "Required value")),
		Entry("refuses an unknown field", "[{name: prod, project: []}]", beRefusedAsUnknown("spec.workspaces[0].project")),
	)
	describeName("spec.workspaces[0].name", "must be a workspace name: lower-case letters", func(name string) error {
		return organization(fmt.Sprintf("workspaces: [{name: %q}]", name))
	})
	describeName("spec.workspaces[0].projects[0].name", "should match '^[a-z0-9]", func(name string) error {
		return organization(fmt.Sprintf("workspaces: [{name: prod, projects: [{name: %q}]}]", name))
	})
	describeText("spec.workspaces[0].displayName", 256, func(text string) error {
		return organization(fmt.Sprintf("workspaces: [{name: prod, displayName: %q}]", text))
	})
	describeText("spec.workspaces[0].projects[0].displayName", 256, func(text string) error {
		return organization(fmt.Sprintf("workspaces: [{name: prod, projects: [{name: vision, displayName: %q}]}]", text))
	})
})
