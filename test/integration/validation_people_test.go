package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The schema of User", func() {
	describeObjectName("User", "subject: alice@example.com")

	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("User", "alice", spec))).To(outcome)
	},
		Entry("takes a subject", "subject: alice@example.com", beAccepted()),
		Entry("refuses no subject", "displayName: Alice", beRefusedAt("spec.subject", "Required value")),
		Entry("refuses an unquoted number as a subject", "subject: 1001", beRefusedAt("spec.subject", "must be of type string")),
		Entry("takes an email address", "subject: alice\nemail: alice+authz@mail.example.com", beAccepted()),
		Entry("takes an email address of 320 characters", "subject: alice\nemail: "+letters(308)+"@example.com", beAccepted()),
		Entry("refuses an email address of 321 characters", "subject: alice\nemail: "+letters(309)+"@example.com",
			beRefusedAt("spec.email", "may not be more than 320")),
		Entry("refuses an email address without a domain", "subject: alice\nemail: alice@",
			beRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
		Entry("refuses an email address with a space", "subject: alice\nemail: alice a@example.com",
			beRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
		Entry("refuses two email addresses", "subject: alice\nemail: alice@example.com,bob@example.com",
			beRefusedAt("spec.email", "must be one address without spaces, as in alice@example.com")),
		Entry("refuses an empty email address", "subject: alice\nemail: ''", beRefusedAt("spec.email", "at least 3 chars")),
		Entry("takes Human", "subject: alice\ntype: Human", beAccepted()),
		Entry("takes Service", "subject: alice\ntype: Service", beAccepted()),
		Entry("refuses another type", "subject: alice\ntype: Robot", beRefusedAt("spec.type", `supported values: "Human", "Service"`)),
		Entry("takes a suspension", "subject: alice\nsuspended: true", beAccepted()),
		Entry("takes the end of a suspension", "subject: alice\nsuspended: false", beAccepted()),
		Entry("refuses a quoted suspension", "subject: alice\nsuspended: 'true'", beRefusedAt("spec.suspended", "must be of type boolean")),
		Entry("refuses a null, which would end a suspension", "subject: alice\nsuspended: null",
			beRefusedAt("spec.suspended", "set true or false, or leave the field out")),
		Entry("refuses an unknown field", "subject: alice\ngroups: [crew]", beRefusedAsUnknown("spec.groups")),
	)

	It("takes Human where nothing is said", func() {
		object := build.User("default", "alice").OfType("").Obj()
		Expect(try(object)).To(Succeed())
		Expect(object.Spec.Type).To(Equal(v1alpha1.UserHuman))
	})
	describeText("spec.subject", 512, func(text string) error {
		return try(manifest("User", "alice", fmt.Sprintf("subject: %q", text)))
	})
	describeText("spec.displayName", 256, func(text string) error {
		return try(manifest("User", "alice", fmt.Sprintf("subject: alice\ndisplayName: %q", text)))
	})
})

var _ = Describe("The schema of Group", func() {
	describeObjectName("Group", "{}")

	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Group", "crew", spec))).To(outcome)
	},
		Entry("takes an empty spec", "{}", beAccepted()),
		Entry("takes a description of 4096 characters", "description: "+letters(4096), beAccepted()),
		Entry("refuses a description of 4097 characters", "description: "+letters(4097),
			beRefusedAt("spec.description", "may not be more than 4096")),
		Entry("refuses an unknown field", "members: [alice]", beRefusedAsUnknown("spec.members")),
	)
	It("takes no spec at all", func() {
		object := manifest("Group", "crew", "{}")
		delete(object.Object, "spec")
		Expect(try(object)).To(Succeed())
	})
	describeText("spec.displayName", 256, func(text string) error {
		return try(manifest("Group", "crew", fmt.Sprintf("displayName: %q", text)))
	})
})
