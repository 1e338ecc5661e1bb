package objectid_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
)

// names are what has a meaning somewhere on the way to the store, and what is long.
var names = []string{
	"acme", "a", "A", "prod", "a/b", "a%2Fb", "a%2fb", "%", "~", "a~b", "#", "a#b", ":", "a:b", "*", " ", "a b", ".", "..",
	"@", "\x00", "\n", "\t", "\xff", "ß", "ss", "é", "e\u0301", "日本語", "\u202e", "\ufeff", "organization", "workspace",
	strings.Repeat("x", 100), strings.Repeat("x", 176), strings.Repeat("x", 180), strings.Repeat("x", 181),
	strings.Repeat("x", 512), strings.Repeat("/", 60), strings.Repeat("/", 61), strings.Repeat("日", 20),
}

// place is as deep as level says, one of the six ways.
func place(level byte, organization, workspace, project, kind, id string) scope.Path {
	path := scope.Path{Organization: organization}
	if level%6 >= 3 {
		path.ResourceType, path.ResourceID = kind, id
	}
	if level%3 >= 1 {
		path.Workspace = workspace
	}
	if level%3 == 2 {
		path.Project = project
	}
	return path
}

// isEmpty says that one of the names is: the schemas admit none, and to a path it means "not this deep".
func isEmpty(names ...string) bool {
	return slices.Contains(names, "")
}

func FuzzNoTwoHaveOneID(f *testing.F) {
	for i, a := range names {
		b := names[(i+1)%len(names)]
		for level := range byte(6) {
			f.Add(level, a, b, a, b, a, level, a, b, b, a, a)
			f.Add(level, a, b, a, b, a, level, a, b, a, b, a)
			f.Add(level, a, a, a, a, a, level+1, a, a, a, a, a)
			f.Add(level, "a", "b/c", "d", "e", "f", level, "a/b", "c", "d", "e", "f")
		}
	}
	f.Fuzz(func(t *testing.T, level1 byte, o1, w1, p1, k1, i1 string, level2 byte, o2, w2, p2, k2, i2 string) {
		if isEmpty(o1, w1, p1, k1, i1, o2, w2, p2, k2, i2) {
			return
		}
		one, other := place(level1, o1, w1, p1, k1, i1), place(level2, o2, w2, p2, k2, i2)
		for name, test := range map[string]struct {
			same   bool
			a, b   string
			prefix string
		}{
			"User":    {o1 == o2, objectid.User(o1), objectid.User(o2), "user:"},
			"Group":   {o1 == o2 && w1 == w2, objectid.Group(o1, w1), objectid.Group(o2, w2), "group:"},
			"Scope":   {one == other, objectid.Scope(one), objectid.Scope(other), ""},
			"Binding": {one == other && w1 == w2, objectid.Binding(one, w1), objectid.Binding(other, w2), "binding:"},
			"Binding of one role": {
				one == other, objectid.Binding(one, w1), objectid.Binding(other, w1), "binding:",
			},
		} {
			if (test.a == test.b) != test.same {
				t.Errorf("%s: %s and %s, of %v and %v, with %q and %q", name, test.a, test.b, one, other, w1, w2)
			}
			if !strings.HasPrefix(test.a, test.prefix) {
				t.Errorf("%s: %s does not begin with %s", name, test.a, test.prefix)
			}
		}
	})
}

// seedPaths adds a path of each level for each pair of names.
func seedPaths(f *testing.F) {
	f.Helper()
	for i, a := range names {
		b := names[(i+1)%len(names)]
		for level := range byte(6) {
			f.Add(level, a, b, a, b, a)
			f.Add(level, "acme", "prod", "vision", a, b)
		}
	}
}

