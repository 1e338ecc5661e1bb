package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

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
