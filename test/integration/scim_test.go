package integration

import (
	"net/http"
	"net/url"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectid"
)

var _ = Describe("SCIM", func() {
	It("[P1] [P3] creates, reads, finds, suspends, reactivates and deletes a person, whose access follows", func() {
		w := newWorld()
		d := w.directory()
		subject := "Dana.Diaz@" + w.Namespace + ".example"
		made := d.expect(http.StatusCreated, http.MethodPost, "Users", scimUser(subject))
		id := made.text("id")
		Expect(made.header.Get("Location")).To(Equal(op.scimURL + "/scim/v2/" + w.Namespace + "/Users/" + id))
		user := &v1alpha1.User{}
		user.Namespace, user.Name = w.Namespace, id
		expectReason(user, v1alpha1.ReasonValid)

		create(w.assignment("a", "editor").ToUser(id).InWorkspace("prod").Obj())
		may := func() (bool, error) {
			return op.may(question{User: objectid.User(subject), Permission: w.View, Object: w.at("prod")})
		}
		Eventually(may).Should(BeTrue())

		Expect(d.expect(http.StatusOK, http.MethodGet, "Users/"+id, nil).text("userName")).To(Equal(subject))
		found := d.expect(http.StatusOK, http.MethodGet, "Users?filter="+url.QueryEscape(`userName eq "`+subject+`"`), nil)
		Expect(found.body).To(HaveKeyWithValue("totalResults", 1.0))

		active := func(value any) map[string]any {
			return patch(map[string]any{"op": "Replace", "path": "active", "value": value})
		}
		d.expect(http.StatusOK, http.MethodPatch, "Users/"+id, active("False"))
		Expect(may()).To(BeFalse(), "suspended when the answer comes")
		d.expect(http.StatusOK, http.MethodPatch, "Users/"+id, active(true))
		Eventually(may).Should(BeTrue())

		d.expect(http.StatusNoContent, http.MethodDelete, "Users/"+id, nil)
		Expect(may()).To(BeFalse(), "gone when the answer comes")
		expectReason(w.assignment("a", "editor").Obj(), v1alpha1.ReasonUserNotFound)
		d.expect(http.StatusNotFound, http.MethodGet, "Users/"+id, nil)
		remove(w.assignment("a", "editor").Obj())
	})
})
