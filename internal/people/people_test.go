package people

import (
	"reflect"
	"strings"
	"testing"
)

func TestReadTakesCSVAndJSON(t *testing.T) {
	want := []Person{
		{Subject: "alice@acme.example", DisplayName: new("Alice, A."), Groups: &[]string{"engineering", "On call"}},
		{Subject: "bob@acme.example", Name: "bob", Email: new("bob@acme.example"), Suspended: new(true), Groups: &[]string{}},
	}
	for name, content := range map[string]string{
		"CSV": "subject,Name,displayName,email,suspended,groups\r\n" +
			"alice@acme.example,,\"Alice, A.\",,,engineering; On call ;\r\nbob@acme.example, bob ,,bob@acme.example,TRUE,\r\n",
		"CSV of a spreadsheet": "\ufeffgroups,subject,name,displayName,email,suspended\n" +
			"engineering;On call,alice@acme.example,,\"Alice, A.\",,\n,bob@acme.example,bob,,bob@acme.example,1\n",
		"JSON": ` [{"subject":"alice@acme.example","displayName":"Alice, A.","groups":["engineering","On call"]},
			{"subject":"bob@acme.example","name":"bob","email":"bob@acme.example","suspended":true,"groups":[]}]`,
	} {
		got, err := Read("people", []byte(content))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i := range got {
			got[i].where = ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestWhatIsNotSaidStaysUnsaid(t *testing.T) {
	for _, content := range []string{"subject\nalice\n", `[{"subject":"alice"}]`} {
		got, err := Read("people", []byte(content))
		if err != nil || got[0].DisplayName != nil || got[0].Email != nil || got[0].Suspended != nil || got[0].Groups != nil {
			t.Errorf("%q: %+v, %v", content, got, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"":                               "the list is empty",
		"name\nalice\n":                  "column subject is missing",
		"subject,group\nalice,x\n":       `column "group" is unknown`,
		"subject,Subject\na,b\n":         "two columns",
		"subject,name\nalice\n":          "line 2",
		"subject,name\na,b\n\"\",c\n":    "people: line 3: subject is missing",
		"subject,suspended\na,maybe\n":   `"maybe" is neither true nor false`,
		"subject\n\"a\nb\n":              "reading CSV",
		"subject\n\xff\n":                "not UTF-8",
		`[{"subject":"a"},{"name":"b"}]`: "entry 2: subject is missing",
		`[{"subject":"a","group":"b"}]`:  "unknown field",
		`{"subject":"a"}`:                "write an array",
		`[{"subject":"a"}] []`:           "something follows",
	} {
		if list, err := Read("people", []byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v; want %q", content, list, err, want)
		}
	}
}

func TestMergeJoinsTheGroupsOfSomebodyInSeveralLines(t *testing.T) {
	a, err := Read("a", []byte("subject,displayName,groups\nalice,Alice,x;y\nbob,,\nalice,,y;z\n"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read("b", []byte(`[{"subject":"bob","displayName":"Bob","name":"bob"}]`))
	if err != nil {
		t.Fatal(err)
	}
	merged, err := Merge(a, b)
	if err != nil || len(merged) != 2 {
		t.Fatalf("%+v, %v", merged, err)
	}
	alice, bob := merged[0], merged[1]
	if *alice.DisplayName != "Alice" || strings.Join(*alice.Groups, ";") != "x;y;y;z" || bob.Name != "bob" || *bob.DisplayName != "Bob" || len(*bob.Groups) > 0 {
		t.Errorf("%+v", merged)
	}
	for _, other := range []string{
		`[{"subject":"alice","displayName":"Anna"}]`, `[{"subject":"bob","name":"rob"}]`, `[{"subject":"bob","email":"x@y"},{"subject":"bob","email":"z@y"}]`,
		`[{"subject":"bob","suspended":true},{"subject":"bob","suspended":false}]`,
	} {
		list, err := Read("c", []byte(other))
		if err != nil {
			t.Fatal(err)
		}
		if merged, err := Merge(a, b, list); err == nil || !strings.Contains(err.Error(), "differs from that in") {
			t.Errorf("%s: %+v, %v", other, merged, err)
		}
	}
}
