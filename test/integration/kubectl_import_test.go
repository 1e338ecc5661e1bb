package integration

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
)

var _ = Describe("kubectl authz import", func() {
	It("[P2] [P4] writes people and their groups with the rights of its user, once, and deletes what it made only", func() {
		w := newWorld()
		admin, viewer := w.newPerson("admin"), w.newPerson("viewer").views(w.Namespace)
		create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: "admin"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-organization-admin"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: admin.Name}},
		})
		erin := w.subject("erin")
		list := func(lines string) string {
			GinkgoHelper()
			file := filepath.Join(GinkgoT().TempDir(), "people.csv")
			Expect(os.WriteFile(file, []byte("subject,name,groups\n"+lines), 0o600)).To(Succeed())
			return file
		}
		people := list(erin + ",erin,devs;The Writers\n" + w.subject("frank") + ",frank,\n")
		Eventually(func() int { return admin.authz("import", people, "--dry-run").Status }).Should(Equal(plugin.StatusOK))
		// What there is, by kind and name.
		names := func() []string { return slices.Sorted(maps.Keys(w.versions())) }
		before := names()

		refused := viewer.authz("import", people)
		Expect(refused.Status).To(Equal(plugin.StatusFailed))
		Expect(refused.Err).To(And(ContainSubstring("writes failed"), ContainSubstring("User erin"), ContainSubstring("forbidden")))
		Expect(admin.authz("import", people, "--dry-run").Out).To(HaveSuffix("5 created, 0 changed, 0 deleted, 1 unchanged (dry run)\n"))
		Expect(names()).To(Equal(before), "neither writes anything")

		imported := admin.authz("import", people)
		Expect(imported.Status).To(Equal(plugin.StatusOK), imported.Err)
		Expect(imported.Out).To(And(ContainSubstring("user/erin created\n"), HaveSuffix("5 created, 0 changed, 0 deleted, 1 unchanged\n")))
		create(w.assignment("devs", "editor").ToGroup("devs").InWorkspace("prod").Obj())
		may := func() (bool, error) {
			return op.may(question{User: objectid.User(erin), Permission: w.View, Object: w.at("prod")})
		}
		Eventually(may).Should(BeTrue())
		Expect(admin.authz("import", people, "--prune").Out).To(Equal("0 created, 0 changed, 0 deleted, 6 unchanged\n"))
		whole := names()

		conflict := admin.authz("import", list(w.subject("bob")+",rob,devs\n"+w.subject("gina")+",gina,\n"))
		Expect(conflict.Status).To(Equal(plugin.StatusFailed))
		Expect(conflict.Err).To(And(ContainSubstring("nothing is written"), ContainSubstring("User bob")))
		Expect(names()).To(Equal(whole))

		Expect(admin.authz("import", list(w.subject("frank")+",frank,devs\n"), "--prune", "--output=json").Out).To(ContainSubstring(`"unchanged": 2`))
		Eventually(may).Should(BeFalse())
		Eventually(names).Should(And(
			ContainElements("*v1alpha1.User bob", "*v1alpha1.User frank", "*v1alpha1.Group devs"),
			Not(ContainElement("*v1alpha1.User erin")), Not(ContainElement(HavePrefix("*v1alpha1.Group the-writers")))))
	})
})
