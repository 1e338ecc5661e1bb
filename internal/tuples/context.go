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
// it. Nobody changes it.
func EntryOf(grant policy.Grant) *Entry {
	if grant.Always() {
		return &Entry{permission: grant.Permission}
	}
	rule := condition.Rule(grant)
	return &Entry{permission: grant.Permission, rule: rule, identity: canonical(rule)}
}

func entriesOf(grants []policy.Grant) []*Entry {
	entries := make([]*Entry, len(grants))
	for n, grant := range grants {
		entries[n] = EntryOf(grant)
	}
	return entries
}

// Contexts are the condition contexts that hold the grants, as few as fit. Every one has all
// parameters of the condition, empty ones included: what a tuple leaves out, a request could fill.
// The same grants in any order give the same contexts. The error is ErrTooLarge.
func Contexts(grants []policy.Grant, most int) ([]*structpb.Struct, error) {
	return new(Encoder).Contexts(entriesOf(grants), most)
}

// Encoder makes contexts, and remembers what stands in them: roles that inherit the same entries have the same under a permission,
// and share it. It has one of each permission, and is for one evaluation.
type Encoder struct {
	lists map[string]*list
	// Merged counts the lists of rules that were made.
	Merged int
}

// list is what stands under a permission that holds in some ways.
type list struct {
	entries []*Entry
	value   *structpb.Value
	size    int
}

// Contexts is as that of the package, of what is kept of the grants. Contexts share the entries, which nobody changes.
func (e *Encoder) Contexts(entries []*Entry, most int) ([]*structpb.Struct, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	all := e.inOne(entries)
	if all.size <= store.MaxContextBytes { // as almost always
		return []*structpb.Struct{all.context}, nil
	}
	names := slices.Sorted(condition.Permissions(all.context))
	var contexts []*structpb.Struct
	var open *contextBuilder
	for _, permission := range names {
		value, size := all.permissions.GetFields()[permission], sizeOfAlways
		if value == nil {
			value, size = e.lists[permission].value, e.lists[permission].size
		}
		size += len(permission) + entryOverhead
		if open == nil || open.size+size > store.MaxContextBytes {
			open = newContextBuilder(0)
			contexts = append(contexts, open.context)
		}
		open.add(permission, value, size)
		if open.size > store.MaxContextBytes || len(contexts) > most {
			return nil, fmt.Errorf("%w: %d permissions with their conditions fill more than %d tuples of %d bytes",
				ErrTooLarge, len(names), most, store.MaxContextBytes)
		}
	}
	return contexts, nil
}

// inOne is a context of all entries, however large that is. What stands under a permission is true where it holds always, otherwise
// the list of the ways in which it holds.
func (e *Encoder) inOne(entries []*Entry) *contextBuilder {
	conditional, expected := byPermission(entries)
	b := newContextBuilder(expected)
	for _, entry := range entries {
		if entry.rule == nil && b.permissions.GetFields()[entry.permission] == nil {
			b.add(entry.permission, holdsAlways, sizeOfAlways+len(entry.permission)+entryOverhead)
		}
	}
	for permission, same := range conditional {
		if b.permissions.GetFields()[permission] == nil {
			list := e.listOf(permission, same)
			b.add(permission, list.value, list.size+len(permission)+entryOverhead)
		}
	}
	return b
}

// byPermission finds the entries that do not hold always by their permissions, and says about how many permissions the others have.
func byPermission(entries []*Entry) (conditional map[string][]*Entry, others int) {
	for begin, end := 0, 0; begin < len(entries); begin = end {
		first := entries[begin]
		for end < len(entries) && entries[end].permission == first.permission && (entries[end].rule == nil) == (first.rule == nil) {
			end++
		}
		if first.rule == nil {
			others++
			continue
		}
		if conditional == nil {
			conditional = map[string][]*Entry{}
		}
		if before, there := conditional[first.permission]; there {
			conditional[first.permission] = append(before, entries[begin:end]...)
		} else {
			conditional[first.permission] = entries[begin:end:end] // most follow each other, and are not copied
		}
	}
	return conditional, others
}

// SameContexts says whether contexts are equal. What they share, lists of entries or the entries in these, is not looked into.
func SameContexts(a, b []*structpb.Struct) bool { return slices.EqualFunc(a, b, sameStruct) }

func sameStruct(a, b *structpb.Struct) bool {
	return a == b || maps.EqualFunc(a.GetFields(), b.GetFields(), sameValue)
}

func sameValue(a, b *structpb.Value) bool {
	switch {
	case a == b:
		return true
	case a.GetStructValue() != nil && b.GetStructValue() != nil:
		return sameStruct(a.GetStructValue(), b.GetStructValue())
	case a.GetListValue() != nil && b.GetListValue() != nil:
		return slices.EqualFunc(a.GetListValue().GetValues(), b.GetListValue().GetValues(), sameValue)
	}
	return proto.Equal(a, b)
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
func EntrySize(grants []policy.Grant) int {
	return new(Encoder).inOne(entriesOf(grants)).size - EmptySize()
}

// EmptySize is as EntrySize says.
func EmptySize() int { return newContextBuilder(0).size }

// entryOverhead bounds what protobuf adds to the key and the value of a map entry: three tags, and
// three lengths of at most three bytes.
const entryOverhead = 12

type contextBuilder struct {
	context            *structpb.Struct
	permissions, rules *structpb.Struct
	size               int
}

// newContextBuilder has space for so many permissions.
func newContextBuilder(expected int) *contextBuilder {
	b := &contextBuilder{
		permissions: &structpb.Struct{Fields: make(map[string]*structpb.Value, expected)},
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
var (
	holdsAlways  = structpb.NewBoolValue(true)
	sizeOfAlways = proto.Size(holdsAlways)
)

// listOf is the list of the ways in which entries of one permission hold.
func (e *Encoder) listOf(permission string, entries []*Entry) *list {
	known := e.lists[permission]
	if known == nil || !slices.Equal(known.entries, entries) {
		e.Merged++
		known = newList(entries)
		if e.lists == nil {
			e.lists = map[string]*list{}
		}
		e.lists[permission] = known
	}
	return known
}

func newList(entries []*Entry) *list {
	sorted := slices.SortedFunc(slices.Values(entries), func(a, b *Entry) int { return strings.Compare(a.identity, b.identity) })
	// The same twice would cost twice and say nothing more.
	sorted = slices.CompactFunc(sorted, func(a, b *Entry) bool { return a.identity == b.identity })
	rules, size := make([]*structpb.Value, len(sorted)), 0
	for n, entry := range sorted {
		rules[n] = entry.rule
		size += messageSize(len(entry.identity))
	}
	return &list{entries, structpb.NewListValue(&structpb.ListValue{Values: rules}), messageSize(size)}
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
