package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// History is what the leader's evaluation depends on and no object says, by organization: what paused objects are held to, which
// of the assignments that are being deleted stay, and what was found of authors that no status says yet. Followers find most of
// it by themselves, and compare: so it certifies statuses, and replaces none of them.
type History map[string]OrganizationHistory

// OrganizationHistory is that of one organization, or of the catalogue.
type OrganizationHistory struct {
	// Digest is of all of it.
	Digest string `json:"digest"`
	// Staying are the assignments that are being deleted and stay: which of several does depends on which of them went first.
	Staying []types.UID `json:"staying,omitempty"`
}

// equal says whether two say the same.
func (h OrganizationHistory) equal(other OrganizationHistory) bool {
	return h.Digest == other.Digest && slices.Equal(h.Staying, other.Staying)
}

// Equal says whether two say the same.
func (h History) Equal(other History) bool {
	return maps.EqualFunc(h, other, OrganizationHistory.equal)
}

// HistoryMark is what an answer was made by. It is another one after anything of that has changed.
type HistoryMark struct{ catalogue, organization *string }

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

// factDigest is of a fact, or of several.
type factDigest [sha256.Size]byte

func (d factDigest) compare(other factDigest) int { return bytes.Compare(d[:], other[:]) }

// facts are what of objects is history. They are kept in parts, by how their digests begin, so that a change costs the digest of
// all little, however many there are.
type facts struct {
	of    map[kinds.Ref]factDigest
	parts map[byte]*factPart
}

// factPart has the digest of some; nil where it is to be made anew.
type factPart struct {
	facts set[factDigest]
	sum   []byte
}

// set notes what of an object is history, and says whether that is another one than before.
func (f *facts) set(ref kinds.Ref, is factDigest, historic bool) (changed bool) {
	was, known := f.of[ref]
	if known == historic && was == is {
		return false
	}
	if known {
		delete(f.of, ref)
		part := f.parts[was[0]]
		part.facts.remove(was)
		part.sum = nil
	}
	if historic {
		f.of[ref] = is
		part := ensure(f.parts, is[0])
		if part.facts == nil {
			part.facts = set[factDigest]{}
		}
		part.facts.add(is)
		part.sum = nil
	}
	return true
}

// digest is that of all; empty without any.
func (f *facts) digest() string {
	if len(f.of) == 0 {
		return ""
	}
	all := sha256.New()
	for _, begins := range slices.Sorted(maps.Keys(f.parts)) {
		part := f.parts[begins]
		if len(part.facts) == 0 {
			delete(f.parts, begins)
			continue
		}
		if part.sum == nil {
			some := sha256.New()
			for _, one := range slices.SortedFunc(maps.Keys(part.facts), factDigest.compare) {
				some.Write(one[:])
			}
			part.sum = some.Sum(nil)
		}
		all.Write(part.sum)
	}
	return base64.RawStdEncoding.EncodeToString(all.Sum(nil))
}

// common is what all tenants have.
type common struct {
	// judges is set where this state is carried out: then it is found here who could give what they wrote.
	judges atomic.Bool
	// onlyAnswers is set where this state is never carried out.
	onlyAnswers bool
	// ofLeader is the leader's history, for a follower; nil while it is not known.
	ofLeader atomic.Pointer[History]
	// histories counts the changes of this state's own history.
	histories atomic.Int64
}

// History is this state's own.
func (s *State) History() History {
	s.historyMu.Lock()
	defer s.historyMu.Unlock()
	version := s.common.histories.Load()
	if s.history != nil && s.historyVersion == version {
		return s.history
	}
	all := History{}
	for _, t := range s.list() {
		if h := t.history.Load(); h.Digest != "" {
			all[t.name] = *h
		}
	}
	s.history, s.historyVersion = all, version
	return all
}

// HistoryVersion is another one when History may be.
func (s *State) HistoryVersion() int64 { return s.common.histories.Load() }

// FollowHistory sets the leader's history, for a follower.
func (s *State) FollowHistory(ofLeader History) (change Change) {
	if s.common.judges.Load() {
		return change
	}
	var before History
	if was := s.common.ofLeader.Load(); was != nil {
		before = *was
	}
	if !before.Equal(ofLeader) {
		s.common.ofLeader.Store(&ofLeader)
		for _, t := range s.list() {
			if slices.Equal(before[t.name].Staying, ofLeader[t.name].Staying) {
				continue
			}
			further, _ := s.changeTenant(t.name, nil, func(e *evaluation) { e.protectionOfAll = true })
			change.add(further)
		}
	}
	return change
}

// SameHistory says whether this state's history of an organization is the leader's. Where it is not, an answer may be wrong. It is asked before and after an answer is made, which is certain if
// the mark is the same.
func (s *State) SameHistory(organization string) (mark HistoryMark, same bool) {
	var ofLeader History
	if said := s.common.ofLeader.Load(); said != nil {
		ofLeader = *said
	}
	for _, of := range []struct {
		name string
		mark **string
	}{{"", &mark.catalogue}, {organization, &mark.organization}} {
		digest := ""
		if t := s.find(of.name); t != nil {
			now := t.digest.Load()
			if now == nil {
				return mark, false
			}
			*of.mark, digest = now, *now
		}
		if ofLeader[of.name].Digest != digest {
			return mark, false
		}
	}
	return mark, true
}

// isProtectedByLeader says whether the leader's history has an assignment that is being deleted stay.
func (t *tenant) isProtectedByLeader(node *assignment) bool {
	ofLeader := t.common.ofLeader.Load()
	return ofLeader != nil && !t.common.judges.Load() && node.gives().InForce && slices.Contains((*ofLeader)[t.name].Staying, node.uid)
}
