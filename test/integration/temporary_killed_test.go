package integration

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/test/build"
	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

// heldIn opens a storage with an OpenFGA of its own, beside which nothing of the operator runs, and returns how
// to ask it whether a user may do something at an instant.
func heldIn(kept storage) func(user, permission, object string, at time.Time) (bool, error) {
	GinkgoHelper()
	second := kept.open()
	return func(user, permission, object string, at time.Time) (bool, error) {
		return second.Check(ctx, store.Question{
			Key:        store.Key{Object: object, Relation: "can", User: objectid.User(user)},
			Permission: permission, Time: at,
		})
	}
}

// program is the operator as a program of its own. The first of the processes that run specs builds it.
const program = "../../bin/integration/bailiwick"

func buildProgram() {
	GinkgoHelper()
	bounded, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	compile := exec.CommandContext(bounded, "go", "build", "-o", program, "../../cmd/bailiwick")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := compile.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "building the operator: %s", output)
}

// insteadOfSuites stops the operator of the suite, which is back after the spec with its own store, and
// returns how to run one as a program, to be killed; the arguments say on which store. Inside is a command that runs it,
// if there is one.
func insteadOfSuites(inside ...string) (run func(arguments ...string) *controlplane.Process) {
	GinkgoHelper()
	path, err := filepath.Abs(program)
	Expect(err).NotTo(HaveOccurred())
	command := slices.Concat(inside, []string{path})
	kubeconfig := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(plane.WriteUserKubeconfig(kubeconfig, operatorName, "system:serviceaccounts")).To(Succeed())

	op.Stop()
	own := op.storage
	DeferCleanup(func() {
		op.stopIfRunning()
		op.storage = own
	})
	return func(arguments ...string) *controlplane.Process {
		GinkgoHelper()
		process, err := plane.Run(command[0], []string{"KUBECONFIG=" + kubeconfig}, slices.Concat(command[1:], []string{
			"--leader-elect=false", "--metrics-address=0", "--health-address=0",
			fmt.Sprint("--webhook-port=", op.webhookPort), "--webhook-dns-name=localhost",
		}, arguments)...)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(process.Kill)
		return process
	}
}

// runProgram runs an operator as a program instead of the suite's, on a storage of its own, which op then asks.
// It returns the process, to be killed.
func runProgram() *controlplane.Process {
	GinkgoHelper()
	return programOn(newStorage())()
}

// programOn has operators on a storage run as programs instead of the suite's; op then asks them. Each call of
// start runs one, when there is no other, and returns when the store holds what the cluster says.
func programOn(kept storage) (start func() *controlplane.Process) {
	GinkgoHelper()
	begin := programIn(kept)
	return func() *controlplane.Process {
		GinkgoHelper()
		process := begin()
		Eventually(op.synced).Should(Succeed(), func() string { return plane.LogTail("bailiwick") })
		Eventually(stamped).Should(BeTrue())
		return process
	}
}

// programIn is programOn without any waiting, and inside of a command.
func programIn(kept storage, inside ...string) (begin func() *controlplane.Process) {
	GinkgoHelper()
	run := insteadOfSuites(inside...)
	op.storage = kept
	if op.external != nil {
		op.address = op.external.HTTPAddress
	} else {
		op.address = fmt.Sprint("127.0.0.1:", freePort())
	}
	decisions := fmt.Sprint("127.0.0.1:", freePort())
	op.decisionURL, op.metricsAddress = "http://"+decisions, fmt.Sprint("127.0.0.1:", freePort())
	return func() *controlplane.Process {
		GinkgoHelper()
		return run(append(op.arguments(op.address), "--decision-address="+decisions, "--decision-keys-file="+op.keys, "--metrics-address="+op.metricsAddress)...)
	}
}

