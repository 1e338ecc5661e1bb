package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// fleet is an organization in which roles are in use at many projects: in each, somebody holds one of them,
// and nothing else.
type fleet struct {
	*world
	scopes int
	// wide is the role that is edited. It gives all of filler in each of its revisions, which takes most of a
	// tuple's space, so that a switch takes many writes.
	wide   *v1alpha1.Role
	filler []string
}

// crew is how many users a fleet has.
const crew = 10

// newFleet makes a fleet of so many projects. In them the roles are assigned in turn; those that are not
// wide itself inherit from it. Wide is as one edits it.
func newFleet(scopes int, roles ...string) *fleet {
	GinkgoHelper()
	f := &fleet{world: newWorld(), scopes: scopes}
	catalogue := build.ResourceType(f.Namespace + "-filler").OfType(f.Namespace + ".filler")
	for n := range 90 {
		name := fmt.Sprintf("%s:Filler%02d", f.Namespace, n)
		f.filler = append(f.filler, name+strings.Repeat("x", 250-len(name)))
		catalogue.Permits(f.filler[n])
	}
	create(catalogue.Obj())
	edit(build.Organization(f.Namespace).Obj(), func(o *v1alpha1.Organization) {
		fleet := build.Organization("").Obj()
		for n := range scopes {
			workspace, project := f.projectOf(n)
			if project == "p0" {
				fleet.Spec.Workspaces = append(fleet.Spec.Workspaces, v1alpha1.Workspace{Name: workspace})
			}
			last := &fleet.Spec.Workspaces[len(fleet.Spec.Workspaces)-1]
			last.Projects = append(last.Projects, v1alpha1.Project{Name: project})
		}
		o.Spec.Workspaces = append(o.Spec.Workspaces, fleet.Spec.Workspaces...)
	})
	for n := range crew {
		create(f.world.user(crewName(n)))
	}
	f.wide = build.Role(f.Namespace, "wide").Grants(f.one()...).Obj()
	create(f.wide)
	for _, role := range roles {
		if role != f.wide.Name {
			create(build.Role(f.Namespace, role).Inherits(f.wide.Name).Obj())
		}
	}
	assigned := func(n int) *v1alpha1.RoleAssignment {
		return f.assignment(fmt.Sprint("in-", n), roles[n%len(roles)]).ToUser(crewName(n)).InProject(f.projectOf(n)).Obj()
	}
	inParallel(scopes, func(n int) error { return k8sClient.Create(ctx, assigned(n)) })
	for n := range scopes {
		expectReason(assigned(n), v1alpha1.ReasonInForce)
	}
	waitUntilQuiet()
	return f
}

func crewName(n int) string { return fmt.Sprint("crew-", n%crew) }

// projectOf is the workspace and name of a fleet's project.
func (*fleet) projectOf(n int) (workspace, project string) {
	return fmt.Sprint("fleet-", n/50), fmt.Sprint("p", n%50)
}

// one and other are what two revisions of wide give. Both give View, neither gives Delete.
func (f *fleet) one() []string   { return append([]string{f.View, f.Edit}, f.filler...) }
func (f *fleet) other() []string { return append([]string{f.View, f.stand()}, f.filler...) }

func (f *fleet) stand() string { return f.Namespace + ":Stand" }

// questionOf is what whoever holds a role in a project asks there.
func (f *fleet) questionOf(n int, permission string) question {
	workspace, project := f.projectOf(n)
	return question{User: objectid.User(f.subject(crewName(n))), Permission: permission, Object: f.at(workspace, project)}
}

// expectEverywhere: in each project, its holder has exactly these of the permissions that are not filler. About those that
// all revisions have in common it asks in every tenth; watchers ask about them everywhere.
func (f *fleet) expectEverywhere(may func(question) (bool, error), permissions ...string) {
	GinkgoHelper()
	for n := range f.scopes {
		asked := []string{f.Edit, f.stand()}
		if n%10 == 0 {
			asked = append(asked, f.View, f.Delete)
		}
		for _, permission := range asked {
			Expect(may(f.questionOf(n, permission))).To(Equal(contains(permissions, permission)), "%s in project %d", permission, n)
		}
	}
}

