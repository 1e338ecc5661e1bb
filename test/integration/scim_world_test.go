package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/internal/scim"
)

// directory sends people to an organization by SCIM.
type directory struct {
	organization, token string
}

// directory is one that acts as a ServiceAccount of the world, which its admin has bound to bailiwick-scim.
func (w *world) directory() *directory {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: scim.ServiceAccount}}
	create(account, &rbacv1.RoleBinding{
		ObjectMeta: account.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-scim"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: scim.ServiceAccount}},
	})
	request := &authenticationv1.TokenRequest{}
	Expect(k8sClient.SubResource("token").Create(ctx, account, request)).To(Succeed())
	d := &directory{organization: w.Namespace, token: request.Status.Token}
	Eventually(func() int { return d.send(http.MethodGet, "Users?count=0", nil).code }).Should(Equal(http.StatusOK))
	return d
}

// reply is what a directory is answered.
type reply struct {
	code   int
	header http.Header
	body   map[string]any
}

// text is a part of the answer that is a text.
func (r reply) text(key string) string {
	text, _ := r.body[key].(string)
	return text
}

// send sends a request; a body that is a text is sent as it is.
func (d *directory) send(method, path string, body any) reply {
	GinkgoHelper()
	content, isText := body.(string)
	if body != nil && !isText {
		written, err := json.Marshal(body)
		Expect(err).NotTo(HaveOccurred())
		content = string(written)
	}
	response, err := d.do(method, path, content)
	Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	written, err := io.ReadAll(response.Body)
	Expect(err).NotTo(HaveOccurred())
	answered := reply{code: response.StatusCode, header: response.Header}
	if len(written) > 0 {
		Expect(json.Unmarshal(written, &answered.body)).To(Succeed(), string(written))
	}
	return answered
}

// do sends a request that may get no answer.
func (d *directory) do(method, path, content string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, op.scimURL+"/scim/v2/"+d.organization+"/"+path, bytes.NewBufferString(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+d.token)
	request.Header.Set("Content-Type", "application/scim+json")
	return http.DefaultClient.Do(request)
}

// expect sends a request and expects a status.
func (d *directory) expect(code int, method, path string, body any) reply {
	GinkgoHelper()
	answered := d.send(method, path, body)
	Expect(answered.code).To(Equal(code), "%s %s: %v", method, path, answered.body)
	return answered
}

// patch is a PATCH of these operations.
func patch(operations ...map[string]any) map[string]any {
	return map[string]any{"schemas": []string{"urn:ietf:params:scim:api:messages:2.0:PatchOp"}, "Operations": operations}
}

// scimUser is what a directory sends of somebody.
func scimUser(userName string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:User"}, "userName": userName, "active": true,
		"name":   map[string]any{"givenName": "Dana", "familyName": "Diaz"},
		"emails": []any{map[string]any{"value": "dana@example.com", "type": "work", "primary": true}},
	}
}

func scimGroup(displayName string, members ...string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Group"}, "displayName": displayName, "members": memberValues(members...),
	}
}

func memberValues(ids ...string) []any {
	values := []any{}
	for _, id := range ids {
		values = append(values, map[string]any{"value": id})
	}
	return values
}

// sync sends a whole directory, as they all do: each person and group is looked for, made if it is not there, sent
// whole, and all members of each group are sent. What fails for the moment is sent again.
func (d *directory) sync(people, groups int) {
	GinkgoHelper()
	try := func(code int, method, path string, body any) (answered reply) {
		GinkgoHelper()
		Eventually(func() int {
			answered = d.send(method, path, body)
			return answered.code
		}).Should(Or(Equal(code), Equal(http.StatusConflict)), func() string { return fmt.Sprint(method, " ", path, ": ", answered.body) })
		return answered
	}
	find := func(endpoint, attribute, value string) string {
		GinkgoHelper()
		query := url.Values{"excludedAttributes": {"members"}, "filter": {fmt.Sprintf("%s eq %q", attribute, value)}}
		list, _ := try(http.StatusOK, http.MethodGet, endpoint+"?"+query.Encode(), nil).body["Resources"].([]any)
		if len(list) != 1 {
			return ""
		}
		return list[0].(map[string]any)["id"].(string)
	}
	ids := make([]string, people)
	for i := range ids {
		userName := fmt.Sprintf("Person.%d@%s", i, d.organization)
		if ids[i] = find("Users", "userName", userName); ids[i] == "" {
			try(http.StatusCreated, http.MethodPost, "Users", scimUser(userName))
			ids[i] = find("Users", "userName", userName)
		}
		try(http.StatusOK, http.MethodPut, "Users/"+ids[i], scimUser(userName))
	}
	for i := range groups {
		name := fmt.Sprintf("Group %d", i)
		id := find("Groups", "displayName", name)
		if id == "" {
			try(http.StatusCreated, http.MethodPost, "Groups", scimGroup(name))
			id = find("Groups", "displayName", name)
		}
		try(http.StatusNoContent, http.MethodPatch, "Groups/"+id, patch(map[string]any{"op": "add", "path": "members", "value": memberValues(ids...)}))
	}
}
