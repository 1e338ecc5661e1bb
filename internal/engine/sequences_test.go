package engine_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/seeds"
)

// counts say whether a test has tested anything.
type counts struct {
	sequences, steps, compared, allowed, during int
	happened                                    map[string]int
}

// play runs a script in a bubble of its own time.
func play(t *testing.T, script []byte, total *counts) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newModel(t, script)
		m.run()
		total.add(m.seen)
	})
}

func (c *counts) add(other counts) {
	c.sequences++
	c.steps, c.compared = c.steps+other.steps, c.compared+other.compared
	c.allowed, c.during = c.allowed+other.allowed, c.during+other.during
	for what, often := range other.happened {
		c.happened[what] += often
	}
}

// scriptOf are the bytes of a random sequence, from a few steps to some dozens.
func scriptOf(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 21))
	script := make([]byte, 160+random.IntN(300))
	for i := range script {
		script[i] = byte(random.UintN(256))
	}
	return script
}

// A sequence that fails is made shorter and kept by `go test -fuzz=Engine ./internal/engine`.
func TestTheEngineDecidesAsTheObjectsSay(t *testing.T) {
	total := counts{happened: map[string]int{}}
	for seed := range seeds.Of(t, 250) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { play(t, scriptOf(seed), &total) })
	}
	t.Logf("%+v", total)
	for _, what := range []string{"create", "edit", "delete", "wait", "fail", "slow", "shut", "restart,", "remove", "replace", "forge", "compare",
		"accept", "protected", "lifted", "gapped"} {
		if total.happened[what] < total.sequences/20 {
			t.Errorf("%q happened %d times only", what, total.happened[what])
		}
	}
	if total.allowed < total.compared/100 {
		t.Errorf("only %d of %d questions were answered with yes", total.allowed, total.compared)
	}
}

// The decisions of all these sequences are made by a decider of our own: this one says that they are OpenFGA's.
func TestTheDeciderDecidesAsOpenFGADoes(t *testing.T) {
	opened, err := openfga.Embedded(t.Context(), openfga.EmbeddedOptions{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	allowed := 0
	for seed := range seeds.Of(t, 8) {
		var decides *decider
		var tuples []store.Tuple
		var keys []store.Key
		synctest.Test(t, func(t *testing.T) {
			m := newModel(t, scriptOf(2_000_000+seed))
			m.ended = func(m *model) {
				decides = newDecider(m.fake.Tuples(), m.clock.Now())
				for key, context := range m.fake.Tuples() {
					tuples, keys = append(tuples, store.Tuple{Key: key, Context: context}), append(keys, key)
				}
			}
			m.run()
		})
		if err := opened.Write(t.Context(), tuples, nil); err != nil {
			t.Fatal(err)
		}
		for _, q := range questions {
			may, err := opened.Check(t.Context(), asked(q, decides.now))
			if err != nil || may != decides.may(q) {
				t.Errorf("%+v: OpenFGA says %t, %v, and the decider %t", q, may, err, decides.may(q))
			}
			if may {
				allowed++
			}
		}
		if err := opened.Write(t.Context(), nil, keys); err != nil {
			t.Fatal(err)
		}
	}
	if allowed < 20 {
		t.Errorf("only %d questions were answered with yes", allowed)
	}
}

func FuzzTheEngineDecidesAsTheObjectsSay(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(scriptOf(1_000_000 + seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		total := counts{happened: map[string]int{}}
		play(t, script[:min(len(script), 800)], &total)
	})
}