// slots are the tuples by which wide and its children give something.
func (f *fleet) slots() (held []string, err error) {
	all, err := f.inStore()
	for _, line := range all {
		if strings.Contains(line, f.filler[0]) {
			held = append(held, line)
		}
	}
	return held, err
}

// watchers ask without pause what must be allowed at every moment, and what never must.
type watchers struct {
	asked, wronglyDenied, wronglyAllowed atomic.Int64
	failure                              atomic.Pointer[error]
	stop                                 chan struct{}
	done                                 sync.WaitGroup
}

// watch has several watchers ask about every project of a fleet. They end with the spec.
func (f *fleet) watch(may func(question) (bool, error)) *watchers {
	w := &watchers{stop: make(chan struct{})}
	seed := uint64(GinkgoRandomSeed())
	for watcher := range 4 {
		random := rand.New(rand.NewPCG(seed, uint64(watcher)))
		w.done.Go(func() {
			for {
				select {
				case <-w.stop:
					return
				default:
				}
				// One in four asks for what nobody has.
				permission, want := f.View, true
				switch random.IntN(4) {
				case 0:
					permission, want = f.Delete, false
				case 1:
					permission = f.filler[random.IntN(len(f.filler))]
				}
				got, err := may(f.questionOf(random.IntN(f.scopes), permission))
				switch {
				case err != nil:
					w.failure.CompareAndSwap(nil, &err)
				case want && !got:
					w.wronglyDenied.Add(1)
				case got && !want:
					w.wronglyAllowed.Add(1)
				}
				w.asked.Add(1)
			}
		})
	}
	DeferCleanup(w.end)
	return w
}

func (w *watchers) end() {
	select {
	case <-w.stop:
	default:
		close(w.stop)
	}
	w.done.Wait()
}

// expectNothingWrong ends the watchers: each of at least so many questions was answered, and rightly.
func (w *watchers) expectNothingWrong(atLeast int) {
	GinkgoHelper()
	Eventually(w.asked.Load).Should(BeNumerically(">=", atLeast))
	w.end()
	AddReportEntry("questions", w.asked.Load())
	if err := w.failure.Load(); err != nil {
		Expect(*err).NotTo(HaveOccurred())
	}
	Expect(w.wronglyDenied.Load()).To(BeZero(), "wrong denials in %d questions", w.asked.Load())
	Expect(w.wronglyAllowed.Load()).To(BeZero(), "wrongly allowed in %d questions", w.asked.Load())
}

// ofEmbedded asks the operator's own store.
func ofEmbedded() func(question) (bool, error) {
	GinkgoHelper()
	id, err := op.storeID()
	Expect(err).NotTo(HaveOccurred())
	return func(q question) (bool, error) {
		var answer struct{ Allowed bool }
		err := op.call(http.MethodPost, "/stores/"+id+"/check", q.request(), &answer)
		return answer.Allowed, err
	}
}

