package state

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// factOf is a digest of what of an object is history: what it is held to while it is paused, that it is being deleted and stays
// in force, and why it gives nothing because of who wrote it, or who made what it names. It is false where nothing is.
func (t *tenant) factOf(ref kinds.Ref) (digest factDigest, historic bool) {
	var uid types.UID
	var held []byte
	refused := ""
	found := t.pauses[ref]
	paused := found != nil && found.by != ""
	if paused {
		uid = found.written.GetUID()
	}
	if paused && found.held != nil {
		var err error
		if held, err = json.Marshal(found.held.Declared()); err != nil {
			panic(err) // it was read from JSON
		}
	}
	if a := t.authoredOf(ref); a != nil && (paused || t.unjudged(ref, a)) {
		uid = a.uid
		if why := t.unconfirmed(ref, a); why != nil {
			refused = fmt.Sprintf("%s, of version %d by %q", why.Reason, a.by.Generation, a.by.Username)
		}
	}
	stays := ref.Kind == kinds.RoleAssignment && t.protected.has(ref.Key())
	if stays {
		uid = t.assignments[ref.Key()].uid
	}
	if !paused && !stays && refused == "" {
		return digest, false
	}
	return sha256.Sum256(fmt.Appendf(nil, "%q %q paused: %t, held: %q, stays: %t, refused: %q", ref, uid, paused, held, stays, refused)), true
}

// markHistory notes that an object's history may have changed.
func (e *evaluation) markHistory(ref kinds.Ref) {
	t := e.tenant
	_, known := t.facts.of[ref]
	if known || t.pauses[ref] != nil || t.unauthored.has(ref) || ref.Kind == kinds.RoleAssignment && t.protected.has(ref.Key()) {
		e.historyOf.add(ref)
	}
}

// updateHistory brings the facts of history up to date, and says whether they have changed.
func (e *evaluation) updateHistory() (changed bool) {
	t := e.tenant
	for ref := range e.historyOf {
		is, historic := t.factOf(ref)
		changed = t.facts.set(ref, is, historic) || changed
	}
	return changed
}

// apply has the index say what has been evaluated. While that depends on another history than before, nobody knows whether it
// is the right one: see State.SameHistory.
func (e *evaluation) apply() {
	t := e.tenant
	changed := e.updateHistory()
	if changed {
		t.digest.Store(nil)
	}
	t.index.Apply(e.entitlements)
	if !changed {
		return
	}
	now := OrganizationHistory{Digest: t.facts.digest()}
	for key := range t.protected {
		now.Staying = append(now.Staying, t.assignments[key].uid)
	}
	slices.Sort(now.Staying)
	t.history.Store(&now)
	t.digest.Store(&now.Digest)
	t.common.histories.Add(1)
}

// isProtectedByLeader says whether the leader's history has an assignment that is being deleted stay.
func (t *tenant) isProtectedByLeader(node *assignment) bool {
	ofLeader := t.common.ofLeader.Load()
	return ofLeader != nil && !t.common.judges.Load() && node.gives().InForce && slices.Contains((*ofLeader)[t.name].Staying, node.uid)
}
