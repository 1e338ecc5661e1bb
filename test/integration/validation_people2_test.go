package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The schema of GroupMembership", func() {
	describeName("spec.user", "must be the name of a User", func(name string) error {
		return try(build.GroupMembership("default", "m", name, "crew").Obj())
	})
	describeName("spec.group", "must be the name of a Group", func(name string) error {
		return try(build.GroupMembership("default", "m", "alice", name).Obj())
	})

	const plain = "user: alice\ngroup: crew\n"
	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("GroupMembership", "m", spec))).To(outcome)
	},
		Entry("takes a user and a group", plain, beAccepted()),
		Entry("refuses no user", "group: crew", beRefusedAt("spec.user", "Required value")),
		Entry("refuses no group", "user: alice", beRefusedAt("spec.group", "Required value")),
		Entry("[B2] takes Admin", plain+"role: Admin", beAccepted()),
		Entry("[B2] refuses another role", plain+"role: Owner", beRefusedAt("spec.role", `supported values: "Member", "Admin"`)),
		Entry("[B3] takes All", plain+"configurablePermissions: {mode: All}", beAccepted()),
		Entry("[B3] takes None", plain+"configurablePermissions: {mode: None}", beAccepted()),
		Entry("[B3] takes Custom", plain+"configurablePermissions: {mode: Custom, overrides: {can_run_reports: false}}", beAccepted()),
		Entry("[B3] takes Custom with nothing given", plain+"configurablePermissions: {mode: Custom}", beAccepted()),
		Entry("refuses no mode", plain+"configurablePermissions: {overrides: {a: true}}",
			beRefusedAt("spec.configurablePermissions.mode", "Required value")),
		Entry("refuses another mode", plain+"configurablePermissions: {mode: Some}",
			beRefusedAt("spec.configurablePermissions.mode", `supported values: "All", "None", "Custom"`)),
		Entry("refuses overrides with mode All", plain+"configurablePermissions: {mode: All, overrides: {a: true}}",
			beRefusedAt("spec.configurablePermissions.overrides", "needs mode Custom")),
		Entry("refuses overrides with mode None", plain+"configurablePermissions: {mode: None, overrides: {a: true}}",
			beRefusedAt("spec.configurablePermissions.overrides", "needs mode Custom")),
		Entry("refuses an override that is neither true nor false", plain+"configurablePermissions: {mode: Custom, overrides: {a: 'yes'}}",
			beRefusedAt("spec.configurablePermissions.overrides.a", "must be of type boolean")),
		Entry("takes a name of 256 characters", plain+"configurablePermissions: {mode: Custom, overrides: {"+letters(256)+": true}}", beAccepted()),
		Entry("refuses a name of 257 characters", plain+"configurablePermissions: {mode: Custom, overrides: {"+letters(257)+": true}}",
			beRefusedAt("spec.configurablePermissions.overrides", "at most 256 characters")),
		Entry("refuses an unknown field", plain+"admin: true", beRefusedAsUnknown("spec.admin")),
	)

	It("[B2] takes Member where nothing is said", func() {
		object := build.GroupMembership("default", "m", "alice", "crew").Obj()
		Expect(try(object)).To(Succeed())
		Expect(object.Spec.Role).To(Equal(v1alpha1.GroupMember))
	})

	DescribeTable("[B5] an edit", func(spec string, outcome types.GomegaMatcher) {
		object := build.GroupMembership(newNamespace(ctx), "m", "alice", "crew").Obj()
		Expect(replace(object, "GroupMembership", spec)).To(outcome)
	},
		Entry("of role and permissions is taken", plain+"role: Admin\nconfigurablePermissions: {mode: None}", beAccepted()),
		Entry("of the user is refused", "user: bob\ngroup: crew", beRefusedAt("spec.user", "can't be changed: make another GroupMembership")),
		Entry("of the group is refused", "user: alice\ngroup: team", beRefusedAt("spec.group", "can't be changed: make another GroupMembership")),
	)
})