var _ = Describe("A role that is edited while it is in use at many scopes", Label(slow), func() {
	questions := func() int { return 150 * faultRounds(1) }

	DescribeTable("[K11] shows nobody less than both revisions allow, nor more than either", func(roles ...string) {
		f := newFleet(60, roles...)
		may := ofEmbedded()
		before := writtenNow()
		watching := f.watch(may)
		rounds := 0
		for ; rounds < 2 || watching.asked.Load() < int64(questions()); rounds++ {
			By(fmt.Sprint("round ", rounds))
			edit(f.wide, func(r *v1alpha1.Role) { toGrant(f.other()...)(&r.Spec) })
			if rounds%2 == 0 { // in the other rounds, what comes next comes while this is being switched
				expectReason(f.wide, v1alpha1.ReasonValid)
			}
			edit(f.wide, func(r *v1alpha1.Role) { toGrant(f.one()...)(&r.Spec) })
			if rounds%3 == 0 {
				expectReason(f.wide, v1alpha1.ReasonValid)
			}
		}
		AddReportEntry("rounds", rounds)
		expectReason(f.wide, v1alpha1.ReasonValid)
		watching.expectNothingWrong(questions())
		f.expectEverywhere(may, f.View, f.Edit)
		edit(f.wide, func(r *v1alpha1.Role) { toGrant(f.other()...)(&r.Spec) })
		expectReason(f.wide, v1alpha1.ReasonValid)
		f.expectEverywhere(may, f.View, f.stand())
		waitUntilQuiet()
		Expect(writtenNow().ToStore-before.ToStore).To(BeNumerically(">=", 4*rounds), "a switch takes several writes")
		Expect(f.slots()).To(HaveLen(f.scopes), "no more than one revision at a scope")
	},
		Entry("it is itself assigned", "wide"),
		Entry("its children are", "child-a", "child-b"),
		Entry("it and a child are", "wide", "child"),
	)

	It("[K11] shows nobody less while it inherits instead of giving itself, and the other way round", func() {
		f := newFleet(30, "wide")
		parent := build.Role(f.Namespace, "parent").Grants(f.one()...).Obj()
		create(parent)
		expectReason(parent, v1alpha1.ReasonValid)
		may := ofEmbedded()
		watching := f.watch(may)
		for round := 0; round < 2 || watching.asked.Load() < int64(questions()); round++ {
			edit(f.wide, func(r *v1alpha1.Role) { r.Spec.Inherits, r.Spec.PermissionGrants = []string{"parent"}, nil })
			expectReason(f.wide, v1alpha1.ReasonValid)
			edit(f.wide, func(r *v1alpha1.Role) {
				r.Spec.Inherits = nil
				toGrant(f.other()...)(&r.Spec)
			})
			expectReason(f.wide, v1alpha1.ReasonValid)
		}
		watching.expectNothingWrong(questions())
		f.expectEverywhere(may, f.View, f.stand())
	})

	It("is switched by writes that grow with the scopes, and not with the assignees", func() {
		f := newFleet(60, "wide")
		narrow := build.Role(f.Namespace, "narrow").Grants(f.View).Obj()
		create(narrow)
		costs := func(role *v1alpha1.Role, permissions ...string) written {
			GinkgoHelper()
			waitUntilQuiet()
			before := writtenNow()
			edit(role, func(r *v1alpha1.Role) { toGrant(permissions...)(&r.Spec) })
			expectReason(role, v1alpha1.ReasonValid)
			waitUntilQuiet()
			now := writtenNow()
			return written{now.ToAPI - before.ToAPI, now.ToStore - before.ToStore}
		}
		assign := func(many int, role, suffix string, scope func(int, *build.RoleAssignmentBuilder) *v1alpha1.RoleAssignment) {
			GinkgoHelper()
			inParallel(many, func(n int) error {
				return k8sClient.Create(ctx, scope(n, f.assignment(fmt.Sprint(role, suffix, n), role).ToUser(crewName(n))))
			})
			for n := range many {
				expectReason(f.assignment(fmt.Sprint(role, suffix, n), role).Obj(), v1alpha1.ReasonInForce)
			}
		}
		atOrganization := func(_ int, b *build.RoleAssignmentBuilder) *v1alpha1.RoleAssignment { return b.Obj() }
		inProject := func(n int, b *build.RoleAssignmentBuilder) *v1alpha1.RoleAssignment {
			return b.InProject(f.projectOf(n)).Obj()
		}

		By("one scope: one assignee, and ten")
		assign(1, "narrow", "-first-", atOrganization)
		one := costs(narrow, f.View, f.Edit)
		assign(crew, "narrow", "-more-", atOrganization)
		Expect(costs(narrow, f.View)).To(Equal(one))
		Expect(one).To(Equal(written{ToAPI: 2, ToStore: 1}))

		By("sixty scopes, whose contexts are small: two transactions of at most 98 tuples")
		assign(59, "narrow", "-in-", inProject)
		Expect(costs(narrow, f.View, f.Edit)).To(Equal(written{ToAPI: 2, ToStore: 2}))

		By("sixty scopes, whose contexts are large")
		few := costs(f.wide, f.other()...)
		Expect(few.ToAPI).To(BeEquivalentTo(2))
		Expect(few.ToStore).To(BeNumerically(">", 2))
		By("with twice the assignees")
		assign(60, "wide", "-more-", func(n int, b *build.RoleAssignmentBuilder) *v1alpha1.RoleAssignment {
			return b.ToUser(crewName(n + 1)).InProject(f.projectOf(n)).Obj()
		})
		Expect(costs(f.wide, f.one()...)).To(Equal(few))
		AddReportEntry("an edit at 60 scopes, large contexts", few)
	})
})

