package policy_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// hour is so many hours after noon, and the zero time for no hour.
func hour(n int) time.Time {
	if n == open {
		return time.Time{}
	}
	return noon.Add(time.Duration(n) * time.Hour)
}

const open = 99

func TestMergeJoinsWindowsThatTouch(t *testing.T) {
	type span [2]int
	for name, c := range map[string]struct{ windows, want []span }{
		"none":                        {nil, nil},
		"one":                         {[]span{{1, 2}}, []span{{1, 2}}},
		"one after another":           {[]span{{1, 2}, {2, 3}}, []span{{1, 3}}},
		"overlapping":                 {[]span{{1, 3}, {2, 4}}, []span{{1, 4}}},
		"one within another":          {[]span{{1, 4}, {2, 3}}, []span{{1, 4}}},
		"the same twice":              {[]span{{1, 2}, {1, 2}}, []span{{1, 2}}},
		"with a gap":                  {[]span{{1, 2}, {3, 4}}, []span{{1, 2}, {3, 4}}},
		"a gap that a third closes":   {[]span{{1, 2}, {3, 4}, {2, 3}}, []span{{1, 4}}},
		"without an end":              {[]span{{1, open}, {2, 3}}, []span{{1, open}}},
		"an end that another opens":   {[]span{{1, 3}, {2, open}}, []span{{1, open}}},
		"the same start, one endless": {[]span{{1, 3}, {1, open}}, []span{{1, open}}},
		"without a beginning":         {[]span{{1, 2}, {open, 1}}, []span{{open, 2}}},
		"always, and for a time":      {[]span{{1, 2}, {open, open}}, []span{{open, open}}},
	} {
		var grants, want []policy.Grant
		for _, window := range c.windows {
			grants = append(grants, policy.Grant{Permission: "App:View", Window: policy.Window{From: hour(window[0]), Until: hour(window[1])}})
		}
		for _, window := range c.want {
			want = append(want, policy.Grant{Permission: "App:View", Window: policy.Window{From: hour(window[0]), Until: hour(window[1])}})
		}
		if got := policy.Merge(grants); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func TestMergeGrantsTheSameAtTheSameTimes(t *testing.T) {
	const seed = 3
	random := rand.New(rand.NewPCG(seed, seed))
	for round := range 2000 {
		var grants []policy.Grant
		for range random.IntN(8) {
			grants = append(grants, randomGrant(random))
		}
		before := fmt.Sprint(grants)
		merged := policy.Merge(grants)
		if len(merged) > len(grants) || fmt.Sprint(grants) != before {
			t.Fatalf("seed %d, round %d: %v became %v", seed, round, before, merged)
		}
		for at := -1; at < 14; at++ { // in half hours, to look within windows and at their ends
			instant := noon.Add(time.Duration(at) * 30 * time.Minute)
			if had, has := held(grants, instant), held(merged, instant); fmt.Sprint(had) != fmt.Sprint(has) {
				t.Fatalf("seed %d, round %d: at %v, %v grants %v, and merged %v grants %v", seed, round, instant, grants, had, merged, has)
			}
		}
		for i, a := range merged {
			for _, b := range merged[i+1:] {
				if label(a) == label(b) && !a.Window.Until.Before(b.Window.From) && !b.Window.Until.Before(a.Window.From) {
					t.Fatalf("seed %d, round %d: %v and %v touch and were not joined", seed, round, a, b)
				}
			}
		}
	}
}

func randomGrant(random *rand.Rand) policy.Grant {
	grant := policy.Grant{Permission: []string{"App:View", "App:Edit"}[random.IntN(2)]}
	if random.IntN(2) == 0 {
		operator := append([]v1alpha1.ConditionType{isIn, isNotEqual}, ordering...)[random.IntN(2+len(ordering))]
		grant.Tests = []policy.Test{{"floor", v1alpha1.AttributeNumber, operator, number(float64(random.IntN(2)))}}
	}
	from := random.IntN(5)
	grant.Window = policy.Window{From: hour(from), Until: hour(from + 1 + random.IntN(3))}
	if random.IntN(6) == 0 {
		grant.Window.From = time.Time{}
	}
	if random.IntN(6) == 0 {
		grant.Window.Until = time.Time{}
	}
	return grant
}

// held are the permissions, and the conditions under which they are held, at an instant.
func held(grants []policy.Grant, at time.Time) map[string]bool {
	held := map[string]bool{}
	for _, grant := range grants {
		if !at.Before(grant.Window.From) && (grant.Window.Until.IsZero() || at.Before(grant.Window.Until)) {
			held[label(grant)] = true
		}
	}
	return held
}

func label(grant policy.Grant) string { return fmt.Sprint(grant.Permission, grant.Tests) }
