package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).group) }

func (s *suite) group() {
	Describe("The schema of Group", func() {
		s.objectName("Group", "{}")

		s.table("fields", func(spec string) error { return s.server.Try(Manifest("Group", "crew", spec)) },
			row("takes an empty spec", "{}", BeAccepted()),
			row("takes a description of 4096 characters", "description: "+letters(4096), BeAccepted()),
			row("refuses a description of 4097 characters", "description: "+letters(4097),
				BeRefusedAt("spec.description", "may not be more than 4096")),
			row("refuses an unknown field", "members: [alice]", BeRefusedAsUnknown("spec.members")),
		)
		s.specOnBoth("takes no spec at all", func() {
			object := Manifest("Group", "crew", "{}")
			delete(object.Object, "spec")
			Expect(s.server.Try(object)).To(Succeed())
		})
		s.text("spec.displayName", 256, func(text string) error {
			return s.server.Try(Manifest("Group", "crew", fmt.Sprintf("displayName: %q", text)))
		})
	})
}

func init() { rows((*suite).groupAdmins) }

func (s *suite) groupAdmins() {
	Describe("The schema of Group, for its admins", func() {
		s.table("configurable permissions", func(spec string) error { return s.server.Try(Manifest("Group", "crew", spec)) },
			row("takes none", "configurablePermissions: []", BeAccepted()),
			row("takes 100", "configurablePermissions: "+list(100, "can_%d"), BeAccepted()),
			row("refuses 101", "configurablePermissions: "+list(101, "can_%d"), BeRefusedAt("spec.configurablePermissions", "must have at most 100")),
			row("refuses one twice", "configurablePermissions: [a, a]", BeRefusedAt("spec.configurablePermissions[1]", "Duplicate value")),
			row("refuses a blank one", "configurablePermissions: [' ']", BeRefusedAt("spec.configurablePermissions[0]", "must not be blank")),
			row("refuses an empty one", "configurablePermissions: ['']", BeRefusedAt("spec.configurablePermissions[0]", "at least 1 chars")),
			row("refuses one of 257 characters", "configurablePermissions: ["+letters(257)+"]",
				BeRefusedAt("spec.configurablePermissions[0]", "may not be more than 256")),
		)

		s.specOnBoth("[B3] are none where nothing is said", func() {
			object := build.Group("default", "crew").Obj()
			Expect(s.server.Try(object)).To(Succeed())
			Expect(object.Spec.ConfigurablePermissions).To(BeEmpty())
		})
	})
}
