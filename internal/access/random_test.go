package access_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/access"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// maker makes up what rules are asked about, the same for the same seed.
type maker struct{ *rand.Rand }

// seeded are makers of fixed seeds.
func seeded(t *testing.T, worlds uint64, with func(t *testing.T, m maker)) {
	for seed := range seeds.Of(t, worlds) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { with(t, maker{rand.New(rand.NewPCG(seed, 17))}) })
	}
}

func (m maker) one(of ...string) string { return of[m.IntN(len(of))] }

func (m maker) person() access.Person {
	return access.Person{
		Username: m.one("ann", "ben", "oidc:ann", "cal"), Subject: m.one("", "ann", "ANN", "ben", "cal"),
		User: m.one("", "ann", "ben"), Email: m.one("", "ann@x.example", "Ann@X.example", "ben@x.example"),
	}
}

func (m maker) decisions() (decisions []access.Decision) {
	for n := range m.IntN(7) {
		decisions = append(decisions, access.Decision{
			Name: fmt.Sprint("d", n), By: m.person(), Verdict: []v1alpha1.AccessVerdict{v1alpha1.VerdictApprove, v1alpha1.VerdictDeny}[m.IntN(2)],
			At: noon.Add(time.Duration(m.IntN(4)) * time.Hour), Decider: m.IntN(3) > 0,
		})
	}
	return decisions
}

func (m maker) some(of ...string) []string {
	return slices.DeleteFunc(slices.Clone(of), func(string) bool { return m.IntN(2) == 0 })
}

func (m maker) policy(name string) *access.Policy {
	return &access.Policy{
		Name: name, UID: types.UID(name), Requesters: access.Subjects{Users: m.some("ann", "ben"), Groups: m.some("devs", "ops")}, Roles: m.some("editor", "viewer"),
		Scopes: [][]scope.Path{{acme}, {prod}, {prod, lab}}[m.IntN(3)], Longest: time.Duration(m.IntN(4)) * time.Hour, RequiredTags: m.some("ticket"),
		OnlyByName: m.IntN(4) == 0, Approvals: m.IntN(3), Deciders: access.Subjects{Users: m.some("ann", "ben")},
	}
}

func (m maker) request() *access.Request {
	return &access.Request{
		Policy: m.one("", "", "p0", "p1", "none"), Role: m.one("editor", "viewer"), At: []scope.Path{acme, prod, lab}[m.IntN(3)],
		Duration: time.Duration(1+m.IntN(3)) * time.Hour, Tags: map[string]string{"ticket": m.one("", " ", "4711")},
	}
}

func TestR2EachPersonDecidesOnceWhateverTheOrder(t *testing.T) {
	seeded(t, 300, func(t *testing.T, m maker) {
		decisions, requester, decideBy := m.decisions(), m.person(), noon.Add(2*time.Hour)
		counted := access.Count(decisions, requester, decideBy)
		shuffled := slices.Clone(decisions)
		m.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := access.Count(shuffled, requester, decideBy); !reflect.DeepEqual(again, counted) {
			t.Errorf("in another order: %+v, and %+v", again, counted)
		}
		approvals := 0
		for n, c := range counted {
			if !c.Counts() {
				continue
			}
			if !c.Decider || c.By.MayBe(requester) || !c.At.Before(decideBy) {
				t.Errorf("%+v counts", c)
			}
			if slices.ContainsFunc(counted[:n], func(other access.Counted) bool { return other.Counts() && other.By.MayBe(c.By) }) {
				t.Errorf("%+v counts, and so does an earlier one of the same person", c)
			}
			if c.Verdict == v1alpha1.VerdictApprove {
				approvals++
			}
		}
		if got, _ := access.Tally(counted); got != approvals {
			t.Errorf("%d approve, want %d", got, approvals)
		}
	})
}

func TestWhoMayBeWhomGoesBothWays(t *testing.T) {
	seeded(t, 300, func(t *testing.T, m maker) {
		a, b := m.person(), m.person()
		if a.MayBe(b) != b.MayBe(a) || !a.MayBe(a) {
			t.Errorf("%+v and %+v", a, b)
		}
	})
}

func TestR1AChosenPolicyAllowsAllOfARequestWhateverTheOrder(t *testing.T) {
	seeded(t, 300, func(t *testing.T, m maker) {
		policies := []*access.Policy{m.policy("p0"), m.policy("p1"), m.policy("p2")}
		asked, user, groups := m.request(), m.one("", "ann", "cal"), m.some("devs", "ops")
		isMember := func(group string) bool { return slices.Contains(groups, group) }
		choice := access.Choose(policies, asked, user, isMember)
		m.Shuffle(len(policies), func(i, j int) { policies[i], policies[j] = policies[j], policies[i] })
		if again := access.Choose(policies, asked, user, isMember); !reflect.DeepEqual(again, choice) {
			t.Errorf("in another order: %+v, and %+v", again, choice)
		}
		allow := slices.DeleteFunc(slices.Clone(policies), func(p *access.Policy) bool {
			return len(p.Misfits(asked, user, isMember)) > 0 || asked.Policy != "" && asked.Policy != p.Name || asked.Policy == "" && p.OnlyByName
		})
		switch {
		case choice.Policy == nil && len(allow) > 0:
			t.Errorf("none is chosen, and %+v allows %+v", allow[0], asked)
		case choice.Policy != nil && !slices.Contains(allow, choice.Policy):
			t.Errorf("%+v is chosen, and does not allow %+v", choice.Policy, asked)
		case (choice.Refusal(asked) == "") != (choice.Policy != nil):
			t.Errorf("%+v says %q", choice, choice.Refusal(asked))
		}
		for _, p := range allow {
			if p.Approvals < choice.Policy.Approvals {
				t.Errorf("%+v is chosen, and %+v asks for fewer approvals", choice.Policy, p)
			}
		}
	})
}

