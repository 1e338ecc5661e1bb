package readlease

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/state"
)

const (
	// Label is on every Lease that read leases are kept in.
	Label = "authz.bailiwick.dev/read-lease"
	// annotation has what such a Lease says.
	annotation = "authz.bailiwick.dev/read-lease"
	// wordName is the Lease that only the leader writes. Every other one has the name of a reader after readerPrefix, and only
	// that reader writes it.
	wordName     = "bailiwick-read-leases"
	readerPrefix = "bailiwick-reader-"
)

// word is what the leader says.
type word struct {
	// Epoch changes with each leader, and when resource versions went back.
	Epoch string `json:"epoch"`
	// Rules are those by which objects are evaluated: a replica with others gets no lease.
	Rules string `json:"rules"`
	// Readers are those that were granted a lease which may not have ended, by name.
	Readers map[string]grant `json:"readers,omitempty"`
	// History is the leader's, as far as there is room for it. HistoryVersion is greater after
	// each change of it in an epoch.
	History        state.History `json:"history,omitempty"`
	HistoryVersion int64         `json:"historyVersion"`
}

// maxHistory bounds the length of what a word says of history: an object's annotations have 256 KiB together, and the word is
// written anew with each grant.
const maxHistory = 64 << 10

// bounded is as much of history as there is room for, and how many organizations that leaves something out of. About these nobody
// answers but the leader, unless it finds by itself which assignments stay. Where room is short the digests come first, and then
// the shorter lists: nobody's is left out for another organization's long one.
func bounded(all state.History) (some state.History, omitted int) {
	some = state.History{}
	length := 0
	fits := func(more int) bool {
		if length+more > maxHistory {
			return false
		}
		length += more
		return true
	}
	names := slices.Sorted(maps.Keys(all))
	for _, name := range names {
		if digest := (state.OrganizationHistory{Digest: all[name].Digest}); fits(len(name) + len(written(digest)) + len(`"":,`)) {
			some[name] = digest
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(len(all[a].Staying), len(all[b].Staying)) })
	for _, name := range names {
		now, known := some[name]
		if known && (len(all[name].Staying) == 0 || fits(len(written(all[name]))-len(written(now)))) {
			some[name] = all[name]
		} else {
			omitted++
		}
	}
	return some, omitted
}

const (
	// maxReaders bounds how many readers have leases, so that a word about them has room beside what it says of history: each
	// takes up to 800 bytes.
	maxReaders = 200
	// maxReadersOfHost bounds how many of these are one Pod's, so that none takes the others' room. A process that crashed holds
	// its lease until that ends, so one that is started again and again has several.
	maxReadersOfHost = 16
)

// grant is a lease for whoever made a request, from when it was made.
type grant struct {
	Request int64 `json:"request"`
	// Since is what the reader's state must include before it answers: until then nobody waited for it.
	Since engine.Position `json:"since"`
	// At is when it was granted, by the leader's wall clock.
	At time.Time `json:"at"`
}

// note is what a reader says.
type note struct {
	// Request is the number of this request for a lease.
	Request int64 `json:"request"`
	// Epoch is the leader's for which the reader has proved that it includes all that there is.
	Epoch string `json:"epoch"`
	// Includes is how far its state is, and History the version of the leader's history that it has been told.
	Includes engine.Position `json:"includes"`
	History  int64           `json:"history"`
	// Released means that it answers no more.
	Released bool `json:"released,omitempty"`

	// seen is when it was last seen to write.
	seen time.Duration
}

func readWord(lease *coordinationv1.Lease) (w word, err error) {
	if err = json.Unmarshal([]byte(lease.Annotations[annotation]), &w); err != nil {
		return word{}, fmt.Errorf("reading the Lease %s: %w", lease.Name, err)
	}
	return w, nil
}

func readNote(lease *coordinationv1.Lease) (n note, err error) {
	if err = json.Unmarshal([]byte(lease.Annotations[annotation]), &n); err != nil {
		return note{}, fmt.Errorf("reading the Lease %s: %w", lease.Name, err)
	}
	return n, nil
}

// written is text for an annotation.
func written(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err) // it is made of strings and numbers
	}
	return string(text)
}

// leaseOf is a Lease that says something.
func (l *Leases) leaseOf(name, holder string, says any) *coordinationv1.Lease {
	now := metav1.NewMicroTime(l.Clock.Wall())
	seconds := int32(math.Ceil(l.Duration.Seconds()))
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: l.Namespace,
			Labels: map[string]string{Label: "true"}, Annotations: map[string]string{annotation: written(says)},
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds, RenewTime: &now},
	}
}

// patchOf is a patch that makes a Lease as it should be.
func patchOf(lease *coordinationv1.Lease) client.Patch {
	return client.RawPatch(types.MergePatchType, []byte(written(map[string]any{
		"metadata": map[string]any{"annotations": lease.Annotations, "labels": lease.Labels}, "spec": lease.Spec,
	})))
}
