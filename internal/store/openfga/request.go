package openfga

import (
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bailiwick-dev/bailiwick/internal/condition"
)

// requestContext is what conditions are tested against.
func requestContext(permission string, attributes *structpb.Struct, now time.Time) *structpb.Struct {
	return &structpb.Struct{Fields: map[string]*structpb.Value{
		condition.ParameterPermission:  structpb.NewStringValue(takableText(permission)),
		condition.ParameterAttributes:  structpb.NewStructValue(takable(attributes)),
		condition.ParameterCurrentTime: structpb.NewStringValue(now.UTC().Format(time.RFC3339Nano)),
	}}
}

// otherText stands for a text that OpenFGA does not take. It is longer than any permission and any value
// of a condition may be, so it is equal to none, as the text itself is.
var otherText = strings.Repeat(" ", 257)

// takable are the attributes as OpenFGA takes them: it refuses a whole request for one control character,
// which no condition has in its names and values. Names with one are left out, and texts replaced. Lists
// and objects meet no condition, so they become null.
func takable(attributes *structpb.Struct) *structpb.Struct {
	taken := &structpb.Struct{Fields: make(map[string]*structpb.Value, len(attributes.GetFields()))}
	for name, value := range attributes.GetFields() {
		if strings.ContainsFunc(name, unicode.IsControl) {
			continue
		}
		switch kind := value.GetKind().(type) {
		case *structpb.Value_StringValue:
			value = structpb.NewStringValue(takableText(kind.StringValue))
		case *structpb.Value_ListValue, *structpb.Value_StructValue:
			value = structpb.NewNullValue()
		}
		taken.Fields[name] = value
	}
	return taken
}

// scalars are attributes without lists and objects, which become null before they cost anything.
func scalars(attributes map[string]any) map[string]any {
	made := make(map[string]any, len(attributes))
	for name, value := range attributes {
		switch value.(type) {
		case []any, map[string]any:
			value = nil
		}
		made[name] = value
	}
	return made
}

func takableText(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return otherText
	}
	return text
}