var _ = Describe("The schema of Group, for its admins", func() {
	DescribeTable("configurable permissions", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Group", "crew", spec))).To(outcome)
	},
		Entry("takes none", "configurablePermissions: []", beAccepted()),
		Entry("takes 100", "configurablePermissions: "+list(100, "can_%d"), beAccepted()),
		Entry("refuses 101", "configurablePermissions: "+list(101, "can_%d"), beRefusedAt("spec.configurablePermissions", "must have at most 100")),
		Entry("refuses one twice", "configurablePermissions: [a, a]", beRefusedAt("spec.configurablePermissions[1]", "Duplicate value")),
		Entry("refuses a blank one", "configurablePermissions: [' ']", beRefusedAt("spec.configurablePermissions[0]", "must not be blank")),
		Entry("refuses an empty one", "configurablePermissions: ['']", beRefusedAt("spec.configurablePermissions[0]", "at least 1 chars")),
		Entry("refuses one of 257 characters", "configurablePermissions: ["+letters(257)+"]",
			beRefusedAt("spec.configurablePermissions[0]", "may not be more than 256")),
	)

	It("[B3] are none where nothing is said", func() {
		object := build.Group("default", "crew").Obj()
		Expect(try(object)).To(Succeed())
		Expect(object.Spec.ConfigurablePermissions).To(BeEmpty())
	})
})

var _ = Describe("The schema of Invitation", func() {
	describeObjectName("Invitation", "email: carol@example.com")
	describeDuration("spec.validFor", "", func(duration string) error {
		return try(build.Invitation("default", "carol").ValidFor(v1alpha1.Duration(duration)).Obj())
	})
	// No name at all is nobody who has accepted.
	DescribeTable("fields", func(spec string, outcome types.GomegaMatcher) {
		Expect(try(manifest("Invitation", "carol", spec))).To(outcome)
	},
		Entry("takes an email address", "email: carol@example.com", beAccepted()),
		Entry("refuses no email address", "validFor: P1D", beRefusedAt("spec.email", "Required value")),
		Entry("refuses an email address without a domain", "email: carol@", beRefusedAt("spec.email", "must be an email address")),
		Entry("refuses a name", "email: carol", beRefusedAt("spec.email", "must be an email address")),
		Entry("refuses two addresses", "email: a@example.com b@example.com", beRefusedAt("spec.email", "must be an email address")),
		Entry("takes a deadline", "email: a@b\nexpiresAt: 2030-01-01T00:00:00Z", beAccepted()),
		Entry("refuses a deadline that is none", "email: a@b\nexpiresAt: tomorrow", beRefusedAt("spec.expiresAt", "date-time")),
		Entry("refuses a deadline and a duration", "email: a@b\nexpiresAt: 2030-01-01T00:00:00Z\nvalidFor: P1D",
			beRefusedAt("spec", "at most one of expiresAt and validFor")),
		Entry("takes who has accepted, as a backup has it", "email: a@b\nacceptedBy: carol", beAccepted()),
		Entry("refuses who can't be a User", "email: a@b\nacceptedBy: Carol", beRefusedAt("spec.acceptedBy", "must be the name of a User")),
		Entry("refuses an unknown field", "email: a@b\nrole: admin", beRefusedAsUnknown("spec.role")),
	)

	DescribeTable("[Z10] an edit of a pending one", func(spec string, outcome types.GomegaMatcher) {
		object := build.Invitation(newNamespace(ctx), "carol").ValidFor("P1D").Obj()
		Expect(replace(object, "Invitation", spec)).To(outcome)
	},
		Entry("that accepts it is taken", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: carol", beAccepted()),
		Entry("that gives it longer is taken", "email: carol@example.com\nvalidFor: P2D", beAccepted()),
		Entry("that does both is refused", "email: carol@example.com\nvalidFor: P2D\nacceptedBy: carol",
			beRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
		Entry("that does both in another way is refused", "email: carol@example.com\nexpiresAt: 2130-01-01T00:00:00Z\nacceptedBy: carol",
			beRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
		Entry("of the address is refused", "email: dave@example.com\nvalidFor: P1D", beRefusedAt("spec.email", "can't be changed: make another Invitation")),
	)

	DescribeTable("[Z10] an edit of an accepted one", func(spec string, outcome types.GomegaMatcher) {
		object := build.Invitation(newNamespace(ctx), "carol").ValidFor("P1D").AcceptedBy("carol").Obj()
		Expect(replace(object, "Invitation", spec)).To(outcome)
	},
		Entry("that leaves it is taken", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: carol", beAccepted()),
		Entry("of who has accepted is refused", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: dave",
			beRefusedAt("spec.acceptedBy", "can't be changed or removed once it is set")),
		Entry("that takes it back is refused", "email: carol@example.com\nvalidFor: P1D",
			beRefusedAt("spec.acceptedBy", "can't be changed or removed once it is set")),
		Entry("that gives it longer is refused", "email: carol@example.com\nvalidFor: P9D\nacceptedBy: carol",
			beRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
		Entry("that takes the duration away is refused", "email: carol@example.com\nacceptedBy: carol",
			beRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
	)
})