var _ = Describe("With the operator gone", Label(slow), func() {
	var w *world
	var noon time.Time
	BeforeEach(func() {
		w = newWorld()
		noon = inAnHour()
	})
	// give makes what ends at noon, or begins then, and returns how to ask for it in a file.
	give := func() (expectKept func(storage)) {
		GinkgoHelper()
		for _, g := range []*v1alpha1.TemporaryPermissionGrant{
			w.temporary("instant").ToUser("alice").Grants(w.View).InWorkspace("prod").Until(noon).Obj(),
			w.temporary("duration").ToUser("alice").Grants(w.Edit).InWorkspace("prod").From(noon.Add(-8 * time.Hour)).For("PT8H").Obj(),
			w.temporary("object").ToUser("bob").Grants(w.View).InProject("prod", "vision").OnResource(w.Type, "42").Until(noon).Obj(),
		} {
			create(g)
			expectReason(g, v1alpha1.ReasonInForce)
		}
		for _, o := range []v1alpha1.Object{
			w.assignment("until-noon", "admin").ToUser("bob").InWorkspace("lab").Until(noon).Obj(),
			w.grant("until-noon").ToUser("alice").Grants(w.Delete).InWorkspace("lab").Until(noon).Obj(),
			w.assignment("of-devs", "editor").ToGroup("devs").InWorkspace("lab").Obj(),
			w.membership("until-noon", "alice").Until(noon).Obj(),
		} {
			create(o)
			expectReason(o, v1alpha1.ReasonInForce)
		}
		later := w.temporary("later").ToUser("bob").Grants(w.Delete).From(noon).For("1s").Obj()
		create(later)
		expectReason(later, v1alpha1.ReasonPending)
		return func(kept storage) {
			GinkgoHelper()
			held := heldIn(kept)
			for _, ends := range []struct{ user, permission, object string }{
				{"alice", w.View, w.at("prod")}, {"alice", w.Edit, w.at("prod", "vision")}, {"bob", w.View, w.object("42", "prod", "vision")},
				{"bob", w.View, w.at("lab")}, {"alice", w.Delete, w.at("lab")}, {"alice", w.View, w.at("lab", "vision")},
			} {
				Expect(held(w.subject(ends.user), ends.permission, ends.object, noon.Add(-time.Second))).To(BeTrue(), "%v", ends)
				Expect(held(w.subject(ends.user), ends.permission, ends.object, noon.Add(-time.Nanosecond))).To(BeTrue(), "%v", ends)
				Expect(held(w.subject(ends.user), ends.permission, ends.object, noon)).To(BeFalse(), "%v", ends)
				Expect(held(w.subject(ends.user), ends.permission, ends.object, noon.AddDate(1, 0, 0))).To(BeFalse(), "%v", ends)
			}
			Expect(held(w.subject("bob"), w.Delete, w.at(), noon.Add(-time.Nanosecond))).To(BeFalse())
			Expect(held(w.subject("bob"), w.Delete, w.at(), noon)).To(BeTrue())
			Expect(held(w.subject("bob"), w.Delete, w.at(), noon.Add(time.Second))).To(BeFalse())
		}
	}

	It("[K1] [T1] every deadline is kept by the store, whoever opens it", func() {
		expectKept := give()
		expectKept(op.storage)
		op.Stop()
		expectKept(op.storage)
	})

	It("[K1] [T1] every deadline is kept by the store when the operator was killed", func() {
		process := runProgram()
		expectKept := give()
		Expect(w.may("alice", w.View, w.at("prod"))()).To(BeTrue())
		Expect(process.Kill()).To(Succeed())
		expectKept(op.storage)
	})

	It("[K6] grants are in the store as they are in the cluster once the next one has started, whenever it was killed", func() {
		process := runProgram()
		const many = 40
		name := func(n int) string { return fmt.Sprint("g-", n) }
		for n := range many {
			create(w.grant(name(n)).ToUser("alice").Grants(w.View).OnResource(w.Type, name(n)).Obj(),
				w.temporary(name(n)).ToUser("alice").Grants(w.Edit, build.Equals("color", "red")).OnResource(w.Type, name(n)).Until(noon).Obj())
		}
		for n := range many / 2 {
			Expect(k8sClient.Delete(ctx, w.grant(name(n)).Obj())).To(Succeed())
			Expect(k8sClient.Delete(ctx, w.temporary(name(2*n)).Obj())).To(Succeed())
		}
		Expect(process.Kill()).To(Succeed())

		op.Start()
		red := attributes{"color": "red"}
		for n := range many {
			object := w.object(name(n), "", "")
			Expect(w.may("alice", w.View, object)()).To(Equal(n >= many/2), "%d", n)
			Expect(w.may("alice", w.Edit, object, red)()).To(Equal(n%2 == 1), "%d", n)
		}
		tuples, err := w.granted()
		Expect(err).NotTo(HaveOccurred())
		Expect(tuples).To(HaveLen(many/2+many/4+many/2+many/4), "a grant and a parent on each object that is left")
		for n := range many / 2 {
			Eventually(func() bool {
				return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(w.grant(name(n)).Obj()), w.grant(name(n)).Obj()))
			}).Should(BeTrue(), "the finalizer is let go of")
		}
	})
})
