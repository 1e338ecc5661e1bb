package integration

import (
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	gtypes "github.com/onsi/gomega/types"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// pause pauses an object, or all of an Organization; resume ends that.
func pause(object client.Object) {
	GinkgoHelper()
	edit(object, func(o client.Object) { setPaused(o, true) })
}

func resume(object client.Object) {
	GinkgoHelper()
	edit(object, func(o client.Object) { setPaused(o, false) })
}

func setPaused(o client.Object, paused bool) {
	annotations := o.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	delete(annotations, v1alpha1.AnnotationPaused)
	if paused {
		annotations[v1alpha1.AnnotationPaused] = "true"
	}
	o.SetAnnotations(annotations)
}

// resumeAll ends every pause of an assignment: whoever counts those that a role has counts them as they are
// written.
func (w *world) resumeAll() {
	GinkgoHelper()
	var list v1alpha1.RoleAssignmentList
	Expect(k8sClient.List(ctx, &list, client.InNamespace(w.Namespace))).To(Succeed())
	for i := range list.Items {
		resume(&list.Items[i])
	}
}

// expectPaused waits until an object says that it is paused, by this, and whether an edit waits.
func expectPaused(object v1alpha1.Object, by string, waits bool) {
	GinkgoHelper()
	read := object.DeepCopyObject().(v1alpha1.Object)
	Eventually(func(g Gomega) {
		g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read)).To(Succeed())
		conditions := read.CommonStatus().Conditions
		paused, ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionPaused), meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
		g.Expect(paused).NotTo(BeNil())
		g.Expect(ready).NotTo(BeNil())
		g.Expect(paused.Reason).To(Equal(by))
		g.Expect(read.CommonStatus().Held).NotTo(BeNil())
		saysSo := Equal(by)
		if !waits {
			saysSo = Not(saysSo)
		}
		g.Expect(ready.Reason).To(saysSo, ready.Message)
		g.Expect(read.CommonStatus().ObservedGeneration).To(Equal(read.GetGeneration()))
	}).Should(Succeed())
}

// expectNotPaused waits until nothing in the status of an object says that it is paused.
func expectNotPaused(object v1alpha1.Object) {
	GinkgoHelper()
	read := object.DeepCopyObject().(v1alpha1.Object)
	Eventually(func(g Gomega) {
		g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(object), read)).To(Succeed())
		g.Expect(meta.FindStatusCondition(read.CommonStatus().Conditions, v1alpha1.ConditionPaused)).To(BeNil())
		g.Expect(read.CommonStatus().Held).To(BeNil())
	}).Should(Succeed())
}

// saidPaused are the events that say that an object is paused.
func saidPaused(object client.Object) func() ([]eventsv1.Event, error) {
	return func() ([]eventsv1.Event, error) {
		var list eventsv1.EventList
		err := k8sClient.List(ctx, &list, client.InNamespace(object.GetNamespace()))
		return slices.DeleteFunc(list.Items, func(e eventsv1.Event) bool {
			return e.Regarding.UID != object.GetUID() || e.Reason != v1alpha1.ReasonPaused
		}), err
	}
}

