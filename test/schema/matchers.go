package schema

import (
	"errors"
	"fmt"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// BeAccepted is what an error that is none must do.
func BeAccepted() types.GomegaMatcher { return Succeed() }

// BeRefusedAt matches the API server's refusal of an object for the value of a field, in words that
// contain says. A field is a path as the API server writes it: spec.owners[0].
func BeRefusedAt(field, says string) types.GomegaMatcher {
	return And(
		WithTransform(apierrors.IsInvalid, BeTrue()),
		WithTransform(causes, ContainElement(And(
			HaveField("Field", field),
			HaveField("Message", ContainSubstring(says)),
		))),
	)
}

// BeRefusedAsUnknown matches the refusal of a field that the schema does not have.
func BeRefusedAsUnknown(field string) types.GomegaMatcher {
	return And(
		WithTransform(apierrors.IsBadRequest, BeTrue()),
		MatchError(ContainSubstring(fmt.Sprintf("unknown field %q", field))),
	)
}

func causes(err error) []metav1.StatusCause {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	return status.Status().Details.Causes
}
