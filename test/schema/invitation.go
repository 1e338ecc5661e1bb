package schema

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

func init() { rows((*suite).invitation) }

func (s *suite) invitation() {
	Describe("The schema of Invitation", func() {
		s.objectName("Invitation", "email: carol@example.com")
		s.duration("spec.validFor", "", func(duration string) error {
			return s.server.Try(build.Invitation("default", "carol").ValidFor(v1alpha1.Duration(duration)).Obj())
		})
		// No name at all is nobody who has accepted.
		s.table("fields", func(spec string) error { return s.server.Try(Manifest("Invitation", "carol", spec)) },
			row("takes an email address", "email: carol@example.com", BeAccepted()),
			row("refuses no email address", "validFor: P1D", BeRefusedAt("spec.email", "Required value")),
			row("refuses an email address without a domain", "email: carol@", BeRefusedAt("spec.email", "must be an email address")),
			row("refuses a name", "email: carol", BeRefusedAt("spec.email", "must be an email address")),
			row("refuses two addresses", "email: a@example.com b@example.com", BeRefusedAt("spec.email", "must be an email address")),
			row("takes a deadline", "email: a@b\nexpiresAt: 2030-01-01T00:00:00Z", BeAccepted()),
			row("refuses a deadline that is none", "email: a@b\nexpiresAt: tomorrow", BeRefusedAt("spec.expiresAt", "date-time")),
			row("refuses a deadline and a duration", "email: a@b\nexpiresAt: 2030-01-01T00:00:00Z\nvalidFor: P1D",
				BeRefusedAt("spec", "at most one of expiresAt and validFor")),
			row("takes who has accepted, as a backup has it", "email: a@b\nacceptedBy: carol", BeAccepted()),
			row("refuses who can't be a User", "email: a@b\nacceptedBy: Carol", BeRefusedAt("spec.acceptedBy", "must be the name of a User")),
			row("refuses an unknown field", "email: a@b\nrole: admin", BeRefusedAsUnknown("spec.role")),
		)

		s.table("[Z10] an edit of a pending one", func(spec string) error {
			object := build.Invitation(s.server.NewNamespace(), "carol").ValidFor("P1D").Obj()
			return s.server.Replace(object, "Invitation", spec)
		},
			row("that accepts it is taken", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: carol", BeAccepted()),
			row("that gives it longer is taken", "email: carol@example.com\nvalidFor: P2D", BeAccepted()),
			row("that does both is refused", "email: carol@example.com\nvalidFor: P2D\nacceptedBy: carol",
				BeRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
			row("that does both in another way is refused", "email: carol@example.com\nexpiresAt: 2130-01-01T00:00:00Z\nacceptedBy: carol",
				BeRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
			row("of the address is refused", "email: dave@example.com\nvalidFor: P1D", BeRefusedAt("spec.email", "can't be changed: make another Invitation")),
		)

		s.table("[Z10] an edit of an accepted one", func(spec string) error {
			object := build.Invitation(s.server.NewNamespace(), "carol").ValidFor("P1D").AcceptedBy("carol").Obj()
			return s.server.Replace(object, "Invitation", spec)
		},
			row("that leaves it is taken", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: carol", BeAccepted()).onBoth(),
			row("of who has accepted is refused", "email: carol@example.com\nvalidFor: P1D\nacceptedBy: dave",
				BeRefusedAt("spec.acceptedBy", "can't be changed or removed once it is set")),
			row("that takes it back is refused", "email: carol@example.com\nvalidFor: P1D",
				BeRefusedAt("spec.acceptedBy", "can't be changed or removed once it is set")).onBoth(),
			row("that gives it longer is refused", "email: carol@example.com\nvalidFor: P9D\nacceptedBy: carol",
				BeRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
			row("that takes the duration away is refused", "email: carol@example.com\nacceptedBy: carol",
				BeRefusedAt("spec.acceptedBy", "expiresAt and validFor can't be changed")),
		)
	})
}
