package integration

import (
	"fmt"
	"os"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// inFaults is how many there are of something: few, but many where specs take more rounds.
func inFaults(few, many int) int {
	if os.Getenv(roundsVariable) == "" {
		return few
	}
	return many
}

// loadPatience is longer than it takes until 100,000 assignments are in force, or gone, and pollingLoad is how often one looks.
const (
	loadPatience = time.Hour
	pollingLoad  = time.Second / 4
)

// tenant is another organization than the one that is asked about, in which roles are in use at many projects.
type tenant struct {
	*world

	scopes int
	role   *v1alpha1.Role
	// applied counts the assignments.
	applied int
}

// projectsEach is how many projects a workspace of a tenant has, and loaded is a label of what is applied to it.
const (
	projectsEach = 50
	loaded       = "loaded"
)

// newTenant returns when bob has the role at each of so many projects.
func newTenant(scopes int) *tenant {
	GinkgoHelper()
	o := &tenant{world: newWorld(), scopes: scopes}
	edit(build.Organization(o.Namespace).Obj(), func(organization *v1alpha1.Organization) {
		organization.Spec.LastRolePolicy = v1alpha1.LastRoleWarn
		for n := range scopes {
			if n%projectsEach == 0 {
				organization.Spec.Workspaces = append(organization.Spec.Workspaces, v1alpha1.Workspace{Name: nth("w", n/projectsEach)})
			}
			in := &organization.Spec.Workspaces[len(organization.Spec.Workspaces)-1]
			in.Projects = append(in.Projects, v1alpha1.Project{Name: nth("p", n)})
		}
	})
	o.role = build.Role(o.Namespace, "everywhere").Grants(o.View, o.Edit).Obj()
	create(o.role)
	o.apply(scopes, o.role.Name)
	return o
}

// apply gives a role to so many, one at each project, and others when all projects had their turn. It returns when all of it is
// in force.
func (o *tenant) apply(more int, role string) {
	GinkgoHelper()
	for n := o.applied / o.scopes; n*o.scopes < o.applied+more; n++ {
		Expect(client.IgnoreAlreadyExists(k8sClient.Create(ctx, o.user(nth("u", n))))).To(Succeed())
	}
	inParallel(more, func(n int) error {
		n += o.applied
		assigned := o.assignment(nth(loaded, n), role).ToUser(nth("u", n/o.scopes)).InProject(nth("w", n%o.scopes/projectsEach), nth("p", n%o.scopes)).Obj()
		assigned.Labels = map[string]string{loaded: "true"}
		return k8sClient.Create(ctx, assigned)
	})
	o.applied += more
	Eventually(func(g Gomega) {
		var all v1alpha1.RoleAssignmentList
		g.Expect(k8sClient.List(ctx, &all, client.InNamespace(o.Namespace), client.HasLabels{loaded})).To(Succeed())
		g.Expect(all.Items).To(HaveLen(o.applied))
		for _, assigned := range all.Items {
			g.Expect(assigned.Status.InForce).To(BeTrue(), assigned.Name)
		}
	}).WithTimeout(loadPatience).WithPolling(pollingLoad).Should(Succeed())
}

// empty returns when nothing of that is left.
func (o *tenant) empty() {
	GinkgoHelper()
	inParallel(o.applied, func(n int) error {
		return client.IgnoreNotFound(k8sClient.Delete(ctx, o.assignment(nth(loaded, n), "").Obj()))
	})
	Eventually(func(g Gomega) {
		var left v1alpha1.RoleAssignmentList
		g.Expect(k8sClient.List(ctx, &left, client.InNamespace(o.Namespace), client.HasLabels{loaded}, client.Limit(1))).To(Succeed())
		g.Expect(left.Items).To(BeEmpty())
	}).WithTimeout(loadPatience).WithPolling(pollingLoad).Should(Succeed())
}

// editEverySecond edits the role once a second, until it is told to stop, and returns how often it has.
func (o *tenant) editEverySecond() (stop func() int) {
	over, edited := make(chan struct{}), make(chan int, 1)
	go func() {
		defer GinkgoRecover()
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		edits := 0
		defer func() { edited <- edits }()
		for {
			permissions := []string{o.View, []string{o.Edit, o.Delete}[edits%2]}
			edit(o.role.DeepCopy(), func(r *v1alpha1.Role) { toGrant(permissions...)(&r.Spec) })
			edits++
			select {
			case <-over:
				return
			case <-ticker.C:
			}
		}
	}()
	return func() int { close(over); return <-edited }
}

var _ = Describe("Three replicas that answer decisions about one organization", Label(slow), func() {
	It("[D2] [D3] answer everything, and rightly, while another one's role is edited at many scopes, and many assignments come and go", func() {
		rounds := faultRounds(1)
		scopes, more := inFaults(100, 1000), inFaults(200, 100_000/rounds)
		t := newTrioOf(2 * patientLease) // an API server that is kept busy answers late, and a leader that can't renew its lease ends
		other := newTenant(scopes)
		asking := newCrowd([]*asked{t.bobs, t.alices}, t.all()...)
		// meanwhile has access to what is asked about begin and end until something is over.
		meanwhile := func(called string, do func()) {
			GinkgoHelper()
			over := make(chan struct{})
			go func() {
				defer GinkgoRecover()
				defer close(over)
				do()
			}()
			for n := 0; ; n++ {
				t.alices.begin(t.deletes(fmt.Sprint(called, "-", n)))
				t.alices.end()
				select {
				case <-over:
					asking.expectRight(0)
					asking.expectAnswered()
					return
				default:
				}
			}
		}
		for round := range rounds {
			By(fmt.Sprint("round ", round))
			began := time.Now()
			var edits int
			meanwhile(nth("applied", round), func() {
				stop := other.editEverySecond()
				other.apply(more, "editor")
				edits = stop()
			})
			AddReportEntry(nth("round", round), fmt.Sprintf("%d assignments were applied and in force after %s, with a role edited %d times at %d scopes", more, time.Since(began), edits, scopes))
		}
		meanwhile("deleted", other.empty)
	})
})
