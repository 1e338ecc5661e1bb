package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/entitlement"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/tuples"
)

// grantCell is a cell that grants fill together: all that one subject is granted directly at one scope.
type grantCell struct {
	owners   set[kinds.Ref]
	contexts []*structpb.Struct
}

// evaluateGrantCell merges what the grants of a cell offer, the oldest first as long as the store takes
// it, and says of each what became of it. Those in by wait for the cell.
func (e *evaluation) evaluateGrantCell(cell tuples.Cell, by set[kinds.Ref]) {
	t := e.tenant
	node := t.grantCells[cell]
	for ref := range node.owners {
		// One that has ended costs as much as one that has not, so it goes now, before its own turn.
		if t.grants[ref].endedBy(t.now) {
			e.evaluateGrant(ref)
		}
	}
	merged := t.merge(slices.SortedFunc(maps.Keys(node.owners), t.compareGrants))
	contexts, err := tuples.Contexts(merged.grants, 1)
	if err != nil {
		panic(fmt.Sprintf("state: what was admitted one by one does not fit: %v", err)) // a mistake in the program
	}
	same := slices.EqualFunc(node.contexts, contexts, func(a, b *structpb.Struct) bool { return proto.Equal(a, b) })
	if !same {
		t.counters.grantCells += held(contexts) - held(node.contexts)
		node.contexts = contexts
	}
	for ref := range node.owners {
		before := len(e.change.Outcomes)
		owner := t.grants[ref]
		e.setOutcome(ref, &owner.outcome, t.evaluateOffer(owner, merged.rejected[ref]))
		if len(e.change.Outcomes) > before {
			by.add(ref)
		}
		e.entitle(ref, &owner.desired, owner.facts())
	}
	for ref := range by {
		e.change.Cells = append(e.change.Cells, Touched[tuples.Cell]{What: cell, By: ref, Joined: same})
	}
	if len(node.owners) == 0 {
		delete(t.grantCells, cell)
	}
}

// facts are the entries of a grant that its cell has taken.
func (g *grant) facts() entitlement.Facts {
	var taken []policy.Grant
	for n, offered := range g.offer.entries {
		if g.outcome.Permissions[n].Granted {
			taken = append(taken, offered.grant)
		}
	}
	if len(taken) == 0 {
		return entitlement.Facts{}
	}
	return entitlement.Facts{Grants: &entitlement.Grants{
		Principal: entitlement.Principal{User: g.object.user, Group: g.object.group},
		At:        g.offer.path, Grants: taken,
	}}
}

// held is 1 for a cell that holds something, else 0.
func held(contexts []*structpb.Struct) int { return min(len(contexts), 1) }

// endedBy says whether a grant that still offers something has ended.
func (g *grant) endedBy(now time.Time) bool {
	until := g.offer.entries[0].grant.Window.Until
	return !until.IsZero() && !now.Before(until)
}

// compareGrants orders grants by age.
func (t *tenant) compareGrants(a, b kinds.Ref) int {
	return cmp.Or(
		t.grants[a].object.age.Time.Compare(t.grants[b].object.age.Time),
		strings.Compare(a.Namespace, b.Namespace),
		strings.Compare(a.Name, b.Name),
		strings.Compare(a.Kind, b.Kind),
	)
}

// merged is what a cell takes of what it is offered.
type merged struct {
	grants []policy.Grant
	// rejected are the faults of entries that the store would not take, by grant and number of entry.
	rejected map[kinds.Ref]map[int]entry
}

