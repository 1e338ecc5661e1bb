package policy_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

func TestParseDurationReadsBothForms(t *testing.T) {
	const day = 24 * time.Hour
	for written, want := range map[v1alpha1.Duration]time.Duration{
		"PT8H":          8 * time.Hour,
		"8h":            8 * time.Hour,
		"PT1S":          time.Second,
		"1s":            time.Second,
		"PT90M":         90 * time.Minute,
		"1h30m":         90 * time.Minute,
		"PT1H30M15S":    90*time.Minute + 15*time.Second,
		"1h30m15s":      90*time.Minute + 15*time.Second,
		"P1D":           day,
		"P1DT12H":       36 * time.Hour,
		"P2W":           14 * day,
		"P1W1DT1S":      8*day + time.Second,
		"P0DT1S":        time.Second,
		"PT08H":         8 * time.Hour,
		"P999W":         999 * 7 * day,
		"PT99999999S":   99999999 * time.Second,
		"99999999s":     99999999 * time.Second,
		"999999m":       999999 * time.Minute,
		"PT99999H1S":    99999*time.Hour + time.Second,
		"P999W9999DT1S": 999*7*day + 9999*day + time.Second,
	} {
		got, err := policy.ParseDuration(written)
		if err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", written, got, err, want)
		}
	}
}

func TestParseDurationRefusesWhatIsNotExact(t *testing.T) {
	for _, written := range []v1alpha1.Duration{
		"", "P", "PT", "P1DT", "h", "8", "PT8", "P8H", "8H", "PT8h", "eight hours", " 8h", "8h ", "8h\n", "PT8H\n",
		// nothing, and less
		"PT0S", "0s", "0h0m0s", "P0D", "-PT1H", "PT-1H", "-1h", "+1h",
		// no fixed length
		"P1M", "P1Y", "P1Y6M", "P1M1D", "P0M1D",
		// fractions, and what can't be told exactly
		"PT1.5H", "PT1,5H", "1.5h", "0.5s", "500ms", "1h500ms", "1us", "1ns",
		// out of order, and twice
		"PT1S1H", "1m1h", "PT1H1H", "1h1h", "P1D1W", "PPT1H",
		// beyond what is counted
		"P1000W", "P10000D", "PT100000H", "100000h", "PT1000000M", "PT999999999S", "P15000W106000DT2562047H", "P99999999999999999999D",
		"9999999999999999h",
	} {
		if got, err := policy.ParseDuration(written); err == nil {
			t.Errorf("%q: got %v", written, got)
		}
	}
}

// eight is the length of the grants below.
const eight = 8 * time.Hour

func lasting(change func(*v1alpha1.TemporaryPermissionGrant)) *v1alpha1.TemporaryPermissionGrant {
	duration := v1alpha1.Duration("PT8H")
	grant := &v1alpha1.TemporaryPermissionGrant{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Time{Time: noon}, Annotations: map[string]string{}},
		Spec:       v1alpha1.TemporaryPermissionGrantSpec{Duration: &duration},
	}
	change(grant)
	return grant
}

func grantedAt(written string) func(*v1alpha1.TemporaryPermissionGrant) {
	return func(g *v1alpha1.TemporaryPermissionGrant) { g.Annotations[v1alpha1.AnnotationGrantedAt] = written }
}

func at(instant time.Time) *metav1.Time { return &metav1.Time{Time: instant} }

