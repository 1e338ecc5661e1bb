package integration

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// misses is what hangs where a watch of one kind does.
func misses(r *http.Request) bool {
	return isWatch(r) && strings.HasSuffix(r.URL.Path, "/roleassignments")
}

// fault is something that happens to replicas, until end is called.
type fault struct {
	name  string
	begin func() (end func())
}

// through has access end, and other access begin, while a fault lasts, and expects that each answer is right: meanwhile, and
// when it is over.
func (t *trio) through(asking *crowd, called string, f fault) {
	GinkgoHelper()
	By(called + ", " + f.name)
	if !t.bobs.holds() {
		t.bobs.begin(t.edits(called))
	}
	t.expect(t.bobs, true)
	end := f.begin()
	t.bobs.end()
	t.alices.begin(t.deletes(called))
	end()
	t.expect(t.bobs, false)
	t.expect(t.alices, true)
	t.alices.end()
	asking.expectRight(100)
}

var _ = Describe("Of three replicas that answer decisions, none says yes to what is gone or no to what is Ready", Label(slow), func() {
	var (
		t   *trio
		all *crowd
	)
	BeforeEach(func() {
		t = newTrio()
		all = newCrowd([]*asked{t.bobs, t.alices}, t.all()...)
	})

	It("[D2] while one stands still, is cut off from the API server, or misses what becomes of a kind", func() {
		its := t.others()[1]
		faults := []fault{
			{"one stands still", func() func() {
				Expect(its.Pause()).To(Succeed())
				return func() { Expect(its.Resume()).To(Succeed()) }
			}},
			{"one is cut off from the API server", func() func() {
				its.way.hang(anyRequest)
				return its.way.goOn
			}},
			{"a watch of one hangs", func() func() {
				its.way.hang(misses)
				return its.way.goOn
			}},
		}
		for round := range faultRounds(1) {
			for n, f := range faults {
				t.through(all, fmt.Sprint("round-", round, "-", n), f)
			}
		}
	})

	It("[D2] when the one that leads is killed, or cut off, while one that answers can't know of it", func() {
		// follow has another one lead, and one more answer in the place of the one that led.
		follow := func(next *member) {
			GinkgoHelper()
			old := t.leading
			next.leads()
			t.leading = next
			t.replace(old, all, func() error { return nil })
		}
		faults := []fault{
			{"one stands still, and the leader is killed", func() func() {
				next, its := t.others()[0], t.others()[1]
				Expect(its.Pause()).To(Succeed())
				Expect(t.leading.Kill()).To(Succeed())
				next.leads()
				return func() {
					Expect(its.Resume()).To(Succeed())
					follow(next)
				}
			}},
			{"one is cut off from the API server, and the leader as well", func() func() {
				old, next, its := t.leading, t.others()[0], t.others()[1]
				old.way.hang(anyRequest)
				its.way.hang(anyRequest)
				cut := time.Now()
				next.leads()
				old.way.goOn()
				return func() {
					// Until then it may ask the store, which the next one keeps right before it tells anybody of a change.
					Eventually(old.Done()).WithTimeout(patience).Should(BeClosed())

					Expect(all.by(its.replica).last).To(And(BeTemporally(">", cut), BeTemporally("<=", cut.Add(readLease))), "the one that is cut off answers on")
					its.way.goOn()
					follow(next)
				}
			}},
		}
		for round := range faultRounds(1) {
			for n, f := range faults {
				t.through(all, fmt.Sprint("round-", round, "-", n), f)
			}
		}
	})
})
