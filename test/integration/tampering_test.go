package integration

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// driftHere is what the operator in this process has counted so far.
func driftHere() (counted drift, err error) {
	families, err := metrics.Registry.Gather()
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if family.GetName() == driftRepaired {
				counted = counted.with(metric.GetLabel()[0].GetValue(), int(metric.GetCounter().GetValue()))
			}
		}
	}
	return counted, err
}

// driftAt is that of an operator that serves its metrics at an address.
func driftAt(address string) (counted drift, err error) {
	text, err := scraped(address)
	for _, line := range regexp.MustCompile(driftRepaired+`{direction="(\w+)"} (\d+)`).FindAllStringSubmatch(text, -1) {
		count, err := strconv.Atoi(line[2])
		if err != nil {
			return drift{}, err
		}
		counted = counted.with(line[1], count)
	}
	return counted, err
}

const driftRepaired = "bailiwick_drift_repaired_total"

func (d drift) with(direction string, count int) drift {
	*map[string]*int{"missing": &d.missing, "foreign": &d.foreign, "changed": &d.changed}[direction] += count
	return d
}

func (d drift) plus(other drift) drift {
	return drift{d.missing + other.missing, d.foreign + other.foreign, d.changed + other.changed}
}

// victim is a world in which everything is tampered with that the store holds, and what its people may do.
type victim struct {
	*world
	expected map[string]bool
	asked    map[string]question
}

func newVictim() *victim {
	GinkgoHelper()
	w := newWorld()
	create(
		w.user("mallory"),
		build.GroupMembership(w.Namespace, "m", "alice", "devs").Obj(),
		w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(),
		w.assignment("g", "editor").ToGroup("devs").InProject("lab", "vision").Obj(),
		w.grant("red").ToUser("alice").GrantsIf(w.Edit, build.Equals("color", "red")).InWorkspace("lab").Obj(),
		w.grant("object").ToUser("alice").Grants(w.Delete).InProject("prod", "speech").OnResource(w.Type, "42").Obj(),
		w.grant("spared").ToUser("bob").Grants(w.View).Obj(),
		w.temporary("t").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(inAnHour()).Obj(),
	)
	for _, object := range []v1alpha1.Object{w.assignment("a", "").Obj(), w.assignment("g", "").Obj(), w.grant("red").Obj(), w.grant("object").Obj(), w.grant("spared").Obj(), w.temporary("t").Obj()} {
		expectReason(object, v1alpha1.ReasonInForce)
	}
	v := &victim{world: w, expected: map[string]bool{}, asked: map[string]question{}}
	red, blue := map[string]any{"color": "red"}, map[string]any{"color": "blue"}
	for _, permission := range []string{w.View, w.Edit, w.Delete} {
		for _, at := range [][]string{{}, {"prod"}, {"prod", "speech"}, {"lab"}, {"lab", "vision"}} {
			for _, user := range []string{"alice", "mallory"} {
				edits := permission == w.View || permission == w.Edit
				inProd, inLab := len(at) > 0 && at[0] == "prod", len(at) > 0 && at[0] == "lab"
				may := user == "alice" && (edits && inProd || edits && inLab && len(at) == 2 || permission == w.Delete && inLab)
				v.expect(user, permission, w.at(at...), blue, may)
				v.expect(user, permission, w.at(at...), red, may || user == "alice" && permission == w.Edit && inLab)
			}
		}
	}
	v.expect("alice", w.Delete, w.object("42", "prod", "speech"), nil, true)
	v.expect("mallory", w.Delete, w.object("42", "prod", "speech"), nil, false)
	return v
}

func (v *victim) expect(user, permission, object string, attributes map[string]any, may bool) {
	name := fmt.Sprint(user, " ", permission, " at ", object, " with ", attributes)
	v.expected[name] = may
	v.asked[name] = question{User: objectid.User(v.subject(user)), Permission: permission, Object: object, Attributes: attributes}
}

// expectRight expects every decision to be the right one.
func (v *victim) expectRight(may func(question) (bool, error)) {
	GinkgoHelper()
	for name, want := range v.expected {
		Expect(may(v.asked[name])).To(Equal(want), name)
	}
}

// spared are the rows by which bob may view, which nobody tampers with.
func (v *victim) spared(r row) bool {
	return r.userID == v.subject("bob") && r.objectType == "organization"
}

// watchBob asks without a pause whether bob may view, and returns how to expect that he always might.
func (v *victim) watchBob(may func(question) (bool, error)) (expectAlways func()) {
	var asked, wrong atomic.Int64
	stop, ended := make(chan struct{}), make(chan struct{})
	q := question{User: objectid.User(v.subject("bob")), Permission: v.View, Object: v.at()}
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if allowed, err := may(q); err != nil || !allowed {
				wrong.Add(1)
			}
			asked.Add(1)
		}
	}()
	DeferCleanup(func() {
		select {
		case <-stop:
		default:
			close(stop)
		}
	})
	return func() {
		GinkgoHelper()
		Eventually(asked.Load).Should(BeNumerically(">", 50))
		close(stop)
		<-ended
		Expect(wrong.Load()).To(BeZero(), "of %d decisions about somebody else", asked.Load())
	}
}

