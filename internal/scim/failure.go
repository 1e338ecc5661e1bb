package scim

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// requestError is why a request is not carried out. It is told to whoever sent it.
type requestError struct {
	scimerrors.ScimError

	// RetryAfter is after how many seconds the same request may succeed; zero is never.
	RetryAfter int
}

func fail(code int, format string, values ...any) *requestError {
	return &requestError{ScimError: scimerrors.ScimError{Status: code, Detail: fmt.Sprintf(format, values...)}}
}

// invalid is a request that is wrong in itself.
func invalid(kind scimerrors.ScimType, format string, values ...any) *requestError {
	failure := fail(http.StatusBadRequest, format, values...)
	failure.ScimType = kind
	return failure
}

// taken is a request that something stands in the way of.
func taken(format string, values ...any) *requestError {
	failure := fail(http.StatusConflict, format, values...)
	failure.ScimType = scimerrors.ScimTypeUniqueness
	return failure
}

func busy(format string, values ...any) *requestError {
	failure := fail(http.StatusTooManyRequests, format, values...)
	failure.RetryAfter = 1
	return failure
}

func unavailable(format string, values ...any) *requestError {
	failure := fail(http.StatusServiceUnavailable, format, values...)
	failure.RetryAfter = 5
	return failure
}

// unauthenticated is a request that shows no credential that counts here.
func unauthenticated(format string, values ...any) *requestError {
	return fail(http.StatusUnauthorized, format, values...)
}

// failureOf says what an error of the API server, or of what stands before it, is in SCIM's words.
func failureOf(err error) *requestError {
	var known *requestError
	var tooLarge *http.MaxBytesError
	var status apierrors.APIStatus
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &tooLarge):
		return fail(http.StatusRequestEntityTooLarge, "the request has more than %d bytes: send it in parts", tooLarge.Limit)
	case apierrors.IsUnauthorized(err):
		return unauthenticated("the API server does not know this token: it has ended, or its Secret or ServiceAccount is gone")
	case apierrors.IsForbidden(err):
		return fail(http.StatusForbidden, "%s", reasonOf(err))
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return invalid(scimerrors.ScimTypeInvalidValue, "%s", reasonOf(err))
	case apierrors.IsNotFound(err):
		return fail(http.StatusNotFound, "%s", reasonOf(err))
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		// Somebody else writes the same object, again and again.
		return unavailable("%s", reasonOf(err))
	case apierrors.IsTooManyRequests(err):
		return busy("the API server has too much to do: repeat the request")
	case apierrors.IsRequestEntityTooLargeError(err):
		return fail(http.StatusRequestEntityTooLarge, "%s", reasonOf(err))
	case errors.As(err, &status):
		return unavailable("%s", reasonOf(err))
	}
	return unavailable("the API server does not answer: repeat the request")
}

// reasonOf is what the API server said, without what only its own logs need.
func reasonOf(err error) string { return strings.TrimSpace(err.Error()) }

func (h handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	failure := failureOf(err)
	if failure.Status >= http.StatusInternalServerError {
		h.Log.Info("request failed", "method", r.Method, "organization", r.PathValue("organization"), "status", failure.Status, "error", err.Error())
	}
	if failure.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="SCIM"`)
	}
	if failure.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(failure.RetryAfter))
	}
	writeJSON(w, failure.Status, failure.ScimError)
}
