package integration

import (
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
	"github.com/bailiwick-dev/bailiwick/internal/store"
)

// askSeveral asks OpenFGA's own API several questions in one request.
func (o *operatorUnderTest) askSeveral(requests ...map[string]any) (allowed []bool, err error) {
	for n, request := range requests {
		request["correlation_id"] = fmt.Sprint(n)
	}
	id, err := o.storeID()
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result map[string]struct{ Allowed bool }
	}
	err = o.call(http.MethodPost, "/stores/"+id+"/batch-check", map[string]any{"checks": requests}, &answer)
	for n := range requests {
		allowed = append(allowed, answer.Result[fmt.Sprint(n)].Allowed)
	}
	return allowed, err
}

var _ = Describe("OpenFGA's API of the embedded store", Label(embeddedOnly), func() {
	It("[D4] answers decisions from memory, whatever somebody has written into the file, and all else from the store", func() {
		w := newWorld()
		assigned := w.assignment("a", "editor").ToUser("alice").Obj()
		create(assigned)
		expectReason(assigned, v1alpha1.ReasonInForce)
		forged := store.Tuple{
			Key:     store.Key{Object: w.at(), Relation: store.RelationGrantA, User: objectid.User(w.subject("bob"))},
			Context: everythingOf(w),
		}
		beside := op.open()
		Expect(beside.Write(ctx, []store.Tuple{forged}, nil)).To(Succeed())
		held := question{User: objectid.User(w.subject("alice")), Permission: w.View, Object: w.at()}
		given := question{User: forged.User, Permission: w.View, Object: w.at()}

		Expect(op.check(given)).To(BeTrue(), "asked of the store")
		Expect(op.ask(given.requestOfAnApplication())).To(BeFalse())
		Expect(op.askSeveral(given.requestOfAnApplication(), held.requestOfAnApplication())).To(Equal([]bool{false, true}))
		Expect(op.askSeveral(given.requestOfAnApplication(), held.request())).To(Equal([]bool{true, true}), "one is for the store")
		another := given.requestOfAnApplication()
		another["tuple_key"].(map[string]any)["relation"] = store.RelationGrantA
		Expect(op.ask(another)).To(BeTrue(), "another relation")

		Expect(beside.Write(ctx, nil, []store.Key{forged.Key})).To(Succeed())
		Expect(op.may(given)).To(BeFalse())
	})
})
