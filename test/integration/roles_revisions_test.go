package integration

import (
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// revisionsOf are the ControllerRevisions that a role owns, by name.
func revisionsOf(role *v1alpha1.Role) func() (map[string]appsv1.ControllerRevision, error) {
	return func() (map[string]appsv1.ControllerRevision, error) {
		var list appsv1.ControllerRevisionList
		if err := k8sClient.List(ctx, &list, client.InNamespace(role.Namespace)); err != nil {
			return nil, err
		}
		owned := map[string]appsv1.ControllerRevision{}
		for _, one := range list.Items {
			if owner := metav1.GetControllerOf(&one); owner != nil && owner.Kind == "Role" && owner.Name == role.Name {
				owned[one.Name] = one
			}
		}
		return owned, nil
	}
}

// rewrite gives a role other permissions, and returns the names of the revisions that are then in force
// and before that.
func rewrite(role *v1alpha1.Role, change func(*v1alpha1.RoleSpec)) (current, previous string) {
	GinkgoHelper()
	edit(role, func(r *v1alpha1.Role) { change(&r.Spec) })
	expectReason(role, v1alpha1.ReasonValid)
	status := observed(role).Status
	if status.PreviousRevision != nil {
		previous = status.PreviousRevision.Name
	}
	return status.Revision, previous
}

// toGrant has a role give exactly these permissions itself.
func toGrant(permissions ...string) func(*v1alpha1.RoleSpec) {
	return func(s *v1alpha1.RoleSpec) {
		s.PermissionGrants = build.Role("", "").Grants(permissions...).Obj().Spec.PermissionGrants
	}
}

// patchFrom is what a revision holds, as the command in the docs reads it.
func patchFrom(role *v1alpha1.Role, revision string) string {
	GinkgoHelper()
	return kubectl("get", "controllerrevision", revision, "--namespace", role.Namespace, "--output", "jsonpath={.data}")
}

var _ = Describe("A revision of a role", func() {
	var (
		w    *world
		role *v1alpha1.Role
	)
	BeforeEach(func() {
		w = newWorld()
		role = build.Role(w.Namespace, "editor").Obj()
		assigned := w.assignment("alice", "editor").ToUser("alice").Obj()
		create(build.Role(w.Namespace, "viewer").Grants(w.View).Obj(), assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(role, v1alpha1.ReasonValid)
	})

	It("[G10] holds what the role gives, and is the role's own", func() {
		status := observed(role).Status
		Expect(status.PreviousRevision).To(BeNil())
		revisions, err := revisionsOf(role)()
		Expect(err).NotTo(HaveOccurred())
		Expect(revisions).To(HaveLen(1))
		first := revisions[status.Revision]
		Expect(first.Name).To(HavePrefix("editor-"))
		Expect(first.Revision).To(BeEquivalentTo(1))
		Expect(first.Labels).To(HaveKeyWithValue(v1alpha1.LabelRole, "editor"))
		Expect(first.Data.Raw).To(MatchJSON(fmt.Sprintf(
			`{"spec": {"frontendView": "Client", "inherits": [], "permissionGrants": [{"permission": %q}, {"permission": %q}]}}`, w.View, w.Edit)))
		kubectl("get", "controllerrevisions", "--namespace", w.Namespace, "--selector", v1alpha1.LabelRole+"=editor", "--sort-by=.revision")
	})

	It("[G10] is made by a change to what the role gives, to whom it is shown and from whom it inherits, and by nothing else", func() {
		first := observed(role).Status.Revision
		for what, change := range map[string]func(*v1alpha1.RoleSpec){
			"description":  func(s *v1alpha1.RoleSpec) { s.Description = "edits, as it did before" },
			"displayName":  func(s *v1alpha1.RoleSpec) { s.DisplayName = "Editor" },
			"assignableAt": func(s *v1alpha1.RoleSpec) { s.AssignableAt = []v1alpha1.ScopeLevel{v1alpha1.LevelOrganization} },
			"nothing":      func(s *v1alpha1.RoleSpec) { s.Inherits = []string{} },
		} {
			current, previous := rewrite(role, change)
			Expect(current).To(Equal(first), what)
			Expect(previous).To(BeEmpty(), what)
			Expect(revisionsOf(role)()).To(HaveLen(1), what)
		}
		seen := []string{first}
		for n, change := range []func(*v1alpha1.RoleSpec){
			toGrant(w.View),
			func(s *v1alpha1.RoleSpec) { s.FrontendView = v1alpha1.ViewAdmin },
			func(s *v1alpha1.RoleSpec) { s.Inherits = []string{"viewer"} },
			func(s *v1alpha1.RoleSpec) {
				s.PermissionGrants = build.Role("", "").GrantsIf(w.Edit, build.Equals("color", "red")).Obj().Spec.PermissionGrants
			},
		} {
			current, previous := rewrite(role, change)
			Expect(seen).NotTo(ContainElement(current))
			Expect(previous).To(Equal(seen[n]))
			seen = append(seen, current)
			revisions, err := revisionsOf(role)()
			Expect(err).NotTo(HaveOccurred())
			Expect(revisions).To(HaveLen(n + 2))
			Expect(revisions[current].Revision).To(BeEquivalentTo(n + 2))
		}
		By("none for a change of a parent, which has its own")
		parent := build.Role(w.Namespace, "viewer").Obj()
		rewrite(parent, toGrant(w.Delete))
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
		Expect(observed(role).Status.Revision).To(Equal(seen[len(seen)-1]))
		Expect(revisionsOf(parent)()).To(HaveLen(2))
	})

	It("[G10] is gone back to by the command in the docs, and is then the same one again", func() {
		first := observed(role).Status.Revision
		firstSpec := observed(role).Spec
		firstSpec.Inherits = []string{}
		second, _ := rewrite(role, func(s *v1alpha1.RoleSpec) {
			s.PermissionGrants = build.Role("", "").GrantsIf(w.Edit, build.In("color", "red", "blue")).Grants(w.Delete).Obj().Spec.PermissionGrants
			s.Inherits, s.FrontendView = []string{"viewer"}, "" // to go back to none, too
		})
		secondSpec := observed(role).Spec
		rewrite(role, func(s *v1alpha1.RoleSpec) { s.Description = "described meanwhile" })
		back := func(revision string) *v1alpha1.Role {
			GinkgoHelper()
			kubectl("patch", "arole", "editor", "--namespace", w.Namespace, "--type=merge", "-p", patchFrom(role, revision))
			expectReason(role, v1alpha1.ReasonValid)
			now := observed(role)
			Expect(now.Status.Revision).To(Equal(revision))
			Expect(now.Spec.Description).To(Equal("described meanwhile"), "what a revision does not hold stays")
			now.Spec.Description = ""
			now.Spec.Inherits = append([]string{}, now.Spec.Inherits...)
			return now
		}

		now := back(first)
		firstSpec.Description = ""
		Expect(now.Spec).To(Equal(firstSpec))
		Expect(now.Status.PreviousRevision.Name).To(Equal(second))
		Expect(w.may("alice", w.View, w.at())()).To(BeTrue())
		Expect(w.may("alice", w.Edit, w.at())()).To(BeTrue())
		Expect(w.may("alice", w.Delete, w.at())()).To(BeFalse())

		now = back(second)
		secondSpec.Description = ""
		Expect(now.Spec).To(Equal(secondSpec))
		Expect(now.Status.PreviousRevision.Name).To(Equal(first))
		Expect(w.may("alice", w.Edit, w.at())()).To(BeFalse())
		Expect(w.may("alice", w.Edit, w.at(), attributes{"color": "blue"})()).To(BeTrue())
		revisions, err := revisionsOf(role)()
		Expect(err).NotTo(HaveOccurred())
		Expect(revisions).To(HaveLen(2), "each was found again")
		Expect(revisions[first].Revision).To(BeEquivalentTo(3))
		Expect(revisions[second].Revision).To(BeEquivalentTo(4))
	})

	It("[G10] that is removed by hand comes back, if it is the one in force", func() {
		second, first := rewrite(role, toGrant(w.Delete))
		before, err := revisionsOf(role)()
		Expect(err).NotTo(HaveOccurred())
		for name := range before {
			Expect(k8sClient.Delete(ctx, &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name}})).To(Succeed())
		}
		Eventually(revisionsOf(role)).Should(And(HaveLen(1), HaveKey(second)))
		Eventually(func() *v1alpha1.PreviousRevision { return observed(role).Status.PreviousRevision }).Should(BeNil())
		again, err := revisionsOf(role)()
		Expect(err).NotTo(HaveOccurred())
		Expect(again[second].UID).NotTo(Equal(before[second].UID))
		Expect(again[second].Data.Raw).To(MatchJSON(before[second].Data.Raw))
		Expect(again).NotTo(HaveKey(first))
		Expect(w.may("alice", w.Delete, w.at())()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at())()).To(BeFalse())
	})

	DescribeTable("[G10] that somebody else has put there changes nobody's access", func(owned bool) {
		first := observed(role).Status.Revision
		rewrite(role, toGrant(w.View))
		everything, err := json.Marshal(map[string]any{"spec": map[string]any{"permissionGrants": []any{map[string]any{"permission": w.Delete}}}})
		Expect(err).NotTo(HaveOccurred())
		foreign := &appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: first, Labels: map[string]string{v1alpha1.LabelRole: "editor"}},
			Data:       runtime.RawExtension{Raw: everything}, Revision: 99,
		}
		if owned {
			foreign.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(observed(role), v1alpha1.GroupVersion.WithKind("Role"))}
		}
		Expect(k8sClient.Delete(ctx, &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: first}})).To(Succeed())
		Expect(k8sClient.Create(ctx, foreign)).To(Succeed())
		expectOnly := func(permissions ...string) {
			GinkgoHelper()
			for _, permission := range []string{w.View, w.Edit, w.Delete} {
				Expect(w.may("alice", permission, w.at())()).To(Equal(contains(permissions, permission)), permission)
			}
		}
		waitUntilQuiet()
		expectOnly(w.View)
		expectReason(role, v1alpha1.ReasonValid)

		By("being of the name that the role needs next")
		edit(role, func(r *v1alpha1.Role) { toGrant(w.View, w.Edit)(&r.Spec) })
		expectReason(role, v1alpha1.ReasonValid)
		expectOnly(w.View, w.Edit)
		if !owned {
			var kept appsv1.ControllerRevision
			Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(foreign), &kept)).To(Succeed())
			Expect(kept.UID).To(Equal(foreign.UID), "it is not the role's, and stays")
			Expect(kept.ResourceVersion).To(Equal(foreign.ResourceVersion))
		}

		By("going")
		Expect(k8sClient.Delete(ctx, foreign)).To(Succeed())
		Eventually(revisionsOf(role)).Should(HaveKey(first))
		Eventually(func() string { return observed(role).Status.Revision }).Should(Equal(first))
		Expect(patchFrom(role, first)).NotTo(ContainSubstring(w.Delete))
		expectOnly(w.View, w.Edit)
	},
		Entry("and is nobody's", false),
		Entry("and says that it is the role's own", true),
	)

	It("[G10] goes with its role, and with the namespace", func() {
		rewrite(role, toGrant(w.Delete))
		Expect(revisionsOf(role)()).To(HaveLen(2))
		remove(role)
		Eventually(revisionsOf(role)).Should(BeEmpty())

		By("and is another one for a role that is made anew")
		create(build.Role(w.Namespace, "editor").Grants(w.Delete).Obj())
		expectReason(build.Role(w.Namespace, "editor").Obj(), v1alpha1.ReasonValid)
		Expect(revisionsOf(role)()).To(HaveLen(1))

		Expect(k8sClient.Delete(ctx, namespaceNamed(w.Namespace))).To(Succeed())
		Eventually(isGone(namespaceNamed(w.Namespace))).Should(BeTrue())
		var left appsv1.ControllerRevisionList
		Expect(k8sClient.List(ctx, &left, client.InNamespace(w.Namespace))).To(Succeed())
		Expect(left.Items).To(BeEmpty())
		Eventually(w.allInStore).Should(BeEmpty())
	})
})

