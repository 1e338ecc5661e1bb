package state_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// authors makes objects of a small organization that people write who hold more or less.
type authors struct {
	maker
	versions int
}

// stamped says on an object that somebody wrote it just now.
func stamped[T v1alpha1.Object](m *authors, object T) T {
	m.versions++
	author := policy.Author{Username: m.name("u", 4), Generation: int64(m.versions)}
	author.Subject = author.Username
	if m.oneIn(2) {
		author.Verb = "bind"
	}
	object.SetGeneration(author.Generation)
	object.SetUID(types.UID(fmt.Sprint(object.GetName(), "-", m.IntN(2))))
	switch {
	case m.oneIn(8):
		return object // nobody has stamped it
	case m.oneIn(4):
		author.Username, author.Verb = m.machine(), "bind"
	}
	return by(author, object)
}

func (m maker) machine() string { return m.name("system:serviceaccount:acme:m", 2) }

func (m *authors) user() client.Object {
	name := m.name("u", 4)
	subject := name
	if m.oneIn(4) {
		name = m.name("machine", 3)
		subject = m.machine()
	}
	user := stamped(m, build.User("acme", name).KnownAs(subject).Obj())
	user.Spec.Suspended = m.oneIn(3)
	return user
}

func (m *authors) object() client.Object {
	role, user, group := m.name("r", 4), m.name("u", 4), m.name("g", 2)
	from := epoch.Add(time.Duration(m.IntN(100)) * time.Hour)
	switch m.IntN(10) {
	case 0:
		return stamped(m, build.User("acme", user).KnownAs(m.name("u", 4)).Obj())
	case 1:
		return m.user()
	case 2:
		return stamped(m, build.Group("acme", group).Configures("Invite").Obj())
	case 3:
		b := build.Role("acme", role)
		for n := range 3 {
			if m.oneIn(2) {
				b.Grants(fmt.Sprint("P", n))
			}
		}
		if m.oneIn(3) {
			b.Inherits(m.name("r", 4))
		}
		return b.Obj()
	case 4:
		membership := build.GroupMembership("acme", m.name("m", 4), user, group).As(pick(m.maker, v1alpha1.GroupAdmin, v1alpha1.GroupMember)).Obj()
		return stamped(m, membership)
	case 5:
		organization := build.Organization("acme").AdministeredBy(m.name("r", 4)).OwnedBy(m.name("u", 4)).Workspace("w0")
		if m.oneIn(2) {
			organization.Workspace("w1")
		}
		return organization.Obj()
	case 6:
		return stamped(m, build.PermissionGrant("acme", m.name("p", 4)).ToUser(user).Grants(m.name("P", 3)).InWorkspace(m.name("w", 2)).Obj())
	default:
		b := build.RoleAssignment("acme", m.name("a", 8)).Gives(role)
		if m.oneIn(3) {
			b.ToGroup(group)
		} else {
			b.ToUser(user)
		}
		if m.oneIn(3) {
			b.InWorkspace(m.name("w", 2))
		}
		if m.oneIn(4) {
			b.From(from)
		}
		return stamped(m, b.Obj())
	}
}

// [F9] Whatever changes, those are judged again whose judgement it changes: to judge all of them finds nothing more.
func TestF9ToJudgeAllAgainFindsNothing(t *testing.T) {
	refused, passed := 0, 0
	for seed := range uint64(20) {
		clock := clocktesting.NewFakePassiveClock(epoch)
		s, m := state.New(state.Limits{ConditionCost: 1000}, clock), &authors{maker: maker{rand.New(rand.NewPCG(seed, 1))}}
		s.Put(build.ResourceType("docs").OfType("doc").Permits("P0").Permits("P1").Permits("P2").Obj(), namespace("acme"), build.Organization("acme").Workspace("w0").Obj())
		for _, user := range []string{"u0", "u1"} {
			s.Put(build.User("acme", user).KnownAs(user).Obj(), build.PermissionGrant("acme", "all-of-"+user).ToUser(user).Grants("P0", "P1", "P2").Obj())
		}
		for step := range 400 {
			object := m.object()
			switch {
			case m.oneIn(6):
				s.Remove(kinds.RefOf(object))
			case m.oneIn(10):
				clock.SetTime(clock.Now().Add(time.Hour))
				for _, ref := range s.Due() {
					s.PutAgain(ref)
				}
			default:
				s.Put(object)
			}
			for _, ref := range s.JudgeAgain("acme") {
				outcome, _ := s.Outcome(ref)
				t.Fatalf("seed %d, step %d, after %T %s: %v had still to be judged: %s: %s", seed, step, object, object.GetName(), ref, outcome.Reason, outcome.Message)
			}
			switch outcome, _ := s.Outcome(kinds.RefOf(object)); {
			case outcome.Reason == v1alpha1.ReasonNotHeld || outcome.Reason == v1alpha1.ReasonNameNotConfirmed:
				refused++
			case outcome.InForce && outcome.Judged != nil && object.GetAnnotations()[v1alpha1.AnnotationAuthor] != "" && policy.AuthorOf(object.GetAnnotations()).Verb == "":
				passed++
			}
		}
	}
	if refused < 500 || passed < 50 {
		t.Errorf("%d are refused and %d pass, which shows little", refused, passed)
	}
}