// merge admits entries in order. What it admits always fits. An entry costs as much as those of its permission that have the same
// conditions, and where not all of them fit into the store, as much as those of its permission.
func (t *tenant) merge(owners []kinds.Ref) merged {
	m := merged{rejected: map[kinds.Ref]map[int]entry{}}
	admitted := map[string]*admitted{}
	fits, size := t.fitsAtOnce(owners), tuples.EmptySize()
	for _, ref := range owners {
		for n, offered := range t.grants[ref].offer.entries {
			if offered.fault != nil {
				continue
			}
			permission := offered.grant.Permission
			before := ensure(admitted, permission)
			with := before.with(offered.grant)
			if fault := t.tooExpensive(offered.grant, with); fault != nil {
				m.reject(ref, n, *fault)
				continue
			}
			if !fits {
				more := with.measure(store.MaxContextBytes-size) - before.size
				if size+more > store.MaxContextBytes {
					m.reject(ref, n, tooLarge(offered.grant, fmt.Errorf("%w: more than a tuple of %d bytes", tuples.ErrTooLarge, store.MaxContextBytes)))
					continue
				}
				size += more
			}
			before.admit(with)
		}
	}
	for _, one := range admitted {
		m.grants = one.appendTo(m.grants)
	}
	return m
}

// admitted are the grants of one permission that a cell takes, merged, by their conditions.
type admitted struct {
	groups map[string][]policy.Grant
	sum    condition.Sum
	always bool
	// size is what they take of the context, where that is measured.
	size int
}

// candidate is what is admitted with one grant more: one group of grants with the same conditions changes.
type candidate struct {
	*admitted
	key   string
	group []policy.Grant
	sum   condition.Sum
	// always means that the permission is given without conditions.
	always bool
	size   int
}

func (a *admitted) with(grant policy.Grant) *candidate {
	key := grant.TestsKey()
	c := &candidate{admitted: a, key: key, sum: a.sum, group: policy.Merge(append(slices.Clip(a.groups[key]), grant))}
	for _, old := range a.groups[key] {
		c.sum = c.sum.Without(old)
	}
	for _, now := range c.group {
		c.sum = c.sum.With(now)
	}
	c.always = a.always || slices.ContainsFunc(c.group, policy.Grant.Always)
	return c
}

// measure is what the permission takes of the context. Where a rule more alone is more than what is left, that is enough to know.
func (c *candidate) measure(left int) int {
	if len(c.admitted.groups[c.key]) == 0 && !c.always && len(c.admitted.groups) > 0 {
		if alone := proto.Size(condition.Rule(c.group[0])); alone > left {
			return c.admitted.size + alone
		}
	}
	grants := slices.Clone(c.group)
	for key, group := range c.admitted.groups {
		if key != c.key {
			grants = append(grants, group...)
		}
	}
	c.size = tuples.EntrySize(grants)
	return c.size
}

func (a *admitted) admit(c *candidate) {
	if a.groups == nil {
		a.groups = map[string][]policy.Grant{}
	}
	a.groups[c.key], a.sum, a.always, a.size = c.group, c.sum, c.always, c.size
}

func (a *admitted) appendTo(grants []policy.Grant) []policy.Grant {
	for _, group := range a.groups {
		grants = append(grants, group...)
	}
	return grants
}

// fitsAtOnce says whether all that is offered is within the size that the store takes, as it almost
// always is: then nothing needs to be measured one by one.
func (t *tenant) fitsAtOnce(owners []kinds.Ref) bool {
	var all []policy.Grant
	for _, ref := range owners {
		for _, offered := range t.grants[ref].offer.entries {
			if offered.fault == nil {
				all = append(all, offered.grant)
			}
		}
	}
	_, err := tuples.Contexts(all, 1)
	return err == nil
}

// tooLarge says why a grant does not fit beside the others.
func tooLarge(granted policy.Grant, beside error) entry {
	if _, alone := tuples.Contexts([]policy.Grant{granted}, 1); alone != nil {
		return entry{fault: &policy.Fault{Reason: v1alpha1.ReasonContextTooLarge, Message: fmt.Sprintf(
			"its conditions are %v: use fewer or shorter values", alone)}}
	}
	return entry{waits: true, fault: &policy.Fault{Reason: v1alpha1.ReasonContextTooLarge, Message: fmt.Sprintf(
		"with the older grants to the same subject at the same scope, this is %v: delete some of them, or give a role instead", beside)}}
}

