package chart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/ports"
)

func TestHelmTestAndTheCheckBeforeUninstalling(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	const namespace = "hooked"
	makeNamespace(ctx, g, namespace)
	g.Expect(install(g, releaseName, namespace, "")).To(Succeed())
	webhook, err := ports.Free()
	g.Expect(err).NotTo(HaveOccurred())
	asked, err := ports.Free()
	g.Expect(err).NotTo(HaveOccurred())
	decisions := fmt.Sprintf("https://localhost:%d", asked)
	node := newNode(t, namespace, decisions)
	operator := start(ctx, g, namespace, "--webhook-dns-name=localhost", fmt.Sprintf("--webhook-port=%d", webhook),
		fmt.Sprintf("--decision-address=:%d", asked), "--decision-public-url="+decisions)

	// Nothing leads the API server to the webhook yet.
	g.Expect(helmTest(g, namespace)).To(MatchError(ContainSubstring("bailiwick-test")))
	g.Expect(node.said()).To(ContainSubstring("after 1s: asking whether a Group may be created"))
	g.Expect(plane.RouteWebhooks(ctx, webhook)).To(Succeed())
	node.waits(patience)
	g.Expect(helmTest(g, namespace)).To(Succeed(), node.said())
	g.Expect(node.said()).To(BeEmpty())
	expectNoRightsOfHooks(ctx, g, namespace)

	// What is declared keeps the operator.
	declared := customResource("ResourceType", "hooked")
	declared.Object["spec"] = map[string]any{"type": "Hooked", "permissions": []any{map[string]any{"name": "Hooked:View"}}}
	g.Expect(admin.Create(ctx, declared)).To(Succeed())
	g.Expect(uninstallWithHooks(g, namespace)).To(MatchError(ContainSubstring("bailiwick-uninstall")))
	g.Expect(node.said()).To(And(ContainSubstring("there are still ResourceType hooked. Each has a finalizer"), ContainSubstring("--no-hooks")))
	g.Expect(admin.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "bailiwick"}, &appsv1.Deployment{})).To(Succeed())
	expectNoRightsOfHooks(ctx, g, namespace)

	g.Expect(admin.Delete(ctx, declared)).To(Succeed())
	g.Eventually(func() bool {
		return apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(declared), declared))
	}).Should(BeTrue())
	g.Expect(uninstallWithHooks(g, namespace)).To(Succeed(), node.said())
	g.Expect(operator.Stop()).To(Succeed())
	expectNothingLeftButCRDs(ctx, g, namespace, "")
	expectNoRightsOfHooks(ctx, g, namespace)

	// Without CRDs there is nothing to keep.
	removeCRDs(ctx, g)
	g.Expect(node.run(ctx, "bailiwick-test", []string{"check-uninstall"})).To(Succeed(), node.said())
}

func TestWhatHooksAre(t *testing.T) {
	g := NewWithT(t)
	asked := func(set string) []string {
		return find[corev1.Pod](g, hooks(g, release.HookTest, "access", set), "Pod").Spec.Containers[0].Args
	}
	g.Expect(asked("")).To(ContainElement("--decision-url=https://bailiwick-decisions.access.svc"))
	for _, set := range []string{"decisions: {enabled: false}", "decisions: {publicURL: https://ask.example}", "networkPolicy: {enabled: true}", "decisions: {ingress: {enabled: true, host: ask.example}}"} {
		g.Expect(asked(set)).To(ConsistOf("check-installation", "--namespace=access", "--wait=1m"), set)
	}
	g.Expect(hooks(g, release.HookPreDelete, "access", "uninstallCheck: false")).To(BeEmpty())

	// Where only restricted Pods are let in, these are; and no Service takes them for the operator.
	ctx := t.Context()
	makeNamespace(ctx, g, "access")
	set := "image: {digest: \"sha256:" + digest + "\"}\ncommonLabels: {team: access}\n"
	pod := find[corev1.Pod](g, hooks(g, release.HookTest, "access", set), "Pod")
	job := find[batchv1.Job](g, hooks(g, release.HookPreDelete, "access", set), "Job")
	for name, pod := range map[string]*corev1.Pod{
		"test":      {ObjectMeta: metav1.ObjectMeta{Namespace: "access", Name: "test", Labels: pod.Labels}, Spec: pod.Spec},
		"uninstall": {ObjectMeta: metav1.ObjectMeta{Namespace: "access", Name: "uninstall", Labels: job.Spec.Template.Labels}, Spec: job.Spec.Template.Spec},
	} {
		g.Expect(admin.Create(ctx, pod, client.DryRunAll)).To(Succeed(), name)
		g.Expect(pod.Labels).To(HaveKeyWithValue("team", "access"), name)
		g.Expect(pod.Labels).NotTo(HaveKey("app.kubernetes.io/name"), name)
		g.Expect(pod.Spec.Containers[0].Image).To(Equal("bailiwick@sha256:"+digest), name)
	}

	// The rights are those that they need.
	role := find[rbacv1.Role](g, hooks(g, release.HookTest, "access", ""), "Role")
	g.Expect(role.Rules).To(ConsistOf(rbacv1.PolicyRule{APIGroups: []string{"authz.bailiwick.dev"}, Resources: []string{"groups"}, Verbs: []string{"create"}}))
	binding := find[rbacv1.ClusterRoleBinding](g, hooks(g, release.HookPreDelete, "access", ""), "ClusterRoleBinding")
	g.Expect(binding.RoleRef.Name).To(Equal("bailiwick-viewer"))
	g.Expect(rendered(g, "access", "")).To(HaveKey("rbac.authorization.k8s.io/v1 ClusterRole /bailiwick-viewer"))
}

