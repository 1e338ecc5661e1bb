package schema

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func init() { rows((*suite).unseen) }

func (s *suite) unseen() {
	Describe("A new object", func() {
		Describe("says that nothing is in force before the operator has seen it", func() {
			for _, object := range []struct {
				kind, spec string
				both       bool
			}{
				{"RoleAssignment", "roleRef: {name: editor}\nsubject: {user: alice}", true},
				{"PermissionGrant", "subject: {user: alice}\npermissions: [{permission: edit}]", false},
				{"TemporaryPermissionGrant", needed + "duration: PT8H", false},
			} {
				s.specIf(object.both, "of a "+object.kind, func() {
					unseen := Manifest(object.kind, "unseen", object.spec)
					Expect(s.server.Try(unseen)).To(Succeed())
					Expect(unseen.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1), "inForce": false}))
				})
			}
		})
	})
}
