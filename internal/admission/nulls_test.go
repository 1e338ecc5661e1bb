package admission

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/test/build"
)

// The schema marks what it refuses a null for as nullable: without that the API server drops the null before it validates.
func TestTheNullsThatAreRefusedAreThoseOfTheSchema(t *testing.T) {
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(raw, &crd); err != nil {
			t.Fatal(err)
		}
		var want []string
		nullable("", crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], &want)
		got := slices.DeleteFunc(slices.Clone(refusedNulls[crd.Spec.Names.Plural]), func(path string) bool { return strings.HasSuffix(path, ".conditions.*") })
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", crd.Spec.Names.Plural, got, want)
		}
		for _, path := range want {
			if strings.HasSuffix(path, ".conditions") && !slices.Contains(refusedNulls[crd.Spec.Names.Plural], path+".*") {
				t.Errorf("%s: a null for one of several conditions at %s gives more, too", crd.Spec.Names.Plural, path)
			}
		}
	}
}

func nullable(path string, schema apiextensionsv1.JSONSchemaProps, found *[]string) {
	below := strings.TrimPrefix(path+".", ".")
	if schema.Nullable {
		*found = append(*found, path)
	}
	for name, property := range schema.Properties {
		nullable(below+name, property, found)
	}
	if schema.Items != nil {
		nullable(below+every, *schema.Items.Schema, found)
	}
	if schema.AdditionalProperties != nil {
		nullable(below+every, *schema.AdditionalProperties.Schema, found)
	}
}

func TestNullsThatKubectlLeavesOutAreRefused(t *testing.T) {
	applied := func(spec string) string { return fmt.Sprintf(`{"spec":%s}`, spec) }
	for name, c := range map[string]struct {
		resource      string
		applied, sent string // specs
		before        string // what was applied before
		want          string
	}{
		"a workspace":                   {"roleassignments", `{"scope":{"workspace":null}}`, `{"scope":{}}`, "", "spec.scope.workspace: null"},
		"a whole scope":                 {"permissiongrants", `{"scope":null}`, `{}`, "", "spec.scope: null"},
		"an end":                        {"groupmemberships", `{"expiresAt":null}`, `{}`, "", "spec.expiresAt: null"},
		"conditions of the second":      {"roles", `{"permissionGrants":[{"permission":"A","conditions":{}},{"permission":"B","conditions":null}]}`, `{"permissionGrants":[{"permission":"A"},{"permission":"B"}]}`, "", "spec.permissionGrants[1].conditions: null"},
		"one of two conditions":         {"roles", `{"permissionGrants":[{"conditions":{"color":null,"size":{}}}]}`, `{"permissionGrants":[{"conditions":{"size":{}}}]}`, "", "spec.permissionGrants[0].conditions[color]: null"},
		"one of a temporary grant":      {"temporarypermissiongrants", `{"permissionGrant":{"conditions":{"color":null}}}`, `{"permissionGrant":{}}`, "", "spec.permissionGrant.conditions[color]: null"},
		"a scope of several":            {"accesspolicies", `{"scopes":[{"workspace":"prod","project":null}]}`, `{"scopes":[{"workspace":"prod"}]}`, "", "spec.scopes[0].project: null"},
		"two of them":                   {"roleassignments", `{"scope":{"workspace":null,"project":null}}`, `{}`, "", "spec.scope.project, spec.scope.workspace: null"},
		"a suspension":                  {"users", `{"suspended":null}`, `{}`, "", "spec.suspended: null"},
		"where another was applied":     {"users", `{"suspended":null}`, `{}`, `{"suspended":true}`, "spec.suspended: null"},
		"where it was applied before":   {"users", `{"suspended":null}`, `{"displayName":"A"}`, `{"suspended":null}`, ""},
		"what has a value all the same": {"roleassignments", `{"scope":{"workspace":null}}`, `{"scope":{"workspace":"prod"}}`, "", ""},
		"what gives no more":            {"roles", `{"displayName":null,"inherits":null}`, `{}`, "", ""},
		"no null":                       {"roleassignments", `{"scope":{}}`, `{"scope":{}}`, "", ""},
		"no spec":                       {"roleassignments", `null`, `{}`, "", ""},
		"another form":                  {"roleassignments", `{"scope":[{"workspace":null}]}`, `{}`, "", ""},
		"what is no JSON":               {"roleassignments", `{`, `{}`, "", ""},
		"a type":                        {"resourcetypes", `{"permissions":null}`, `{}`, "", ""},
	} {
		object := func(lastApplied string) client.Object {
			return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: lastApplied}}}
		}
		request := &admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
			Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Resource: c.resource}, Object: runtime.RawExtension{Raw: fmt.Appendf(nil, `{"spec":%s}`, c.sent)},
		}}
		var old client.Object
		if c.before != "" {
			old = object(applied(c.before))
		}
		refused := judgeNulls(request, old, object(applied(c.applied)))
		// A backup brings its annotation along. That it is one can't be seen.
		if restores := refused != nil && strings.HasSuffix(refused.message, "take its annotation kubectl.kubernetes.io/last-applied-configuration off"); refused != nil && !restores {
			t.Errorf("%s: %s", name, refused.message)
		}
		if (refused != nil) != (c.want != "") || refused != nil && !strings.HasPrefix(refused.message, c.want) {
			t.Errorf("%s: got %+v, want %q", name, refused, c.want)
		}
	}
	if refused := judgeNulls(&admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Operation: admissionv1.Delete}}, build.User("acme", "bob").Obj(), nil); refused != nil {
		t.Errorf("a deletion: %+v", refused)
	}
}

func TestAnEditThatTakesScopeOrEndAwayIsWarnedOf(t *testing.T) {
	assignment := func() *build.RoleAssignmentBuilder {
		return build.RoleAssignment("acme", "a").Gives("viewer").ToUser("bob")
	}
	grant := func() *build.PermissionGrantBuilder {
		return build.PermissionGrant("acme", "g").ToUser("bob").Grants("View")
	}
	for name, c := range map[string]struct {
		old, object client.Object
		want        string
	}{
		"the whole scope":    {assignment().InWorkspace("prod").Obj(), assignment().Obj(), "spec.scope: from now on this is for all of acme, and no longer for acme/prod alone"},
		"the project":        {grant().InProject("prod", "vision").Obj(), grant().InWorkspace("prod").Obj(), "spec.scope: from now on this is for all of acme/prod, and no longer for acme/prod/vision alone"},
		"the end":            {assignment().Until(noon).Obj(), assignment().Obj(), "spec.expiresAt: this has no end any more"},
		"a membership's end": {build.GroupMembership("acme", "m", "bob", "devs").Until(noon).Obj(), build.GroupMembership("acme", "m", "bob", "devs").Obj(), "spec.expiresAt: this has no end any more"},
		"another scope":      {assignment().InWorkspace("prod").Obj(), assignment().InWorkspace("lab").Obj(), ""},
		"a narrower scope":   {assignment().Obj(), assignment().InWorkspace("prod").Obj(), ""},
		"a later end":        {assignment().Until(noon).Obj(), assignment().Until(noon.Add(1)).Obj(), ""},
		"a new one":          {nil, assignment().Obj(), ""},
		"a deletion":         {assignment().Until(noon).Obj(), nil, ""},
	} {
		if got := strings.Join(warnWider(c.old, c.object), "; "); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
