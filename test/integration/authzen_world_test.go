package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

// suiteKey is that of the suite itself, for all organizations.
const suiteKey = "the-suite-asks-about-everything-0123456789"

// entity is a subject, action or resource of AuthZEN.
type entity map[string]any

// inAuthZEN says whether AuthZEN answers a question that OpenFGA has answered in the same way. It can't be
// asked about what has no words in it: a group as the one who asks, and ids that were cut.
func (o *operatorUnderTest) inAuthZEN(q question, allowed bool) error {
	evaluation, ok := evaluationOf(q)
	if !ok {
		return nil
	}
	// AuthZEN says where an object lies that the store may know nothing of.
	if where := whereItLies(q); !allowed && where != nil {
		var err error
		if allowed, err = o.check(q, where...); err != nil {
			return err
		}
	}
	decision, err := o.evaluate(suiteKey, evaluation)
	if err != nil {
		return err
	}
	if decision != allowed {
		return fmt.Errorf("OpenFGA says %t, and AuthZEN %t, to %v", allowed, decision, evaluation)
	}
	return nil
}

// inOpenFGA says whether the embedded store's own API answers a question from memory, as applications ask it, as the store has
// answered it.
func (o *operatorUnderTest) inOpenFGA(q question, allowed bool) error {
	where := whereItLies(q)
	if !allowed && where != nil {
		var err error
		if allowed, err = o.check(q, where...); err != nil {
			return err
		}
	}
	remembered, err := o.ask(q.requestOfAnApplication(where...))
	if err == nil && remembered != allowed {
		err = fmt.Errorf("the store says %t, and OpenFGA's API %t, to %v", allowed, remembered, q)
	}
	return err
}

// whereItLies is the contextual tuple that says where an object lies, none for what is no object and for an id that was cut.
func whereItLies(q question) []map[string]any {
	parent, readable := objectid.Parent(q.Object)
	if !readable || !strings.HasPrefix(q.Object, objectid.TypeResource) {
		return nil
	}
	return []map[string]any{{"user": parent, "relation": "parent", "object": q.Object}}
}

// evaluationOf is a question in AuthZEN's words.
func evaluationOf(q question) (map[string]any, bool) {
	userType, users, userOK := segments(q.User)
	objectType, places, objectOK := segments(q.Object)
	if !userOK || !objectOK || userType != objectid.TypeUser {
		return nil, false
	}
	properties := map[string]any{}
	maps.Copy(properties, q.Attributes)
	resource := entity{"type": objectType, "id": strings.Join(places, "/"), "properties": properties}
	if objectType == objectid.TypeResource {
		above := places[:len(places)-2]
		scope := map[string]string{"organization": above[0]}
		if len(above) > 1 {
			scope["workspace"] = above[1]
		}
		if len(above) > 2 {
			scope["project"] = above[2]
		}
		properties["scope"] = scope
		resource["type"], resource["id"] = places[len(places)-2], places[len(places)-1]
	}
	evaluation := map[string]any{
		"subject":  entity{"type": "user", "id": users[0]},
		"action":   entity{"name": q.Permission},
		"resource": resource,
	}
	if q.Besides != nil {
		evaluation["context"] = q.Besides
	}
	return evaluation, true
}

// segments are the names in an id, as docs/store.md has them.
func segments(id string) (kind string, names []string, ok bool) {
	kind, path, _ := strings.Cut(id, ":")
	if strings.ContainsAny(path, "~#") {
		return "", nil, false
	}
	for segment := range strings.SplitSeq(path, "/") {
		name, err := url.PathUnescape(segment)
		if err != nil {
			return "", nil, false
		}
		names = append(names, name)
	}
	return kind, names, true
}

// evaluate asks AuthZEN one question.
func (o *operatorUnderTest) evaluate(key string, evaluation any) (bool, error) {
	var answer struct {
		Decision *bool `json:"decision"`
	}
	code, text, err := o.authZEN(key, "/access/v1/evaluation", evaluation)
	if err != nil {
		return false, err
	}
	if code != http.StatusOK {
		return false, fmt.Errorf("AuthZEN: %d: %s", code, text)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return false, err
	}
	if answer.Decision == nil {
		return false, fmt.Errorf("no decision in %s", text)
	}
	return *answer.Decision, nil
}

// authZEN posts a request to AuthZEN; without a key it shows none.
func (o *operatorUnderTest) authZEN(key, path string, body any) (int, []byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.decisionURL+path, bytes.NewReader(encoded))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, text, err
}

// admits has AuthZEN know the key of a caller who may ask about these organizations, besides the suite's.
func (o *operatorUnderTest) admits(key string, organizations ...string) {
	GinkgoHelper()
	type caller struct {
		Name          string   `json:"name"`
		Key           string   `json:"key"`
		Organizations []string `json:"organizations"`
	}
	content, err := json.Marshal(map[string][]caller{"callers": {
		{"suite", suiteKey, []string{"*"}},
		{"shop", key, organizations},
	}})
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(o.keys, content, 0o600)).To(Succeed())
}
