package integration

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// answer asks one replica.
func (r *replica) answer(q question) (bool, error) {
	evaluation, ok := evaluationOf(q)
	if !ok {
		return false, fmt.Errorf("AuthZEN has no words for %v", q)
	}
	asked := &operatorUnderTest{decisionURL: r.decisionURL}
	return asked.evaluate(suiteKey, evaluation)
}

// answers returns when a replica answers.
func (r *replica) answers(q question, want bool) {
	GinkgoHelper()
	Eventually(func() (bool, error) { return r.answer(q) }).WithTimeout(patience).Should(Equal(want), func() string { return plane.LogTail("bailiwick") })
}

// allows returns when a replica answers, and expects that it says yes: it may answer nobody for a moment, but never no.
func (r *replica) allows(q question, why string) {
	GinkgoHelper()
	r.answersFirst(q, true, why)
}

// denies is the same of no.
func (r *replica) denies(q question, why string) {
	GinkgoHelper()
	r.answersFirst(q, false, why)
}

func (r *replica) answersFirst(q question, want bool, why string) {
	GinkgoHelper()
	var allowed bool
	Eventually(func() (err error) { allowed, err = r.answer(q); return err }).WithTimeout(patience).Should(Succeed(), why)
	Expect(allowed).To(Equal(want), why)
}

// asked is a question to which the answer changes, and what may be answered when.
type asked struct {
	question

	periods []*period
}

// period is a time in which an object gives what is asked about: the answer must be yes from ready until deleted, and may be yes
// from created until gone.
type period struct {
	by                            v1alpha1.Object
	created, ready, deleted, gone time.Time
}

// begin creates an object that gives what is asked about, and returns when it is Ready.
func (a *asked) begin(by v1alpha1.Object) {
	GinkgoHelper()
	a.beginAs(k8sClient, by)
}

// beginAs is begin by somebody else.
func (a *asked) beginAs(author client.Client, by v1alpha1.Object) {
	GinkgoHelper()
	p := &period{by: by, created: time.Now()}
	a.periods = append(a.periods, p)
	Expect(author.Create(ctx, by)).To(Succeed())
	expectReason(by, v1alpha1.ReasonInForce)
	p.ready = time.Now()
}

// end deletes the object, and returns when it is gone, and how long that took.
func (a *asked) end() time.Duration {
	GinkgoHelper()
	p := a.periods[len(a.periods)-1]
	p.deleted = time.Now()
	remove(p.by)
	p.gone = time.Now()
	return p.gone.Sub(p.deleted)
}

// holds says whether the object is there.
func (a *asked) holds() bool {
	return len(a.periods) > 0 && a.periods[len(a.periods)-1].deleted.IsZero()
}

// answer is an answer. The replica decided at some moment between sent and came.
type answer struct {
	by         *replica
	about      *asked
	sent, came time.Time
	allowed    bool
}

// during are the periods that an answer may be about, as the first and the one after the last of them.
func (a answer) during() (first, after int) {
	first, _ = slices.BinarySearchFunc(a.about.periods, a.sent, func(p *period, sent time.Time) int {
		if !p.gone.IsZero() && p.gone.Before(sent) {
			return -1
		}
		return 1
	})
	after, _ = slices.BinarySearchFunc(a.about.periods, a.came, func(p *period, came time.Time) int {
		if p.created.Before(came) {
			return -1
		}
		return 1
	})
	return first, after
}

// right says whether there was a moment at which this was the answer.
func (a answer) right() bool {
	first, after := a.during()
	if a.allowed {
		return first < after
	}
	return !slices.ContainsFunc(a.about.periods[first:after], func(p *period) bool {
		return !p.ready.IsZero() && !a.sent.Before(p.ready) && (p.deleted.IsZero() || !a.came.After(p.deleted))
	})
}

// String names the moments from when it was sent.
func (a answer) String() string {
	text := fmt.Sprintf("%s says %t to %s %s, %s after it was asked", a.by.decisionURL, a.allowed, a.about.User, a.about.Permission, a.came.Sub(a.sent))
	first, after := a.during()
	for _, p := range a.about.periods[max(0, first-1):min(after+1, len(a.about.periods))] {
		text += fmt.Sprintf("; %s: created %s, ready %s, deleted %s, gone %s", p.by.GetName(),
			p.created.Sub(a.sent), p.ready.Sub(a.sent), p.deleted.Sub(a.sent), p.gone.Sub(a.sent))
	}
	return text
}

// said sums up what a replica has answered.
type said struct {
	count int
	// last is when the last question was sent that it answered, firstYes when its first yes came, and lastYes when the last
	// question was sent that it answered so.
	last, firstYes, lastYes time.Time
}

