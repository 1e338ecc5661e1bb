package integration

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
	"github.com/bailiwick-dev/bailiwick/internal/query"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// printedAnswer is what can-i and explain print with --output json or yaml.
type printedAnswer struct {
	User, Permission, At string
	query.Answer
}

var _ = Describe("kubectl authz can-i, who-can and explain", func() {
	var (
		w      *world
		viewer *person
	)
	BeforeEach(func() {
		w = newWorld()
		viewer = w.newPerson("viewer").asks(w.Namespace)
	})

	// given creates objects and waits until the operator has said what there is to say about each. What it has said first may
	// be that it does not know yet what another one names.
	given := func(objects ...v1alpha1.Object) {
		GinkgoHelper()
		for _, object := range objects {
			create(object)
		}
		waitUntilQuiet()
	}

	It("[G14] [C2] [D4] answer as the store and memory do, and so does a review, to whoever has the shipped roles for that organization and no other", func() {
		invitation := build.Invitation(w.Namespace, "welcome").AcceptedBy("dora").Obj()
		given(
			w.user("carol"), w.user("dora"), build.User(w.Namespace, "eve").KnownAs(w.subject("eve")).Suspended().Obj(), invitation,
			build.GroupMembership(w.Namespace, "carol-devs", "carol", "devs").Obj(),
			build.Role(w.Namespace, "painter").Inherits("viewer").GrantsIf(w.Edit, build.In("color", "red", "blue"), build.NotEquals("floor", "3")).Obj(),
			build.Role(w.Namespace, "viewer").Grants(w.View).Obj(),
			build.Role(w.Namespace, "sharer").OfType(v1alpha1.RoleShare).GrantsIf(w.Edit, build.Equals("draft", "true")).Obj(),
			w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(),
			w.assignment("b", "painter").ToUser("bob").InProject("prod", "vision").Obj(),
			w.assignment("c", "sharer").ToGroup("devs").InProject("prod", "vision").OnResource(w.Type, "1").Obj(),
			w.assignment("d", "viewer").ToInvitation("welcome").InWorkspace("lab").Obj(),
			w.assignment("e", "editor").ToUser("eve").Obj(),
			w.assignment("f", "none").ToUser("bob").Obj(),
			w.grant("g").ToGroup("devs").Grants(w.View).InProject("prod", "speech").Obj(),
			w.grant("h").ToUser("bob").GrantsIf(w.Edit, build.NotEquals("color", "red")).Grants(w.Namespace+":None").OnEvery(w.Type).InWorkspace("lab").Obj(),
			w.temporary("i").ToUser("dora").Grants(w.Delete).Until(time.Now().Add(time.Hour)).Obj(),
			w.temporary("j").ToUser("alice").Grants(w.Delete).Until(time.Now().Add(-time.Hour)).Obj(),
			w.temporary("k").ToUser("bob").Grants(w.Delete).From(time.Now().Add(time.Hour)).For("1h").Obj(),
		)
		places := map[string]string{
			"": w.at(), "prod": w.at("prod"), "prod/vision": w.at("prod", "vision"), "prod/speech": w.at("prod", "speech"), "lab/vision": w.at("lab", "vision"),
			"prod/vision 1": w.object("1", "prod", "vision"), "prod/vision 2": w.object("2", "prod", "vision"),
		}
		requests := []attributes{
			{}, {"color": "red", "floor": 2.0}, {"color": "blue", "floor": 3.0}, {"color": "green", "draft": true}, {"draft": false},
		}
		reviewed := viewer.reviewed()
		asked, allowed := 0, 0
		for _, user := range []string{"alice", "bob", "carol", "dora", "eve"} {
			for place, id := range places {
				for _, permission := range []string{w.View, w.Edit, w.Delete} {
					for _, request := range requests {
						if len(request) > 0 && permission != w.Edit {
							continue // only Edit has attributes
						}
						where, object, isObject := strings.Cut(place, " ")
						args := []string{"can-i", permission, "--user=" + user, "--scope=" + where}
						path := strings.TrimSuffix(w.Namespace+"/"+where, "/")
						if isObject {
							args = append(args, "--resource="+w.Type+"/"+object)
							path += "/" + w.Type + "/" + object
						}
						for name, value := range request {
							args = append(args, fmt.Sprintf("--attribute=%s=%v", name, value))
						}
						want, err := w.mayBelow(user, permission, id, request)()
						Expect(err).NotTo(HaveOccurred())
						Expect(allowedBy(reviewed, user, permission, path, request)).To(Equal(want), "%v", args)
						if asked%4 == 0 { // the plugin reads everything again for each of its answers
							got := viewer.authz(args...)
							Expect(got.Status).To(Equal(map[bool]int{true: plugin.StatusOK, false: plugin.StatusNo}[want]), "%v: %+v", args, got)
							Expect(got.Out).To(Equal(map[bool]string{true: "yes\n", false: "no\n"}[want]))
						}
						if asked++; want {
							allowed++
						}
					}
				}
			}
		}
		Expect(allowed).To(BeNumerically(">", asked/10))
		Expect(allowed).To(BeNumerically("<", asked*9/10))

		By("explain, which names the role that a permission is inherited from")
		Expect(viewer.authz("explain", w.View, "--user=bob", "--scope=prod/vision").Out).To(ContainSubstring("RoleAssignment b, Role painter, Role viewer, at"))

		By("who-can, which names them all")
		may := viewer.authz("who-can", w.View, "--scope=prod/speech")
		Expect(may.column("USER")).To(Equal([]string{"alice", "carol"}))
		Expect(viewer.authz("who-can", w.Edit, "--scope=lab").column("USER")).To(Equal([]string{"bob"}))
		Expect(viewer.authz("who-can", w.Edit, "--scope=lab", "--attribute=color=red").column("USER")).To(BeEmpty())
		Expect(viewer.authz("can-i", w.View, "--user="+w.subject("alice"), "--scope=prod").Out).To(Equal("yes\n"))
	})

	It("take whoever asks for the User with that subject", func() {
		given(w.assignment("a", "editor").ToUser("alice").Obj())
		alice := w.newPerson("alice").asks(w.Namespace)
		Expect(alice.authz("can-i", w.View).Out).To(Equal("yes\n"))
		Expect(alice.authz("can-i", w.Delete).Status).To(Equal(plugin.StatusNo))
		nobody := viewer.authz("can-i", w.View)
		Expect(nobody.Status).To(Equal(plugin.StatusFailed))
		Expect(nobody.Err).To(containAll("--user", w.subject("viewer")))
	})

	It("[G14] need no more than the viewer role, bound for the whole cluster, as the lists do in all organizations", func() {
		given(w.assignment("a", "editor").ToUser("alice").Obj())
		p := w.newPerson("auditor")
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: w.Namespace + "-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-viewer"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: p.Name}},
		}
		create(binding)
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, binding)).To(Succeed()) })
		for _, args := range [][]string{
			{"can-i", w.View, "--user=alice"}, {"who-can", w.View}, {"explain", w.View, "--user=alice"},
			{"grants", "-A"}, {"assignments", "-A"}, {"memberships", "-A"}, {"expiring", "-A"},
		} {
			Eventually(func() answered { return p.authz(args...) }).Should(HaveField("Status", plugin.StatusOK), "%v", args)
		}
	})

	It("[G14] say what could not be read, and that the answer is therefore not known", func() {
		given(w.assignment("a", "editor").ToUser("alice").Obj())
		for _, p := range []*person{w.newPerson("stranger"), w.newPerson("half").views(w.Namespace)} {
			for _, command := range []string{"can-i", "explain"} {
				got := p.authz(command, w.View, "--user=alice")
				Expect(got.Status).To(Equal(plugin.StatusFailed))
				Expect(got.Out).To(HavePrefix("unknown"))
				Expect(got.Err).To(containAll("may not read", "Organization", "ResourceType", "bailiwick-catalogue-viewer"))
			}
			got := p.authz("who-can", w.View)
			Expect(got.Status).To(Equal(plugin.StatusFailed))
			Expect(got.Err).To(containAll("may not be all", "ResourceType"))
			for _, args := range [][]string{{"can-i", w.View, "--user=alice"}, {"who-can", w.View}, {"user", "alice"}, {"tree"}, {"report"}} {
				Expect(p.authz(args...).Err).NotTo(ContainSubstring("the operator has not brought"), "%v", args)
			}
		}
		Expect(w.newPerson("other").authz("can-i", w.View, "--user=alice").Err).To(ContainSubstring("RoleAssignment"))

		By("nor is somebody nobody, because the Organization that says who is whom can't be read")
		alice := w.newPerson("alice").views(w.Namespace).authz("can-i", w.View)
		Expect(alice.Out).To(Equal("unknown\n"))
		unknown := w.newPerson("zoe").views(w.Namespace).authz("can-i", w.View)
		Expect(unknown.Status).To(Equal(plugin.StatusFailed))
		Expect(unknown.Err).To(containAll("may not read", "Organization", "--user"))
		Expect(alice.Err + unknown.Err).NotTo(ContainSubstring("no User"))
	})

	It("[G14] say nothing of another organization", func() {
		other := newWorld()
		given(other.assignment("hidden", "editor").ToUser("alice").Obj())
		for _, args := range [][]string{{"can-i", other.View, "--user=alice"}, {"explain", other.View, "--user=alice"}, {"who-can", other.View}} {
			got := viewer.authz(append(args, "--namespace="+other.Namespace)...)
			Expect(got.Status).To(Equal(plugin.StatusFailed))
			Expect(got.Out + got.Err).NotTo(containAll("hidden"))
			Expect(got.Out).NotTo(ContainSubstring("yes"))
		}
		Expect(w.administrator().authz("explain", other.View, "--user=alice", "--namespace="+other.Namespace).Out).To(ContainSubstring("hidden"))
	})

	It("explain each way by its objects, and what comes nearest where there is none", func() {
		ended := time.Now().Truncate(time.Second).Add(-3 * time.Hour)
		given(
			w.assignment("a", "editor").ToUser("alice").InWorkspace("prod").Obj(),
			w.grant("shared").ToGroup("devs").Grants(w.View).Obj(),
			build.GroupMembership(w.Namespace, "alice-devs", "alice", "devs").Obj(),
			w.temporary("over").ToUser("bob").Grants(w.View).From(ended.Add(-time.Hour)).Until(ended).Obj(),
		)
		Expect(viewer.authz("explain", w.View, "--user=alice", "--scope=prod/vision").Out).To(containAll(
			"yes: alice may", "RoleAssignment a, Role editor, at "+w.Namespace+"/prod", "PermissionGrant shared, GroupMembership alice-devs, at "+w.Namespace))
		Expect(viewer.authz("explain", w.View, "--user=bob").Out).To(containAll("no: bob may not", "TemporaryPermissionGrant over", "but the grant over expired 3h"))
		Expect(viewer.authz("explain", w.View, "--user=bob").Status).To(Equal(plugin.StatusNo))
		Expect(viewer.authz("explain", w.View, "--user=alice", "--scope=prod").Status).To(Equal(plugin.StatusOK))

		var said printedAnswer
		viewer.authz("explain", w.View, "--user=bob", "--output=json").document(&said)
		Expect(said.Verdict).To(Equal(query.No))
		Expect(said.Misses).To(HaveLen(1))
		Expect(said.At).To(Equal(w.Namespace))

		edit(w.user("alice"), func(user *v1alpha1.User) { user.Spec.Suspended = true })
		observed(w.user("alice"))
		Eventually(func() string { return viewer.authz("explain", w.View, "--user=alice", "--scope=prod").Out }).
			Should(containAll("no: alice may not", "but the User alice is suspended"))
		Expect(viewer.authz("explain", w.View, "--user=alice", "--scope=prod").Out).NotTo(ContainSubstring("yes"))
	})

	It("fail where a question names nothing", func() {
		for want, args := range map[string][]string{
			"did you mean " + w.View + "?":        {strings.ToUpper(w.View)},
			"does not declare":                    {w.View, "--scope=prodd"},
			"there is no Organization nowhere":    {w.View, "--namespace=nowhere"},
			"no ResourceType has the type \"no\"": {w.View, "--resource=no/1"},
		} {
			who := w.administrator().authz(append([]string{"who-can"}, args...)...)
			Expect(who).To(And(HaveField("Status", plugin.StatusFailed), HaveField("Out", BeEmpty()), HaveField("Err", ContainSubstring(want))))
			for _, command := range []string{"can-i", "explain"} {
				got := w.administrator().authz(append([]string{command, "--user=alice"}, args...)...)
				Expect(got.Status).To(Equal(plugin.StatusNo))
				Expect(got.Out + got.Err).To(ContainSubstring(want))
			}
		}
		Expect(viewer.authz("who-can", w.Delete).Status).To(Equal(plugin.StatusOK), "nobody may, and that is an answer")
	})

	It("refuse what can't be meant", func() {
		for message, args := range map[string][]string{
			"WORKSPACE/PROJECT":            {"--scope=prod/vision/42"},
			"TYPE/ID":                      {"--resource=42"},
			"NAME=VALUE":                   {"--attribute=color"},
			`no attribute "shade"`:         {"--attribute=shade=red"},
			"it is a Number":               {"--attribute=floor=high"},
			"it is a Boolean":              {"--attribute=draft=3"},
			"use one of table, json, yaml": {"--output=wide"},
			"accepts 1 arg":                {"more"},
			"unknown flag: --anybody":      {"--anybody"},
		} {
			got := viewer.authz(append([]string{"can-i", w.Edit, "--user=alice"}, args...)...)
			Expect(got.Status).To(Equal(plugin.StatusFailed), message)
			Expect(got.Err).To(ContainSubstring(message))
		}
	})

	It("offer what there is for completion", func() {
		offered := func(args ...string) []string {
			return strings.Fields(viewer.authz(append([]string{"__complete"}, args...)...).Out)
		}
		Expect(offered("can-i", w.Namespace+":V")).To(ContainElement(w.View))
		Expect(offered("can-i", w.View, "--user", "")).To(ContainElements("alice", "bob"))
		Expect(offered("can-i", w.View, "--scope", "prod/")).To(ContainElements("prod/speech", "prod/vision"))
		Expect(offered("assignments", "--role", "e")).To(ContainElement("editor"))
		Expect(offered("grants", "--phase", "A")).To(ContainElement("Active"))
	})
})

