package integration

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A role that is too large for the store", func() {
	It("gives nothing, says what to do, and is right again when it is smaller", func() {
		w := newWorld()
		role := build.Role(w.Namespace, "giant").Obj()
		for _, suffix := range []string{"-a", "-b"} {
			models := build.ResourceType(w.Namespace + suffix)
			for n := range 256 {
				name := fmt.Sprintf("%s%s:%s%03d", w.Namespace, suffix, strings.Repeat("x", 200), n)
				name += strings.Repeat("y", 256-len(name))
				models.Permits(name)
				role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: name})
			}
			create(models.Obj())
			expectReason(models.Obj(), v1alpha1.ReasonValid)
		}
		first, last := role.Spec.PermissionGrants[0].Permission, role.Spec.PermissionGrants[449].Permission
		assigned := w.assignment("a", "giant").ToUser("alice").Obj()
		Expect(k8sClient.Create(ctx, role.DeepCopy())).To(MatchError(containAll("spec.permissionGrants", "too large for the store", "split the role")))
		Expect(unasked().Create(ctx, role)).To(Succeed())
		create(assigned)
		expectReason(role, v1alpha1.ReasonRoleTooLarge, "spec.permissionGrants", "split the role")
		expectReason(assigned, v1alpha1.ReasonRoleInvalid, "spec.roleRef", "Role giant")
		Expect(w.may("alice", first, w.at())()).To(BeFalse())

		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[:450] })
		expectReason(role, v1alpha1.ReasonValid)
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", first, w.at())()).To(BeTrue())
		Expect(w.may("alice", last, w.at())()).To(BeTrue())
	})
})
