package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// roundsVariable is the environment variable that says how many rounds specs take that look for what happens seldom,
// instead of the few that they take otherwise.
const roundsVariable = "BAILIWICK_FAULT_ROUNDS"

func faultRounds(few int) int {
	text := os.Getenv(roundsVariable)
	if text == "" {
		return few
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		panic(roundsVariable + ": " + err.Error())
	}
	return rounds
}

// inRounds has a spec run in so many rounds, each from its beginning. It is for faults whose spec takes no rounds by itself.
var inRounds = MustPassRepeatedly(faultRounds(1))

// seed is that of the run in a spec's first round, and another one in each of the others.
func seed() uint64 {
	return uint64(GinkgoRandomSeed()) + uint64(max(1, CurrentSpecReport().NumAttempts)-1)
}

// chooser makes random choices from 0 to n, also for several who ask at once. The seed of the run repeats them.
func chooser(stream uint64) func(n int) int {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed(), stream))
	return func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
}

// turmoil is an organization in which everything changes at random: roles and whom they inherit from,
// assignments, grants, temporary grants, memberships, users who are suspended and reinstated, workspaces that
// come and go.
type turmoil struct {
	*world
	noon  time.Time
	rages int
}

// How many of each there are at most, so that names meet.
const (
	turmoilUsers  = 6
	turmoilGroups = 3
	turmoilRoles  = 6
	turmoilOthers = 25
)

func newTurmoil() *turmoil {
	GinkgoHelper()
	t := &turmoil{world: newWorld(), noon: inAnHour()}
	for n := range turmoilUsers {
		create(t.user(nth("u", n)), t.standing(nth("u", n)))
	}
	return t
}

func nth(name string, n int) string { return fmt.Sprint(name, "-", n) }

// rage is what changes a turmoil, from several sides at once, until it ends.
type rage struct {
	changed atomic.Int64
	refused atomic.Pointer[error]
	stop    chan struct{}
	done    sync.WaitGroup
}

