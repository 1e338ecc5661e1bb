package state

import "slices"

// HistoryMark is what an answer was made by. It is another one after anything of that has changed.
type HistoryMark struct{ catalogue, organization *string }

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