func FuzzParentIsThatOfThePath(f *testing.F) {
	seedPaths(f)
	f.Fuzz(func(t *testing.T, level byte, organization, workspace, project, kind, id string) {
		if isEmpty(organization, workspace, project, kind, id) {
			return
		}
		path := place(level, organization, workspace, project, kind, id)
		object := objectid.Scope(path)
		above, want := path.Parent()
		want = want && !strings.Contains(object, "~")
		got, ok := objectid.Parent(object)
		if ok != want || ok && got != objectid.Scope(above) {
			t.Errorf("the parent of %s is %s, %t, want %s, %t", object, got, ok, objectid.Scope(above), want)
		}
	})
}

func FuzzAnIDThatWasNotCutIsReadBack(f *testing.F) {
	seedPaths(f)
	f.Fuzz(func(t *testing.T, level byte, organization, workspace, project, kind, id string) {
		if isEmpty(organization, workspace, project, kind, id) {
			return
		}
		path := place(level, organization, workspace, project, kind, id)
		object := objectid.Scope(path)
		if got, ok := objectid.ScopeOf(object); ok == strings.Contains(object, "~") || ok && got != path {
			t.Errorf("%s is read as %v, %t, want %v", object, got, ok, path)
		}
		user := objectid.User(id)
		if got, ok := objectid.SubjectOf(user); ok == strings.Contains(user, "~") || ok && got != id {
			t.Errorf("%s is read as %q, %t, want %q", user, got, ok, id)
		}
		group := objectid.Group(organization, id)
		if of, name, ok := objectid.GroupOf(group); ok == strings.Contains(group, "~") || ok && (of != organization || name != id) {
			t.Errorf("%s is read as %q, %q, %t, want %q, %q", group, of, name, ok, organization, id)
		}
	})
}

// Whatever is asked about by another spelling than ours is nothing that the store knows.
func FuzzWhatIsReadIsAnIDOfOurs(f *testing.F) {
	for _, id := range []string{
		"", ":", "user", "user:", "user:a/b", "user:a%2fb", "user:%41", "user:%", "user:%zz", "user:*", "user:a b", "group:a/b", "group:a", "group:a/b/c", "group:a//b",
		"organization:", "organization:a", "organization:a/b", "workspace:a", "workspace:a/b", "workspace:a/b/c", "project:a/b/c", "project:a/b/c/d", "project:/b/c",
		"resource:a/b", "resource:a/b/c", "resource:a/b/c/d/e", "resource:a/b/c/d/e/f", "resource:a//c", "binding:organization/a/b", "user:a~b", "group:a/b#member", "user:a:b",
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if path, ok := objectid.ScopeOf(id); ok && objectid.Scope(path) != id {
			t.Errorf("%q is read as %v, which is %s", id, path, objectid.Scope(path))
		}
		if subject, ok := objectid.SubjectOf(id); ok && objectid.User(subject) != id {
			t.Errorf("%q is read as %q, which is %s", id, subject, objectid.User(subject))
		}
		if organization, name, ok := objectid.GroupOf(id); ok && objectid.Group(organization, name) != id {
			t.Errorf("%q is read as %q, %q, which is %s", id, organization, name, objectid.Group(organization, name))
		}
	})
}

// With a type before it and the longest relation behind it, OpenFGA takes an object of 256 characters
// and a user of 512, of which none may be a space, "#", ":" or "*" by itself.
func FuzzIDsFitTheStore(f *testing.F) {
	for _, name := range names {
		for level := range byte(6) {
			f.Add(level, name)
		}
	}
	f.Fuzz(func(t *testing.T, level byte, name string) {
		path := place(level, name, name, name, name, name)
		for _, id := range []string{objectid.User(name), objectid.Group(name, name), objectid.Scope(path), objectid.Binding(path, name)} {
			if len(id) > 200 {
				t.Errorf("%s has %d characters", id, len(id))
			}
			kind, rest, _ := strings.Cut(id, ":")
			if i := strings.IndexFunc(rest, unsafe); i >= 0 {
				t.Errorf("%s of type %s has %q", id, kind, rest[i])
			}
		}
	})
}

func unsafe(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune("#:*\\\"'", c)
}
