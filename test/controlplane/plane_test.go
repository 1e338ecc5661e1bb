package controlplane_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

const patience = 3 * time.Minute

func TestPlane(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	t.Setenv("TMPDIR", t.TempDir())

	plane, err := controlplane.Start(ctx, controlplane.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() {
		plane.Stop()
		g.Expect(os.ReadDir(os.TempDir())).To(BeEmpty())
	})
	admin, err := client.New(plane.Config(), client.Options{})
	g.Expect(err).NotTo(HaveOccurred())

	t.Run("a deleted namespace goes away with what is in it", func(t *testing.T) {
		g := NewWithT(t)
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "short-lived"}}
		g.Expect(admin.Create(ctx, namespace)).To(Succeed())
		g.Expect(admin.Create(ctx, configMap("short-lived", "content"))).To(Succeed())
		g.Expect(admin.Delete(ctx, namespace)).To(Succeed())
		g.Eventually(gone(ctx, admin, namespace), patience).Should(BeTrue())
	})

	t.Run("an object goes away with its owner", func(t *testing.T) {
		g := NewWithT(t)
		owner := configMap("default", "owner")
		g.Expect(admin.Create(ctx, owner)).To(Succeed())
		owned := configMap("default", "owned")
		owned.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID},
		}
		g.Expect(admin.Create(ctx, owned)).To(Succeed())
		g.Expect(admin.Delete(ctx, owner)).To(Succeed())
		g.Eventually(gone(ctx, admin, owned), patience).Should(BeTrue())
	})

	t.Run("a user may do nothing that RBAC does not grant", func(t *testing.T) {
		g := NewWithT(t)
		config, err := plane.UserConfig("alice", "developers")
		g.Expect(err).NotTo(HaveOccurred())
		alice, err := client.New(config, client.Options{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(alice.Create(ctx, configMap("default", "forbidden"))).To(MatchError(apierrors.IsForbidden, "IsForbidden"))
	})
}

func TestStartThatIsInterruptedLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()

	_, err := controlplane.Start(ctx, controlplane.Options{})
	g.Expect(err).To(MatchError(context.DeadlineExceeded))
	g.Expect(os.ReadDir(os.TempDir())).To(BeEmpty())
}

// holdVariable makes this test binary a process that holds a plane until it is killed.
const holdVariable = "BAILIWICK_TEST_HOLD_PLANE"

func TestMain(m *testing.M) {
	if os.Getenv(holdVariable) == "" {
		os.Exit(m.Run())
	}
	plane, err := controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(plane.Config().Host)
	select {}
}

func TestProcessThatIsKilledLeavesNothing(t *testing.T) {
	g := NewWithT(t)
	directory := t.TempDir()
	holder := exec.Command(os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"=yes", "TMPDIR="+directory)
	output, err := holder.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(holder.Start()).To(Succeed())
	server, err := bufio.NewReader(output).ReadString('\n')
	g.Expect(err).NotTo(HaveOccurred())
	address := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(server), "https://"), "/")
	g.Expect(dial(t.Context(), address)).To(Succeed())

	g.Expect(holder.Process.Kill()).To(Succeed())
	g.Expect(holder.Wait()).NotTo(Succeed())

	g.Eventually(func() ([]os.DirEntry, error) { return os.ReadDir(directory) }, patience).Should(BeEmpty())
	g.Eventually(func() error { return dial(t.Context(), address) }, patience).Should(MatchError(syscall.ECONNREFUSED))
}

func dial(ctx context.Context, address string) error {
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

func configMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func gone(ctx context.Context, c client.Client, obj client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(obj), obj))
	}
}