var _ = Describe("kubectl authz while the operator is away", func() {
	It("[G14] doesn't take a declaration for what is in the store, nor a deletion for its end", func() {
		w := newWorld()
		viewer := w.newPerson("viewer").asks(w.Namespace)
		there := w.assignment("there", "editor").ToUser("alice").InWorkspace("lab").Obj()
		create(there)
		expectReason(there, v1alpha1.ReasonInForce)
		canI := func(scope string) answered { return viewer.authz("can-i", w.View, "--user=alice", "--scope="+scope) }
		Expect(canI("lab").Out).To(Equal("yes\n"))

		op.Stop()
		create(w.assignment("new", "editor").ToUser("alice").InWorkspace("prod").Obj())
		Expect(k8sClient.Delete(ctx, there)).To(Succeed())
		for scope, name := range map[string]string{"lab": "there", "prod": "new"} {
			got := canI(scope)
			Expect(got.Out).To(Equal("unknown\n"))
			Expect(got.Status).To(Equal(plugin.StatusFailed))
			Expect(got.Err).To(ContainSubstring("RoleAssignment " + name))
		}
		Expect(viewer.authz("can-i", w.View, "--user=bob", "--scope=lab").Out).To(Equal("no\n"), "nothing of this is about bob")

		op.Start()
		Eventually(func() string { return canI("prod").Out }).Should(Equal("yes\n"))
		Eventually(func() string { return canI("lab").Out }).Should(Equal("no\n"))
	})
})