var _ = Describe("The revisions of a role", func() {
	var (
		w    *world
		role *v1alpha1.Role
		noon time.Time
	)
	BeforeEach(func() {
		w, noon = newWorld(), inAnHour()
		role = build.Role(w.Namespace, "editor").Obj()
		for n, subject := range []string{"alice", "bob"} {
			assigned := w.assignment(subject, "editor").ToUser(subject).InProject("prod", []string{"vision", "speech"}[n]).Obj()
			create(assigned)
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		waitUntilQuiet()
	})
	previous := func() *v1alpha1.PreviousRevision { return observed(role).Status.PreviousRevision }
	const day = 24 * time.Hour

	It("[G10] go one day after they were replaced, each at its time", func() {
		op.clock.StopAt(noon)
		first := observed(role).Status.Revision
		second, _ := rewrite(role, toGrant(w.View))
		Expect(previous().ExpiresAt.Time).To(BeTemporally("==", noon.Add(day)))
		op.clock.StopAt(noon.Add(time.Hour))
		third, before := rewrite(role, toGrant(w.Edit))
		Expect(before).To(Equal(second))
		Expect(previous().ExpiresAt.Time).To(BeTemporally("==", noon.Add(day+time.Hour)))

		op.clock.StopAt(noon.Add(day - time.Nanosecond))
		waitUntilQuiet()
		Expect(revisionsOf(role)()).To(HaveLen(3))
		op.clock.StopAt(noon.Add(day + time.Millisecond))
		Eventually(revisionsOf(role)).Should(And(HaveLen(2), Not(HaveKey(first))))
		waitUntilQuiet()
		Expect(previous().Name).To(Equal(second))

		op.clock.StopAt(noon.Add(day + time.Hour - time.Nanosecond))
		waitUntilQuiet()
		Expect(revisionsOf(role)()).To(HaveLen(2))
		op.clock.StopAt(noon.Add(day + time.Hour + time.Millisecond))
		Eventually(revisionsOf(role)).Should(And(HaveLen(1), HaveKey(third)))
		Eventually(previous).Should(BeNil())

		By("leaving the one in force, however old")
		op.clock.StopAt(noon.Add(7 * day))
		waitUntilQuiet()
		Expect(revisionsOf(role)()).To(HaveKey(third))
		Expect(observed(role).Status.Revision).To(Equal(third))
		Expect(w.may("alice", w.Edit, w.at("prod", "vision"))()).To(BeTrue())
	})

	It("[G10] go at the start of an operator that was away at their time", func() {
		op.clock.StopAt(noon)
		second, first := rewrite(role, toGrant(w.View))
		Expect(first).NotTo(BeEmpty())
		op.Stop()
		op.StartAt(noon.Add(day + time.Second))
		Eventually(revisionsOf(role)).Should(And(HaveLen(1), HaveKey(second)))
		Eventually(previous).Should(BeNil())
	})

	It("[G10] stay when it starts before their time, and go then", func() {
		op.clock.StopAt(noon)
		rewrite(role, toGrant(w.View))
		op.Stop()
		op.StartAt(noon.Add(day - time.Second))
		waitUntilQuiet()
		Expect(revisionsOf(role)()).To(HaveLen(2))
		op.clock.StopAt(noon.Add(day + time.Millisecond))
		Eventually(revisionsOf(role)).Should(HaveLen(1))
	})

	It("[G10] [K10] cost two writes to the API server each when they come and when they go, and none to the store", func() {
		op.clock.StopAt(noon)
		costs := func(toAPI int64, toStore float64, what func()) {
			GinkgoHelper()
			waitUntilQuiet() // what other specs have left behind is not counted
			before := writtenNow()
			what()
			waitUntilQuiet()
			Expect(writtenNow()).To(Equal(written{before.ToAPI + toAPI, before.ToStore + toStore}))
		}
		var first string
		By("an edit: the revision, the status, and one transaction for both scopes")
		costs(2, 1, func() { _, first = rewrite(role, toGrant(w.View, w.Delete)) })
		By("a description: the status, which is about another generation")
		costs(1, 0, func() { rewrite(role, func(s *v1alpha1.RoleSpec) { s.Description = "says something else" }) })
		By("the view: the same permissions, so nothing for the store")
		costs(2, 0, func() { rewrite(role, func(s *v1alpha1.RoleSpec) { s.FrontendView = v1alpha1.ViewAdmin }) })
		By("the same permissions in another order")
		costs(2, 0, func() { rewrite(role, toGrant(w.Delete, w.View)) })
		By("going back: the revision is there")
		costs(2, 1, func() {
			kubectl("patch", "arole", "editor", "--namespace", w.Namespace, "--type=merge", "-p", patchFrom(role, first))
			expectReason(role, v1alpha1.ReasonValid)
			Expect(observed(role).Status.Revision).To(Equal(first))
		})
		By("the end of three: their deletion and the status")
		costs(4, 0, func() {
			op.clock.StopAt(noon.Add(day + time.Millisecond))
			Eventually(revisionsOf(role)).Should(HaveLen(1))
		})
	})
})
