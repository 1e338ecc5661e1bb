package integration

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
)

// person is someone who uses kubectl authz, with the rights that RBAC gives them.
type person struct {
	Name       string
	kubeconfig string
	namespace  string
}

// newPerson is a user of the cluster who may do nothing yet. The organization is their default.
func (w *world) newPerson(name string) *person {
	GinkgoHelper()
	p := &person{Name: w.subject(name), namespace: w.Namespace, kubeconfig: filepath.Join(GinkgoT().TempDir(), "kubeconfig")}
	Expect(plane.WriteUserKubeconfig(p.kubeconfig, p.Name)).To(Succeed())
	return p
}

// administrator may read everything.
func (w *world) administrator() *person {
	GinkgoHelper()
	p := &person{namespace: w.Namespace, kubeconfig: filepath.Join(GinkgoT().TempDir(), "kubeconfig")}
	Expect(plane.WriteKubeconfig(p.kubeconfig)).To(Succeed())
	return p
}

// views binds the shipped viewer role in a namespace.
func (p *person) views(namespace string) *person {
	GinkgoHelper()
	create(&rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "viewer-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-viewer"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: p.Name}},
	})
	Eventually(func() int { return p.authz("memberships", "--namespace="+namespace).Status }).Should(Equal(plugin.StatusOK))
	return p
}

// asks gives what docs/kubectl.md says that whoever asks about an organization needs: the viewer role in its
// namespace, the catalogue, and the Organization itself.
func (p *person) asks(organization string) *person {
	GinkgoHelper()
	p.views(organization)
	own := rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: organization + "-organization-viewer-"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"organizations"}, ResourceNames: []string{organization}, Verbs: []string{"get"},
		}},
	}
	create(&own)
	DeferCleanup(func() { Expect(k8sClient.Delete(ctx, &own)).To(Succeed()) })
	for _, role := range []string{own.Name, "bailiwick-catalogue-viewer"} {
		binding := &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: organization + "-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: p.Name}},
		}
		create(binding)
		DeferCleanup(func() { Expect(k8sClient.Delete(ctx, binding)).To(Succeed()) })
	}
	Eventually(func() string { return p.authz("who-can", "anything", "--namespace="+organization).Err }).ShouldNot(ContainSubstring("may not read"))
	return p
}

// answered is what a command has printed, and its exit status.
type answered struct {
	Out, Err string
	Status   int
}

// authz runs the plugin, with the clock of the operator.
func (p *person) authz(args ...string) answered {
	var out, errOut bytes.Buffer
	status := plugin.Run(ctx, append([]string{"--kubeconfig=" + p.kubeconfig, "--namespace=" + p.namespace}, args...), plugin.Options{
		Streams: genericiooptions.IOStreams{In: &bytes.Buffer{}, Out: &out, ErrOut: &errOut},
		Clock:   op.clock,
		Version: "tested",
	})
	return answered{Out: out.String(), Err: errOut.String(), Status: status}
}

// column is a column of the table that a command has printed, from the top down.
func (a answered) column(title string) []string {
	GinkgoHelper()
	Expect(a.Status).To(Equal(plugin.StatusOK), a.Err)
	lines := strings.Split(strings.TrimSpace(a.Out), "\n")
	at := strings.Index(lines[0], title)
	if lines[0] == "" {
		return nil
	}
	Expect(at).To(BeNumerically(">=", 0), lines[0])
	var cells []string
	for _, line := range lines[1:] {
		cell, _, _ := strings.Cut(line[at:], "   ")
		cells = append(cells, strings.TrimSpace(cell))
	}
	return cells
}

// document reads what a command has printed with --output json or yaml.
func (a answered) document(into any) {
	GinkgoHelper()
	Expect(yaml.Unmarshal([]byte(a.Out), into)).To(Succeed(), fmt.Sprint(a))
}
