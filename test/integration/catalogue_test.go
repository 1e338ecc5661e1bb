package integration

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("A catalogue of 100 models with 4 permissions each", func() {
	It("[A7] is declared, given by one role, and decided upon", func() {
		w := newWorld()
		model := func(n int) string { return fmt.Sprintf("%s_app.model_%02d", w.Namespace, n) }
		permission := func(n int, verb string) string { return fmt.Sprintf("%s_app.%s_model_%02d", w.Namespace, verb, n) }
		verbs := []string{"add", "change", "delete", "view"}
		everything, readOnly := build.Role(w.Namespace, "everything"), build.Role(w.Namespace, "read-only")
		var models []*v1alpha1.ResourceType
		for n := range 100 {
			declared := build.ResourceType(fmt.Sprintf("%s-model-%02d", w.Namespace, n)).OfType(model(n))
			for _, verb := range verbs {
				declared.Permits(permission(n, verb))
				everything.Grants(permission(n, verb))
			}
			readOnly.Grants(permission(n, "view"))
			models = append(models, declared.Obj())
		}
		all := w.assignment("alice", "everything").ToUser("alice").InWorkspace("prod").Obj()
		views := w.assignment("bob", "read-only").ToUser("bob").InWorkspace("prod").Obj()
		for _, declared := range models {
			create(declared)
		}
		create(everything.Obj(), readOnly.Obj(), all, views)

		expectReason(everything.Obj(), v1alpha1.ReasonValid, "400 permissions")
		expectReason(readOnly.Obj(), v1alpha1.ReasonValid, "100 permissions")
		expectReason(all, v1alpha1.ReasonInForce)
		expectReason(views, v1alpha1.ReasonInForce)
		for _, n := range []int{0, 50, 99} {
			for _, verb := range verbs {
				Expect(w.may("alice", permission(n, verb), w.at("prod", "vision"))()).To(BeTrue())
				Expect(w.may("bob", permission(n, verb), w.at("prod"))()).To(Equal(verb == "view"))
			}
			Expect(w.may("alice", permission(n, "view"), w.objectOf(model(n), "42", "prod", "vision"), nil)()).To(BeFalse(),
				"an object that nothing names is asked for at its project")
			Expect(w.may("alice", permission(n, "view"), w.at("lab"))()).To(BeFalse())
		}
		Expect(w.may("alice", permission(100, "view"), w.at("prod"))()).To(BeFalse(), "there is no such model")

		By("taking one model away")
		remove(models[99])
		Expect(w.may("alice", permission(99, "view"), w.at("prod"))()).To(BeFalse())
		Expect(w.may("alice", permission(98, "view"), w.at("prod"))()).To(BeTrue())
		expectReason(everything.Obj(), v1alpha1.ReasonPermissionsInvalid, "4 of 400 entries")

		By("taking the role away")
		remove(everything.Obj())
		Expect(w.may("alice", permission(0, "add"), w.at("prod"))()).To(BeFalse())
		Expect(w.may("bob", permission(0, "view"), w.at("prod"))()).To(BeTrue())
		remove(readOnly.Obj())
		Expect(w.may("bob", permission(0, "view"), w.at("prod"))()).To(BeFalse())
	})
})