// The life of a request as it goes, an hour or a decision or an edit at a time: only who is asked rightly gives anything, and
// what is over stays over.
func TestR4ALifeGoesForwardAndGivesOnlyWhileItIsAllowed(t *testing.T) {
	seeded(t, 300, func(t *testing.T, m maker) {
		requester := access.Person{Username: "rob", Subject: "rob", User: "rob"}
		p := m.policy("p")
		f := access.Facts{Created: noon, Now: noon, Requester: requester, Choice: access.Choice{Policy: p}}
		decisions := m.decisions()
		var steps []v1alpha1.AccessStep
		for range 12 {
			switch m.IntN(6) {
			case 0:
				f.Withdrawn = true
			case 1:
				f.Suspended = !f.Suspended
			case 2:
				f.Choice = access.Choice{Policy: p}
			case 3:
				f.Choice, f.Refusal = access.Choice{}, "no policy allows this"
			}
			f.Now = f.Now.Add(time.Duration(m.IntN(3)) * time.Hour)
			f.Decisions = access.Count(decisions, requester, access.DecideBy(f.Created, f.Choice.Policy))
			life := access.Evaluate(f)
			approvals, denied := access.Tally(f.Decisions)
			allowed := f.Choice.Policy != nil && !f.Withdrawn && !f.Ended.IsFinal()
			if life.Activate && (!allowed || f.Suspended || denied != nil || approvals < p.Approvals || f.Grant != nil || !f.Now.Before(life.DecideBy)) {
				t.Errorf("%+v is activated", f)
			}
			if life.InForce && (!allowed || f.Grant == nil || !f.Now.Before(f.Grant.Until)) || life.InForce && life.Activate {
				t.Errorf("%+v is in force", f)
			}
			if life.InForce != (life.Phase == v1alpha1.AccessActive) || life.Reason == "" || life.Message == "" || life.Phase == "" {
				t.Errorf("%+v says %+v", f, life)
			}
			if f.Ended.IsFinal() && life.Phase != f.Ended {
				t.Errorf("%s became %s", f.Ended, life.Phase)
			}
			if !life.Next.IsZero() && life.Phase.IsFinal() {
				t.Errorf("%s changes by itself at %s", life.Phase, life.Next)
			}
			steps = stepsGoOn(t, steps, &life, f)
			if life.Phase.IsFinal() && !f.Ended.IsFinal() {
				f.Ended, f.EndedBy = life.Phase, life.Reason
			}
			if life.Activate && m.IntN(2) == 0 {
				f.Grant, f.HadGrant = &access.Window{From: f.Now, Until: f.Now.Add(2 * time.Hour)}, true
			}
		}
	})
}

// stepsGoOn are the steps after a moment: those before, and what has come.
func stepsGoOn(t *testing.T, before []v1alpha1.AccessStep, life *access.Life, f access.Facts) []v1alpha1.AccessStep {
	t.Helper()
	steps := access.Steps(before, f.Created, "rob", life, f.Decisions, f.Now)
	if len(steps) < len(before) || !slices.Equal(steps[:len(before)], before) {
		t.Fatalf("steps were %+v, and are %+v", before, steps)
	}
	if again := access.Steps(steps, f.Created, "rob", life, f.Decisions, f.Now.Add(time.Hour)); !slices.Equal(again, steps) {
		t.Errorf("the same life has the steps %+v, and then %+v", steps, again)
	}
	for n, step := range steps {
		if step.Sequence != int64(n+1) || v1alpha1.AccessRequestPhase(step.Type).IsFinal() != (n == len(steps)-1 && life.Phase.IsFinal()) {
			t.Errorf("step %d of %+v", n, steps)
		}
	}
	return steps
}

func FuzzWhoMayBeWhomGoesBothWays(f *testing.F) {
	f.Add("ann", "", "", "", "ANN", "", "", "")
	f.Add("a", "b", "c", "d", "e", "a", "", "é")
	f.Add("", "", "", "", "", "", "", "")
	f.Add("ſ", "", "", "", "s", "K", "k", "K") // Unicode folds these into one another, we don't
	f.Fuzz(func(t *testing.T, name, subject, user, email, name2, subject2, user2, email2 string) {
		a := access.Person{Username: name, Subject: subject, User: user, Email: email}
		b := access.Person{Username: name2, Subject: subject2, User: user2, Email: email2}
		if a.MayBe(b) != b.MayBe(a) {
			t.Errorf("%+v and %+v", a, b)
		}
		if (a != access.Person{}) != a.MayBe(a) {
			t.Errorf("%+v and itself", a)
		}
		if (access.Person{}).MayBe(b) {
			t.Errorf("nobody may be %+v", b)
		}
	})
}
