package integration

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

// manyVariable is how many objects the specs delete at once that are about many.
const manyVariable = "BAILIWICK_TEST_MANY"

func many() int {
	GinkgoHelper()
	written, given := os.LookupEnv(manyVariable)
	if !given {
		return 50 * faultRounds(2)
	}
	number, err := strconv.Atoi(written)
	Expect(err).NotTo(HaveOccurred(), manyVariable)
	return number
}

var _ = Describe("Deleting", Label(slow), func() {
	It("[K9] many objects at once ends all that they gave, and leaves nothing in the store", func() {
		count := many()
		w := newWorld()
		op.expectWhole()
		before, err := w.allInStore()
		Expect(err).NotTo(HaveOccurred())
		name := func(n int) string { return fmt.Sprint("many-", n) }
		began := time.Now()
		inParallel(count, func(n int) error {
			switch n % 4 {
			case 0:
				return k8sClient.Create(ctx, w.grant(name(n)).ToUser("alice").Grants(w.View).OnResource(w.Type, name(n)).Obj())
			case 1:
				return k8sClient.Create(ctx, w.temporary(name(n)).ToUser("alice").Grants(w.Delete).OnResource(w.Type, name(n)).Until(inAnHour()).Obj())
			default:
				if err := k8sClient.Create(ctx, w.user(name(n))); err != nil {
					return err
				}
				return k8sClient.Create(ctx, build.GroupMembership(w.Namespace, name(n), name(n), "devs").Obj())
			}
		})
		lists := []client.ObjectList{&v1alpha1.PermissionGrantList{}, &v1alpha1.TemporaryPermissionGrantList{}, &v1alpha1.GroupMembershipList{}}
		for _, list := range lists {
			Eventually(func() error { return checkStatuses(list, everyObject, client.InNamespace(w.Namespace)) }).
				WithTimeout(10 * time.Minute).WithPolling(time.Second).Should(Succeed())
		}
		made := time.Since(began)

		began = time.Now()
		for _, kind := range []client.Object{
			&v1alpha1.PermissionGrant{}, &v1alpha1.TemporaryPermissionGrant{}, &v1alpha1.GroupMembership{},
		} {
			Expect(k8sClient.DeleteAllOf(ctx, kind, client.InNamespace(w.Namespace))).To(Succeed())
		}
		for _, list := range lists {
			Eventually(func(g Gomega) {
				g.Expect(k8sClient.List(ctx, list, client.InNamespace(w.Namespace), client.Limit(1))).To(Succeed())
				g.Expect(list).To(HaveField("Items", BeEmpty()))
			}).WithTimeout(10 * time.Minute).WithPolling(time.Second / 4).Should(Succeed())
		}
		AddReportEntry("deleting", fmt.Sprintf("%d objects made in %s and gone in %s", count, made.Round(time.Second), time.Since(began).Round(time.Second)))
		Expect(w.may("alice", w.View, w.object(name(0), "", ""))()).To(BeFalse())
		Expect(w.allInStore()).To(ConsistOf(before))
		op.expectWhole()
	})

	It("[K9] a namespace in which objects are being created finishes, and nothing of it remains in the store", inRounds, func() {
		const lanes = 8
		w := newWorld()
		var created atomic.Int64
		stop := make(chan struct{})
		ended := make(chan error, lanes)
		for lane := range lanes {
			go func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						ended <- nil
						return
					default:
					}
					name := fmt.Sprint("load-", lane, "-", n)
					var object client.Object = w.assignment(name, "editor").ToUser("bob").InWorkspace("prod").Obj()
					if lane%2 == 0 {
						object = w.grant(name).ToUser("alice").Grants(w.View).OnResource(w.Type, name).Obj()
					}
					switch err := k8sClient.Create(ctx, object); {
					case err == nil:
						created.Add(1)
					case apierrors.IsForbidden(err), apierrors.IsNotFound(err):
						// The namespace is being deleted, or gone.
					default:
						ended <- err
						return
					}
				}
			}()
		}
		Eventually(created.Load).Should(BeNumerically(">", 80))
		Expect(k8sClient.Delete(ctx, namespaceNamed(w.Namespace))).To(Succeed())
		namespace := namespaceNamed(w.Namespace)
		Eventually(func() bool {
			return apierrors.IsNotFound(k8sClient.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
		}).WithTimeout(5 * time.Minute).WithPolling(time.Second / 4).Should(BeTrue())
		close(stop)
		for range lanes {
			Expect(<-ended).NotTo(HaveOccurred())
		}
		AddReportEntry("created meanwhile", created.Load())
		Eventually(w.allInStore).Should(BeEmpty())
		op.expectWhole()
	})
})
