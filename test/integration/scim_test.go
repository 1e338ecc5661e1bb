package integration

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/operator"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("SCIM", func() {
	It("[P1] [P3] creates, reads, finds, suspends, reactivates and deletes a person, whose access follows", func() {
		w := newWorld()
		d := w.directory()
		subject := "Dana.Diaz@" + w.Namespace + ".example"
		made := d.expect(http.StatusCreated, http.MethodPost, "Users", scimUser(subject))
		id := made.text("id")
		Expect(made.header.Get("Location")).To(Equal(op.scimURL + "/scim/v2/" + w.Namespace + "/Users/" + id))
		user := &v1alpha1.User{}
		user.Namespace, user.Name = w.Namespace, id
		expectReason(user, v1alpha1.ReasonValid)

		create(w.assignment("a", "editor").ToUser(id).InWorkspace("prod").Obj())
		may := func() (bool, error) {
			return op.may(question{User: objectid.User(subject), Permission: w.View, Object: w.at("prod")})
		}
		Eventually(may).Should(BeTrue())

		Expect(d.expect(http.StatusOK, http.MethodGet, "Users/"+id, nil).text("userName")).To(Equal(subject))
		found := d.expect(http.StatusOK, http.MethodGet, "Users?filter="+url.QueryEscape(`userName eq "`+subject+`"`), nil)
		Expect(found.body).To(HaveKeyWithValue("totalResults", 1.0))

		active := func(value any) map[string]any {
			return patch(map[string]any{"op": "Replace", "path": "active", "value": value})
		}
		d.expect(http.StatusOK, http.MethodPatch, "Users/"+id, active("False"))
		Expect(may()).To(BeFalse(), "suspended when the answer comes")
		d.expect(http.StatusOK, http.MethodPatch, "Users/"+id, active(true))
		Eventually(may).Should(BeTrue())

		d.expect(http.StatusNoContent, http.MethodDelete, "Users/"+id, nil)
		Expect(may()).To(BeFalse(), "gone when the answer comes")
		expectReason(w.assignment("a", "editor").Obj(), v1alpha1.ReasonUserNotFound)
		d.expect(http.StatusNotFound, http.MethodGet, "Users/"+id, nil)
		remove(w.assignment("a", "editor").Obj())
	})

	It("[P1] takes the members of groups, and serves nobody else's organization", func() {
		w, other := newWorld(), newWorld()
		d := w.directory()
		dana := d.expect(http.StatusCreated, http.MethodPost, "Users", scimUser("dana@"+w.Namespace)).text("id")
		group := d.expect(http.StatusCreated, http.MethodPost, "Groups", scimGroup("The Writers", dana)).text("id")
		toGroup := w.assignment("a", "editor").ToGroup(group).InWorkspace("prod").Obj()
		Expect(k8sClient.Create(ctx, toGroup.DeepCopy())).To(beRefused("the Group "+group+" was made by", "confirm it"), "[F9] the directory could not give this itself")
		edit(build.Group(w.Namespace, group).Obj(), confirm)
		create(toGroup)
		may := func() (bool, error) {
			return op.may(question{User: objectid.User("dana@" + w.Namespace), Permission: w.View, Object: w.at("prod")})
		}
		Eventually(may).Should(BeTrue())
		d.expect(http.StatusNoContent, http.MethodPatch, "Groups/"+group, patch(map[string]any{"op": "replace", "value": map[string]any{"displayName": "Authors"}}))
		Expect(d.expect(http.StatusOK, http.MethodGet, "Groups/"+group, nil).body).To(And(
			HaveKeyWithValue("displayName", "Authors"), HaveKeyWithValue("members", HaveLen(1))), "renaming empties nothing")
		Expect(may()).To(BeTrue())
		d.expect(http.StatusNoContent, http.MethodPatch, "Groups/"+group, patch(map[string]any{"op": "Remove", "path": "members", "value": memberValues(dana)}))
		Expect(may()).To(BeFalse(), "no member when the answer comes")

		d.organization = other.Namespace
		d.expect(http.StatusForbidden, http.MethodGet, "Users", nil)
		d.expect(http.StatusForbidden, http.MethodPost, "Users", scimUser("dana@example.com"))
		d.organization, d.token = w.Namespace, d.token[:len(d.token)-8]+"AAAAAAAA"
		d.expect(http.StatusUnauthorized, http.MethodGet, "Users", nil)
		remove(w.assignment("a", "editor").Obj())
	})

	It("[P2] acts by a key as the organization's ServiceAccount, once the operator may, and as nobody else", func() {
		w, other := newWorld(), newWorld()
		d := w.directory()
		d.token = "the-key-of-a-directory-that-keeps-no-token"
		op.admits(d.token, w.Namespace)
		d.expect(http.StatusForbidden, http.MethodGet, "Users", nil)
		create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "bailiwick-scim-impersonator"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-scim-impersonator"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "bailiwick-system", Name: "bailiwick"}},
		})
		Eventually(func() int { return d.send(http.MethodGet, "Users", nil).code }).Should(Equal(http.StatusOK))
		id := d.expect(http.StatusCreated, http.MethodPost, "Users", scimUser("dana@"+w.Namespace)).text("id")
		user := &v1alpha1.User{}
		Expect(k8sClient.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: id}, user)).To(Succeed())
		d.organization = other.Namespace
		d.expect(http.StatusForbidden, http.MethodGet, "Users", nil)
	})

	It("[P2] writes what admission lets its ServiceAccount write: never what git or a person made, nor a way into their groups", func() {
		w := newWorld()
		d := w.directory()
		d.expect(http.StatusConflict, http.MethodPatch, "Users/bob", patch(map[string]any{"op": "replace", "path": "active", "value": false}))
		d.expect(http.StatusConflict, http.MethodPost, "Users", scimUser(w.subject("bob")))
		d.expect(http.StatusConflict, http.MethodPatch, "Groups/devs", patch(map[string]any{"op": "add", "path": "members", "value": memberValues("bob")}))
		// A group that a role waits for gives it to whoever is put in, so somebody who may has to make it.
		create(w.assignment("waiting", "admin").ToGroup("later").Obj())
		Expect(d.expect(http.StatusForbidden, http.MethodPost, "Groups", scimGroup("later")).text("detail")).To(ContainSubstring("you can give only what you hold"))
		dana := d.expect(http.StatusCreated, http.MethodPost, "Users", scimUser("dana@"+w.Namespace)).text("id")
		team := d.expect(http.StatusCreated, http.MethodPost, "Groups", scimGroup("team")).text("id")

		// Nor does whoever has stolen the token, without SCIM.
		config := rest.AnonymousClientConfig(plane.Config())
		config.BearerToken = d.token
		thief, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
		Expect(err).NotTo(HaveOccurred())
		owned := map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBySCIM}
		membership := func(group string, role v1alpha1.GroupRole) *v1alpha1.GroupMembership {
			return &v1alpha1.GroupMembership{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "stolen-" + group, Labels: owned},
				Spec:       v1alpha1.GroupMembershipSpec{User: dana, Group: group, Role: role},
			}
		}
		denied := func(words string) types.GomegaMatcher {
			return SatisfyAll(MatchError(apierrors.IsForbidden, "IsForbidden"), MatchError(ContainSubstring(words)))
		}
		Expect(thief.Create(ctx, membership("devs", v1alpha1.GroupMember))).To(denied("SCIM did not make this Group"))
		Expect(thief.Create(ctx, membership(team, v1alpha1.GroupAdmin))).To(denied("nobody an admin"))
		unlabelled := membership(team, v1alpha1.GroupMember)
		unlabelled.Labels = nil
		Expect(thief.Create(ctx, unlabelled)).To(denied("SCIM makes and keeps objects with the label"))
		Expect(thief.Create(ctx, membership(team, v1alpha1.GroupMember))).To(Succeed())
		bob := &v1alpha1.User{}
		Expect(k8sClient.Get(ctx, client.ObjectKey{Namespace: w.Namespace, Name: "bob"}, bob)).To(Succeed())
		bob.Labels = owned
		Expect(thief.Update(ctx, bob)).To(denied("SCIM did not make this object"))
		Expect(thief.Delete(ctx, bob)).To(denied("SCIM did not make this object"))
		Expect(thief.Create(ctx, w.assignment("b", "admin").ToUser(dana).Obj())).To(denied("cannot create resource"))

		// Whoever may hand it over does, and has it back.
		edit(bob, func(bob *v1alpha1.User) { bob.Labels = owned })
		d.expect(http.StatusOK, http.MethodPatch, "Users/bob", patch(map[string]any{"op": "replace", "path": "active", "value": false}))
		expectReason(bob, v1alpha1.ReasonSuspended)
		edit(bob, func(bob *v1alpha1.User) { bob.Labels = nil })
		d.expect(http.StatusConflict, http.MethodPatch, "Users/bob", patch(map[string]any{"op": "replace", "path": "active", "value": true}))
		remove(w.assignment("waiting", "admin").ToGroup("later").Obj())
	})

	It("[P4] takes a whole directory from two senders at once, writes nothing when it comes again, and ends right after the API server was away", Serial, func() {
		w := newWorld()
		d := w.directory()
		const people, groups = 30, 3
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				defer GinkgoRecover()
				d.sync(people, groups)
			})
		}
		both.Wait()
		expectWhole := func(people int) {
			GinkgoHelper()
			memberships, users := &v1alpha1.GroupMembershipList{}, &v1alpha1.UserList{}
			Expect(k8sClient.List(ctx, memberships, client.InNamespace(w.Namespace))).To(Succeed())
			Expect(memberships.Items).To(HaveLen(groups * people))
			Expect(k8sClient.List(ctx, users, client.InNamespace(w.Namespace), client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBySCIM})).To(Succeed())
			Expect(users.Items).To(HaveLen(people))
			for _, list := range []client.ObjectList{memberships, users} {
				Eventually(func() error { return checkStatuses(list, everyObject, client.InNamespace(w.Namespace)) }).Should(Succeed())
			}
		}
		expectWhole(people)
		before := w.versions()
		d.sync(people, groups)
		Expect(w.versions()).To(Equal(before), "sent again, nothing is written")

		both.Go(func() {
			defer GinkgoRecover()
			d.sync(people+people/2, groups)
		})
		Eventually(func() int { return len(w.versions()) }).Should(BeNumerically(">", len(before)+5))
		Expect(plane.KillAPIServer(ctx)).To(Succeed())
		Eventually(func() int { return d.send(http.MethodGet, "Users", nil).code }).Should(Equal(http.StatusServiceUnavailable))
		startAPIServer()
		both.Wait()
		expectWhole(people + people/2)
	})

	It("[P1] is served over TLS, with a certificate of its own", Serial, func() {
		directory := GinkgoT().TempDir()
		certificate, key, err := cert.GenerateSelfSignedCertKey("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
		Expect(err).NotTo(HaveOccurred())
		Expect(os.WriteFile(filepath.Join(directory, "tls.crt"), certificate, 0o600)).To(Succeed())
		Expect(os.WriteFile(filepath.Join(directory, "tls.key"), key, 0o600)).To(Succeed())
		pool := x509.NewCertPool()
		Expect(pool.AppendCertsFromPEM(certificate)).To(BeTrue())
		running := runOperator(operator.Options{
			Embedded: &operator.EmbeddedOptions{
				EmbeddedOptions: openfga.EmbeddedOptions{Path: filepath.Join(directory, "store.db")},
				API:             openfga.APIOptions{HTTPAddress: "127.0.0.1:0", GRPCAddress: "127.0.0.1:0"},
			},
			SCIM: operator.SCIMOptions{Address: "127.0.0.1:0", TLSDirectory: directory},
		})
		Expect(running.SCIMURL()).To(HavePrefix("https://"))
		read := func(url string, config *tls.Config) (int, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/scim/v2/acme/ServiceProviderConfig", nil)
			Expect(err).NotTo(HaveOccurred())
			response, err := (&http.Client{Transport: &http.Transport{TLSClientConfig: config}}).Do(request)
			if err != nil {
				return 0, err
			}
			return response.StatusCode, response.Body.Close()
		}
		Expect(read(running.SCIMURL(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})).To(Equal(http.StatusOK))
		Expect(read("http"+strings.TrimPrefix(running.SCIMURL(), "https"), nil)).To(Equal(http.StatusBadRequest))
		_, err = read(running.SCIMURL(), &tls.Config{MinVersion: tls.VersionTLS12})
		Expect(err).To(MatchError(ContainSubstring("certificate")))
	})
})
