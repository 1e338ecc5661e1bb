package integration

import (
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/store"
	"github.com/bailiwick-dev/bailiwick/internal/store/openfga"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("An external store of another installation", Serial, inRounds, func() {
	It("[F6] is refused and left alone, while the operator goes on, until it is adopted", func() {
		kept := newExternalStorage()
		theirOptions := kept.remote()
		theirOptions.Owner = "another-cluster"
		theirs, err := openfga.Remote(ctx, theirOptions)
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(theirs.Close)
		given, err := structpb.NewStruct(map[string]any{"permissions": map[string]any{"App:View": true}, "rules": map[string]any{}})
		Expect(err).NotTo(HaveOccurred())
		Expect(theirs.TakeOver(ctx)).To(Succeed())
		Expect(theirs.Write(ctx, []store.Tuple{{
			Key: store.Key{Object: "organization:theirs", Relation: store.RelationGrantA, User: "user:anne"}, Context: given,
		}}, nil)).To(Succeed())
		before, err := linesOf(theirs)
		Expect(err).NotTo(HaveOccurred())

		run := insteadOfSuites()
		op.storage, op.address = kept, kept.external.HTTPAddress
		decisions, health := fmt.Sprint("127.0.0.1:", freePort()), fmt.Sprint("127.0.0.1:", freePort())
		op.decisionURL, op.healthAddress, op.metricsAddress = "http://"+decisions, health, fmt.Sprint("127.0.0.1:", freePort())
		arguments := append(kept.arguments(""), "--decision-address="+decisions, "--decision-keys-file="+op.keys, "--health-address="+health, "--metrics-address="+op.metricsAddress)
		process := run(arguments...)
		Eventually(stamped).Should(BeTrue(), func() string { return plane.LogTail("bailiwick") })

		w := newWorld()
		waiting := w.assignment("waiting", "editor").ToUser("alice").InWorkspace("prod").Obj()
		create(waiting)
		expectReason(waiting, v1alpha1.ReasonStoreUnavailable, "another-cluster", "--openfga-adopt-store=another-cluster", "--openfga-store-name")
		Eventually(func(g Gomega) {
			organization := build.Organization(w.Namespace).Obj()
			g.Expect(k8sClient.Get(ctx, client.ObjectKeyFromObject(organization), organization)).To(Succeed())
			says := meta.FindStatusCondition(organization.Status.Conditions, v1alpha1.ConditionStoreUnavailable)
			g.Expect(says).NotTo(BeNil())
			g.Expect(says.Message).To(ContainSubstring("another-cluster"))
			_, events, err := w.saysOutage()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(events).To(Equal(1))
			for _, name := range []string{"healthz", "readyz"} {
				g.Expect(probe(name)).To(Equal(http.StatusOK))
			}
		}).Should(Succeed())
		Expect(plane.Log("bailiwick")).To(ContainSubstring("the store is refused"))
		Expect(linesOf(theirs)).To(Equal(before))

		Expect(process.Kill()).To(Succeed())
		run(append(arguments, "--openfga-adopt-store=another-cluster")...)
		Eventually(op.synced).Should(Succeed(), func() string { return plane.LogTail("bailiwick") })
		expectReason(waiting, v1alpha1.ReasonInForce)
		after, err := linesOf(kept.open())
		Expect(err).NotTo(HaveOccurred())
		Expect(strings.Join(after, "\n")).To(And(ContainSubstring(w.Namespace), Not(ContainSubstring("organization:theirs"))))
		Expect(theirs.Write(ctx, nil, nil)).To(MatchError(store.ErrReplaced))
	})
})