// expectNoRightsOfHooks expects that ServiceAccounts of hooks are gone, with what was bound to them.
func expectNoRightsOfHooks(ctx context.Context, g Gomega, namespace string) {
	for _, event := range []release.HookEvent{release.HookTest, release.HookPreDelete} {
		for name, object := range hooks(g, event, namespace, "") {
			if object.GetKind() != "Pod" && object.GetKind() != "Job" {
				g.Expect(apierrors.IsNotFound(admin.Get(ctx, client.ObjectKeyFromObject(object), object))).To(BeTrue(), name)
			}
		}
	}
}

// helmTest is `helm test`.
func helmTest(g Gomega, namespace string) error {
	testing := action.NewReleaseTesting(helm(g, namespace))
	testing.Namespace, testing.Timeout = namespace, patience
	_, end, err := testing.Run(releaseName)
	g.Expect(end()).To(Or(Succeed(), MatchError(err)))
	return err
}

// uninstallWithHooks is `helm uninstall`.
func uninstallWithHooks(g Gomega, namespace string) error {
	un := action.NewUninstall(helm(g, namespace))
	un.WaitStrategy, un.Timeout = kube.HookOnlyStrategy, patience
	_, err := un.Run(releaseName)
	return err
}

// node runs what the Pods of hooks run, with the rights of their ServiceAccounts: there are no nodes here, and nobody who
// makes Pods of Jobs.
type node struct {
	namespace, decisions string
	directory            string
	mutex                sync.Mutex
	output               string
	// wait is for how long the program may try again.
	wait time.Duration
}

// newNode returns one that runs until the test ends, and reaches AuthZEN at a URL of this machine.
func newNode(t *testing.T, namespace, decisions string) *node {
	t.Helper()
	n := &node{namespace: namespace, decisions: decisions, directory: t.TempDir(), wait: time.Second}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		seen := map[string]bool{}
		for ctx.Err() == nil {
			if err := n.look(ctx, seen); err != nil && ctx.Err() == nil {
				n.say(err.Error())
			}
			select {
			case <-ctx.Done():
			case <-time.After(interval):
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

// look runs what has not been run yet.
func (n *node) look(ctx context.Context, seen map[string]bool) error {
	pod, job := &corev1.Pod{}, &batchv1.Job{}
	err := admin.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "bailiwick-test"}, pod)
	if err == nil && !seen[string(pod.UID)] {
		seen[string(pod.UID)] = true
		pod.Status.Phase = corev1.PodSucceeded
		if n.run(ctx, pod.Spec.ServiceAccountName, pod.Spec.Containers[0].Args) != nil {
			pod.Status.Phase = corev1.PodFailed
		}
		err = admin.Status().Update(ctx, pod)
	}
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	err = admin.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "bailiwick-uninstall"}, job)
	if err == nil && !seen[string(job.UID)] {
		seen[string(job.UID)] = true
		began := metav1.Now()
		job.Status.StartTime = &began
		conditions := []batchv1.JobConditionType{batchv1.JobSuccessCriteriaMet, batchv1.JobComplete}
		if n.run(ctx, job.Spec.Template.Spec.ServiceAccountName, job.Spec.Template.Spec.Containers[0].Args) != nil {
			conditions = []batchv1.JobConditionType{batchv1.JobFailureTarget, batchv1.JobFailed}
			job.Status.Failed = 1
		} else {
			ended := metav1.Now()
			job.Status.Succeeded, job.Status.CompletionTime = 1, &ended
		}
		for _, condition := range conditions {
			job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()})
		}
		err = admin.Status().Update(ctx, job)
	}
	return client.IgnoreNotFound(err)
}

// run runs the program as a Pod would, but for addresses and files, which are this machine's, and for how long it waits.
func (n *node) run(ctx context.Context, account string, arguments []string) error {
	access, authority := filepath.Join(n.directory, "kubeconfig"), filepath.Join(n.directory, "ca.crt")
	if err := plane.WriteUserKubeconfig(access, "system:serviceaccount:"+n.namespace+":"+account, "system:serviceaccounts"); err != nil {
		return err
	}
	arguments = slices.Clone(arguments)
	for i, argument := range arguments {
		switch flag, _, _ := strings.Cut(argument, "="); flag {
		case "--wait":
			n.mutex.Lock()
			arguments[i] = flag + "=" + n.wait.String()
			n.mutex.Unlock()
		case "--decision-url":
			arguments[i] = flag + "=" + n.decisions
		case "--decision-ca-file":
			arguments[i] = flag + "=" + authority
			endpoints := &corev1.ConfigMap{}
			if err := admin.Get(ctx, client.ObjectKey{Namespace: n.namespace, Name: "bailiwick-endpoints"}, endpoints); err != nil {
				return err
			}
			if err := os.WriteFile(authority, []byte(endpoints.Data["ca.crt"]), 0o600); err != nil {
				return err
			}
		}
	}
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), "KUBECONFIG="+access)
	output, err := command.CombinedOutput()
	n.say(string(output))
	return err
}

// waits has the program try for so long from now on. At first it is a second, for what does not come to succeed.
func (n *node) waits(wait time.Duration) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.wait = wait
}

func (n *node) say(output string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.output = output
}

// said is what was printed last.
func (n *node) said() string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.output
}