// crowd asks replicas 200 questions a second, from outside, and keeps each answer. What a replica does not answer is asked once
// more, at another one.
type crowd struct {
	about  []*asked
	askers sync.WaitGroup

	mu         sync.Mutex
	replicas   []*replica
	stops      map[*replica]chan struct{}
	said       map[*replica]*said
	answers    []answer
	unanswered []string
	// forgotten is when it last began anew to sum up.
	forgotten time.Time
}

// askEvery is how often each of three replicas is asked.
const askEvery = time.Second * 3 / 200

func newCrowd(about []*asked, replicas ...*replica) *crowd {
	a := &crowd{about: about, stops: map[*replica]chan struct{}{}, said: map[*replica]*said{}}
	DeferCleanup(a.end)
	for _, r := range replicas {
		a.add(r)
	}
	return a
}

// add has one more replica asked.
func (a *crowd) add(r *replica) {
	a.mu.Lock()
	defer a.mu.Unlock()
	stop := make(chan struct{})
	a.replicas, a.stops[r], a.said[r] = append(a.replicas, r), stop, &said{}
	a.askers.Go(func() { a.ask(r, stop) })
}

// drop has a replica asked no more.
func (a *crowd) drop(r *replica) {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.stops[r])
	delete(a.stops, r)
	a.replicas = slices.DeleteFunc(a.replicas, func(other *replica) bool { return other == r })
}

// end returns when nobody asks any more.
func (a *crowd) end() {
	a.mu.Lock()
	for r, stop := range a.stops {
		close(stop)
		delete(a.stops, r)
	}
	a.mu.Unlock()
	a.askers.Wait()
}

func (a *crowd) ask(r *replica, stop <-chan struct{}) {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-stop:
			return
		case <-ticker.C:
		}
		about := a.about[turn%len(a.about)]
		err := a.put(about, r)
		if err == nil {
			continue
		}
		if again := a.put(about, a.another(r)); again != nil {
			a.mu.Lock()
			a.unanswered = append(a.unanswered, fmt.Sprintf("%s: %s", time.Now().Format(time.StampMilli), errors.Join(err, again)))
			a.mu.Unlock()
		}
	}
}

// put asks one replica, and keeps what it answers.
func (a *crowd) put(about *asked, r *replica) error {
	sent := time.Now()
	allowed, err := r.answer(about.question)
	if err != nil {
		return err
	}
	came := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers = append(a.answers, answer{r, about, sent, came, allowed})
	if sent.Before(a.forgotten) {
		return nil
	}
	s := a.said[r]
	s.count++
	if sent.After(s.last) {
		s.last = sent
	}
	if allowed && sent.After(s.lastYes) {
		s.lastYes = sent
	}
	if allowed && (s.firstYes.IsZero() || came.Before(s.firstYes)) {
		s.firstYes = came
	}
	return nil
}

// another is a replica to ask when one has not answered.
func (a *crowd) another(than *replica) *replica {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.replicas) == 0 {
		return than // everything ends
	}
	return a.replicas[(slices.Index(a.replicas, than)+1)%len(a.replicas)]
}

// by sums up what a replica has answered.
func (a *crowd) by(r *replica) said {
	a.mu.Lock()
	defer a.mu.Unlock()
	return *a.said[r]
}

// forget begins anew to sum up.
func (a *crowd) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.forgotten = time.Now()
	for r := range a.said {
		a.said[r] = &said{}
	}
}

// kept is how many answers there are since they were last expected to be right.
func (a *crowd) kept() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.answers)
}

// expectRight expects of each answer since the last time that there was a moment at which it was right, and returns how many
// there were, when there are more than so many.
func (a *crowd) expectRight(over int) int {
	GinkgoHelper()
	Eventually(a.kept).WithTimeout(patience).Should(BeNumerically(">", over))
	a.mu.Lock()
	answers := a.answers
	a.answers = nil
	a.mu.Unlock()
	var wrong []string
	for _, given := range answers {
		if !given.right() {
			wrong = append(wrong, given.String())
		}
	}
	Expect(wrong).To(BeEmpty(), "of %d answers", len(answers))
	return len(answers)
}

// expectAnswered expects that no question was without an answer that was asked twice.
func (a *crowd) expectAnswered() {
	GinkgoHelper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.unanswered); n > 0 {
		Fail(fmt.Sprintf("%d questions have no answer that were asked twice, from\n%s\nto\n%s", n, a.unanswered[0], a.unanswered[n-1]))
	}
}

// expectYesBetween expects that a replica has answered no question yes that was asked too late or answered too early, and returns
// whether it has answered any yes.
func (a *crowd) expectYesBetween(r *replica, starts, ends time.Time) bool {
	GinkgoHelper()
	its := a.by(r)
	if its.firstYes.IsZero() {
		return false
	}
	Expect(its.firstYes).To(BeTemporally(">=", starts), "a yes before it begins")
	Expect(its.lastYes).To(BeTemporally("<=", ends), "a yes after it has ended")
	return true
}
