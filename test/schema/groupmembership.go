package schema

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).groupMembership) }

func (s *suite) groupMembership() {
	Describe("The schema of GroupMembership", func() {
		s.name("spec.user", "must be the name of a User", func(name string) error {
			return s.server.Try(build.GroupMembership("default", "m", name, "crew").Obj())
		})
		s.name("spec.group", "must be the name of a Group", func(name string) error {
			return s.server.Try(build.GroupMembership("default", "m", "alice", name).Obj())
		})

		const plain = "user: alice\ngroup: crew\n"
		s.table("fields", func(spec string) error { return s.server.Try(Manifest("GroupMembership", "m", spec)) },
			row("takes a user and a group", plain, BeAccepted()),
			row("refuses no user", "group: crew", BeRefusedAt("spec.user", "Required value")),
			row("refuses no group", "user: alice", BeRefusedAt("spec.group", "Required value")),
			row("[B2] takes Admin", plain+"role: Admin", BeAccepted()),
			row("[B2] refuses another role", plain+"role: Owner", BeRefusedAt("spec.role", `supported values: "Member", "Admin"`)),
			row("[B3] takes All", plain+"configurablePermissions: {mode: All}", BeAccepted()),
			row("[B3] takes None", plain+"configurablePermissions: {mode: None}", BeAccepted()),
			row("[B3] takes Custom", plain+"configurablePermissions: {mode: Custom, overrides: {can_run_reports: false}}", BeAccepted()),
			row("[B3] takes Custom with nothing given", plain+"configurablePermissions: {mode: Custom}", BeAccepted()),
			row("refuses no mode", plain+"configurablePermissions: {overrides: {a: true}}",
				BeRefusedAt("spec.configurablePermissions.mode", "Required value")),
			row("refuses another mode", plain+"configurablePermissions: {mode: Some}",
				BeRefusedAt("spec.configurablePermissions.mode", `supported values: "All", "None", "Custom"`)),
			row("refuses overrides with mode All", plain+"configurablePermissions: {mode: All, overrides: {a: true}}",
				BeRefusedAt("spec.configurablePermissions.overrides", "needs mode Custom")),
			row("refuses overrides with mode None", plain+"configurablePermissions: {mode: None, overrides: {a: true}}",
				BeRefusedAt("spec.configurablePermissions.overrides", "needs mode Custom")),
			row("refuses an override that is neither true nor false", plain+"configurablePermissions: {mode: Custom, overrides: {a: 'yes'}}",
				BeRefusedAt("spec.configurablePermissions.overrides.a", "must be of type boolean")),
			row("takes a name of 256 characters", plain+"configurablePermissions: {mode: Custom, overrides: {"+letters(256)+": true}}", BeAccepted()),
			row("refuses a name of 257 characters", plain+"configurablePermissions: {mode: Custom, overrides: {"+letters(257)+": true}}",
				BeRefusedAt("spec.configurablePermissions.overrides", "at most 256 characters")),
			row("refuses an unknown field", plain+"admin: true", BeRefusedAsUnknown("spec.admin")),
		)

		s.spec("[B2] takes Member where nothing is said", func() {
			object := build.GroupMembership("default", "m", "alice", "crew").Obj()
			Expect(s.server.Try(object)).To(Succeed())
			Expect(object.Spec.Role).To(Equal(v1alpha1.GroupMember))
		})

		s.table("[B5] an edit", func(spec string) error {
			object := build.GroupMembership(s.server.NewNamespace(), "m", "alice", "crew").Obj()
			return s.server.Replace(object, "GroupMembership", spec)
		},
			row("of role and permissions is taken", plain+"role: Admin\nconfigurablePermissions: {mode: None}", BeAccepted()),
			row("of the user is refused", "user: bob\ngroup: crew", BeRefusedAt("spec.user", "can't be changed: make another GroupMembership")),
			row("of the group is refused", "user: alice\ngroup: team", BeRefusedAt("spec.group", "can't be changed: make another GroupMembership")),
		)
	})
}
