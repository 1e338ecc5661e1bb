// Package integration tests against a real API server.
package integration

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/store/storetest/server"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

var (
	// ctx ends with the suite.
	ctx   context.Context
	plane *controlplane.Plane
	// k8sClient is a cluster administrator's. It reads from the API server itself, and writes as
	// kubectl does: an unknown field is an error.
	k8sClient client.Client
)

// TestMain lets this program be an OpenFGA server, or an operator with a panic in it, too. The go command would have it note each file that it opens, to know
// when the result can be used again. Never, here; and those notes could not be written while the disk is full, which would
// fail the whole run in its end.
func TestMain(m *testing.M) {
	os.Args = slices.DeleteFunc(os.Args, func(argument string) bool { return strings.HasPrefix(argument, "-test.testlogfile=") })
	if written := os.Getenv(plantedVariable); written != "" {
		if err := runPlanted(written); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	server.Main(m)
}

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	log.SetLogger(GinkgoLogr)
	suite, reporter := GinkgoConfiguration()
	// A spec that hangs says where, and the suite ends with a summary before the go command kills it without one.
	suite.PollProgressAfter, suite.PollProgressInterval = commandTimeout, commandTimeout
	if deadline, ok := t.Deadline(); ok {
		suite.Timeout = time.Until(deadline) - commandTimeout
	}
	if os.Getenv(storeVariable) == "external" {
		suite.LabelFilter = "!" + embeddedOnly
	}
	RunSpecs(t, "Integration", suite, reporter)
}

var _ = SynchronizedBeforeSuite(buildProgram, start)

func start() {
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())
	DeferCleanup(cancel)

	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	http.DefaultClient.Timeout = requestTimeout
	config := plane.Config()
	config.Timeout = requestTimeout
	lenient, err := client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	k8sClient = client.WithFieldValidation(lenient, metav1.FieldValidationStrict)

	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	install()
	allowProber()
	startStore()
	op = &operatorUnderTest{
		storage:  newStorage(),
		requests: requests{earlier: map[string]bool{}},
		keys:     filepath.Join(GinkgoT().TempDir(), "keys.yaml"),
	}
	op.admits("a-shop-that-asks-about-one-organization-only", "acme")
	op.Start()
	DeferCleanup(op.stopIfRunning)
}

// Before each spec the suite's operator and the API server answer. One that a failed spec has left stopped is started
// again; without one, every spec would fail, and only after it has waited.
var _ = BeforeEach(func() {
	DeferCleanup(func() { op.stopIfTravelled() })
	missing := InterceptGomegaFailure(func() {
		if op.stop == nil {
			op.Start()
		}
		Eventually(op.synced).Should(Succeed())
		if unswept {
			sweep()
		}
		Eventually(func() error { return k8sClient.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{}) }).Should(Succeed())
	})
	if missing != nil {
		AbortSuite("the suite's operator, or the API server, does not answer: " + missing.Error())
	}
})

// Nothing that a spec asks for takes so long, unless it hangs: then the spec fails and not the run.
const (
	requestTimeout = 2 * time.Minute
	commandTimeout = 5 * time.Minute
)

// command is a program that is killed when it hangs, be it for the network's sake.
func command(name string, arguments ...string) *exec.Cmd {
	bounded, cancel := context.WithTimeout(ctx, commandTimeout)
	DeferCleanup(cancel)
	program := exec.CommandContext(bounded, name, arguments...)
	program.WaitDelay = time.Second // what it has started may still hold its output open
	return program
}

// install installs what a cluster administrator installs. The operator of the suite then has the rights
// of its ServiceAccount, and no others.
func install() {
	GinkgoHelper()
	kubeconfig := filepath.Join(plane.Directory(), "kubeconfig")
	Expect(plane.WriteKubeconfig(kubeconfig)).To(Succeed())
	for _, args := range [][]string{
		{"apply", "--server-side", "-k", "../../config/default"},
		{"wait", "crd", "--all", "--for=condition=Established", "--timeout=" + patience.String()},
	} {
		cmd := command(plane.Kubectl(), append(args, "--kubeconfig="+kubeconfig)...)
		output, err := cmd.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(output))
	}
}

// newNamespace makes a namespace of its own for a spec and returns its name.
func newNamespace(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: generatedPrefix}}
	Expect(k8sClient.Create(ctx, namespace)).To(Succeed())
	ownNamespaces = append(ownNamespaces, namespace.Name)
	return namespace.Name
}

// ownNamespaces are those that the present spec has made.
var ownNamespaces []string
