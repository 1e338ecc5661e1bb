package integration

import (
	"fmt"
	"net/http"
	"strings"
	"unicode"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/scope"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/worlds"
)

// strange are texts that mean something to someone on the way from a manifest to a decision. Each is
// another one to the store.
var strange = []string{
	"a", "A", "a/b", "a//b", "/a", "a/", "a%2Fb", "a%252Fb", "%", "%%", "%2f", "*", "**", "a*", ".", "..", "../a", "../../a/b",
	"#", "a#member", ":", "user:*", "a:b", "~", "a~", "a b", " a", "a ", "a+b", "a%20b", "?", "a?b=c", "&", "=", "\\", `"`, "'", "`", "$", "$(a)",
	"{", "}", "{{a}}", "[", "]", "(", ")", "<a>", "|", ";", ",", "^", "!", "a\tb", "a\nb", "null", "0", "00", "-", "_", "@",
	"é", "e\u0301", "ß", "İ", "ı", "日本語", "☃", "𝒳", "\u200b", "a\u200b", "\u00a0a", "\u202ea", "ａ",
	strings.Repeat("x", 252), strings.Repeat("x", 252) + "y", strings.Repeat("x", 252) + "z", strings.Repeat("☃", 253),
}

var _ = Describe("Names and ids that users choose", func() {
	var w *world
	BeforeEach(func() { w = newWorld() })

	It("[K14] mean themselves as ids of objects, and no other", func() {
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Grants(w.View).Obj())
		var given []*v1alpha1.RoleAssignment
		for n, id := range strange {
			if n%2 == 0 {
				given = append(given, w.assignment(fmt.Sprint("n", n), "reader").ToUser("alice").InProject("prod", "vision").OnResource(w.Type, id).Obj())
				create(given[len(given)-1])
			}
		}
		for _, assigned := range given {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		for n, id := range strange {
			Expect(w.may("alice", w.View, w.object(id, "prod", "vision"))()).To(Equal(n%2 == 0), "%q", id)
			elsewhere := [][2]string{{"prod", "speech"}, {"prod", ""}, {"", ""}}[n%3]
			Expect(w.may("alice", w.View, w.object(id, elsewhere[0], elsewhere[1]))()).To(BeFalse(), "%q", id)
		}
		for _, object := range []string{w.at(), w.at("prod"), w.at("prod", "vision")} {
			Expect(w.may("alice", w.View, object)()).To(BeFalse(), object)
		}
		remove(toObjects(given)...)
		for n, id := range strange {
			if n%2 == 0 {
				Expect(w.may("alice", w.View, w.object(id, "prod", "vision"))()).To(BeFalse(), "%q", id)
			}
		}
		Expect(w.inStore()).NotTo(ContainElement(HavePrefix("resource:")))
	})

	It("[K14] mean themselves as types, and as permissions and attributes", func() {
		create(build.Role(w.Namespace, "reader").OfType(v1alpha1.RoleShare).Obj())
		odd := func(text string) string { return w.Namespace + text }
		texts := []string{"/doc", "/doc/42", ":*", "#member", " x", "%2Fdoc", "é", "e\u0301", "☃", strings.Repeat("x", 100)}
		for n, text := range texts {
			kind := build.ResourceType(fmt.Sprint(w.Namespace, "-", n)).OfType(odd(text)).Permits(odd(text), build.String(text))
			create(kind.Obj())
			role := build.Role(w.Namespace, fmt.Sprint("r", n)).OfType(v1alpha1.RoleShare).GrantsIf(odd(text), build.Equals(text, text))
			create(role.Obj(), w.assignment(fmt.Sprint("n", n), fmt.Sprint("r", n)).ToUser("alice").OnResource(odd(text), text).Obj())
		}
		for n := range texts {
			expectReason(w.assignment(fmt.Sprint("n", n), "").Obj(), v1alpha1.ReasonInForce)
		}
		for n, here := range texts {
			for m, there := range texts {
				may := w.may("alice", odd(there), w.objectOf(odd(here), here, "", ""), attributes{there: there})
				Expect(may()).To(Equal(n == m), "%q at %q", there, here)
			}
			Expect(w.may("alice", odd(here), w.objectOf(odd(here), here, "", ""), attributes{here: here + " "})()).To(BeFalse())
		}
	})

	It("[K14] mean themselves as subjects, every printable character included", func() {
		var subjects []string
		var printable strings.Builder
		for c := ' '; c <= '~'; c++ {
			printable.WriteRune(c)
			if unicode.IsLetter(c) || unicode.IsDigit(c) {
				continue // which every other subject has
			}
			subjects = append(subjects, w.Namespace+string(c)+"a")
		}
		subjects = append(subjects, w.Namespace+printable.String(), "*", "user:*", "group:"+w.Namespace+"/devs#member",
			w.Namespace+"%20a", w.Namespace+"é", w.Namespace+"e\u0301", w.Namespace+strings.Repeat("☃", 500),
			w.Namespace+strings.Repeat("x", 500)+"y", w.Namespace+strings.Repeat("x", 500)+"z")
		var given []*v1alpha1.RoleAssignment
		for n, subject := range subjects {
			name := fmt.Sprint("n", n)
			create(build.User(w.Namespace, name).KnownAs(subject).Obj())
			if n%2 == 0 {
				given = append(given, w.assignment(name, "editor").ToUser(name).InWorkspace("prod").Obj())
				create(given[len(given)-1])
			}
		}
		for _, assigned := range given {
			expectReason(assigned, v1alpha1.ReasonInForce)
		}
		for n, subject := range subjects {
			asked := question{User: objectid.User(subject), Permission: w.View, Object: w.at("prod")}
			Expect(op.may(asked)).To(Equal(n%2 == 0), "%q", subject)
		}
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeFalse(), "nobody gave it to everybody")
		Expect(w.groupMay(w.View, w.at("prod"))()).To(BeFalse())
	})

	It("[K14] mean themselves at their full length", func() {
		long := func(last string) string { return strings.Repeat("l", 62) + last }
		create(namespaceNamed(w.Namespace + strings.Repeat("l", 63-len(w.Namespace))))
		o := &world{worlds.World{Namespace: w.Namespace + strings.Repeat("l", 63-len(w.Namespace))}}
		organization := build.Organization(o.Namespace).Workspace(long("a"), long("a"), long("b")).Workspace(long("b"), long("a"), long("b")).Obj()
		create(organization)
		assigned := build.RoleAssignment(o.Namespace, "a").Gives(long("a")).ToUser(long("a")).InProject(long("a"), long("a")).Obj()
		toGroup := build.RoleAssignment(o.Namespace, "b").Gives(long("b")).ToGroup(long("b")).InProject(long("b"), long("b")).Obj()
		create(
			build.User(o.Namespace, long("a")).KnownAs(o.subject(long("a"))).Obj(), build.Group(o.Namespace, long("b")).Obj(),
			build.Role(o.Namespace, long("a")).Grants(w.View).Obj(), build.Role(o.Namespace, long("b")).Grants(w.Edit).Obj(),
			assigned, toGroup)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(toGroup, v1alpha1.ReasonInForce)
		for _, workspace := range []string{"a", "b"} {
			for _, project := range []string{"a", "b"} {
				place := o.at(long(workspace), long(project))
				Expect(o.may(long("a"), w.View, place)()).To(Equal(workspace == "a" && project == "a"))
				Expect(o.may(long("a"), w.Edit, place)()).To(BeFalse())
				members := question{User: objectid.Group(o.Namespace, long("b")) + "#member", Permission: w.Edit, Object: place}
				Expect(op.may(members)).To(Equal(workspace == "b" && project == "b"))
			}
		}
	})

	It("[K14] are not taken for the level above or below", func() {
		organization := build.Organization(w.Namespace).Obj()
		edit(organization, func(o *v1alpha1.Organization) {
			o.Spec.Workspaces = build.Organization("x").Workspace("editor", "editor").Workspace("prod", "editor", "prod").Obj().Spec.Workspaces
		})
		create(build.Role(w.Namespace, "prod").Grants(w.Delete).Obj())
		assigned := w.assignment("a", "prod").ToUser("alice").InProject("prod", "editor").Obj()
		other := w.assignment("b", "editor").ToUser("alice").InProject("editor", "editor").Obj()
		create(assigned, other)
		expectReason(assigned, v1alpha1.ReasonInForce)
		expectReason(other, v1alpha1.ReasonInForce)
		for object, may := range map[string][2]bool{
			w.at("prod", "editor"):   {true, false},
			w.at("editor", "editor"): {false, true},
			w.at("prod", "prod"):     {},
			w.at("prod"):             {},
			w.at("editor"):           {},
			w.at():                   {},
			// Without its project a resource is another object.
			objectid.Scope(scope.Path{Organization: w.Namespace, Workspace: "prod", ResourceType: "editor", ResourceID: "prod"}): {},
		} {
			Expect(w.may("alice", w.Delete, object)()).To(Equal(may[0]), object)
			Expect(w.may("alice", w.Edit, object)()).To(Equal(may[1]), object)
		}
	})
})

