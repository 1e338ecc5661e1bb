package integration

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/plugin"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("kubectl authz grants", func() {
	var (
		w      *world
		viewer *person
	)
	BeforeEach(func() {
		w = newWorld()
		viewer = w.newPerson("viewer").views(w.Namespace)
		later := func(hours int) time.Time {
			return time.Now().Truncate(time.Second).Add(time.Duration(hours) * time.Hour)
		}
		for _, grant := range []*v1alpha1.TemporaryPermissionGrant{
			w.temporary("a").ToUser("bob").Grants(w.View).Until(later(3)).Tagged("ticket", "CR 1").Tagged("night", "").Obj(),
			w.temporary("b").ToUser("alice").Grants(w.View).Until(later(2)).Tagged("ticket", "CR 2").Obj(),
			w.temporary("c").ToUser("bob").Grants(w.Delete).InProject("prod", "vision").Until(later(1)).Tagged("ticket", "").Obj(),
			w.temporary("d").ToUser("bob").Grants(w.View).From(later(1)).For("1h").Tagged("ticket", "CR 1").Obj(),
			w.temporary("e").ToUser("alice").Grants(w.Delete).From(later(-2)).Until(later(-1)).Obj(),
		} {
			create(grant)
			observed(grant)
		}
	})

	DescribeTable("[G9] lists what fits all flags, in the order that is asked for", func(want []string, args ...string) {
		for n := range args {
			args[n] = strings.NewReplacer("$delete", w.Delete, "$alice", w.subject("alice")).Replace(args[n])
		}
		Expect(viewer.authz(append([]string{"grants"}, args...)...).column("NAME")).To(Equal(want))
	},
		Entry("everything, by name", []string{"a", "b", "c", "d", "e"}),
		Entry("by user", []string{"a", "c", "d"}, "--user=bob"),
		Entry("by permission", []string{"c", "e"}, "--permission=$delete"),
		Entry("by phase", []string{"a", "b", "c"}, "--phase=Active"),
		Entry("by another phase", []string{"d"}, "--phase=Pending"),
		Entry("by the phase that is over", []string{"e"}, "--phase=Expired"),
		Entry("by place", []string{"c"}, "--workspace=prod", "--project=vision"),
		Entry("by a tag's value", []string{"a", "d"}, "--tag=ticket:CR 1"),
		Entry("by any value of a tag", []string{"a", "b", "c", "d"}, "--tag=ticket:*"),
		Entry("by a tag without a value", []string{"c"}, "--tag=ticket:"),
		Entry("by two tags", []string{"a"}, "--tag=ticket:CR 1", "--tag=night:"),
		Entry("by user and tag and phase", []string{"a"}, "--user=bob", "--tag=ticket:CR 1", "--phase=Active"),
		Entry("sorted by expiry", []string{"e", "c", "b", "d", "a"}, "--sort-by=expiry"),
		Entry("sorted by user, then by expiry", []string{"e", "b", "c", "d", "a"}, "--sort-by=user,expiry"),
		Entry("sorted by permission, then by user", []string{"e", "c", "b", "a", "d"}, "--sort-by=permission", "--sort-by=user"),
		Entry("by a user's subject", []string{"b", "e"}, "--user=$alice"),
		Entry("what nobody has", nil, "--user=alice", "--workspace=prod"),
		Entry("a tag that nothing has", nil, "--tag=night:late"),
	)

	It("[G9] [G13] lists them by creator", func() {
		grant := w.temporary("mine").ToUser("bob").Grants(w.View).For("1h").Obj()
		create(grant)
		creator := observed(grant).Status.Creator
		Expect(creator).NotTo(BeEmpty())
		Expect(viewer.authz("grants", "--creator="+creator).column("NAME")).To(ContainElement("mine"))
		Expect(viewer.authz("grants", "--creator=somebody").column("NAME")).To(BeEmpty())
	})

	It("[G9] prints the objects themselves", func() {
		var list v1alpha1.TemporaryPermissionGrantList
		for _, format := range []string{"json", "yaml"} {
			viewer.authz("grants", "--user=alice", "--output="+format).document(&list)
			Expect(list.Kind).To(Equal("List"))
			Expect(list.Items).To(HaveLen(2))
			Expect(list.Items[0].Kind).To(Equal("TemporaryPermissionGrant"))
			Expect(list.Items[0].Spec.User).To(Equal("alice"))
		}
	})

	It("refuses what it does not know, and asks nobody", func() {
		nobody := w.newPerson("nobody")
		for _, args := range [][]string{
			{"--tag=ticket"}, {"--tag=:x"}, {"--sort-by=tag"}, {"--output=wide"}, {"bob"},
		} {
			got := nobody.authz(append([]string{"grants"}, args...)...)
			Expect(got.Status).To(Equal(plugin.StatusFailed))
			Expect(got.Err).NotTo(ContainSubstring("forbidden"))
		}
	})
})

