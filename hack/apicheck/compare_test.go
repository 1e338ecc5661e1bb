package main

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

const bases = "../../config/crd/bases"

const (
	invitations = "invitations.authz.bailiwick.dev"
	roles       = "roles.authz.bailiwick.dev"
)

// change changes a field in place: properties are values in a map.
func change(definition *apiextensionsv1.CustomResourceDefinition, do func(*apiextensionsv1.JSONSchemaProps), path ...string) {
	var into func(*apiextensionsv1.JSONSchemaProps, []string)
	into = func(at *apiextensionsv1.JSONSchemaProps, path []string) {
		switch {
		case len(path) == 0:
			do(at)
		case path[0] == "[]":
			into(at.Items.Schema, path[1:])
		default:
			next, there := at.Properties[path[0]]
			if !there {
				panic("there is no field " + path[0])
			}
			into(&next, path[1:])
			at.Properties[path[0]] = next
		}
	}
	into(definition.Spec.Versions[0].Schema.OpenAPIV3Schema, path)
}

func TestOnlyWhatIsMeantMayBreak(t *testing.T) {
	findings := []string{"a: the field is gone", "b: it is required now"}
	for list, want := range map[string][]string{
		"": findings,
		"# why\n\na: the field is gone\nb: it is required now\n": nil,
		"a: the field is gone": {"b: it is required now"},
		"a: the field is gone\nb: it is required now\nc: the kind is gone": {
			"said to be meant, and not found: remove the line: c: the kind is gone",
		},
	} {
		if got := unexpected(findings, list); !slices.Equal(got, want) {
			t.Errorf("with %q, got %q, want %q", list, got, want)
		}
	}
}

type definitions = map[string]*apiextensionsv1.CustomResourceDefinition

type schema = apiextensionsv1.JSONSchemaProps

func in(kind string, do func(*schema), path ...string) func(definitions) {
	return func(now definitions) { change(now[kind], do, path...) }
}

// narrower are changes that break somebody, with what is to be said about each.
var narrower = map[string]struct {
	change func(definitions)
	want   string
}{
	"a kind is removed":  {func(now definitions) { delete(now, roles) }, roles + ": the kind is gone"},
	"a field is removed": {in(roles, func(s *schema) { delete(s.Properties, "inherits") }, "spec"), roles + " v1alpha1.spec.inherits: the field is gone"},
	"a field of the status is removed": {
		in(roles, func(s *schema) { delete(s.Properties, "revision") }, "status"), roles + " v1alpha1.status.revision: the field is gone",
	},
	"a length is less": {
		in(roles, func(s *schema) { s.MaxLength = new(int64(10)) }, "spec", "displayName"), "v1alpha1.spec.displayName: maxLength was 256, and is 10",
	},
	"a length is new":  {in(roles, func(s *schema) { s.MaxLength = new(int64(9)) }, "spec", "type"), "spec.type: maxLength is 9 now, and there was none"},
	"a minimum is new": {in(roles, func(s *schema) { s.MinItems = new(int64(1)) }, "spec", "inherits"), "spec.inherits: minItems is 1 now"},
	"a new field is required": {in(roles, func(s *schema) {
		s.Properties["reviewer"] = schema{Type: "string"}
		s.Required = append(s.Required, "reviewer")
	}, "spec"), "spec.reviewer: it is required now"},
	"a field is required": {in(roles, func(s *schema) { s.Required = append(s.Required, "displayName") }, "spec"), "spec.displayName: it is required now"},
	"a value is removed":  {in(roles, func(s *schema) { s.Enum = s.Enum[:1] }, "spec", "type"), `spec.type: it may not be "`},
	"there are only some values": {in(roles, func(s *schema) {
		s.Enum = []apiextensionsv1.JSON{{Raw: []byte(`"one"`)}}
	}, "spec", "displayName"), "spec.displayName: it may only have some values now"},
	"a rule is new": {in(roles, func(s *schema) {
		s.XValidations = append(s.XValidations, apiextensionsv1.ValidationRule{Rule: "self.description.size() > 20"})
	}, "spec"), "v1alpha1.spec: the rule is new, or has changed: self.description.size() > 20"},
	"a rule is stricter": {in(invitations, func(s *schema) { s.XValidations[0].Rule = "false" }, "spec"), "v1alpha1.spec: the rule is new, or has changed: false"},
	"a pattern is new":   {in(roles, func(s *schema) { s.Pattern = "^x" }, "spec", "description"), "spec.description: the pattern was"},
	"a type is another":  {in(roles, func(s *schema) { s.Type = "integer" }, "spec", "description"), `spec.description: its type was "string", and is "integer"`},
	"a default is another": {
		in(roles, func(s *schema) { s.Default = &apiextensionsv1.JSON{Raw: []byte(`"Share"`)} }, "spec", "type"), `spec.type: what leaving it out means was "Standard"`,
	},
	"within a list": {
		in(roles, func(s *schema) { delete(s.Properties, "conditions") }, "spec", "permissionGrants", "[]"), "spec.permissionGrants[].conditions: the field is gone",
	},
	"objects can't be selected": {func(now definitions) {
		for _, definition := range now {
			definition.Spec.Versions[0].SelectableFields = nil
		}
	}, "objects can't be selected by .spec."},
	"a version is not served": {func(now definitions) { now[roles].Spec.Versions[0].Served = false }, "version v1alpha1 is not served any more"},
	"a short name is gone":    {func(now definitions) { now[roles].Spec.Names.ShortNames = nil }, "the short name or category arole is gone"},
	"the status is no subresource": {func(now definitions) {
		now[roles].Spec.Versions[0].Subresources = nil
	}, roles + " v1alpha1: its subresources have changed"},
}