var _ = Describe("What holds in an organization", func() {
	It("[K14] holds in no other, whose name begins or ends with its name", func() {
		base := newNamespace(ctx)
		worlds := []*world{newWorldIn(base)}
		for _, name := range []string{base + "0", base + "-prod", "x" + base, base[:len(base)-1]} {
			create(namespaceNamed(name))
			worlds = append(worlds, newWorldIn(name))
		}
		same := "same@" + base
		for _, w := range worlds {
			create(build.User(w.Namespace, "same").KnownAs(same).Obj(), w.standing("same"))
		}
		for n, w := range worlds {
			assigned := w.assignment("a", "editor").ToUser("same").Obj()
			create(assigned)
			expectReason(assigned, v1alpha1.ReasonInForce)
			for m, other := range worlds {
				for _, object := range []string{other.at(), other.at("prod"), other.at("prod", "vision")} {
					asked := question{User: objectid.User(same), Permission: w.View, Object: object}
					Expect(op.may(asked)).To(Equal(n == m), "%s in %s", w.Namespace, object)
				}
			}
			remove(assigned)
		}
	})

	It("[K14] can't be widened by what an application puts into its question", func() {
		w, other := newWorld(), newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InProject("prod", "vision").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		always := map[string]any{"from": "2000-01-01T00:00:00Z", "until": "3000-01-01T00:00:00Z", "values": attributes{}, "tests": []any{}}
		for name, besides := range map[string]map[string]any{
			"permissions":        {"permissions": map[string]any{w.Delete: true}},
			"rules":              {"rules": map[string]any{w.Delete: []any{always}}},
			"both":               {"permissions": map[string]any{w.Delete: true}, "rules": map[string]any{w.Delete: []any{always}}},
			"time":               {"current_time": "2000-01-01T00:00:00Z"},
			"attributes":         {"attributes": map[string]any{"permissions": map[string]any{w.Delete: true}}},
			"names of relations": {"can": true, "role": true, "parent": other.at()},
		} {
			for _, object := range []string{w.at("prod", "vision"), w.at(), other.at("prod", "vision")} {
				asked := question{User: objectid.User(w.subject("alice")), Permission: w.Delete, Object: object, Besides: besides}
				Expect(op.may(asked)).To(BeFalse(), "%s at %s", name, object)
			}
			asked := question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at("prod", "vision"), Besides: besides}
			Expect(op.may(asked)).To(BeTrue(), name)
		}
	})

	DescribeTable("[K14] can't be widened by tuples that come with a question", Label(embeddedOnly), func(tuple func(w, other *world) map[string]any, refused bool) {
		w, other := newWorld(), newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").InProject("prod", "vision").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		asked := map[string]any{
			"tuple_key":         map[string]any{"user": objectid.User(w.subject("alice")), "relation": "can", "object": w.object("7", "prod", "vision")},
			"context":           map[string]any{"permission": w.View},
			"contextual_tuples": map[string]any{"tuple_keys": []any{tuple(w, other)}},
		}
		id, err := op.storeID()
		Expect(err).NotTo(HaveOccurred())
		var answer struct{ Allowed bool }
		err = op.call(http.MethodPost, "/stores/"+id+"/check", asked, &answer)
		if refused {
			Expect(err).To(MatchError(ContainSubstring("is not accepted")))
			return
		}
		Expect(err).NotTo(HaveOccurred())
		Expect(answer.Allowed).To(BeTrue())
	},
		Entry("but an object may say that its parent is its own path", func(w, _ *world) map[string]any {
			return map[string]any{"user": w.at("prod", "vision"), "relation": "parent", "object": w.object("7", "prod", "vision")}
		}, false),
		Entry("an object of another organization", func(w, other *world) map[string]any {
			return map[string]any{"user": w.at("prod", "vision"), "relation": "parent", "object": other.object("7", "prod", "vision")}
		}, true),
		Entry("an object of another project", func(w, _ *world) map[string]any {
			return map[string]any{"user": w.at("prod", "vision"), "relation": "parent", "object": w.object("7", "prod", "speech")}
		}, true),
		Entry("a role's assignee", func(w, _ *world) map[string]any {
			return map[string]any{
				"user": objectid.User(w.subject("bob")), "relation": "assignee",
				"object": objectid.Binding(scope.Path{Organization: w.Namespace, Workspace: "prod", Project: "vision"}, "editor"),
			}
		}, true),
		Entry("a member of a group", func(w, _ *world) map[string]any {
			return map[string]any{"user": objectid.User(w.subject("bob")), "relation": "member", "object": objectid.Group(w.Namespace, "devs")}
		}, true),
	)
})

func toObjects[T client.Object](typed []T) []client.Object {
	objects := make([]client.Object, 0, len(typed))
	for _, object := range typed {
		objects = append(objects, object)
	}
	return objects
}
