package policy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sosodev/duration"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// exact is the form of a duration that the schema lets through: whole, in order, each unit once, and so
// few digits that the sum can be counted in nanoseconds. The parsers below take more than that.
var exact = regexp.MustCompile(`^(P([0-9]{1,3}W)?([0-9]{1,4}D)?(T([0-9]{1,5}H)?([0-9]{1,6}M)?([0-9]{1,8}S)?)?` +
	`|([0-9]{1,5}h)?([0-9]{1,6}m)?([0-9]{1,8}s)?)$`)

// ParseDuration reads a duration as the API writes it. The schema lets only whole and finite ones
// through; anything else is an error all the same.
func ParseDuration(written v1alpha1.Duration) (time.Duration, error) {
	length, err := parseDuration(string(written))
	if err == nil && length <= 0 {
		err = errors.New("it must be longer than 0")
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no duration: write it as in PT8H or 8h: %w", written, err)
	}
	return length, nil
}

func parseDuration(text string) (time.Duration, error) {
	if !exact.MatchString(text) || strings.HasSuffix(text, "T") {
		return 0, errors.New("it must be of whole weeks, days, hours, minutes and seconds, in this order; a month has no fixed length: write days")
	}
	if !strings.HasPrefix(text, "P") {
		return time.ParseDuration(text)
	}
	parsed, err := duration.Parse(text)
	if err != nil {
		return 0, err
	}
	return parsed.ToTimeDuration(), nil
}

// Lifetime is when a temporary grant begins and ends.
type Lifetime struct {
	Start, Deadline time.Time
	// Capped means that the organization's maximum ends the grant before its own deadline.
	Capped bool
}

// LifetimeOf is the lifetime of a grant. It begins at startsAt or, without it, at the earliest of what
// is known of its creation: a grant that comes back from a backup has been there before, and whoever
// forges one of these can only shorten it. The maximum is 0 where there is none.
func LifetimeOf(grant *v1alpha1.TemporaryPermissionGrant, maximum time.Duration) (Lifetime, error) {
	life := Lifetime{Start: startOf(grant)}
	switch {
	case grant.Spec.ExpiresAt != nil:
		life.Deadline = grant.Spec.ExpiresAt.Time
	case grant.Spec.Duration != nil:
		length, err := ParseDuration(*grant.Spec.Duration)
		if err != nil {
			return Lifetime{}, fmt.Errorf("spec.duration: %w", err)
		}
		life.Deadline = life.Start.Add(length)
	default:
		return Lifetime{}, errors.New("spec: set exactly one of duration and expiresAt")
	}
	if latest := life.Start.Add(maximum); maximum > 0 && life.Deadline.After(latest) {
		life.Deadline, life.Capped = latest, true
	}
	return life, nil
}

func startOf(grant *v1alpha1.TemporaryPermissionGrant) time.Time {
	if grant.Spec.StartsAt != nil {
		return grant.Spec.StartsAt.Time
	}
	start := grant.CreationTimestamp.Time
	if stamped, err := time.Parse(time.RFC3339, grant.Annotations[v1alpha1.AnnotationGrantedAt]); err == nil && stamped.Before(start) {
		start = stamped.Truncate(time.Second) // the precision of the status, which must not differ
	}
	// What the status has said before still holds when the annotation is taken away.
	if said := grant.Status.StartsAt; said != nil && said.Time.Before(start) {
		start = said.Time
	}
	if start.Before(earliest) {
		return earliest
	}
	return start
}

// earliest is the first start that the schema lets through. A stamp may say anything, and the store can't
// read every year.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Equal says whether two lifetimes are the same.
func (l Lifetime) Equal(other Lifetime) bool {
	return l.Start.Equal(other.Start) && l.Deadline.Equal(other.Deadline) && l.Capped == other.Capped
}

// LifetimeIn is the lifetime of what a window says begins and ends. A zero start or deadline is none.
func LifetimeIn(window v1alpha1.Window) (life Lifetime) {
	if window.StartsAt != nil {
		life.Start = window.StartsAt.Time
	}
	if window.ExpiresAt != nil {
		life.Deadline = window.ExpiresAt.Time
	}
	return life
}

// Window is from when until when it lasts.
func (l Lifetime) Window() Window { return Window{From: l.Start, Until: l.Deadline} }

// PhaseAt is where in its life a grant is: the start is part of it, the deadline is not. What neither begins nor ends
// has none.
func (l Lifetime) PhaseAt(now time.Time) v1alpha1.GrantPhase {
	switch {
	case l == Lifetime{}:
		return ""
	case !l.Deadline.IsZero() && !now.Before(l.Deadline):
		return v1alpha1.PhaseExpired
	case now.Before(l.Start):
		return v1alpha1.PhasePending
	default:
		return v1alpha1.PhaseActive
	}
}

// Next is when the phase changes next; zero when it does not.
func (l Lifetime) Next(now time.Time) time.Time {
	switch l.PhaseAt(now) {
	case v1alpha1.PhasePending:
		return l.Start
	case v1alpha1.PhaseActive:
		return l.Deadline
	default:
		return time.Time{}
	}
}
