package integration

import (
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// as is a client of someone who may do this with the grants of the world's namespace, and nothing else.
func (w *world) as(user string, verbs ...string) client.Client {
	GinkgoHelper()
	name := metav1.ObjectMeta{Namespace: w.Namespace, Name: user}
	create(
		&rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"permissiongrants", "temporarypermissiongrants"}, Verbs: verbs,
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: name,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
		},
	)
	theirs := w.client(user)
	for _, verb := range verbs {
		w.expectMay(theirs, verb, "temporarypermissiongrants")
	}
	return theirs
}

// editor is a client of a user of the world who may write everything in its namespace that Kubernetes' own
// rules are about, by the shipped role, and has these verbs besides, as in "bind roleassignments".
func (w *world) editor(user string, also ...string) client.Client {
	GinkgoHelper()
	create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "editor-" + user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-editor"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
	})
	theirs := w.client(user)
	w.expectMay(theirs, "create", "users")
	w.allow(user, theirs, also...)
	return theirs
}

// allow gives a user of the world verbs by Kubernetes' own rules, as in "bind roleassignments", and waits
// until they have them.
func (w *world) allow(user string, theirs client.Client, verbs ...string) {
	GinkgoHelper()
	rules := make([]rbacv1.PolicyRule, 0, len(verbs))
	for _, rule := range verbs {
		verb, resource, _ := strings.Cut(rule, " ")
		rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{resource}, Verbs: []string{verb}})
	}
	name := metav1.ObjectMeta{Namespace: w.Namespace, GenerateName: "more-" + user + "-"}
	role := &rbacv1.Role{ObjectMeta: name, Rules: rules}
	create(role)
	create(&rbacv1.RoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.subject(user)}},
	})
	for _, rule := range verbs {
		verb, resource, _ := strings.Cut(rule, " ")
		w.expectMay(theirs, verb, resource)
	}
}

// client is one of a user of the world, who may do nothing unless someone says so.
func (w *world) client(user string) client.Client {
	GinkgoHelper()
	config, err := plane.UserConfig(w.subject(user))
	Expect(err).NotTo(HaveOccurred())
	theirs, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return theirs
}

// expectMay waits until Kubernetes' own rules allow something in the world's namespace.
func (w *world) expectMay(theirs client.Client, verb, resource string) {
	GinkgoHelper()
	resource, subresource, _ := strings.Cut(resource, "/")
	Eventually(func() (bool, error) {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: w.Namespace, Verb: verb, Group: v1alpha1.GroupVersion.Group, Resource: resource, Subresource: subresource,
			},
		}}
		err := theirs.Create(ctx, review)
		return review.Status.Allowed, err
	}).Should(BeTrue(), "waiting for the right to %s %s", verb, resource)
}

// changeAs has someone change an object as it is now; again, when someone else was faster, as the operator may be with several
// statuses in a row.
func changeAs[T client.Object](by client.Client, object T, change func(T)) error {
	patient := wait.Backoff{Duration: 10 * time.Millisecond, Factor: 1.5, Steps: 15}
	return retry.RetryOnConflict(patient, func() error {
		if err := by.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return err
		}
		change(object)
		return by.Update(ctx, object)
	})
}

// beRefused matches the error of a request that the validating webhook has refused with these words.
func beRefused(words ...string) types.GomegaMatcher {
	return SatisfyAll(
		MatchError(apierrors.IsForbidden, "IsForbidden"),
		MatchError(containAll(append(words, "validate.authz.bailiwick.dev")...)),
	)
}

// beRefusedByPolicy matches the error of a request that a policy of the API server has refused.
func beRefusedByPolicy(policy string) types.GomegaMatcher {
	return SatisfyAll(MatchError(apierrors.IsForbidden, "IsForbidden"), MatchError(ContainSubstring("ValidatingAdmissionPolicy '"+policy+"'")))
}

// confirm confirms that the name of a Group or an Invitation means this one.
func confirm[T client.Object](object T) { annotate(object, v1alpha1.AnnotationConfirmed, "true") }

func annotate(object client.Object, name, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[name] = value
	object.SetAnnotations(annotations)
}

// theOperator is a client with its name and rights.
func theOperator() client.Client {
	GinkgoHelper()
	config, err := plane.UserConfig(operatorName, "system:serviceaccounts")
	Expect(err).NotTo(HaveOccurred())
	its, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return its
}

// holds makes a user who holds permissions at the organization.
func (w *world) holds(user string, permissions ...string) {
	GinkgoHelper()
	held := w.grant("of-" + user).ToUser(user).Grants(permissions...).Obj()
	create(w.user(user), held)
	expectReason(held, v1alpha1.ReasonInForce)
}