var _ = Describe("An object that is paused", func() {
	var (
		w        *world
		assigned *v1alpha1.RoleAssignment
	)
	BeforeEach(func() {
		w = newWorld()
		DeferCleanup(w.resumeAll)
		assigned = w.assignment("bob", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
	})
	inProd := func(so bool) { GinkgoHelper(); Expect(w.may("bob", w.View, w.at("prod"))()).To(Equal(so), "in prod") }
	inLab := func(so bool) { GinkgoHelper(); Expect(w.may("bob", w.View, w.at("lab"))()).To(Equal(so), "in lab") }
	toLab := func(o *v1alpha1.RoleAssignment) { o.Spec.Scope.Workspace = "lab" }

	It("holds as it was while an edit waits, says so once, and has the edit carried out when the pause ends", func() {
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		Expect(reason(assigned)()).To(Equal(v1alpha1.ReasonInForce), "healthy: what is written holds")

		edit(assigned, toLab)
		expectPaused(assigned, v1alpha1.ReasonPaused, true)
		inProd(true)
		inLab(false)
		read := observed(w.assignment("bob", "").Obj())
		Expect(read.Status.InForce).To(BeTrue())
		Expect(read.Status.Scope).To(Equal(w.Namespace+"/prod"), "what holds, not what is written")
		Expect(message(assigned)()).To(containAll("waits", v1alpha1.AnnotationPaused, "in force at "+w.Namespace+"/prod"))
		Eventually(saidPaused(assigned)).Should(HaveLen(1))

		By("the same for an edit that comes with the pause")
		other := w.assignment("other", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(other)
		expectReason(other, v1alpha1.ReasonInForce)
		edit(other, func(o *v1alpha1.RoleAssignment) { setPaused(o, true); toLab(o) })
		expectPaused(other, v1alpha1.ReasonPaused, true)
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("alice", w.View, w.at("lab"))()).To(BeFalse())

		By("ending it")
		resume(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectNotPaused(assigned)
		inProd(false)
		inLab(true)
	})

	It("gives nothing if it was made paused, also after a deletion under the same name", func() {
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		remove(assigned)
		inProd(false)
		anew := w.assignment("bob", "editor").ToUser("bob").InWorkspace("prod").Obj()
		setPaused(anew, true)
		create(anew)
		expectPaused(anew, v1alpha1.ReasonPaused, true)
		inProd(false)
		resume(anew)
		expectReason(anew, v1alpha1.ReasonInForce)
		inProd(true)
	})

	It("is not paused by another value, and its pause is its own: what it refers to goes on", func() {
		edit(assigned, func(o *v1alpha1.RoleAssignment) {
			o.Annotations = map[string]string{v1alpha1.AnnotationPaused: "false"}
			toLab(o)
		})
		expectReason(assigned, v1alpha1.ReasonInForce)
		Eventually(w.may("bob", w.View, w.at("lab"))).Should(BeTrue())
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		role := build.Role(w.Namespace, "editor").Obj()
		edit(role, func(r *v1alpha1.Role) { r.Spec.PermissionGrants = r.Spec.PermissionGrants[:1] })
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("bob", w.Edit, w.at("lab"))()).To(BeFalse())
		remove(role)
		inLab(false)
	})

	It("keeps a role to its revision", func() {
		role := build.Role(w.Namespace, "editor").Obj()
		before := observed(role.DeepCopy()).Status.Revision
		pause(role)
		expectPaused(role, v1alpha1.ReasonPaused, false)
		edit(role, func(r *v1alpha1.Role) {
			r.Spec.PermissionGrants = append(r.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: w.Delete})
		})
		expectPaused(role, v1alpha1.ReasonPaused, true)
		Expect(w.may("bob", w.Delete, w.at("prod"))()).To(BeFalse())
		Expect(observed(role.DeepCopy()).Status.Revision).To(Equal(before))
		resume(role)
		expectReason(role, v1alpha1.ReasonValid)
		Expect(w.may("bob", w.Delete, w.at("prod"))()).To(BeTrue())
		Expect(observed(role.DeepCopy()).Status.Revision).NotTo(Equal(before))
	})

	It("[K13] loses its access by a suspension, and gets it back as it was", func() {
		bob := w.user("bob")
		pause(bob)
		expectPaused(bob, v1alpha1.ReasonPaused, false)
		edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		expectReason(bob, v1alpha1.ReasonSuspended)
		inProd(false)
		edit(bob, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		expectReason(bob, v1alpha1.ReasonValid)
		inProd(true)
	})
})

var _ = Describe("An Organization that is paused", func() {
	It("[K9] pauses all that belongs to it; deletions take effect, its own namespace's included", func() {
		w := newWorld()
		kept, gone := w.grant("kept").ToUser("bob").Grants(w.View).Obj(), w.grant("gone").ToUser("bob").Grants(w.Edit).Obj()
		create(kept, gone)
		expectReason(kept, v1alpha1.ReasonInForce)
		expectReason(gone, v1alpha1.ReasonInForce)
		organization := build.Organization(w.Namespace).Obj()
		all := []v1alpha1.Object{kept, gone, w.user("bob"), build.Group(w.Namespace, "devs").Obj(), build.Role(w.Namespace, "editor").Obj(), w.standing("bob")}
		for _, object := range all {
			observed(object) // what the operator sees only when it is paused gives nothing
		}
		pause(organization)
		for _, object := range all {
			expectPaused(object, v1alpha1.ReasonOrganizationPaused, false)
		}
		expectPaused(organization, v1alpha1.ReasonPaused, false)

		edit(kept, func(g *v1alpha1.PermissionGrant) { g.Spec.Permissions[0].Permission = w.Delete })
		expectPaused(kept, v1alpha1.ReasonOrganizationPaused, true)
		added := w.grant("added").ToUser("bob").Grants(w.Delete).Obj()
		create(added)
		expectPaused(added, v1alpha1.ReasonOrganizationPaused, true)
		edit(organization, func(o *v1alpha1.Organization) { o.Spec.Workspaces = nil })
		expectPaused(organization, v1alpha1.ReasonPaused, true)
		remove(gone)
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue())
		Expect(w.may("bob", w.Delete, w.at())()).To(BeFalse())
		Expect(w.may("bob", w.Edit, w.at())()).To(BeFalse())
		Expect(w.may("bob", w.Namespace+":Stand", w.at(hall))()).To(BeTrue(), "the workspaces are as they were")

		resume(organization)
		expectReason(kept, v1alpha1.ReasonInForce)
		expectReason(added, v1alpha1.ReasonInForce)
		expectNotPaused(organization)
		expectNotPaused(w.user("bob"))
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())
		Expect(w.may("bob", w.Delete, w.at())()).To(BeTrue())
		Expect(w.may("bob", w.Namespace+":Stand", w.at(hall))()).To(BeFalse())

		By("deleting all of it, paused again")
		pause(organization)
		expectPaused(kept, v1alpha1.ReasonOrganizationPaused, false)
		Expect(k8sClient.Delete(ctx, namespaceNamed(w.Namespace))).To(Succeed())
		Eventually(isGone(namespaceNamed(w.Namespace))).Should(BeTrue())
		remove(organization)
		Expect(w.allInStore()).To(BeEmpty())
	})
})

