package reconcile

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A role with an entry that is wrong", func() {
	// fault is a mistake in one entry about the permission Edit, and the two ways to mend it.
	type fault struct {
		Entry  *build.RoleBuilder
		Reason string
		Words  []string
		// Declare makes it right in the ResourceType, and Withdraw takes that back.
		Declare, Withdraw func(*v1alpha1.ResourceType)
		// Correct makes it right in the entry itself.
		Correct func(*v1alpha1.PermissionEntry)
		// Asked is the permission of the entry, Corrected that of the fixed one. With these attributes
		// they are given when it is right.
		Asked, Corrected string
		Attributes       map[string]any
	}

	DescribeTable("gives the others, and all when either side is fixed", func(of func(w *world, role *build.RoleBuilder) fault) {
		w := newWorld()
		f := of(w, build.Role(w.Namespace, "mixed").Grants(w.View))
		role := f.Entry.Grants(w.Delete).Obj()
		assigned := w.assignment("a", "mixed").ToUser("alice").Obj()
		create(role, assigned)
		catalogue := build.ResourceType(w.Namespace).Obj()
		fails := func() {
			GinkgoHelper()
			expectReason(role, v1alpha1.ReasonPermissionsInvalid, "1 of 3 entries of spec.permissionGrants", f.Asked)
			Eventually(faultsOf(role)).Should(HaveExactElements(And(
				HaveField("Permission", f.Asked),
				HaveField("Reason", f.Reason),
				HaveField("Message", containAll(f.Words...)),
			)))
			expectReason(assigned, v1alpha1.ReasonInForce)
			Expect(w.may("alice", f.Asked, w.at(), f.Attributes)()).To(BeFalse())
			Expect(w.may("alice", w.View, w.at(), f.Attributes)()).To(BeTrue())
			Expect(w.may("alice", w.Delete, w.at(), f.Attributes)()).To(BeTrue())
		}
		holds := func(permission string) {
			GinkgoHelper()
			expectReason(role, v1alpha1.ReasonValid)
			Eventually(faultsOf(role)).Should(BeEmpty())
			Expect(w.may("alice", permission, w.at(), f.Attributes)()).To(BeTrue())
			Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		}
		fails()
		edit(catalogue, f.Declare)
		holds(f.Asked)
		Expect(role).To(haveGeneration(1), "nobody has touched the role")
		edit(catalogue, f.Withdraw)
		fails()
		edit(role, func(r *v1alpha1.Role) { f.Correct(&r.Spec.PermissionGrants[1]) })
		holds(f.Corrected)
	},
		Entry("a permission that no ResourceType declares", func(w *world, role *build.RoleBuilder) fault {
			missing := w.Namespace + ":Publish"
			return fault{
				Entry: role.Grants(missing), Reason: v1alpha1.ReasonPermissionNotFound,
				Words: []string{missing, "correct the name, or declare it"},
				Asked: missing, Corrected: w.Edit,
				Declare: func(t *v1alpha1.ResourceType) {
					t.Spec.Permissions = append(t.Spec.Permissions, v1alpha1.Permission{Name: missing})
				},
				Withdraw: func(t *v1alpha1.ResourceType) { t.Spec.Permissions = t.Spec.Permissions[:3] },
				Correct:  func(e *v1alpha1.PermissionEntry) { e.Permission = w.Edit },
			}
		}),
		Entry("a permission in the wrong case", func(w *world, role *build.RoleBuilder) fault {
			shouted := strings.ToUpper(w.Edit)
			return fault{
				Entry: role.Grants(shouted), Reason: v1alpha1.ReasonPermissionNotFound,
				Words: []string{shouted, "correct the name, or declare it"},
				Asked: shouted, Corrected: w.Edit,
				Declare: func(t *v1alpha1.ResourceType) {
					t.Spec.Permissions = append(t.Spec.Permissions, v1alpha1.Permission{Name: shouted})
				},
				Withdraw: func(t *v1alpha1.ResourceType) { t.Spec.Permissions = t.Spec.Permissions[:3] },
				Correct:  func(e *v1alpha1.PermissionEntry) { e.Permission = w.Edit },
			}
		}),
		Entry("an attribute that the permission has not", func(w *world, role *build.RoleBuilder) fault {
			return fault{
				Entry: role.GrantsIf(w.Edit, build.Equals("size", "big")), Reason: v1alpha1.ReasonAttributeNotFound,
				Words: []string{`"size"`, "color, draft, floor", "declare it in ResourceType"},
				Asked: w.Edit, Corrected: w.Edit, Attributes: map[string]any{"size": "big", "color": "big"},
				Declare: func(t *v1alpha1.ResourceType) {
					t.Spec.Permissions[2].Attributes = append(t.Spec.Permissions[2].Attributes, build.String("size"))
				},
				Withdraw: func(t *v1alpha1.ResourceType) {
					t.Spec.Permissions[2].Attributes = t.Spec.Permissions[2].Attributes[:3]
				},
				Correct: func(e *v1alpha1.PermissionEntry) {
					e.Conditions = map[string]v1alpha1.AttributeCondition{"color": e.Conditions["size"]}
				},
			}
		}),
		Entry("a value that is no Number", func(w *world, role *build.RoleBuilder) fault {
			return fault{
				Entry: role.GrantsIf(w.Edit, build.Equals("floor", "abc")), Reason: v1alpha1.ReasonValueInvalid,
				Words: []string{"conditions[floor]", `"abc" is not a number`, "write it as in"},
				Asked: w.Edit, Corrected: w.Edit, Attributes: map[string]any{"floor": "abc", "color": "abc"},
				Declare:  func(t *v1alpha1.ResourceType) { t.Spec.Permissions[2].Attributes[1].Type = v1alpha1.AttributeString },
				Withdraw: func(t *v1alpha1.ResourceType) { t.Spec.Permissions[2].Attributes[1].Type = v1alpha1.AttributeNumber },
				Correct: func(e *v1alpha1.PermissionEntry) {
					e.Conditions = map[string]v1alpha1.AttributeCondition{"color": e.Conditions["floor"]}
				},
			}
		}),
	)

	It("gives nothing at all when every entry is wrong, and its assignments say so", func() {
		w := newWorld()
		role := build.Role(w.Namespace, "hollow").Grants(w.Namespace+":Nothing", w.Namespace+":Never").Obj()
		assigned := w.assignment("a", "hollow").ToUser("alice").Obj()
		create(role, assigned)
		expectReason(role, v1alpha1.ReasonPermissionsInvalid, "2 of 2 entries", w.Namespace+":Nothing")
		Eventually(faultsOf(role)).Should(HaveExactElements(
			HaveField("Permission", w.Namespace+":Nothing"), HaveField("Permission", w.Namespace+":Never")))
		expectReason(assigned, v1alpha1.ReasonRoleEmpty, "Role hollow")
		Expect(w.inStore()).NotTo(ContainElement(ContainSubstring("assignee")))
		Expect(w.may("alice", w.Namespace+":Nothing", w.at())()).To(BeFalse())

		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants[0].Permission = w.View })
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = nil })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
		expectReason(assigned, v1alpha1.ReasonRoleEmpty)
	})
})