var _ = Describe("kubectl authz assignments, memberships and expiring", func() {
	var (
		w      *world
		viewer *person
	)
	BeforeEach(func() {
		w = newWorld()
		viewer = w.newPerson("viewer").views(w.Namespace)
	})

	It("[Z1] lists the assignments of a role, users and groups alike, narrowed to a workspace or a project", func() {
		for _, assigned := range []*v1alpha1.RoleAssignment{
			w.assignment("a", "editor").ToUser("bob").InProject("prod", "vision").Obj(),
			w.assignment("b", "editor").ToGroup("devs").InWorkspace("prod").Obj(),
			w.assignment("c", "editor").ToUser("bob").InProject("lab", "vision").Obj(),
			w.assignment("d", "nobody").ToUser("bob").InProject("prod", "vision").Obj(),
		} {
			create(assigned)
			observed(assigned)
		}
		listed := func(args ...string) []string {
			GinkgoHelper()
			return viewer.authz(append([]string{"assignments"}, args...)...).column("NAME")
		}
		Expect(listed("--role=editor")).To(Equal([]string{"a", "b", "c"}))
		Expect(listed("--role=editor", "--workspace=prod")).To(Equal([]string{"a", "b"}))
		Expect(listed("--role=editor", "--workspace=prod", "--project=vision")).To(Equal([]string{"a"}))
		Expect(listed("--user=bob")).To(Equal([]string{"a", "c", "d", "standing-bob"}))
		Expect(listed("--group=devs")).To(Equal([]string{"b"}))
		Expect(listed("--role=editor", "--user=alice")).To(BeEmpty())
		Expect(viewer.authz("assignments", "--role=nobody").column("REASON")).To(Equal([]string{"RoleNotFound"}))
	})

	It("lists what a user has by groups and invitations, too, and finds the user by their subject", func() {
		member := build.GroupMembership(w.Namespace, "bob-devs", "bob", "devs").Obj()
		later := build.GroupMembership(w.Namespace, "bob-ops", "bob", "ops").From(time.Now().Add(time.Hour)).Obj()
		accepted := build.Invitation(w.Namespace, "accepted").AcceptedBy("bob").Obj()
		for _, object := range []v1alpha1.Object{
			build.Group(w.Namespace, "ops").Obj(), member, later, accepted,
			w.assignment("a", "editor").ToUser("bob").InProject("prod", "vision").Obj(),
			w.assignment("b", "editor").ToGroup("devs").InWorkspace("prod").Obj(),
			w.assignment("c", "editor").ToGroup("ops").InWorkspace("prod").Obj(),
			w.assignment("d", "editor").ToInvitation("accepted").InWorkspace("lab").Obj(),
			w.assignment("e", "editor").ToUser("alice").InWorkspace("lab").Obj(),
		} {
			create(object)
			observed(object)
		}
		listed := func(args ...string) []string {
			GinkgoHelper()
			return viewer.authz(append([]string{"assignments", "--role=editor"}, args...)...).column("NAME")
		}
		Expect(listed("--user=bob")).To(Equal([]string{"a", "b", "d"}), "the membership in ops has not begun")
		Expect(listed("--user=" + w.subject("bob"))).To(Equal([]string{"a", "b", "d"}))
		Expect(listed("--user=bob", "--workspace=prod")).To(Equal([]string{"a", "b"}))
		Expect(listed("--user=bob", "--group=devs")).To(Equal([]string{"b"}))
		remove(member)
		Expect(listed("--user=bob")).To(Equal([]string{"a", "d"}))
	})

	It("fails where a flag names nothing, and not where there is nothing to list", func() {
		for want, args := range map[string][]string{
			"--user=carol names nothing in " + w.Namespace + ": use one of alice, bob":               {"grants", "--user=carol"},
			"--role=edtor names nothing in " + w.Namespace:                                           {"assignments", "--role=edtor"},
			"--group=dev names nothing":                                                              {"memberships", "--group=dev"},
			"--phase=Over names nothing in " + w.Namespace + ": use one of Active, Expired, Pending": {"memberships", "--phase=Over"},
			"--policy=none names nothing in " + w.Namespace + ": there is none":                      {"requests", "--policy=none"},
		} {
			Expect(viewer.authz(args...)).To(And(HaveField("Status", plugin.StatusFailed), HaveField("Out", BeEmpty()), HaveField("Err", ContainSubstring(want))))
		}
		administrator := w.administrator()
		for _, args := range [][]string{{"grants", "--permission=View"}, {"grants", "--workspace=prodd"}} {
			Expect(administrator.authz(args...)).To(And(HaveField("Status", plugin.StatusFailed), HaveField("Err", ContainSubstring(args[1]+" names nothing"))))
			Expect(viewer.authz(args...)).To(And(HaveField("Status", plugin.StatusOK), HaveField("Err", ContainSubstring("Nothing found"))), "who may not read these can't tell")
		}
		for _, command := range []string{"grants", "assignments", "memberships", "requests", "expiring", "orphans", "tree", "report"} {
			Expect(administrator.authz(command, "--namespace=nowhere")).To(And(
				HaveField("Status", plugin.StatusFailed), HaveField("Err", ContainSubstring("there is no Organization nowhere"))), command)
		}
		for _, args := range [][]string{{"grants", "--user=alice"}, {"memberships", "--group=devs"}, {"requests"}, {"grants", "--phase=Expired"}} {
			Expect(viewer.authz(args...).Status).To(Equal(plugin.StatusOK), "%v", args)
		}
	})

	It("[B1] lists who is in which group", func() {
		member := build.GroupMembership(w.Namespace, "bob-devs", "bob", "devs").Obj()
		admin := build.GroupMembership(w.Namespace, "alice-devs", "alice", "devs").As(v1alpha1.GroupAdmin).Obj()
		create(member, admin, build.GroupMembership(w.Namespace, "bob-ops", "bob", "ops").Obj())
		observed(member)
		observed(admin)
		Expect(viewer.authz("memberships", "--group=devs").column("NAME")).To(Equal([]string{"alice-devs", "bob-devs"}))
		Expect(viewer.authz("memberships", "--user=bob").column("NAME")).To(Equal([]string{"bob-devs", "bob-ops"}))
		Expect(viewer.authz("memberships", "--user=bob", "--group=devs").column("NAME")).To(Equal([]string{"bob-devs"}))
		Expect(viewer.authz("memberships", "--user=alice", "--phase=Active").column("NAME")).To(BeEmpty())
	})

	It("[T1] lists when roles and memberships end, and selects them by phase", func() {
		soon := time.Now().Truncate(time.Second).Add(time.Hour)
		for _, object := range []v1alpha1.Object{
			w.assignment("ended", "editor").ToUser("bob").Until(soon.Add(-2 * time.Hour)).Obj(),
			w.assignment("ending", "editor").ToUser("bob").Until(soon).Obj(),
			w.assignment("later", "editor").ToUser("bob").From(soon).Obj(),
			w.membership("ended", "bob").Until(soon.Add(-2 * time.Hour)).Obj(),
			w.membership("ending", "bob").Until(soon).Obj(),
			w.membership("later", "bob").From(soon).Obj(),
		} {
			create(object)
			observed(object)
		}
		for _, command := range []string{"assignments", "memberships"} {
			for phase, name := range map[string]string{"Expired": "ended", "Active": "ending", "Pending": "later"} {
				Expect(viewer.authz(command, "--phase="+phase).column("NAME")).To(Equal([]string{name}), command)
			}
			Expect(viewer.authz(command, "--phase=Active").column("EXPIRES")).To(ConsistOf(HavePrefix(soon.UTC().Format(time.RFC3339))))
			Expect(viewer.authz(command, "--phase=Pending").column("EXPIRES")).To(ConsistOf("-"))
		}
		Expect(w.administrator().authz("explain", w.View, "--user=bob").Out).To(containAll("may", "RoleAssignment ending", "until "+soon.UTC().Format(time.RFC3339)))
	})

	It("[T1] lists what ends soon, the soonest first", func() {
		soon := time.Now().Truncate(time.Second).Add(time.Hour)
		first := w.temporary("first").ToUser("bob").Grants(w.View).Until(soon).Obj()
		third := w.temporary("third").ToUser("bob").Grants(w.View).Until(soon.Add(2 * time.Hour)).Obj()
		second := build.Invitation(w.Namespace, "second").ValidFor("2h").Obj()
		accepted := build.Invitation(w.Namespace, "accepted").ValidFor("2h").AcceptedBy("bob").Obj()
		ended := w.temporary("ended").ToUser("bob").Grants(w.View).Until(soon.Add(-2 * time.Hour)).Obj()
		role := w.assignment("fourth", "editor").ToUser("bob").InWorkspace("prod").Until(soon.Add(3 * time.Hour)).Obj()
		permission := w.grant("fifth").ToUser("bob").Grants(w.View).Until(soon.Add(4 * time.Hour)).Obj()
		member := w.membership("sixth", "bob").Until(soon.Add(5 * time.Hour)).Obj()
		for _, object := range []v1alpha1.Object{third, second, first, accepted, ended, role, permission, member} {
			create(object)
			observed(object)
		}
		Expect(viewer.authz("expiring").column("NAME")).To(Equal([]string{"first", "second", "third", "fourth", "fifth", "sixth"}))
		Expect(viewer.authz("expiring", "--within=150m").column("NAME")).To(Equal([]string{"first", "second"}))
		Expect(viewer.authz("expiring", "--within=PT5M").column("NAME")).To(BeEmpty())
		Expect(viewer.authz("expiring", "--within=soon").Status).To(Equal(plugin.StatusFailed))
	})

	It("[P3] lists what names something that is gone, and what has waited for long", func() {
		left := w.assignment("left", "editor").ToUser("gone").InWorkspace("prod").Obj()
		member := build.GroupMembership(w.Namespace, "left-devs", "gone", "devs").Obj()
		fine := w.assignment("fine", "editor").ToUser("bob").InWorkspace("prod").Obj()
		suspended := w.temporary("suspended").ToUser("carol").Grants(w.View).For("1h").Obj()
		misspelt := w.grant("misspelt").ToUser("bob").Grants(w.View, "Nothing").Obj()
		create(build.User(w.Namespace, "carol").KnownAs(w.subject("carol")).Suspended().Obj())
		create(left, member, fine, suspended, misspelt)
		waitUntilQuiet()
		listed := viewer.authz("orphans")
		Expect(listed.column("NAME")).To(ConsistOf("left", "left-devs"))
		Expect(listed.column("REASON")).To(ConsistOf("UserNotFound", "UserNotFound"))
		Eventually(func() []string { return viewer.authz("orphans", "--waiting=1s").column("NAME") }).Should(
			ConsistOf("left", "left-devs", "misspelt"))
		Expect(viewer.authz("orphans", "--waiting=long").Status).To(Equal(plugin.StatusFailed))
		create(build.User(w.Namespace, "gone").KnownAs(w.subject("gone")).Obj())
		Eventually(func() []string { return viewer.authz("orphans").column("NAME") }).Should(BeEmpty())
	})

	It("[G14] shows nothing of an organization that the user may not read, and says so", func() {
		other := newWorld()
		create(other.temporary("secret").ToUser("bob").Grants(other.View).For("1h").Obj())
		for _, command := range []string{"grants", "assignments", "memberships", "expiring", "orphans"} {
			for _, where := range [][]string{{"--namespace=" + other.Namespace}, {"--all-organizations"}} {
				got := viewer.authz(append([]string{command}, where...)...)
				Expect(got.Status).To(Equal(plugin.StatusFailed), "%s %v", command, where)
				Expect(got.Out).To(BeEmpty())
				Expect(got.Err).To(containAll("may not read", "bailiwick-viewer"))
				Expect(got.Err).NotTo(ContainSubstring("secret"))
			}
		}
		both := w.administrator().authz("grants", "--all-organizations")
		Expect(both.column("ORGANIZATION")).To(ContainElement(other.Namespace))
	})
})
