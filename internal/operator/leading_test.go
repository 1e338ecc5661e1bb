package operator

import (
	"errors"
	"net/http"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestALeaseHoldsFromTheRequestThatRenewedItUntilItHasRunOut(t *testing.T) {
	clock := clocktesting.NewFakeClock(time.Date(2030, 6, 15, 12, 0, 0, 0, time.UTC))
	held := &lease{duration: 15 * time.Second, clock: clock}
	send := func(method, path string, code int, failure error) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "https://api.example"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, _ := held.watch(roundTripper(func(*http.Request) (*http.Response, error) {
			clock.Step(2 * time.Second) // the answer takes a while
			return &http.Response{StatusCode: code, Body: http.NoBody}, failure
		})).RoundTrip(request)
		if response != nil {
			_ = response.Body.Close()
		}
	}
	expect := func(want bool, when string) {
		t.Helper()
		if held.holds() != want {
			t.Errorf("%s it holds: %t", when, !want)
		}
	}
	const path = "/apis/coordination.k8s.io/v1/namespaces/bailiwick-system/leases/bailiwick"
	expect(false, "before it was ever written")
	send(http.MethodGet, path, http.StatusOK, nil)
	send(http.MethodPut, path, http.StatusConflict, nil)
	send(http.MethodPut, path, 0, errors.New("no answer"))
	send(http.MethodPost, "/api/v1/namespaces/bailiwick-system/events", http.StatusCreated, nil)
	expect(false, "when somebody else has it")
	send(http.MethodPost, path, http.StatusCreated, nil)
	expect(true, "when it was made")
	clock.Step(12 * time.Second)
	expect(true, "14 s after it was asked for")
	clock.Step(time.Second)
	expect(false, "15 s after it was asked for, 13 s after the answer")
	send(http.MethodPut, path, http.StatusOK, nil)
	expect(true, "when it was renewed")
	clock.Step(-time.Hour)
	expect(false, "when the clock was set back by more than it lasts")
	var none *lease
	if !none.holds() {
		t.Error("the only replica leads")
	}
}
