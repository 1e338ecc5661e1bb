// Package tuples turns what policy says into what the store holds: tuples and the contexts of their
// conditions. It is pure.
package tuples

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// MaxContexts is how many tuples a role may fill at one scope: half of the slots, so that the other
// half is free to switch to.
const MaxContexts = store.Slots / 2

// ErrTooLarge means that grants do not fit into the contexts that they may fill.
var ErrTooLarge = errors.New("too large for the store")

// Entry is a grant as a context says it.
type Entry struct {
	permission string
	// rule is the way in which it holds, nil where it holds always; identity is its encoding, so that the same rule twice is one.
	rule     *structpb.Value
	identity string
}

// EntryOf is what a context says of a grant. It takes much longer than to put it into a context, so whoever puts it into many keeps
// it.
func EntryOf(grant policy.Grant) Entry {
	if grant.Always() {
		return Entry{permission: grant.Permission}
	}
	rule := condition.Rule(grant)
	return Entry{permission: grant.Permission, rule: rule, identity: canonical(rule)}
}

func entriesOf(grants []policy.Grant) []Entry {
	entries := make([]Entry, len(grants))
	for n, grant := range grants {
		entries[n] = EntryOf(grant)
	}
	return entries
}

// Contexts are the condition contexts that hold the grants, as few as fit. Every one has all
// parameters of the condition, empty ones included: what a tuple leaves out, a request could fill.
// The same grants in any order give the same contexts. The error is ErrTooLarge.
func Contexts(grants []policy.Grant, most int) ([]*structpb.Struct, error) {
	return ContextsOf(entriesOf(grants), most)
}

// ContextsOf is as Contexts, of what is kept of the grants. Contexts share the entries, which nobody changes.
func ContextsOf(entries []Entry, most int) ([]*structpb.Struct, error) {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b Entry) int { return strings.Compare(a.permission, b.permission) })
	var contexts []*structpb.Struct
	var open *contextBuilder
	for begin, end := 0, 0; begin < len(sorted); begin = end {
		permission := sorted[begin].permission
		for end < len(sorted) && sorted[end].permission == permission {
			end++
		}
		value, size := merged(sorted[begin:end])
		size += len(permission) + entryOverhead
		if open == nil || open.size+size > store.MaxContextBytes {
			open = newContextBuilder()
			contexts = append(contexts, open.context)
		}
		open.add(permission, value, size)
		if open.size > store.MaxContextBytes || len(contexts) > most {
			return nil, fmt.Errorf("%w: %d permissions with their conditions fill more than %d tuples of %d bytes",
				ErrTooLarge, len(slices.CompactFunc(sorted, samePermission)), most, store.MaxContextBytes)
		}
	}
	return contexts, nil
}

func samePermission(a, b Entry) bool { return a.permission == b.permission }

// SameContexts says whether contexts are equal. What they share is not looked into.
func SameContexts(a, b []*structpb.Struct) bool { return slices.EqualFunc(a, b, sameStruct) }

func sameStruct(a, b *structpb.Struct) bool {
	return a == b || maps.EqualFunc(a.GetFields(), b.GetFields(), func(a, b *structpb.Value) bool {
		if ofA, ofB := a.GetStructValue(), b.GetStructValue(); ofA != nil && ofB != nil {
			return sameStruct(ofA, ofB)
		}
		return a == b || proto.Equal(a, b)
	})
}

// ForGood stands for the context of a tuple that holds without a condition. It is equal to no context that a condition
// has.
var ForGood = &structpb.Struct{Fields: map[string]*structpb.Value{"for good": structpb.NewBoolValue(true)}}

// During are the contexts of a tuple that holds in these windows, none where there are none.
func During(windows []policy.Window) []*structpb.Struct {
	switch {
	case len(windows) == 0:
		return nil
	case slices.Contains(windows, policy.Window{}):
		return []*structpb.Struct{ForGood}
	}
	return []*structpb.Struct{condition.During(windows)}
}

// WindowsFit says whether one tuple takes these windows.
func WindowsFit(windows []policy.Window) bool {
	return proto.Size(condition.During(windows)) <= store.MaxContextBytes
}

// Tuple is what stands at one of a cell's places.
func Tuple(place store.Key, context *structpb.Struct) store.Tuple {
	if context == ForGood {
		context = nil
	}
	return store.Tuple{Key: place, Context: context}
}

// EntrySize is how much grants of one permission take of a context, and EmptySize what a context takes without any: one context
// holds grants if all of these together are at most store.MaxContextBytes.
func EntrySize(permission string, grants []policy.Grant) int {
	_, size := merged(entriesOf(grants))
	return size + len(permission) + entryOverhead
}

// EmptySize is as EntrySize says.
func EmptySize() int { return newContextBuilder().size }

// entryOverhead bounds what protobuf adds to the key and the value of a map entry: three tags, and
// three lengths of at most three bytes.
const entryOverhead = 12

type contextBuilder struct {
	context            *structpb.Struct
	permissions, rules *structpb.Struct
	size               int
}

func newContextBuilder() *contextBuilder {
	b := &contextBuilder{
		permissions: &structpb.Struct{Fields: map[string]*structpb.Value{}},
		rules:       &structpb.Struct{Fields: map[string]*structpb.Value{}},
	}
	b.context = condition.Context(b.permissions, b.rules)
	b.size = proto.Size(b.context) + 2*entryOverhead
	return b
}

func (b *contextBuilder) add(permission string, entry *structpb.Value, size int) {
	b.size += size
	if entry.GetListValue() == nil {
		b.permissions.Fields[permission] = entry
		return
	}
	b.rules.Fields[permission] = entry
}

// holdsAlways stands under a permission that holds always.
var holdsAlways = structpb.NewBoolValue(true)

// merged is what stands under a permission: true where it holds always, otherwise the list of the ways in which it holds.
func merged(entries []Entry) (value *structpb.Value, size int) {
	if slices.ContainsFunc(entries, func(entry Entry) bool { return entry.rule == nil }) {
		return holdsAlways, proto.Size(holdsAlways)
	}
	rules := make(map[string]*structpb.Value, len(entries))
	listed := 0
	for _, entry := range entries {
		if _, twice := rules[entry.identity]; !twice { // it would cost twice and say nothing more
			rules[entry.identity] = entry.rule
			listed += messageSize(len(entry.identity))
		}
	}
	sorted := make([]*structpb.Value, 0, len(rules))
	for _, identity := range slices.Sorted(maps.Keys(rules)) {
		sorted = append(sorted, rules[identity])
	}
	return structpb.NewListValue(&structpb.ListValue{Values: sorted}), messageSize(listed)
}

// messageSize is what a message takes as a field of another one, with a tag of one byte.
func messageSize(size int) int { return 1 + protowire.SizeBytes(size) }

// canonical is the deterministic encoding of a value, as a string to compare.
func canonical(value *structpb.Value) string {
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(value)
	if err != nil {
		// structpb values made here always encode; an error would mean invalid UTF-8, which the API
		// server does not let through.
		panic(fmt.Sprintf("encoding a rule: %v", err))
	}
	return string(encoded)
}
