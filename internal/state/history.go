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

// History is what whoever carries out the state goes by and no object says, by organization: what paused objects are held to,
// which of the assignments that are being deleted stay, and what was found of authors that no status says yet. Those who follow
// find most of it by themselves, and it says whether they have found the same: so it proves what statuses say, and replaces
// none of them.
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
func (h History) Equal(other History) bool { return maps.EqualFunc(h, other, OrganizationHistory.equal) }

// HistoryMark is what an answer was made by. It is another one after anything of that has changed.
type HistoryMark struct{ catalogue, organization *string }

const (
	// maxHistoric is how many objects of an organization may have a history: their digest is made anew whenever one changes.
	maxHistoric = 20_000
	// tooMuchHistory is the digest of more. Nobody tells of it.
	tooMuchHistory = "-"
)

// fact is what of one object is history.
type fact struct {
	Ref kinds.Ref
	UID types.UID
	// Paused means that it is held to what Held declares, and to nothing where that is empty.
	Paused bool
	Held   any
	// Stays means that it is being deleted and stays in force.
	Stays bool
	// Refused is why it gives nothing because of who wrote it, or who made what it names.
	Refused string
}

// factOf is a digest of what of an object is history; false where nothing is.
func (s *tenant) factOf(ref kinds.Ref) (digest [sha256.Size]byte, historic bool) {
	f := fact{Ref: ref}
	if paused := s.pauses[ref]; paused != nil && paused.by != "" {
		f.UID, f.Paused = paused.written.GetUID(), true
		if paused.held != nil {
			f.Held = paused.held.Declared()
		}
	}
	a := s.authoredOf(ref)
	if a != nil && (f.Paused || s.unjudged(ref, a)) {
		f.UID = a.uid
		if why := s.unconfirmed(ref, a); why != nil {
			f.Refused = fmt.Sprintf("%s, of version %d by %s", why.Reason, a.by.Generation, a.by.Username)
		}
	}
	if ref.Kind == kinds.RoleAssignment && s.staying.has(ref.Key()) {
		f.UID, f.Stays = s.assignments[ref.Key()].uid, true
	}
	if !f.Paused && !f.Stays && f.Refused == "" {
		return digest, false
	}
	written, err := json.Marshal(f)
	if err != nil {
		panic(err) // it is made of what JSON was read into
	}
	return sha256.Sum256(written), true
}

// recall has the pass look at whether what of an object is history has changed.
func (p *pass) recall(ref kinds.Ref) {
	s := p.state
	_, known := s.facts[ref]
	if known || s.pauses[ref] != nil || s.unauthored.has(ref) || ref.Kind == kinds.RoleAssignment && s.staying.has(ref.Key()) {
		p.recalled.add(ref)
	}
}

// remember says whether history has changed with the pass.
func (p *pass) remember() (changed bool) {
	s := p.state
	for ref := range p.recalled {
		was, known := s.facts[ref]
		is, historic := s.factOf(ref)
		switch {
		case historic && (!known || was != is):
			s.facts[ref] = is
			changed = true
		case !historic && known:
			delete(s.facts, ref)
			changed = true
		}
	}
	return changed
}

// apply has the index say what has been evaluated. While that depends on another history than before, nobody knows whether it
// is the right one: see State.SameHistory.
func (p *pass) apply() {
	s := p.state
	changed := p.remember()
	if changed {
		s.digest.Store(nil)
	}
	s.index.Apply(p.entitlements)
	if changed && len(s.facts) == 0 {
		s.digest.Store(new(string))
	}
	if changed {
		s.common.histories.Add(1)
	}
}

// common is what all tenants have.
type common struct {
	// judges is set where this state is carried out: then it is found here who could give what they wrote.
	judges atomic.Bool
	// told is what whoever carries out the state goes by; nil where nobody has said so.
	told atomic.Pointer[History]
	// histories counts the changes of what this state goes by.
	histories atomic.Int64
}

// history is what this tenant goes by that no object says; false where there is nothing of that.
func (s *tenant) history() (h OrganizationHistory, historic bool) {
	if digest := s.digest.Load(); digest != nil && *digest == "" {
		return h, false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	digest := s.digest.Load()
	if digest == nil {
		digest = s.digestNow()
		s.digest.Store(digest)
	}
	h.Digest = *digest
	for key := range s.staying {
		h.Staying = append(h.Staying, s.assignments[key].uid)
	}
	slices.Sort(h.Staying)
	return h, h.Digest != "" && h.Digest != tooMuchHistory
}

func (s *tenant) digestNow() *string {
	digest := ""
	switch {
	case len(s.facts) > maxHistoric:
		digest = tooMuchHistory
	case len(s.facts) > 0:
		sum := sha256.New()
		for _, f := range slices.SortedFunc(maps.Values(s.facts), func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) }) {
			sum.Write(f[:])
		}
		digest = base64.RawStdEncoding.EncodeToString(sum.Sum(nil))
	}
	return &digest
}

// History is what this state goes by that no object says.
func (s *State) History() History {
	s.remembering.Lock()
	defer s.remembering.Unlock()
	version := s.common.histories.Load()
	if s.history != nil && s.historyVersion == version {
		return s.history
	}
	all := History{}
	for _, t := range s.list() {
		if h, historic := t.history(); historic {
			all[t.name] = h
		}
	}
	s.history, s.historyVersion = all, version
	return all
}

// HistoryVersion is another one when History may be.
func (s *State) HistoryVersion() int64 { return s.common.histories.Load() }

// Recall notes what whoever carries out the state says of history, for a state that follows, and what this state goes by.
func (s *State) Recall(told History) (change Change) {
	if s.common.judges.Load() {
		return change
	}
	var before History
	if was := s.common.told.Load(); was != nil {
		before = *was
	}
	if !before.Equal(told) {
		s.common.told.Store(&told)
		for _, t := range s.list() {
			if slices.Equal(before[t.name].Staying, told[t.name].Staying) {
				continue
			}
			further, _ := s.changeTenant(t.name, nil, func(p *pass) { p.protectsAll = true })
			change.add(further)
		}
	}
	s.History()
	return change
}

// SameHistory says whether what this state goes by about an organization, and no object says, is what whoever carries out the
// state has said. Where it is not, an answer may be wrong. It is asked before and after an answer is made, which is certain if
// the mark is the same.
func (s *State) SameHistory(organization string) (mark HistoryMark, same bool) {
	var told History
	if said := s.common.told.Load(); said != nil {
		told = *said
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
		if told[of.name].Digest != digest {
			return mark, false
		}
	}
	return mark, true
}

// isToldToStay says whether an assignment that is being deleted stays, as whoever carries out the state says.
func (s *tenant) isToldToStay(node *assignment) bool {
	told := s.common.told.Load()
	return told != nil && !s.common.judges.Load() && node.gives.InForce && slices.Contains((*told)[s.name].Staying, node.uid)
}