// tampered runs rounds of random tampering, and expects after each that the store holds what it should, that
// what was done was counted, and that every decision is right.
func (v *victim) tampered(rounds int, t *tamperer, held func() ([]string, error), limits state.Limits,
	counted func() (drift, error), may func(question) (bool, error),
) {
	GinkgoHelper()
	expectWhole(held, limits)
	v.expectRight(may)
	expectAlways := v.watchBob(may)
	var total drift
	for n := range rounds {
		before, err := counted()
		Expect(err).NotTo(HaveOccurred())
		done, expected := t.round(v.world, v.spared)
		total = total.plus(expected)
		By(fmt.Sprintf("round %d:\n%s", n, strings.Join(done, "\n")))
		Eventually(counted).Should(Equal(before.plus(expected)))
		expectWhole(held, limits)
		v.expectRight(may)
		Expect(counted()).To(Equal(before.plus(expected)), "nothing counts twice")
	}
	expectAlways()
	AddReportEntry("tampering", fmt.Sprintf("%d rounds: %d deleted, %d forged, %d changed", rounds, total.missing, total.foreign, total.changed))
}

var _ = Describe("Tampering with the store", Label(slow), func() {
	It("[K7] is repaired and counted, in the embedded store's file", Label(embeddedOnly), func() {
		op.Stop()
		op.compareEvery = 200 * time.Millisecond
		op.Start()
		DeferCleanup(func() {
			op.stopIfRunning()
			op.compareEvery = 0
		})
		v := newVictim()
		t := tamperWith(op.file, GinkgoRandomSeed())

		By("no client may write")
		id, err := op.storeID()
		Expect(err).NotTo(HaveOccurred())
		forged := map[string]any{"writes": map[string]any{"tuple_keys": []any{map[string]any{
			"object": v.at("prod"), "relation": "parent", "user": "organization:other",
		}}}}
		Expect(op.call(http.MethodPost, "/stores/"+id+"/write", forged, &struct{}{})).To(MatchError(ContainSubstring("written by the Bailiwick operator alone")))

		By("what somebody has written into the file counts until it is found")
		mallory := parts(v.at() + " grant_a user:" + v.subject("mallory")).giving(v.world)
		alice := parts(v.binding() + " assignee user:" + v.subject("alice"))
		inStore := func(user, permission, object string) (bool, error) {
			return op.check(question{User: objectid.User(v.subject(user)), Permission: permission, Object: object})
		}
		Eventually(func() (bool, error) {
			t.all(t.writes(mallory))
			return inStore("mallory", v.Delete, v.at())
		}).Should(BeTrue())
		Eventually(v.may("mallory", v.Delete, v.at())).Should(BeFalse())
		Eventually(func() (bool, error) {
			t.all(t.deletes(alice))
			return inStore("alice", v.View, v.at("prod"))
		}).Should(BeFalse())
		Eventually(v.may("alice", v.View, v.at("prod"))).Should(BeTrue())

		v.tampered(faultRounds(5), t, op.tuples, state.Limits{ConditionCost: store.EmbeddedConditionCost}, driftHere, op.may)
	})

	It("[K7] is repaired and counted, in an external store's database and through its API", func() {
		external, run := newExternal(), insteadOfSuites()
		metricsAddress := fmt.Sprint("127.0.0.1:", freePort())
		run(append(external.arguments, "--resync-interval=200ms", "--switch-grace=10ms", "--metrics-address="+metricsAddress)...)
		Eventually(stamped).Should(BeTrue(), func() string { return plane.LogTail("bailiwick") })
		v := newVictim()

		By("a write through the API that no operator has made")
		mallory := store.Key{Object: v.at(), Relation: "grant_a", User: objectid.User(v.subject("mallory"))}
		alice := store.Key{Object: v.binding(), Relation: "assignee", User: objectid.User(v.subject("alice"))}
		Expect(external.store.Write(ctx, []store.Tuple{{Key: mallory, Context: everythingOf(v.world)}}, []store.Key{alice})).To(Succeed())
		limits := state.Limits{ConditionCost: store.MaxConditionCost}
		held := func() ([]string, error) { return linesOf(external.store) }
		expectWhole(held, limits)
		Eventually(func() (drift, error) { return driftAt(metricsAddress) }).Should(Equal(drift{missing: 1, foreign: 1}))

		t := tamperWith(external.file, GinkgoRandomSeed())
		v.tampered(faultRounds(3), t, held, limits, func() (drift, error) { return driftAt(metricsAddress) }, external.may)
	})
})
