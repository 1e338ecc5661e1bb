package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// What the scenarios send is in their words, and what is granted is docs/examples/interop, in a namespace of the spec's own.
var _ = Describe("AuthZEN's interoperability scenarios", func() {
	const key = "the-key-of-a-gateway-0123456789abcdef"
	people := []struct {
		name, id, email                string
		editor, updatesAny, deletesAny bool
	}{
		{"rick", "CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "rick@the-citadel.com", true, true, true},
		{"morty", "CiRmZDE2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "morty@the-citadel.com", true, false, false},
		{"summer", "CiRmZDI2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "summer@the-smiths.com", true, false, false},
		{"beth", "CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "beth@the-smiths.com", false, false, false},
		{"jerry", "CiRmZDQ2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs", "jerry@the-smiths.com", false, false, false},
	}
	decides := func(want bool, q map[string]any) {
		GinkgoHelper()
		got, err := op.evaluate(key, q)
		Expect(err).NotTo(HaveOccurred(), "%v", q)
		Expect(got).To(Equal(want), "%v", q)
	}

	BeforeEach(func() {
		ns := newNamespace(ctx)
		text, err := os.ReadFile("../../docs/examples/interop/todo-app.yaml")
		Expect(err).NotTo(HaveOccurred())
		decoder := serializer.NewCodecFactory(k8sClient.Scheme()).UniversalDeserializer()
		var applied []v1alpha1.Object
		for document := range strings.SplitSeq(strings.ReplaceAll(string(text), "todo-app", ns), "\n---\n") {
			decoded, _, err := decoder.Decode([]byte(document), nil, nil)
			Expect(err).NotTo(HaveOccurred(), document)
			if object, ours := decoded.(v1alpha1.Object); ours {
				create(object)
				applied = append(applied, object)
			}
		}
		for _, object := range applied {
			Eventually(func() bool {
				common := observed(object).CommonStatus()
				return meta.IsStatusConditionTrue(common.Conditions, v1alpha1.ConditionReady)
			}).Should(BeTrue(), "%T %s is Ready", object, object.GetName())
		}
		content, err := json.Marshal(map[string]any{"callers": []any{map[string]any{
			"name": "gateway", "key": key, "organizations": []string{ns}, "defaultScope": map[string]string{"organization": ns}, "subjectTypes": []string{"identity", "user"},
		}, map[string]any{"name": "suite", "key": suiteKey, "organizations": []string{"*"}}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(op.keys, content, 0o600)).To(Succeed())
	})

	It("[D6] [D8] the API gateway: a method on a route, by what each gateway sends beside it", func() {
		for _, person := range people {
			for _, route := range []struct {
				method, path string
				want         bool
			}{
				{"GET", "/users/{userId}", true},
				{"GET", "/todos", true},
				{"POST", "/todos", person.editor},
				{"PUT", "/todos/{todoId}", person.editor},
				{"DELETE", "/todos/{todoId}", person.editor},
			} {
				q := map[string]any{
					"subject": entity{"type": "identity", "id": person.id}, "action": entity{"name": route.method}, "resource": entity{"type": "route", "id": route.path},
				}
				decides(route.want, q)
				q["context"] = map[string]any{}
				decides(route.want, q)
				q["resource"] = entity{"type": "route", "id": route.path, "properties": map[string]any{
					"uri": "https://todo.example/todos/1", "schema": "https", "hostname": "todo.example", "path": "/todos/1", "params": map[string]any{"todoId": "1"}, "ip": "",
				}}
				decides(route.want, q)
			}
		}
		for _, q := range []map[string]any{
			{"subject": entity{"type": "identity", "id": "nobody"}, "action": entity{"name": "GET"}, "resource": entity{"type": "route", "id": "/todos"}},
			{"subject": entity{"type": "identity", "id": people[1].id}, "action": entity{"name": "POST"}, "resource": entity{"type": "route", "id": "/users/{userId}"}},
			{"subject": entity{"type": "robot", "id": people[0].id}, "action": entity{"name": "GET"}, "resource": entity{"type": "route", "id": "/todos"}},
		} {
			decides(false, q)
		}
	})

	It("[D6] [D8] the Todo application: what a person may do with a todo, by its owner", func() {
		may := func(id, permission, resourceType, resource string, properties map[string]any) map[string]any {
			q := map[string]any{"subject": entity{"type": "user", "id": id}, "action": entity{"name": permission}, "resource": entity{"type": resourceType, "id": resource}}
			if properties != nil {
				q["resource"].(entity)["properties"] = properties
			}
			return q
		}
		const aTodo = "7240d0db-8ff0-41ec-98b2-34a096273b9"
		for n, person := range people {
			decides(true, may(person.id, "can_read_user", "user", "beth@the-smiths.com", nil))
			decides(true, may(person.id, "can_read_user", "user", person.id, nil))
			decides(true, may(person.id, "can_read_todos", "todo", "todo-1", nil))
			decides(person.editor, may(person.id, "can_create_todo", "todo", "todo-1", nil))
			var several []any
			var want []string
			for of, owner := range people {
				owns := map[string]any{"ownerID": owner.email}
				own := person.editor && of == n
				todo := fmt.Sprint(aTodo, of)
				decides(own || person.updatesAny, may(person.id, "can_update_todo", "todo", todo, owns))
				decides(own || person.deletesAny, may(person.id, "can_delete_todo", "todo", todo, owns))
				several = append(several, map[string]any{"resource": entity{"type": "todo", "id": todo, "properties": owns}})
				want = append(want, map[bool]string{true: yes, false: no}[own || person.updatesAny])
			}
			Expect(answersTo(key, evaluationsPath, map[string]any{
				"subject": entity{"type": "user", "id": person.id}, "action": entity{"name": "can_update_todo"}, "evaluations": several,
			})).To(beVerdicts(want...), person.name)
			Expect(answersTo(key, evaluationsPath, map[string]any{
				"subject": entity{"type": "user", "id": person.id}, "action": entity{"name": "can_update_todo"}, "resource": map[string]any{}, "context": map[string]any{}, "evaluations": several,
			})).To(beVerdicts(want...), "as the page of the scenario writes it")
		}
		beside := may(people[1].id, "can_update_todo", "todo", aTodo, nil)
		beside["resource"].(entity)["ownerID"] = people[1].email
		decides(false, beside)
		Expect(answersTo(key, evaluationPath, map[string]any{
			"subject": entity{"type": "user", "id": people[1].id}, "action": entity{"name": "can_create_todo"}, "resource": entity{"type": "todo"},
		})).To(beMalformed("resource.id is missing"), "as the page writes it, and the application doesn't send it")
	})
})
