package state

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// pause is what the state knows of an object that is paused, or whose status still says that it was.
type pause struct {
	// by is as in Paused; empty where the object is not paused any more.
	by string
	// written is the object as it was put, held as it was when it was paused, and effective what counts of
	// the two; nil where nothing does.
	written, held, effective v1alpha1.Object
	// waits means that the effective spec is not the one that is written.
	waits  bool
	record *v1alpha1.Held
}

// outcome is that of an object that is paused, made from that of its effective spec.
func (p *pause) outcome(ref kinds.Ref, outcome Outcome) Outcome {
	paused := &Paused{By: p.by, Effective: p.effective, Waits: p.waits, Record: p.record}
	outcome.Paused = paused
	whose := annotationOf(ref, p.by)
	switch {
	case p.effective == nil:
		paused.Message = fmt.Sprintf("gives nothing: it had not taken effect when it was paused, or what had is not known; its spec takes effect when %s is removed", whose)
	case paused.Waits:
		paused.Message = fmt.Sprintf("an edit waits until %s is removed; until then this holds as when it was paused: %s", whose, outcome.Message)
	default:
		paused.Message = fmt.Sprintf("edits wait until %s is removed; deletions, deadlines and suspensions do not", whose)
	}
	if paused.Waits && !outcome.Protected {
		outcome.Ready, outcome.Stalled = false, false
		outcome.Reason, outcome.Message = p.by, paused.Message
	}
	if paused.Waits && outcome.Done {
		// Its end has come, but what is written may say otherwise: the object itself stays.
		outcome.Done, outcome.Next = false, time.Time{}
	}
	return outcome
}

// annotationOf names the annotation that pauses an object.
func annotationOf(ref kinds.Ref, by string) string {
	if by == v1alpha1.ReasonOrganizationPaused {
		return fmt.Sprintf("the annotation %s of the Organization %s", v1alpha1.AnnotationPaused, ref.Namespace)
	}
	return "its annotation " + v1alpha1.AnnotationPaused
}

// putPaused finds what counts of an object that is put: all that is written, unless it is paused. False means
// that nothing counts.
func (e *evaluation) putPaused(ref kinds.Ref, written v1alpha1.Object) (v1alpha1.Object, bool) {
	t, before := e.tenant, e.tenant.pauses[ref]
	now := &pause{by: t.pausedBy(ref, written), written: written, effective: written}
	if now.by != "" {
		now.held = e.heldTo(ref, written, before)
		now.effective = safeChanges(now.held, written)
		now.waits = now.effective == nil || !v1alpha1.SameDeclared(now.effective, written)
		now.record = recordOf(now.held, written)
	}
	changed := before != nil && (before.by != now.by || before.waits != now.waits || (before.effective == nil) != (now.effective == nil))
	if changed || before == nil && now.by != "" {
		e.change.Outcomes = append(e.change.Outcomes, ref)
	}
	if now.by == "" && written.CommonStatus().Held == nil {
		e.deletePause(ref)
	} else {
		t.pauses[ref] = now
	}
	return now.effective, now.effective != nil
}

func (e *evaluation) deletePause(ref kinds.Ref) {
	delete(e.tenant.pauses, ref)
}

// pausedBy says what pauses an object, nothing if it is not paused.
func (t *tenant) pausedBy(ref kinds.Ref, object v1alpha1.Object) string {
	switch {
	case IsPaused(object):
		return v1alpha1.ReasonPaused
	case ref.Namespace != "" && t.pausedOrganizations.has(ref.Namespace):
		return v1alpha1.ReasonOrganizationPaused
	}
	return ""
}

// IsPaused says whether an object's own annotation pauses it.
func IsPaused(object v1alpha1.Object) bool {
	return object.GetAnnotations()[v1alpha1.AnnotationPaused] == "true"
}

// heldTo is what a paused object is kept to, nil where that is nothing. The leader knows
// what was carried out before. After a start, and for a follower, the status tells: it records the
// spec or, as long as it does not, is about the present one or about none that is known.
func (e *evaluation) heldTo(ref kinds.Ref, written v1alpha1.Object, before *pause) v1alpha1.Object {
	if e.carriedOut {
		if before != nil && before.by != "" && before.written.GetUID() == written.GetUID() {
			return before.held
		}
		if was := e.tenant.effective(ref); was != nil && was.GetUID() == written.GetUID() {
			if !e.tenant.isConfirmed(ref) {
				return nil // it gave nothing, because of who wrote it
			}
			return was
		}
	}
	status := written.CommonStatus()
	if status.Held != nil {
		held, err := status.Held.HeldTo(written)
		if err != nil {
			return nil // written by someone else than the operator; it gives nothing
		}
		return held
	}
	// Where it says that it was paused, the record is lost, as with CRDs that do not know it yet.
	if status.ObservedGeneration == written.GetGeneration() && !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionPaused) && !isRefused(written) && isLetThrough(written) {
		return written
	}
	return nil
}

// recordOf is the record of what an object is kept to: the one that it has, if that says the same.
func recordOf(held, written v1alpha1.Object) *v1alpha1.Held {
	if recorded := written.CommonStatus().Held; recorded != nil {
		was, err := recorded.HeldTo(written)
		if err == nil && (was == nil) == (held == nil) && (was == nil || v1alpha1.SameDeclared(was, held)) {
			return recorded
		}
	}
	record, err := v1alpha1.Hold(held)
	if err != nil {
		return &v1alpha1.Held{} // after the next start it gives nothing
	}
	return record
}

// safeChanges is what counts of a paused object: what it is kept to, but for what takes access away at once, which
// is the suspension of a user, and an earlier end.
func safeChanges(held, written v1alpha1.Object) v1alpha1.Object {
	if held == nil {
		return nil
	}
	effective := written.DeepCopyObject().(v1alpha1.Object)
	reflect.ValueOf(effective.Declared()).Elem().Set(reflect.ValueOf(held.DeepCopyObject().(v1alpha1.Object).Declared()).Elem())
	keeperOf(kinds.RefOf(written).Kind).brake(effective, written)
	return effective
}

// pauseOrganization notes whether an Organization is paused, and with it all that belongs to it. What has
// something that waits is carried out at once, all together; the others are looked at by their controllers.
func (e *evaluation) pauseOrganization(name string, paused bool) {
	t := e.tenant
	if t.pausedOrganizations.has(name) == paused {
		return
	}
	if paused {
		t.pausedOrganizations.add(name)
	} else {
		t.pausedOrganizations.remove(name)
	}
	for kind, k := range keepers {
		if kind == kinds.Organization {
			continue
		}
		for ref := range k.each(t) {
			e.change.Again = append(e.change.Again, ref)
		}
	}
	for _, ref := range slices.Collect(maps.Keys(t.pauses)) {
		if ref.Kind != kinds.Organization {
			e.upsert(t.pauses[ref].written)
		}
	}
}

// waits says whether an object is paused and has an effective spec other than the one that is written.
func (t *tenant) waits(ref kinds.Ref) bool {
	found := t.pauses[ref]
	return found != nil && found.waits
}
