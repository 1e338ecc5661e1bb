package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).organization) }

func (s *suite) organization() {
	Describe("The schema of Organization", func() {
		organization := func(spec string) error {
			return s.server.Try(Manifest("Organization", "acme", "owners: [alice]\n"+spec))
		}

		s.table("the name", func(name string) error { return s.server.Try(Manifest("Organization", name, "owners: [alice]")) },
			row("takes 63 characters", letters(63), BeAccepted()).onBoth(),
			row("refuses 64 characters", letters(64), BeRefusedAt("metadata", "metadata.name must be the name of the namespace")).onBoth(),
			row("refuses a subdomain, which no namespace has", "eu.acme", BeRefusedAt("metadata", "metadata.name must be the name of the namespace")),
		)

		s.table("owners", func(spec string) error { return s.server.Try(Manifest("Organization", "acme", spec)) },
			row("takes one", "owners: [alice]", BeAccepted()),
			row("takes 100", "owners: "+list(100, "user-%d"), BeAccepted()).onBoth(),
			row("refuses 101", "owners: "+list(101, "user-%d"), BeRefusedAt("spec.owners", "must have at most 100 items")).onBoth(),
			row("refuses an empty list", "owners: []", BeRefusedAt("spec.owners", "at least 1 items")).onBoth(),
			row("refuses none", "displayName: Acme", BeRefusedAt("spec.owners", "Required value")).onBoth(),
			row("refuses one twice", "owners: [alice, alice]", BeRefusedAt("spec.owners[1]", "Duplicate value")).onBoth(),
			row("refuses an unknown field", "owners: [alice]\nowner: bob", BeRefusedAsUnknown("spec.owner")),
		)
		s.name("spec.owners[0]", "must be the name of a User: lower-case letters", func(name string) error {
			return s.server.Try(Manifest("Organization", "acme", fmt.Sprintf("owners: [%q]", name)))
		})

		s.specOnBoth("takes admin for the admin role, and protects last roles, where nothing is said", func() {
			object := build.Organization("acme").Obj()
			Expect(s.server.Try(object)).To(Succeed())
			Expect(object.Spec.AdminRole).To(Equal("admin"))
			Expect(object.Spec.LastRolePolicy).To(BeEquivalentTo("Protect"))
		})
		s.name("spec.adminRole", "must be the name of a Role: lower-case letters", func(name string) error {
			return organization(fmt.Sprintf("adminRole: %q", name))
		}, "takes a subdomain", "refuses upper case")
		s.text("spec.displayName", 256, func(text string) error {
			return organization(fmt.Sprintf("displayName: %q", text))
		}, "takes the most characters, whatever their size in bytes", "refuses one more")

		s.table("workspaces and projects", func(workspaces string) error { return organization("workspaces: " + workspaces) },
			row("takes none", "[]", BeAccepted()),
			row("takes 200 workspaces", list(200, "{name: w%d}"), BeAccepted()),
			row("refuses 201 workspaces", list(201, "{name: w%d}"), BeRefusedAt("spec.workspaces", "must have at most 200 items")),
			row("refuses a workspace twice", "[{name: prod}, {name: prod}]", BeRefusedAt("spec.workspaces[1]", "Duplicate value")).onBoth(),
			row("refuses a workspace without its name", "[{displayName: Production}]", BeRefusedAt("spec.workspaces[0].name", "Required value")),
			row("takes 400 projects", "[{name: prod, projects: "+list(400, "{name: p%d}")+"}]", BeAccepted()),
			row("refuses 401 projects", "[{name: prod, projects: "+list(401, "{name: p%d}")+"}]",
				BeRefusedAt("spec.workspaces[0].projects", "must have at most 400 items")),
			row("refuses a project twice", "[{name: prod, projects: [{name: vision}, {name: vision}]}]",
				BeRefusedAt("spec.workspaces[0].projects[1]", "Duplicate value")),
			row("takes a project's name again in another workspace",
				"[{name: prod, projects: [{name: vision}]}, {name: test, projects: [{name: vision}]}]", BeAccepted()),
			row("refuses a project without its name", "[{name: prod, projects: [{displayName: Vision}]}]",
				BeRefusedAt("spec.workspaces[0].projects[0].name", "Required value")),
			row("refuses an unknown field", "[{name: prod, project: []}]", BeRefusedAsUnknown("spec.workspaces[0].project")).onBoth(),
		)
		s.table("what protects last roles", func(policy string) error { return organization("lastRolePolicy: " + policy) },
			row("[Z9] takes Protect", "Protect", BeAccepted()),
			row("[Z9] takes Warn", "Warn", BeAccepted()),
			row("[Z9] refuses anything else", "Ignore", BeRefusedAt("spec.lastRolePolicy", "supported values")),
		)
		s.table("usernames", func(usernames string) error { return organization("usernames: " + usernames) },
			row("takes none", "[]", BeAccepted()),
			row("takes 200", list(200, "{username: 'oidc:%d', subject: same}"), BeAccepted()),
			row("refuses 201", list(201, "{username: 'oidc:%d', subject: same}"), BeRefusedAt("spec.usernames", "must have at most 200 items")),
			row("refuses a name twice", "[{username: a, subject: b}, {username: a, subject: c}]", BeRefusedAt("spec.usernames[1]", "Duplicate value")),
			row("refuses a name without a subject", "[{username: a}]", BeRefusedAt("spec.usernames[0].subject", "Required value")),
			row("refuses a subject without a name", "[{subject: a}]", BeRefusedAt("spec.usernames[0].username", "Required value")),
			row("refuses an empty name", "[{username: '', subject: a}]", BeRefusedAt("spec.usernames[0].username", "at least 1 chars long")),
			row("refuses an empty subject", "[{username: a, subject: ''}]", BeRefusedAt("spec.usernames[0].subject", "at least 1 chars long")),
			row("takes a subject of 512 characters", "[{username: a, subject: "+letters(512)+"}]", BeAccepted()),
			row("refuses one more", "[{username: a, subject: "+letters(513)+"}]", BeRefusedAt("spec.usernames[0].subject", "may not be more than 512")),
			row("refuses an unknown field", "[{username: a, subject: b, user: c}]", BeRefusedAsUnknown("spec.usernames[0].user")),
		)
		s.name("spec.workspaces[0].name", "must be a workspace name: lower-case letters", func(name string) error {
			return organization(fmt.Sprintf("workspaces: [{name: %q}]", name))
		})
		s.name("spec.workspaces[0].projects[0].name", "should match '^[a-z0-9]", func(name string) error {
			return organization(fmt.Sprintf("workspaces: [{name: prod, projects: [{name: %q}]}]", name))
		}, "refuses upper case")
		s.text("spec.workspaces[0].displayName", 256, func(text string) error {
			return organization(fmt.Sprintf("workspaces: [{name: prod, displayName: %q}]", text))
		})
		s.text("spec.workspaces[0].projects[0].displayName", 256, func(text string) error {
			return organization(fmt.Sprintf("workspaces: [{name: prod, projects: [{name: vision, displayName: %q}]}]", text))
		})
	})
}

func init() { rows((*suite).temporaryGrants) }

func (s *suite) temporaryGrants() {
	Describe("The schema of an Organization's temporary grants", func() {
		organization := func(spec string) error {
			return s.server.Try(Manifest("Organization", "acme", "owners: [alice]\n"+spec))
		}
		s.table("fields", func(spec string) error { return organization(spec) },
			row("takes none", "temporaryGrants: {}", BeAccepted()),
			row("takes a maximum", "temporaryGrants: {maxDuration: P30D}", BeAccepted()),
			// Each of these would lift the limit.
			row("refuses a null", "temporaryGrants: null", BeRefusedAt("spec.temporaryGrants", "temporaryGrants can't be null: write the rules")),
			row("refuses a null for the maximum", "temporaryGrants: {maxDuration: null}",
				BeRefusedAt("spec.temporaryGrants.maxDuration", "maxDuration can't be null: set a duration")),
			row("refuses an unknown field", "temporaryGrants: {maximum: P30D}", BeRefusedAsUnknown("spec.temporaryGrants.maximum")),
		)
		s.duration("spec.temporaryGrants.maxDuration", "", func(duration string) error {
			return organization(fmt.Sprintf("temporaryGrants: {maxDuration: \"%s\"}", duration))
		})
	})
}
