// Package condition is the one place that knows how a tuple says what it gives: the store's condition and its
// parameters, the form of a rule, and what an evaluation costs. It is pure.
package condition

import (
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// Name is what the authorization model calls the condition under which permissions are given.
const Name = "grants"

// NameDuring is what it calls the condition under which somebody has a role, or is in a group, for a time.
const NameDuring = "during"

// The parameters of the condition that a request says.
const (
	ParameterPermission  = "permission"
	ParameterAttributes  = "attributes"
	ParameterCurrentTime = "current_time"
)

// The parameters of the condition that a tuple says, always both: one that it left out, the request could fill in.
const (
	// ParameterPermissions are the permissions that hold whatever is asked: {"App:View": true}.
	ParameterPermissions = "permissions"
	// ParameterRules are those that hold where one of their rules is met: see Rule.
	ParameterRules = "rules"
)

// Expression is met when the permission is held without condition, or under a rule that is met now.
//
// Every attribute is looked for before it is read, and compared by type and value, so that one which is missing,
// null or of another type meets nothing and raises no error: an error would fail the whole decision, which other
// tuples may well allow. "in" a list compares types by itself, and takes -0 for 0. What OpenFGA evaluates may have
// 512 characters; a test keeps some of them for what comes.
const Expression = `permission in permissions||permission in rules&&rules[permission].exists(r,` +
	`current_time>=timestamp(r.from)&&current_time<timestamp(r.until)` +
	`&&r.values.all(a,a in attributes&&attributes[a] in r.values[a])` +
	`&&r.tests.all(t,t.a in attributes&&type(attributes[t.a])==type(t.of)` +
	`&&(has(t.not)?!(attributes[t.a] in t.not):attributes[t.a]>=t.min&&attributes[t.a]<=t.max)))`

// ParameterWindows is the one parameter of the condition for a time that a tuple says: the windows, of which one is
// enough. Each has from and until, as a rule has.
const ParameterWindows = "windows"

// ExpressionDuring is met in each of the windows.
const ExpressionDuring = `windows.exists(w,current_time>=timestamp(w.from)&&current_time<timestamp(w.until))`

// NameOf is the name of the condition that a context is for.
func NameOf(context *structpb.Struct) string {
	if _, there := context.GetFields()[ParameterWindows]; there {
		return NameDuring
	}
	return Name
}

// During is what a tuple says that holds in these windows.
func During(windows []policy.Window) *structpb.Struct {
	listed := make([]*structpb.Value, len(windows))
	for n, window := range windows {
		listed[n] = object(bounds(window))
	}
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		ParameterWindows: structpb.NewListValue(&structpb.ListValue{Values: listed}),
	}}
}

// Context is what a tuple says.
func Context(permissions, rules *structpb.Struct) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		ParameterPermissions: structpb.NewStructValue(permissions),
		ParameterRules:       structpb.NewStructValue(rules),
	}}
}

// parametersOfGrants are those that name permissions.
var parametersOfGrants = [...]string{ParameterPermissions, ParameterRules}

// Count is how many permissions a tuple with this context gives, in whatever way.
func Count(context *structpb.Struct) (count int) {
	for _, parameter := range parametersOfGrants {
		count += len(context.GetFields()[parameter].GetStructValue().GetFields())
	}
	return count
}

// Gives says whether a tuple with this context gives a permission, in whatever way.
func Gives(context *structpb.Struct, permission string) bool {
	return slices.ContainsFunc(parametersOfGrants[:], func(parameter string) bool {
		_, there := context.GetFields()[parameter].GetStructValue().GetFields()[permission]
		return there
	})
}

// Permissions are the names of all that a tuple with this context gives, in whatever way.
func Permissions(context *structpb.Struct) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, parameter := range parametersOfGrants {
			for permission := range maps.Keys(context.GetFields()[parameter].GetStructValue().GetFields()) {
				if !yield(permission) {
					return
				}
			}
		}
	}
}