// rage begins. What a change meets that others have just done, that there is no operator to ask, or that it takes
// what may be somebody's last role, is part of it; that it is malformed is not.
func (t *turmoil) rage() *rage {
	GinkgoHelper()
	const sides = 4
	r := &rage{stop: make(chan struct{})}
	for side := range sides {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), uint64(t.rages*sides+side)))
		r.done.Go(func() {
			for {
				select {
				case <-r.stop:
					return
				default:
				}
				switch err := t.change(random); {
				case err == nil:
					r.changed.Add(1)
				case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
					r.refused.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	t.rages++
	DeferCleanup(func() { r.halt() })
	return r
}

// until returns when so many things have changed since it began.
func (r *rage) until(many int) {
	GinkgoHelper()
	Eventually(r.changed.Load).WithTimeout(commandTimeout).WithPolling(time.Millisecond).Should(BeNumerically(">=", many))
}

// end returns when nothing changes any more.
func (r *rage) end() {
	GinkgoHelper()
	r.halt()
	if err := r.refused.Load(); err != nil {
		Expect(*err).NotTo(HaveOccurred())
	}
}

func (r *rage) halt() {
	select {
	case <-r.stop:
	default:
		close(r.stop)
	}
	r.done.Wait()
}

// change makes something, or deletes or edits it where it is there.
func (t *turmoil) change(random *rand.Rand) error {
	if random.IntN(20) == 0 {
		return t.moveWorkspace()
	}
	imagined := t.imagine(random)
	err := k8sClient.Create(ctx, imagined)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	there := imagined.DeepCopyObject().(v1alpha1.Object)
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(imagined), there); err != nil {
		return err
	}
	_, isUser := imagined.(*v1alpha1.User)
	if !isUser && random.IntN(3) == 0 {
		return k8sClient.Delete(ctx, there)
	}
	imagined.SetResourceVersion(there.GetResourceVersion())
	imagined.SetFinalizers(there.GetFinalizers())
	imagined.SetAnnotations(there.GetAnnotations())
	return k8sClient.Update(ctx, imagined)
}

// imagine is an object as it may be. What can't be changed follows from its name.
func (t *turmoil) imagine(random *rand.Rand) v1alpha1.Object {
	n := random.IntN(turmoilOthers)
	u, g, r := nth("u", random.IntN(turmoilUsers)), nth("g", random.IntN(turmoilGroups)), random.IntN(turmoilRoles)
	place := t.places()[random.IntN(len(t.places()))]
	permission := []string{t.View, t.Edit, t.Delete}[random.IntN(3)]
	switch random.IntN(8) {
	case 0:
		user := t.user(u)
		user.Spec.Suspended = random.IntN(3) == 0
		return user
	case 1:
		return build.Group(t.Namespace, g).Titled(fmt.Sprint("Group ", n)).Obj()
	case 2:
		role := build.Role(t.Namespace, nth("r", r)).Grants(permission)
		if random.IntN(2) == 0 {
			role.GrantsIf(t.Edit, build.Equals("color", fmt.Sprint("c", random.IntN(3))))
		}
		for parent := range r {
			if random.IntN(3) == 0 {
				role.Inherits(nth("r", parent))
			}
		}
		return role.Obj()
	case 3:
		as := v1alpha1.GroupMember
		if random.IntN(2) == 0 {
			as = v1alpha1.GroupAdmin
		}
		return build.GroupMembership(t.Namespace, nth("m", n), nth("u", n%turmoilUsers), nth("g", n%turmoilGroups)).As(as).Obj()
	case 4:
		given := build.PermissionGrant(t.Namespace, nth("p", n)).At(place).Grants(permission)
		if random.IntN(2) == 0 {
			return given.ToGroup(g).Obj()
		}
		return given.ToUser(u).GrantsIf(t.Edit, build.NotEquals("floor", "3")).Obj()
	case 5:
		fixed := t.places()[n%len(t.places())]
		return t.temporary(nth("t", n)).ToUser(nth("u", n%turmoilUsers)).Grants(t.Delete).At(fixed).
			Until(t.noon.Add(time.Duration(random.IntN(60)-90) * time.Minute)).Obj()
	default:
		given := t.assignment(nth("a", n), nth("r", r))
		if random.IntN(3) == 0 {
			given.ToGroup(g)
		} else {
			given.ToUser(u)
		}
		assigned := given.Obj()
		assigned.Spec.Scope = place
		assigned.Spec.Scope.Resource = nil
		return assigned
	}
}

func (t *turmoil) places() []v1alpha1.Scope {
	return []v1alpha1.Scope{
		{}, {Workspace: "prod"}, {Workspace: "prod", Project: "vision"}, {Workspace: "lab"}, {Workspace: "extra"},
		{Workspace: "prod", Project: "vision", Resource: &v1alpha1.ResourceReference{Type: t.Type, ID: "42"}},
		{Resource: &v1alpha1.ResourceReference{Type: t.Type, ID: "7"}},
	}
}

// moveWorkspace takes a workspace out of the organization, or puts it back.
func (t *turmoil) moveWorkspace() error {
	organization := build.Organization(t.Namespace).Obj()
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(organization), organization); err != nil {
		return err
	}
	const usual = 3
	if len(organization.Spec.Workspaces) > usual {
		organization.Spec.Workspaces = organization.Spec.Workspaces[:usual]
	} else {
		organization.Spec.Workspaces = append(organization.Spec.Workspaces, v1alpha1.Workspace{Name: "extra"})
	}
	return k8sClient.Update(ctx, organization)
}

// expectRight expects, when nothing changes any more, that the store holds what the objects say, whole, that
// whatever was deleted is gone, and that the store decides as whoever reads the objects and their statuses does.
func (t *turmoil) expectRight() {
	GinkgoHelper()
	op.expectWhole()
	var world *query.World
	Eventually(func(g Gomega) {
		objects, err := everything()
		g.Expect(err).NotTo(HaveOccurred())
		asked := query.Objects{Organization: t.Namespace}
		for _, object := range objects {
			kept, ours := object.(v1alpha1.Object)
			if !ours || object.GetNamespace() != "" && object.GetNamespace() != t.Namespace {
				continue
			}
			if object.GetNamespace() != "" {
				g.Expect(object.GetDeletionTimestamp()).To(BeNil(), "%T %s is not gone", object, object.GetName())
				g.Expect(kept.CommonStatus().ObservedGeneration).To(Equal(object.GetGeneration()), "%T %s", object, object.GetName())
			}
			asked.Read = append(asked.Read, kept)
		}
		world = query.New(asked, op.time())
		for _, q := range t.questions() {
			answer := world.Ask(q)
			g.Expect(answer.Verdict).NotTo(Equal(query.Unknown), "%v: %v", q, answer.Behind)
			g.Expect(op.may(question{
				User: objectid.User(t.subject(q.User)), Permission: q.Permission, Object: objectid.Scope(q.At), Attributes: q.Attributes,
			})).To(Equal(answer.Verdict == query.Yes && answer.Because == ""), "%v: %v", q, answer)
		}
	}).Should(Succeed())
}

// questions are about each user, permission and place, with and without attributes.
func (t *turmoil) questions() (all []query.Question) {
	for n := range turmoilUsers {
		for _, place := range t.places() {
			at := scope.Path{Organization: t.Namespace, Workspace: place.Workspace, Project: place.Project}
			if place.Resource != nil {
				continue // OpenFGA itself knows of an object only where something is granted on it
			}
			for _, permission := range []string{t.View, t.Edit, t.Delete} {
				all = append(all, query.Question{User: nth("u", n), Permission: permission, At: at, Attributes: attributes{"color": "c1", "floor": float64(n)}})
			}
		}
	}
	return all
}
