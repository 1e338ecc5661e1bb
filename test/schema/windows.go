package schema

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
)

func init() { rows((*suite).windows) }

// windows are the same for every kind that may begin and end by itself.
func (s *suite) windows() {
	for _, of := range []struct{ kind, plain string }{
		{"RoleAssignment", "roleRef: {name: editor}\nsubject: {user: alice}\n"},
		{"PermissionGrant", "subject: {user: alice}\npermissions: [{permission: edit}]\n"},
		{"GroupMembership", "user: alice\ngroup: crew\n"},
	} {
		kind, plain := of.kind, of.plain
		Describe("The window of a "+kind, func() {
			write := func(window string) error { return s.server.Try(Manifest(kind, "w", plain+window)) }
			s.table("begins and ends", write,
				row("[T1] takes none", "", BeAccepted()),
				row("[T1] takes a deadline", "expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()).onBoth(),
				row("[T1] takes a deadline in the past", "expiresAt: '2020-01-31T17:00:00Z'", BeAccepted()),
				row("[T1] takes a start alone", "startsAt: '2030-01-31T08:00:00Z'", BeAccepted()),
				row("[T1] takes a start in the past", "startsAt: '2020-01-31T08:00:00Z'", BeAccepted()),
				row("[T1] takes both", "startsAt: '2030-01-31T08:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'", BeAccepted()),
				row("[T1] takes other time zones", "startsAt: '2030-01-31T23:00:00-08:00'\nexpiresAt: '2030-02-01T08:00:01+01:00'", BeAccepted()),
				row("[T1] refuses a start after the deadline", "startsAt: '2030-01-31T17:00:01Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
					BeRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")).onBoth(),
				row("[T1] refuses a start at the deadline", "startsAt: '2030-01-31T17:00:00Z'\nexpiresAt: '2030-01-31T17:00:00Z'",
					BeRefusedAt("spec.expiresAt", "must be after startsAt: choose a later deadline")),
				row("[T1] refuses a null for the start", "startsAt: null",
					BeRefusedAt("spec.startsAt", "startsAt can't be null: write when it begins, or leave the field out to begin at once")),
				row("[T1] refuses a null for the deadline, which would be none", "expiresAt: null",
					BeRefusedAt("spec.expiresAt", "expiresAt can't be null: write when it ends, or leave the field out to have no end")).onBoth(),
				row("[T1] refuses a duration", "duration: PT8H", BeRefusedAsUnknown("spec.duration")),
				row("[T1] refuses a duration as a deadline", "expiresAt: PT8H", BeRefusedAt("spec.expiresAt", "must be of type date-time")),
			)
			for _, field := range []string{"startsAt", "expiresAt"} {
				s.instant("spec."+field, func(instant string) error { return write(fmt.Sprintf("%s: %q", field, instant)) })
			}

			const unchangeable = "can't be set, changed or removed later: make another"
			s.edits("changes", func(before, after string) error {
				object := Manifest(kind, "w", plain+before)
				object.SetNamespace(s.server.NewNamespace())
				return s.server.Replace(object, kind, plain+after)
			},
				edit("[T1] expiresAt, which is set", "", "expiresAt: '2030-01-31T17:00:00Z'", BeAccepted()).onBoth(),
				edit("[T1] expiresAt, to later", "expiresAt: '2030-01-31T17:00:00Z'", "expiresAt: '2030-02-28T17:00:00Z'", BeAccepted()),
				edit("[T1] expiresAt, to the past", "expiresAt: '2030-01-31T17:00:00Z'", "expiresAt: '2020-01-31T17:00:00Z'", BeAccepted()),
				edit("[T1] expiresAt, which is removed", "expiresAt: '2030-01-31T17:00:00Z'", "", BeAccepted()),
				edit("[T1] not startsAt, to be set", "", "startsAt: '2030-01-31T08:00:00Z'", BeRefusedAt("spec.startsAt", unchangeable)).onBoth(),
				edit("[T1] not startsAt, to another", "startsAt: '2030-01-31T08:00:00Z'", "startsAt: '2030-01-31T09:00:00Z'", BeRefusedAt("spec.startsAt", unchangeable)),
				edit("[T1] not startsAt, to be removed", "startsAt: '2030-01-31T08:00:00Z'", "", BeRefusedAt("spec.startsAt", unchangeable)),
			)
		})
	}
}