var _ = Describe("A pause", func() {
	var w *world
	BeforeEach(func() {
		w = newWorld()
		DeferCleanup(w.resumeAll)
	})

	It("[K3] outlasts a restart: what was edited meanwhile waits, and what held holds", func() {
		edited := w.assignment("edited", "editor").ToUser("bob").InWorkspace("prod").Obj()
		unknown := w.assignment("unknown", "editor").ToUser("bob").InProject("lab", "vision").Obj()
		create(edited, unknown)
		expectReason(edited, v1alpha1.ReasonInForce)
		expectReason(unknown, v1alpha1.ReasonInForce)
		pause(edited)
		expectPaused(edited, v1alpha1.ReasonPaused, false)
		whileStopped(func() {
			edit(edited, func(o *v1alpha1.RoleAssignment) { o.Spec.Scope.Workspace = "lab" })
			edit(unknown, func(o *v1alpha1.RoleAssignment) { o.Spec.Scope = v1alpha1.Scope{} })
			pause(unknown)
		})
		// Before the store has been compared it answers nobody, so these are the first decisions.
		Expect(w.may("bob", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("bob", w.View, w.at("lab"))()).To(BeFalse())
		expectPaused(edited, v1alpha1.ReasonPaused, true)

		By("and what is not known to have held gives nothing")
		Expect(w.may("bob", w.View, w.at("lab", "vision"))()).To(BeFalse())
		Expect(w.may("bob", w.View, w.at())()).To(BeFalse())
		expectPaused(unknown, v1alpha1.ReasonPaused, true)
		Expect(message(unknown)()).To(containAll("gives nothing", v1alpha1.AnnotationPaused))
		resume(unknown)
		expectReason(unknown, v1alpha1.ReasonInForce)
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue())
	})

	It("[K10] costs one write of each status and none of the store, and nothing while it lasts", func() {
		assigned := w.assignment("bob", "editor").ToUser("bob").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		waitUntilQuiet()
		before := writtenNow()
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		waitUntilQuiet()
		Expect(writtenNow().ToAPI-before.ToAPI).To(BeNumerically("<=", 2), "its status, and an event")
		Expect(writtenNow().ToStore).To(Equal(before.ToStore))
		expectUnmoved(assigned)
		edit(assigned, func(o *v1alpha1.RoleAssignment) { o.Spec.Scope.Workspace = "lab" })
		expectPaused(assigned, v1alpha1.ReasonPaused, true)
		waitUntilQuiet()
		Expect(writtenNow().ToStore).To(Equal(before.ToStore))
	})

})

var _ = Describe("A pause of a temporary grant", func() {

	It("[K12] [G7] never outlasts a deadline, nor an earlier one that is written meanwhile", func() {
		w := newWorld()
		now := op.clock.Now().Truncate(time.Second)
		temporary := w.temporary("soon").ToUser("bob").Grants(w.Delete).Until(now.Add(2 * time.Hour)).Obj()
		create(temporary)
		expectReason(temporary, v1alpha1.ReasonInForce)
		pause(temporary)
		expectPaused(temporary, v1alpha1.ReasonPaused, false)

		By("a later one waits, an earlier one counts")
		edit(temporary, func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.ExpiresAt.Time = now.Add(3 * time.Hour) })
		expectPaused(temporary, v1alpha1.ReasonPaused, true)
		edit(temporary, func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.ExpiresAt.Time = now.Add(time.Hour) })
		expectPaused(temporary, v1alpha1.ReasonPaused, false)
		Expect(w.may("bob", w.Delete, w.at())()).To(BeTrue())
		op.clock.StopAt(now.Add(time.Hour))
		Expect(w.may("bob", w.Delete, w.at())()).To(BeFalse())
		expectReason(temporary, v1alpha1.ReasonExpired)
	})
})