var _ = Describe("How many use a role", func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w, noon = newWorld(), inAnHour()
		waitUntilQuiet()
	})
	assigned := func(n int) *v1alpha1.RoleAssignment {
		return w.assignment(fmt.Sprint("many-", n), "editor").ToUser("alice").InWorkspace("prod").Obj()
	}

	It("[K10] is written once a second at most, however many come and go", func() {
		const many = 60
		editor := build.Role(w.Namespace, "editor").Obj()
		op.clock.StopAt(noon)
		before := op.requests.toRoles()
		inParallel(many, func(n int) error { return k8sClient.Create(ctx, assigned(n)) })
		for n := range many {
			expectReason(assigned(n), v1alpha1.ReasonInForce)
		}
		inParallel(8, func(n int) error {
			return k8sClient.Create(ctx, build.Role(w.Namespace, fmt.Sprint("child-", n)).Inherits("editor").Obj())
		})
		for n := range 8 {
			expectReason(build.Role(w.Namespace, fmt.Sprint("child-", n)).Obj(), v1alpha1.ReasonValid)
		}
		Expect(op.requests.toRoles()-before).To(BeEquivalentTo(8), "the statuses of the children, before a second has passed")
		Expect(used(editor)()).To(Equal([2]int64{0, 0}))

		op.clock.StopAt(noon.Add(time.Second))
		Eventually(used(editor)).Should(Equal([2]int64{many, 8}))
		waitUntilQuiet()
		Expect(op.requests.toRoles()-before).To(BeEquivalentTo(9), "one more")

		By("the same when they go")
		before = op.requests.toRoles()
		inParallel(many, func(n int) error { return k8sClient.Delete(ctx, assigned(n)) })
		for n := range many {
			remove(assigned(n))
		}
		Expect(op.requests.toRoles()).To(Equal(before))
		op.clock.StopAt(noon.Add(2 * time.Second))
		Eventually(used(editor)).Should(Equal([2]int64{0, 8}))
		waitUntilQuiet()
		Expect(op.requests.toRoles() - before).To(BeEquivalentTo(1))

		By("and nothing for what moves from one scope to another")
		create(assigned(0))
		expectReason(assigned(0), v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(3 * time.Second))
		Eventually(used(editor)).Should(Equal([2]int64{1, 8}))
		waitUntilQuiet()
		before = op.requests.toRoles()
		edit(assigned(0), func(a *v1alpha1.RoleAssignment) { a.Spec.Scope.Workspace = "lab" })
		expectReason(assigned(0), v1alpha1.ReasonInForce)
		op.clock.StopAt(noon.Add(10 * time.Second))
		waitUntilQuiet()
		Expect(op.requests.toRoles()).To(Equal(before))
	})

	It("follows what names it, valid or not, and what does no more", func() {
		editor, admin := build.Role(w.Namespace, "editor").Obj(), build.Role(w.Namespace, "admin").Obj()
		create(w.assignment("lost", "editor").ToUser("nobody").Obj(), w.assignment("early", "later").ToUser("alice").Obj(),
			build.Role(w.Namespace, "ring").Inherits("ring", "editor").Obj())
		Eventually(used(editor)).Should(Equal([2]int64{1, 1}))
		By("an edit that names another role")
		edit(w.assignment("lost", "").Obj(), func(a *v1alpha1.RoleAssignment) { a.Spec.RoleRef.Name = "admin" })
		inherit(build.Role(w.Namespace, "ring").Obj(), "ring", "admin")
		Eventually(used(editor)).Should(Equal([2]int64{0, 0}))
		Eventually(used(admin)).Should(Equal([2]int64{1, 1}))
		Eventually(used(build.Role(w.Namespace, "ring").Obj())).Should(Equal([2]int64{0, 1}))
		By("a role that comes after those that name it")
		later := build.Role(w.Namespace, "later").Grants(w.View).Obj()
		create(later)
		Eventually(used(later)).Should(Equal([2]int64{1, 0}))
	})
})