// tooExpensive says why a grant can't stand beside the others of its permission.
func (t *tenant) tooExpensive(granted policy.Grant, with *candidate) *entry {
	cost, limit := with.sum.Cost(), t.limits.ConditionCost
	if cost <= limit || with.always {
		return nil
	}
	if alone := condition.Cost([]policy.Grant{granted}); alone > limit {
		return &entry{fault: &policy.Fault{Reason: v1alpha1.ReasonConditionTooExpensive, Message: fmt.Sprintf(
			"its %d conditions make a decision cost %d, and the store allows %d: use fewer conditions", len(granted.Tests), alone, limit)}}
	}
	return &entry{waits: true, fault: &policy.Fault{Reason: v1alpha1.ReasonConditionTooExpensive, Message: fmt.Sprintf(
		"with the older grants of the permission to the same subject at the same scope, a decision would cost %d, and the store allows %d: delete some of them, or let their windows touch", cost, limit)}}
}

func (m *merged) reject(ref kinds.Ref, n int, why entry) {
	if m.rejected[ref] == nil {
		m.rejected[ref] = map[int]entry{}
	}
	m.rejected[ref][n] = why
}

// evaluateOffer says what became of a grant whose entries were admitted, but for the rejected ones.
func (t *tenant) evaluateOffer(node *grant, rejected map[int]entry) Outcome {
	o := node.object
	life, _ := t.evaluateLife(node.offer.path.Organization, o)
	outcome := t.withLife(Outcome{Ready: true, Reason: v1alpha1.ReasonInForce}, life)
	var faults []entry
	for n, offered := range node.offer.entries {
		if why, ok := rejected[n]; ok {
			offered.fault, offered.waits = why.fault, why.waits
		}
		result := v1alpha1.PermissionOutcome{Permission: offered.permission, Granted: true, Reason: v1alpha1.ReasonGranted}
		if offered.fault != nil {
			result = v1alpha1.PermissionOutcome{Permission: offered.permission, Reason: offered.fault.Reason, Message: offered.fault.Message}
			faults = append(faults, offered)
		}
		outcome.Permissions = append(outcome.Permissions, result)
	}
	begun := outcome.Phase != v1alpha1.PhasePending
	outcome.InForce = begun && len(faults) < len(node.offer.entries)
	switch {
	case len(faults) > 0:
		outcome.Ready, outcome.Reason = false, commonReason(faults)
		outcome.Stalled = slices.ContainsFunc(faults, func(fault entry) bool { return !fault.waits })
		outcome.Message = fmt.Sprintf("%d of %d permissions are not granted, see status.permissions; the first: %s: %s",
			len(faults), len(node.offer.entries), faults[0].permission, faults[0].fault.Message)
	case !begun:
		outcome.Reason = v1alpha1.ReasonPending
		outcome.Message = begins(life)
	case !life.Deadline.IsZero():
		outcome.Message = fmt.Sprintf("in force at %s until %s", node.offer.path, instant(life.Deadline))
	default:
		outcome.Message = fmt.Sprintf("in force at %s", node.offer.path)
	}
	if life.Capped {
		outcome.Message += "; spec asks for longer than the organization's temporaryGrants.maxDuration allows"
	}
	return outcome
}

// commonReason is what stands in the way: the limit of the store if that is all, else that entries are
// invalid.
func commonReason(faults []entry) string {
	reason := faults[0].fault.Reason
	for _, fault := range faults {
		if fault.fault.Reason != reason {
			return v1alpha1.ReasonPermissionsInvalid
		}
	}
	if reason == v1alpha1.ReasonConditionTooExpensive || reason == v1alpha1.ReasonContextTooLarge {
		return reason
	}
	return v1alpha1.ReasonPermissionsInvalid
}
