// Package render turns what policy says into what the store holds: tuples and the contexts of their
// conditions. It is pure.
package render

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// MaxContexts is how many tuples a role may fill at one scope: half of the slots, so that the other
// half is free to switch to.
const MaxContexts = store.Slots / 2

// ErrTooLarge means that grants do not fit into the contexts that they may fill.
var ErrTooLarge = errors.New("too large for the store")

// Contexts are the condition contexts that hold the grants, as few as fit. Every one has all
// parameters of the condition, empty ones included: what a tuple leaves out, a request could fill.
// The same grants in any order give the same contexts. The error is ErrTooLarge.
func Contexts(grants []policy.Grant, most int) ([]*structpb.Struct, error) {
	byPermission := map[string][]policy.Grant{}
	for _, grant := range grants {
		byPermission[grant.Permission] = append(byPermission[grant.Permission], grant)
	}
	var contexts []*structpb.Struct
	var open *contextBuilder
	for _, permission := range slices.Sorted(maps.Keys(byPermission)) {
		entry, size := renderEntry(byPermission[permission])
		size += len(permission) + entryOverhead
		if open == nil || open.size+size > store.MaxContextBytes {
			open = newContextBuilder()
			contexts = append(contexts, open.context)
		}
		open.add(permission, entry, size)
		if open.size > store.MaxContextBytes || len(contexts) > most {
			return nil, fmt.Errorf("%w: %d permissions with their conditions fill more than %d tuples of %d bytes",
				ErrTooLarge, len(byPermission), most, store.MaxContextBytes)
		}
	}
	return contexts, nil
}

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
	b.context = &structpb.Struct{Fields: map[string]*structpb.Value{
		store.ParameterPermissions: structpb.NewStructValue(b.permissions),
		store.ParameterRules:       structpb.NewStructValue(b.rules),
	}}
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

// renderEntry is what stands under a permission: true where it holds always, otherwise the list of the
// ways in which it holds.
func renderEntry(grants []policy.Grant) (entry *structpb.Value, size int) {
	var rules []*structpb.Value
	seen := map[string]bool{}
	for _, grant := range grants {
		if grant.Always() {
			entry = structpb.NewBoolValue(true)
			return entry, proto.Size(entry)
		}
		rule := renderRule(grant)
		// A rule's JSON is its identity: the same rule twice costs twice and says nothing more.
		identity := canonical(rule)
		if !seen[identity] {
			seen[identity] = true
			rules = append(rules, rule)
		}
	}
	slices.SortFunc(rules, func(a, b *structpb.Value) int { return strings.Compare(canonical(a), canonical(b)) })
	entry = structpb.NewListValue(&structpb.ListValue{Values: rules})
	return entry, proto.Size(entry)
}

// renderRule is a grant as the condition's expression reads it. Equality of strings is looked up in a
// map, because the cost of comparing them grows with their length.
func renderRule(grant policy.Grant) *structpb.Value {
	values := map[string]*structpb.Value{}
	tests := []*structpb.Value{}
	for _, test := range grant.Tests {
		switch {
		case test.Type == v1alpha1.AttributeString && !test.Negated:
			values[test.Attribute] = keys(test.Values)
		case test.Type == v1alpha1.AttributeString:
			tests = append(tests, testOf(test.Attribute, "texts", keys(test.Values)))
		case test.Negated:
			tests = append(tests, testOf(test.Attribute, "other", scalar(test.Values[0])))
		case len(test.Values) == 1:
			values[test.Attribute] = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{scalar(test.Values[0])}})
		default:
			tests = append(tests, testOf(test.Attribute, "numbers", keys(test.Values)))
		}
	}
	return object(map[string]*structpb.Value{
		"from":   structpb.NewStringValue(instant(grant.Window.From, "0001-01-01T00:00:00Z")),
		"until":  structpb.NewStringValue(instant(grant.Window.Until, "9999-12-31T23:59:59Z")),
		"values": object(values),
		"tests":  structpb.NewListValue(&structpb.ListValue{Values: tests}),
	})
}

func instant(t time.Time, open string) string {
	if t.IsZero() {
		return open
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func testOf(attribute, kind string, operand *structpb.Value) *structpb.Value {
	return object(map[string]*structpb.Value{"a": structpb.NewStringValue(attribute), kind: operand})
}

func object(fields map[string]*structpb.Value) *structpb.Value {
	return structpb.NewStructValue(&structpb.Struct{Fields: fields})
}

func scalar(value policy.Value) *structpb.Value {
	if value.Type == v1alpha1.AttributeNumber {
		return structpb.NewNumberValue(value.Number)
	}
	return structpb.NewBoolValue(value.Truth)
}

// keys are the values as a set: keys of a map, in which a lookup costs the same for one and for 200.
func keys(values []policy.Value) *structpb.Value {
	set := map[string]*structpb.Value{}
	for _, value := range values {
		key := value.Text
		if value.Type == v1alpha1.AttributeNumber {
			// As CEL's string() writes a double; a test holds the two together.
			key = strconv.FormatFloat(value.Number, 'g', -1, 64)
		}
		set[key] = structpb.NewBoolValue(true)
	}
	return object(set)
}

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