func TestLifetimeBeginsAtTheEarliestOfWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*v1alpha1.TemporaryPermissionGrant)
		want   time.Time
	}{
		"at its creation":                          {func(*v1alpha1.TemporaryPermissionGrant) {}, noon},
		"when it was granted, if that is earlier":  {grantedAt(hour(-3).Format(time.RFC3339)), hour(-3)},
		"which may be written in another zone":     {grantedAt(hour(-3).In(time.FixedZone("", 7200)).Format(time.RFC3339)), hour(-3)},
		"and is counted from the second before":    {grantedAt(hour(-3).Add(999 * time.Millisecond).Format(time.RFC3339Nano)), hour(-3)},
		"not when it was granted later":            {grantedAt(hour(3).Format(time.RFC3339)), noon},
		"nor when that can't be read":              {grantedAt("yesterday"), noon},
		"nor when that is empty":                   {grantedAt(""), noon},
		"when the status says, if that is earlier": {func(g *v1alpha1.TemporaryPermissionGrant) { g.Status.StartsAt = at(hour(-2)) }, hour(-2)},
		"not when the status says later":           {func(g *v1alpha1.TemporaryPermissionGrant) { g.Status.StartsAt = at(hour(2)) }, noon},
		"at the earlier of annotation and status": {func(g *v1alpha1.TemporaryPermissionGrant) {
			grantedAt(hour(-3).Format(time.RFC3339))(g)
			g.Status.StartsAt = at(hour(-2))
		}, hour(-3)},
		"at the earlier of status and annotation": {func(g *v1alpha1.TemporaryPermissionGrant) {
			grantedAt(hour(-2).Format(time.RFC3339))(g)
			g.Status.StartsAt = at(hour(-3))
		}, hour(-3)},
		"at startsAt, earlier than its creation": {func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.StartsAt = at(hour(-1)) }, hour(-1)},
		"at startsAt, later than its creation":   {func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.StartsAt = at(hour(1)) }, hour(1)},
		"at startsAt, whatever else is said": {func(g *v1alpha1.TemporaryPermissionGrant) {
			g.Spec.StartsAt = at(hour(1))
			grantedAt(hour(-3).Format(time.RFC3339))(g)
			g.Status.StartsAt = at(hour(-2))
		}, hour(1)},
	} {
		life, err := policy.LifetimeOf(lasting(c.change), 0)
		if want := (policy.Lifetime{Start: c.want, Deadline: c.want.Add(eight)}); err != nil || !life.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", name, life, err, want)
		}
	}
}

func TestLifetimeEndsAtTheEarlierOfItsOwnDeadlineAndTheMaximum(t *testing.T) {
	until := func(deadline time.Time) func(*v1alpha1.TemporaryPermissionGrant) {
		return func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.Duration, g.Spec.ExpiresAt = nil, at(deadline) }
	}
	startsAt := func(start time.Time, change func(*v1alpha1.TemporaryPermissionGrant)) func(*v1alpha1.TemporaryPermissionGrant) {
		return func(g *v1alpha1.TemporaryPermissionGrant) { change(g); g.Spec.StartsAt = at(start) }
	}
	asIs := func(*v1alpha1.TemporaryPermissionGrant) {}
	for name, c := range map[string]struct {
		change  func(*v1alpha1.TemporaryPermissionGrant)
		maximum time.Duration
		want    policy.Lifetime
	}{
		"a duration":                      {asIs, 0, policy.Lifetime{Start: noon, Deadline: hour(8)}},
		"a duration below the maximum":    {asIs, 9 * time.Hour, policy.Lifetime{Start: noon, Deadline: hour(8)}},
		"a duration at the maximum":       {asIs, 8 * time.Hour, policy.Lifetime{Start: noon, Deadline: hour(8)}},
		"a duration above the maximum":    {asIs, 8*time.Hour - 1, policy.Lifetime{Start: noon, Deadline: hour(8).Add(-1), Capped: true}},
		"a deadline":                      {until(hour(5)), 0, policy.Lifetime{Start: noon, Deadline: hour(5)}},
		"a deadline above the maximum":    {until(hour(5)), time.Hour, policy.Lifetime{Start: noon, Deadline: hour(1), Capped: true}},
		"a deadline before its creation":  {until(hour(-5)), time.Hour, policy.Lifetime{Start: noon, Deadline: hour(-5)}},
		"a later start and a duration":    {startsAt(hour(2), asIs), time.Hour, policy.Lifetime{Start: hour(2), Deadline: hour(3), Capped: true}},
		"a later start and a deadline":    {startsAt(hour(2), until(hour(5))), time.Hour, policy.Lifetime{Start: hour(2), Deadline: hour(3), Capped: true}},
		"an earlier start and a deadline": {startsAt(hour(-2), until(hour(5))), 3 * time.Hour, policy.Lifetime{Start: hour(-2), Deadline: hour(1), Capped: true}},
	} {
		if life, err := policy.LifetimeOf(lasting(c.change), c.maximum); err != nil || !life.Equal(c.want) {
			t.Errorf("%s: got %v, %v, want %v", name, life, err, c.want)
		}
	}
}

func TestLifetimeNeedsAnEndThatCanBeRead(t *testing.T) {
	month := v1alpha1.Duration("P1M")
	for name, change := range map[string]func(*v1alpha1.TemporaryPermissionGrant){
		"no end":  func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.Duration = nil },
		"a month": func(g *v1alpha1.TemporaryPermissionGrant) { g.Spec.Duration = &month },
	} {
		if life, err := policy.LifetimeOf(lasting(change), 0); err == nil {
			t.Errorf("%s: got %v", name, life)
		}
	}
}

