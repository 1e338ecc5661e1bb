package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).user) }

func (s *suite) user() {
	Describe("The schema of User", func() {
		s.objectName("User", "subject: alice@example.com", "refuses upper case")

		s.table("fields", func(spec string) error { return s.server.Try(Manifest("User", "alice", spec)) },
			row("takes a subject", "subject: alice@example.com", BeAccepted()),
			row("refuses no subject", "displayName: Alice", BeRefusedAt("spec.subject", "Required value")),
			row("refuses an unquoted number as a subject", "subject: 1001", BeRefusedAt("spec.subject", "must be of type string")).onBoth(),
			row("takes an email address", "subject: alice\nemail: alice+authz@mail.example.com", BeAccepted()),
			row("takes an email address of 320 characters", "subject: alice\nemail: "+letters(308)+"@example.com", BeAccepted()),
			row("refuses an email address of 321 characters", "subject: alice\nemail: "+letters(309)+"@example.com",
				BeRefusedAt("spec.email", "may not be more than 320")),
			row("refuses an email address without a domain", "subject: alice\nemail: alice@",
				BeRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
			row("refuses an email address with a space", "subject: alice\nemail: alice a@example.com",
				BeRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
			row("refuses two email addresses", "subject: alice\nemail: alice@example.com,bob@example.com",
				BeRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
			row("refuses an empty email address", "subject: alice\nemail: ''", BeRefusedAt("spec.email", "at least 3 chars")),
			row("takes Human", "subject: alice\ntype: Human", BeAccepted()),
			row("takes Service", "subject: alice\ntype: Service", BeAccepted()),
			row("refuses another type", "subject: alice\ntype: Robot", BeRefusedAt("spec.type", `supported values: "Human", "Service"`)).onBoth(),
			row("takes a suspension", "subject: alice\nsuspended: true", BeAccepted()),
			row("takes the end of a suspension", "subject: alice\nsuspended: false", BeAccepted()),
			row("refuses a quoted suspension", "subject: alice\nsuspended: 'true'", BeRefusedAt("spec.suspended", "must be of type boolean")),
			row("refuses a null, which would end a suspension", "subject: alice\nsuspended: null",
				BeRefusedAt("spec.suspended", "set true or false, or leave the field out")).onBoth(),
			row("refuses an unknown field", "subject: alice\ngroups: [crew]", BeRefusedAsUnknown("spec.groups")),
		)

		s.spec("takes Human where nothing is said", func() {
			object := build.User("default", "alice").OfType("").Obj()
			Expect(s.server.Try(object)).To(Succeed())
			Expect(object.Spec.Type).To(Equal(v1alpha1.UserHuman))
		})
		s.text("spec.subject", 512, func(text string) error {
			return s.server.Try(Manifest("User", "alice", fmt.Sprintf("subject: %q", text)))
		})
		s.text("spec.displayName", 256, func(text string) error {
			return s.server.Try(Manifest("User", "alice", fmt.Sprintf("subject: alice\ndisplayName: %q", text)))
		})
	})
}
