package migrate

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

const mapping = `
types:
  user: {kind: User}
  team: {kind: Group}
  company: {kind: Organization, id: acme}
  folder: {kind: Workspace}
  board: {kind: Project}
  doc: {kind: Resource, resourceType: Document}
relations:
  team#member: {membership: Member}
  team#lead: {membership: Admin}
  company#owner: {role: admin}
  folder#viewer: {role: viewer}
  board#editor: {role: editor}
  board#folder: {parent: true}
  doc#reader: {role: reader}
  doc#in: {parent: true}
`

func migrated(t *testing.T, tuples string) *Result {
	t.Helper()
	m, err := ReadMapping([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	var list []Tuple
	for line := range strings.SplitSeq(tuples, "\n") {
		fields := strings.Fields(line)
		list = append(list, Tuple{User: fields[0], Relation: fields[1], Object: fields[2]})
	}
	return Migrate("acme", m, list)
}

func TestTuplesBecomeObjects(t *testing.T) {
	got := migrated(t, `user:anne owner company:acme
user:bob@acme.example member team:devs
user:anne member team:devs
user:anne lead team:devs
team:devs#member viewer folder:Prod
team:devs#member editor board:b1
folder:Prod folder board:b1
user:anne reader doc:42
board:b1 in doc:42
user:anne reader doc:free`)
	if len(got.Unsaid) > 0 {
		t.Errorf("unsaid: %v", got.Unsaid)
	}
	var lines []string
	for _, object := range got.Objects {
		spec, err := yaml.Marshal(object.Declared())
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.ReplaceAll(strings.TrimSpace(string(spec)), "\n", " "))
	}
	want := `subject: anne
subject: bob@acme.example
{}
group: devs role: Admin user: anne
group: devs role: Member user: bob-acme-example-`
	if all := strings.Join(lines, "\n"); !strings.HasPrefix(all, want) {
		t.Errorf("people: got\n%s", all)
	}
	for _, line := range []string{
		"roleRef:   name: admin scope: {} subject:   user: anne",
		"roleRef:   name: viewer scope:   workspace: prod-",
		"scope:   project: b1   workspace: prod-",
		"scope:   project: b1   resource:     id: \"42\"     type: Document   workspace: prod-",
		"scope:   resource:     id: free     type: Document subject:   user: anne",
	} {
		if !strings.Contains(strings.Join(lines, "\n"), strings.Replace(line, "scope: {} ", "", 1)) {
			t.Errorf("%s is missing in\n%s", line, strings.Join(lines, "\n"))
		}
	}
	if strings.Join(got.Roles, " ") != "admin editor reader viewer" || len(got.Workspaces) != 1 || len(got.Workspaces[0].Projects) != 1 {
		t.Errorf("needed: %v %v", got.Roles, got.Workspaces)
	}
	names := map[string]bool{}
	for _, object := range got.Objects {
		if assignment, is := object.(*v1alpha1.RoleAssignment); is {
			names[assignment.Name] = true
		}
	}
	if len(names) != 5 {
		t.Errorf("assignments: %v", names)
	}
}

func TestWhatCannotBeSaidIsNamed(t *testing.T) {
	for tuple, why := range map[string]string{
		"user:* viewer folder:prod":           "it is for everybody",
		"user:anne owner company:globex":      "another organization",
		"user:anne editor board:lost":         "in which Workspace",
		"user:anne likes doc:1":               "no relation doc#likes",
		"team:devs#member member team:all":    "a group in a group",
		"team:devs#lead viewer folder:prod":   "neither a User nor the members",
		"robot:1 viewer folder:prod":          "neither a User nor the members",
		"user:anne#friend viewer folder:prod": "neither a User nor the members",
		"doc:1 in doc:2\nuser:a reader doc:2": "no place of ours",
		"company:globex in doc:3":             "another organization",
		"user:anne member unknown:1":          "no relation unknown#member",
	} {
		got := migrated(t, tuple)
		if len(got.Unsaid) == 0 || !strings.Contains(got.Unsaid[len(got.Unsaid)-1].Why, why) {
			t.Errorf("%q: got %v", tuple, got.Unsaid)
		}
		for _, object := range got.Objects {
			if _, gives := object.(*v1alpha1.RoleAssignment); gives {
				t.Errorf("%q: it gives something", tuple)
			}
		}
	}
	conditioned := Tuple{User: "user:anne", Relation: "viewer", Object: "folder:prod", Condition: []byte(`{"name":"x"}`)}
	m, err := ReadMapping([]byte(mapping))
	if err != nil {
		t.Fatal(err)
	}
	if got := Migrate("acme", m, []Tuple{conditioned}); len(got.Objects) > 0 || len(got.Unsaid) != 1 {
		t.Errorf("a condition is lost: %v", got.Objects)
	}
}

func TestAMappingThatMeansNothingIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"types: {user: {kind: Person}}":                                             "types.user.kind",
		"types: {o: {kind: Organization}}":                                          "types.o.id",
		"types: {d: {kind: Resource}}":                                              "types.d.resourceType",
		"relations: {folder: {role: x}}":                                            "TYPE#RELATION",
		"relations: {a#b: {role: x}}":                                               "of a type that types has",
		"types: {g: {kind: Group}}\nrelations: {g#m: {}}":                           "one of role, membership and parent",
		"types: {g: {kind: Group}}\nrelations: {g#m: {role: x}}":                    "a role is given at",
		"types: {g: {kind: Group}}\nrelations: {g#m: {membership: Owner}}":          "Member or Admin",
		"types: {w: {kind: Workspace}}\nrelations: {w#m: {membership: Member}}":     "of a type that is a Group",
		"types: {w: {kind: Workspace}}\nrelations: {w#in: {parent: true}}":          "lies somewhere",
		"types: {w: {kind: Workspace}}\nrelations: {w#in: {parent: true, role: x}}": "one of role, membership and parent",
		"type: {}": "unknown field",
	} {
		if _, err := ReadMapping([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
}

func TestTuplesAreReadAsTheyArePrinted(t *testing.T) {
	for _, text := range []string{
		`[{"key":{"user":"user:a","relation":"r","object":"o:1"},"timestamp":"2030-01-01T00:00:00Z"}]`,
		`{"tuples":[{"key":{"user":"user:a","relation":"r","object":"o:1"}}],"continuation_token":""}`,
		`[{"user":"user:a","relation":"r","object":"o:1"}]`,
	} {
		got, err := ReadTuples([]byte(text))
		if err != nil || len(got) != 1 || got[0].String() != "user:a r o:1" {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "user,relation,object", `[{"user":"user:a"}]`, `{"tuples":[{}]}`} {
		if got, err := ReadTuples([]byte(text)); err == nil {
			t.Errorf("%q: got %v", text, got)
		}
	}
}