var _ = Describe("Who may pause", func() {
	const verb = "bind roleassignments"
	var (
		w        *world
		assigned *v1alpha1.RoleAssignment
		tried    func(object client.Object, paused bool, by client.Client) error
	)
	BeforeEach(func() {
		w = newWorld()
		DeferCleanup(w.resumeAll)
		create(w.user("mallory"), w.standing("mallory"))
		assigned = w.assignment("mallory", "editor").ToUser("mallory").InWorkspace("prod").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		tried = func(object client.Object, paused bool, by client.Client) error {
			return changeAs(by, object, func(o client.Object) { setPaused(o, paused) })
		}
	})
	needsVerb := func() gtypes.GomegaMatcher {
		return SatisfyAll(beRefusedByPolicy("bailiwick-pauses"), MatchError(containAll(v1alpha1.AnnotationPaused, "the verb bind on roleassignments")))
	}

	It("[G12] is who needs to hold nothing: else a pause would keep what an edit takes, or let through what waits", func() {
		mallory := w.editor("mallory")
		Expect(tried(assigned.DeepCopy(), true, mallory)).To(needsVerb())
		made := w.assignment("made", "editor").ToUser("mallory").InWorkspace("prod").Obj()
		setPaused(made, true)
		Expect(mallory.Create(ctx, made)).To(Succeed())
		expectPaused(made, v1alpha1.ReasonPaused, true)
		Expect(tried(made.DeepCopy(), false, mallory)).To(needsVerb())
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		edit(assigned, func(o *v1alpha1.RoleAssignment) { o.Spec.RoleRef.Name = "admin" })
		expectPaused(assigned, v1alpha1.ReasonPaused, true)
		Expect(tried(assigned.DeepCopy(), false, mallory)).To(needsVerb())
		Expect(w.may("mallory", w.Delete, w.at("prod"))()).To(BeFalse())

		By("with the verb")
		w.allow("mallory", mallory, verb)
		Expect(tried(assigned.DeepCopy(), false, mallory)).To(Succeed())
		expectReason(assigned, v1alpha1.ReasonInForce)
		Expect(w.may("mallory", w.Delete, w.at("prod"))()).To(BeTrue())
	})

	It("[G12] is the same of what is being deleted and stays: the end of a pause would give what waits", func() {
		mallory := w.editor("mallory")
		only := w.assignment("zoe", "editor").ToUser("zoe").InWorkspace("prod").Obj()
		create(w.user("zoe"), only)
		expectReason(only, v1alpha1.ReasonInForce)
		Expect(unasked().Delete(ctx, only)).To(Succeed())
		expectReason(only, v1alpha1.ReasonRevocationProtected)
		Expect(tried(only.DeepCopy(), true, mallory)).To(needsVerb())
		remove(w.user("zoe"))
		Eventually(isGone(only)).Should(BeTrue())
	})

	It("[G12] can do so also while the operator is away, and nobody else", func() {
		mallory, carol := w.editor("mallory"), w.editor("carol", verb)
		granted := w.grant("granted").ToUser("bob").Grants(w.View).Obj()
		create(granted)
		expectReason(granted, v1alpha1.ReasonInForce)
		w.allow("carol", carol, "escalate permissiongrants")
		op.StopAlone()
		Expect(tried(assigned.DeepCopy(), true, mallory)).To(needsVerb())
		Expect(tried(granted.DeepCopy(), true, mallory)).To(MatchError(ContainSubstring("the verb escalate on permissiongrants")))
		Expect(tried(assigned.DeepCopy(), true, carol)).To(Succeed())
		Expect(tried(granted.DeepCopy(), true, carol)).To(Succeed(), "though a webhook keeps its stamps")
		op.Start()
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		expectPaused(granted, v1alpha1.ReasonPaused, false)
		Expect(tried(assigned.DeepCopy(), false, carol)).To(Succeed())
		expectNotPaused(assigned)
	})

	It("[G12] writes nothing into the record of what a paused object is kept to, with every right on statuses", func() {
		mallory := w.editor("mallory", "patch roleassignments/status")
		pause(assigned)
		expectPaused(assigned, v1alpha1.ReasonPaused, false)
		forged := `{"status":{"held":{"spec":{"roleRef":{"name":"admin"},"subject":{"user":"mallory"}}}}}`
		Expect(mallory.Status().Patch(ctx, assigned.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(forged)))).To(beRefusedByPolicy("bailiwick-statuses"))
		whileStopped(func() {})
		Expect(w.may("mallory", w.Delete, w.at("prod"))()).To(BeFalse())
		Expect(w.may("mallory", w.View, w.at("prod"))()).To(BeTrue())
	})
})
