package integration

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

var _ = Describe("The operator, for people", Serial, func() {
	It("[K10] writes nothing when it starts and all is as it left it", func() {
		w := newWorld()
		create(w.membership("alice", "alice").As(v1alpha1.GroupAdmin).Obj(), w.membership("again", "alice").Obj(),
			build.Invitation(w.Namespace, "pending").Obj(), build.Invitation(w.Namespace, "accepted").AcceptedBy("bob").Obj(),
			w.assignment("invited", "editor").ToInvitation("accepted").Obj(),
			w.user("carol"), w.assignment("only", "editor").ToUser("carol").InWorkspace("prod").Obj())
		expectReason(w.assignment("invited", "").Obj(), v1alpha1.ReasonInForce)
		expectReason(w.assignment("only", "").Obj(), v1alpha1.ReasonInForce)
		expectProtected(w.assignment("only", "").Obj(), "last role")
		waitUntilQuiet()
		before := writtenNow()
		op.Stop()
		op.Start()
		waitUntilQuiet()
		Expect(writtenNow()).To(Equal(before))
		Expect(w.may("carol", w.View, w.at("prod"))()).To(BeTrue())
		Expect(w.may("bob", w.View, w.at())()).To(BeTrue())
	})
})