func TestWhatIsNarrowerIsReported(t *testing.T) {
	for name, test := range narrower {
		t.Run(name, func(t *testing.T) {
			old, now := load(t), load(t)
			test.change(now)
			findings := Compare(old, now)
			if !slices.ContainsFunc(findings, func(finding string) bool { return strings.Contains(finding, test.want) }) {
				t.Errorf("got %q, want one with %q", findings, test.want)
			}
		})
	}
}

func TestWhatIsWiderIsNot(t *testing.T) {
	for name, change := range map[string]func(definitions){
		"nothing":              func(definitions) {},
		"a field is new":       in(roles, func(s *schema) { s.Properties["reviewer"] = schema{Type: "string", MaxLength: new(int64(3))} }, "spec"),
		"a field is optional":  in(roles, func(s *schema) { s.Required = nil }, "spec"),
		"a length is more":     in(roles, func(s *schema) { s.MaxLength = new(int64(1000)) }, "spec", "displayName"),
		"a length is free":     in(roles, func(s *schema) { s.MaxLength = nil }, "spec", "displayName"),
		"a value is new":       in(roles, func(s *schema) { s.Enum = append(s.Enum, apiextensionsv1.JSON{Raw: []byte(`"Other"`)}) }, "spec", "type"),
		"a rule is gone":       in(roles, func(s *schema) { s.XValidations = nil }, "spec"),
		"a message is another": in(invitations, func(s *schema) { s.XValidations[0].Message = "another" }, "spec"),
		"a required field has a default": in(roles, func(s *schema) {
			s.Properties["reviewer"] = schema{Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte(`"nobody"`)}}
			s.Required = append(s.Required, "reviewer")
		}, "spec"),
		"a kind is new": func(now definitions) { now["others.authz.bailiwick.dev"] = now[roles] },
		"a description": in(roles, func(s *schema) { s.Description = "another" }, "spec"),
	} {
		t.Run(name, func(t *testing.T) {
			old, now := load(t), load(t)
			change(now)
			if findings := Compare(old, now); len(findings) > 0 {
				t.Errorf("got %q", findings)
			}
		})
	}
}

func load(t *testing.T) definitions {
	t.Helper()
	read, err := read(bases)
	if err != nil {
		t.Fatal(err)
	}
	return read
}