func TestPhaseChangesAtTheInstantAndNotBefore(t *testing.T) {
	life := policy.Lifetime{Start: noon, Deadline: hour(8)}
	none := time.Time{}
	for name, c := range map[string]struct {
		now   time.Time
		phase v1alpha1.GrantPhase
		next  time.Time
	}{
		"long before":           {hour(-100), v1alpha1.PhasePending, noon},
		"just before the start": {noon.Add(-1), v1alpha1.PhasePending, noon},
		"at the start":          {noon, v1alpha1.PhaseActive, hour(8)},
		"just after the start":  {noon.Add(1), v1alpha1.PhaseActive, hour(8)},
		"just before the end":   {hour(8).Add(-1), v1alpha1.PhaseActive, hour(8)},
		"at the end":            {hour(8), v1alpha1.PhaseExpired, none},
		"long after":            {hour(1000), v1alpha1.PhaseExpired, none},
		"elsewhere, at the end": {hour(8).In(time.FixedZone("", -7200)), v1alpha1.PhaseExpired, none},
	} {
		if phase, next := life.PhaseAt(c.now), life.Next(c.now); phase != c.phase || !next.Equal(c.next) {
			t.Errorf("%s: got %s until %v, want %s until %v", name, phase, next, c.phase, c.next)
		}
	}
}

func TestALifetimeThatEndsBeforeItBeginsIsNeverActive(t *testing.T) {
	life := policy.Lifetime{Start: noon, Deadline: hour(-5)}
	for at, want := range map[int]v1alpha1.GrantPhase{-6: v1alpha1.PhasePending, -5: v1alpha1.PhaseExpired, 0: v1alpha1.PhaseExpired, 1: v1alpha1.PhaseExpired} {
		if phase := life.PhaseAt(hour(at)); phase != want {
			t.Errorf("at %d: got %s, want %s", at, phase, want)
		}
	}
}

func TestLifetimesAreTheSameInstantsInAnyZone(t *testing.T) {
	life := policy.Lifetime{Start: noon, Deadline: hour(8)}
	elsewhere := time.FixedZone("", 7200)
	if !life.Equal(policy.Lifetime{Start: noon.In(elsewhere), Deadline: hour(8).In(elsewhere)}) {
		t.Error("the same instants in another zone are another lifetime")
	}
	for _, other := range []policy.Lifetime{
		{Start: noon.Add(1), Deadline: hour(8)}, {Start: noon, Deadline: hour(8).Add(1)}, {Start: noon, Deadline: hour(8), Capped: true},
	} {
		if life.Equal(other) {
			t.Errorf("%v is taken for %v", other, life)
		}
	}
}

func TestStampsThatNoStoreReadsBeginAtTheEarliest(t *testing.T) {
	length := v1alpha1.Duration("PT8H")
	grant := &v1alpha1.TemporaryPermissionGrant{Spec: v1alpha1.TemporaryPermissionGrantSpec{Duration: &length}}
	grant.CreationTimestamp.Time = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	grant.Annotations = map[string]string{v1alpha1.AnnotationGrantedAt: "0000-01-01T00:00:00Z"}
	life, err := policy.LifetimeOf(grant, 0)
	if err != nil || life.Start.Year() != 2000 {
		t.Fatalf("begins at %v, %v", life.Start, err)
	}
}

func TestAWindowIncludesItsBeginningAndNotItsEnd(t *testing.T) {
	from, until := time.Date(2030, 1, 1, 8, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		window policy.Window
		at     time.Time
		want   bool
	}{
		"before it":               {policy.Window{From: from, Until: until}, from.Add(-time.Second), false},
		"at its beginning":        {policy.Window{From: from, Until: until}, from, true},
		"just before its end":     {policy.Window{From: from, Until: until}, until.Add(-time.Second), true},
		"at its end":              {policy.Window{From: from, Until: until}, until, false},
		"long after an open end":  {policy.Window{From: from}, until, true},
		"before an open end":      {policy.Window{From: from}, from.Add(-time.Second), false},
		"before, without a begin": {policy.Window{Until: until}, from.Add(-time.Hour), true},
		"after, without a begin":  {policy.Window{Until: until}, until, false},
		"any time":                {policy.Window{}, from, true},
	} {
		if got := c.window.Includes(c.at); got != c.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}