// unasked is a client of someone about whom no webhook is asked, and who may do everything.
func unasked() client.Client {
	GinkgoHelper()
	config, err := plane.UserConfig("system:serviceaccount:kube-system:generic-garbage-collector", "system:masters")
	Expect(err).NotTo(HaveOccurred())
	theirs, err := client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return theirs
}

// proberName is someone who may create RoleAssignments in the namespace default, and holds nothing.
const proberName = "prober"

var prober client.Client

// allowProber gives the prober their rights.
func allowProber() {
	GinkgoHelper()
	name := metav1.ObjectMeta{Namespace: "default", Name: proberName}
	create(
		&rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"roleassignments"}, Verbs: []string{"create"},
		}}},
		&rbacv1.RoleBinding{
			ObjectMeta: name,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: proberName},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: proberName}},
		},
	)
	config, err := plane.UserConfig(proberName)
	Expect(err).NotTo(HaveOccurred())
	prober, err = client.New(config, client.Options{Scheme: k8sClient.Scheme()})
	Expect(err).NotTo(HaveOccurred())
}

// judged says whether the API server has the operator judge requests yet.
func judged() bool {
	probe := build.RoleAssignment("default", "probe").Gives("none").ToUser("none").Obj()
	err := prober.Create(ctx, probe, client.DryRunAll)
	return err != nil && strings.Contains(err.Error(), "you can give only what you hold")
}

// withdrawJudge uninstalls the validating webhook.
func withdrawJudge() *admissionregistrationv1.ValidatingWebhookConfiguration {
	GinkgoHelper()
	installed := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(installed), installed)).To(Succeed())
	Expect(k8sClient.Delete(ctx, installed.DeepCopy())).To(Succeed())
	return installed
}

// withdrawAuthors has nobody asked who writes an object.
func withdrawAuthors() (withdrawn *admissionregistrationv1.MutatingWebhook) {
	GinkgoHelper()
	installed := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}
	if err := k8sClient.Get(ctx, client.ObjectKeyFromObject(installed), installed); apierrors.IsNotFound(err) {
		return nil // the spec has taken all of it away
	}
	edit(installed, func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
		c.Webhooks = slices.DeleteFunc(c.Webhooks, func(webhook admissionregistrationv1.MutatingWebhook) bool {
			if webhook.Name != "authors.stamp.authz.bailiwick.dev" {
				return false
			}
			withdrawn = webhook.DeepCopy()
			return true
		})
	})
	return withdrawn
}

// stampAuthors has them asked again.
func stampAuthors(withdrawn *admissionregistrationv1.MutatingWebhook) {
	GinkgoHelper()
	edit(&admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}, func(c *admissionregistrationv1.MutatingWebhookConfiguration) {
		c.Webhooks = append(c.Webhooks, *withdrawn)
	})
	Eventually(func() (map[string]string, error) {
		probe := build.Group("default", "probe").Obj()
		err := k8sClient.Create(ctx, probe, client.DryRunAll)
		return probe.Annotations, err
	}).Should(HaveKey(v1alpha1.AnnotationAuthor))
}

// without the webhook, until the spec is over or the returned function is called.
func withoutWebhook() (again func()) {
	GinkgoHelper()
	installed := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: "bailiwick"}}
	Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(installed), installed)).To(Succeed())
	Expect(k8sClient.Delete(ctx, installed.DeepCopy())).To(Succeed())
	if op.stop != nil {
		Eventually(stamped).Should(BeFalse())
	}
	installed.ResourceVersion, installed.UID = "", ""
	gone := true
	again = func() {
		GinkgoHelper()
		if gone {
			create(installed)
			gone = false
		}
		if op.stop != nil {
			Eventually(stamped).Should(BeTrue())
		}
	}
	DeferCleanup(again)
	return again
}

func unstructuredOf(content map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: content}
}

// allowOrganizations gives someone the right to write Organizations, by Kubernetes' own rules.
func allowOrganizations(subject string) {
	GinkgoHelper()
	name := metav1.ObjectMeta{GenerateName: "organizations-"}
	role := &rbacv1.ClusterRole{ObjectMeta: name, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"organizations"}, Verbs: []string{"create", "get", "update"},
	}}}
	create(role)
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: subject}},
	}
	create(binding)
	DeferCleanup(func() { remove(role, binding) })
}

// expectMayOrganizations waits until that right is there.
func (w *world) expectMayOrganizations(theirs client.Client) {
	GinkgoHelper()
	Eventually(func() error {
		return theirs.Get(ctx, client.ObjectKey{Name: w.Namespace}, &v1alpha1.Organization{})
	}).Should(Succeed())
}
