package integration

import (
	"fmt"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/statuscheck"
)

// fillsFourTuples is how many permissions of the longest names fit into the four tuples that a role may fill at
// a scope; docs/kinds/role.md says so.
const fillsFourTuples = 484

// longPermissions declares as many permissions of 256 characters as asked for, and returns their names in
// the order in which they fill tuples.
func (w *world) longPermissions(many int) (names []string) {
	GinkgoHelper()
	const perType = 256
	for first := 0; first < many; first += perType {
		catalogue := build.ResourceType(fmt.Sprint(w.Namespace, "-long-", first))
		for n := first; n < min(many, first+perType); n++ {
			name := fmt.Sprintf("%s:%04d", w.Namespace, n)
			names = append(names, name+strings.Repeat("x", 256-len(name)))
			catalogue.Permits(names[n])
		}
		create(catalogue.Obj())
		expectReason(catalogue.Obj(), v1alpha1.ReasonValid)
	}
	return names
}

var _ = Describe("A role that fills four tuples", func() {
	It("[K11] is given, and switched at once to another that fills four", func() {
		w := newWorld()
		names := w.longPermissions(2*fillsFourTuples - 1)
		// The two have one permission in common.
		one, other := names[:fillsFourTuples], names[fillsFourTuples-1:]
		both := one[len(one)-1]
		role := build.Role(w.Namespace, "full").Grants(one...).Obj()
		assigned := w.assignment("a", "full").ToUser("alice").InWorkspace("prod").Obj()
		create(role, assigned)
		expectReason(role, v1alpha1.ReasonValid, "gives 484 permissions")
		expectReason(assigned, v1alpha1.ReasonInForce)
		for _, permission := range []string{one[0], one[100], one[300], both} {
			Expect(w.may("alice", permission, w.at("prod", "vision"))()).To(BeTrue(), permission)
		}
		Expect(w.may("alice", other[1], w.at("prod"))()).To(BeFalse())
		slots := func() (held []string) {
			GinkgoHelper()
			all, err := w.inStore()
			Expect(err).NotTo(HaveOccurred())
			for _, line := range all {
				if place.MatchString(line) {
					held = append(held, place.FindString(line))
				}
			}
			return held
		}
		before := slots()
		Expect(before).To(HaveLen(4))

		waitUntilQuiet()
		counted := writtenNow()
		asked := askWithoutPause(question{User: objectid.User(w.subject("alice")), Permission: both, Object: w.at("prod")})
		edit(role, func(r *v1alpha1.Role) { toGrant(other...)(&r.Spec) })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(slots()).To(And(HaveLen(4), Not(ContainElements(before))))
		for permission, want := range map[string]bool{one[0]: false, one[len(one)-2]: false, other[1]: true, other[len(other)-1]: true, both: true} {
			Expect(w.may("alice", permission, w.at("prod"))()).To(Equal(want), permission)
		}
		waitUntilQuiet()
		Expect(writtenNow().ToStore-counted.ToStore).To(BeEquivalentTo(1), "all eight places in one transaction")
		edit(role, func(r *v1alpha1.Role) { toGrant(one...)(&r.Spec) })
		expectReason(role, v1alpha1.ReasonValid)
		asked.expectAllAllowed(100)
	})

	It("[G11] [F5] is too large with one more: inherited, it inherits nothing; its own, it gives nothing until it is fixed", func() {
		w := newWorld()
		names := w.longPermissions(fillsFourTuples + 1)
		full := build.Role(w.Namespace, "full").Grants(names[:fillsFourTuples]...).Obj()
		child := build.Role(w.Namespace, "child").Inherits("full").Grants(names[fillsFourTuples]).Obj()
		plain := build.Role(w.Namespace, "plain").Inherits("full").Grants(names[0]).Obj()
		ofFull := w.assignment("full", "full").ToUser("alice").Obj()
		ofChild := w.assignment("child", "child").ToUser("bob").Obj()
		create(full, plain)
		expectReason(full, v1alpha1.ReasonValid)

		By("the child, with what it inherits")
		tooLarge := func(field string) OmegaMatcher {
			return MatchError(containAll(field, "485 permissions", "split the role in two"))
		}
		Expect(k8sClient.Create(ctx, child.DeepCopy())).To(tooLarge("spec.inherits"))
		Expect(unasked().Create(ctx, child)).To(Succeed())
		create(ofFull, ofChild)
		expectReason(plain, v1alpha1.ReasonValid, "gives 1 permissions, and 483 more that it inherits")
		expectReason(child, v1alpha1.ReasonRoleTooLarge, "spec.inherits", "from the Role full", "split the role in two")
		expectReason(ofFull, v1alpha1.ReasonInForce)
		expectReason(ofChild, v1alpha1.ReasonInForce)
		Expect(w.may("alice", names[0], w.at())()).To(BeTrue())
		Expect(w.may("bob", names[0], w.at())()).To(BeFalse())
		Expect(w.may("bob", names[fillsFourTuples], w.at())()).To(BeTrue())

		By("the role itself, which its children lose")
		larger := full.DeepCopy()
		toGrant(names...)(&larger.Spec)
		Expect(k8sClient.Patch(ctx, larger.DeepCopy(), client.MergeFrom(full))).To(tooLarge("spec.permissionGrants"))
		Expect(unasked().Patch(ctx, larger, client.MergeFrom(full))).To(Succeed())
		expectReason(full, v1alpha1.ReasonRoleTooLarge, "485 permissions", "4 tuples")
		Expect(statuscheck.KStatus(observed(full))).To(Equal(statuscheck.Failed))
		expectReason(ofFull, v1alpha1.ReasonRoleInvalid)
		for _, r := range []*v1alpha1.Role{child, plain} {
			expectReason(r, v1alpha1.ReasonRoleInvalid, "the Role full")
			Expect(statuscheck.KStatus(observed(r))).To(Equal(statuscheck.InProgress))
		}
		Expect(gives(full)).To(Equal([2]int64{0, 0}))
		Expect(w.may("alice", names[0], w.at())()).To(BeFalse())
		Expect(gives(plain)).To(Equal([2]int64{1, 0}))
		Expect(w.may("bob", names[fillsFourTuples], w.at())()).To(BeTrue())

		By("fixed")
		edit(full, func(r *v1alpha1.Role) { toGrant(names[1:fillsFourTuples]...)(&r.Spec) })
		expectReason(full, v1alpha1.ReasonValid)
		for _, r := range []v1alpha1.Object{child, plain} {
			expectReason(r, v1alpha1.ReasonValid)
		}
		expectReason(ofFull, v1alpha1.ReasonInForce)
		expectReason(ofChild, v1alpha1.ReasonInForce)
		Expect(w.may("alice", names[1], w.at())()).To(BeTrue())
		Expect(w.may("bob", names[1], w.at())()).To(BeTrue())
		Expect(w.may("bob", names[fillsFourTuples], w.at())()).To(BeTrue())

		By("a child, by an edit of its parent")
		edit(full, func(r *v1alpha1.Role) { toGrant(names[:fillsFourTuples]...)(&r.Spec) })
		expectReason(full, v1alpha1.ReasonValid)
		expectReason(child, v1alpha1.ReasonRoleTooLarge)
		Expect(w.may("bob", names[1], w.at())()).To(BeFalse())
		Expect(w.may("bob", names[fillsFourTuples], w.at())()).To(BeTrue())
		Expect(w.may("alice", names[1], w.at())()).To(BeTrue())
	})
})

// place is which of the slots holds a role's permissions, and which relation a grant's. They change place
// when they are changed, so it says nothing.
var place = regexp.MustCompile(`(#slot_|grant_)[0-7ab]`)

// side is on which of its two sides somebody has a role, or is in a group, which says as little.
var side = regexp.MustCompile(` (assignee|member|admin)_b `)

// unplaced is the line of a tuple without what says nothing.
func unplaced(line string) string {
	return side.ReplaceAllString(place.ReplaceAllString(line, "${1}N"), " $1 ")
}
