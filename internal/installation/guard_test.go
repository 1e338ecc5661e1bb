package installation

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNamesAreReliedOnWhileAllIsAsInstalled(t *testing.T) {
	c := newCluster(t)
	keeper, _ := start(t, c)
	if guard := keeper.Guard(t.Context()); guard.Problem != "" {
		t.Errorf("got %+v", guard)
	}
	change(t, c, c.policies[accessPolicyName].policy, func(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
		p.Spec.Validations[0].Expression = "true"
	})
	if guard := keeper.Guard(t.Context()); !strings.Contains(guard.Problem, "validations[0] is missing") {
		t.Errorf("with a policy that is weaker: %+v", guard)
	}
}

func TestNamesAreNotReliedOnWithoutTheWebhook(t *testing.T) {
	c := newCluster(t)
	keeper, _ := start(t, c)
	change(t, c, c.validate, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) { v.Webhooks = v.Webhooks[1:] })
	keeper.check(t.Context())
	if guard := keeper.Guard(t.Context()); !strings.Contains(guard.Problem, "the webhook gives.validate.authz.bailiwick.dev is missing") {
		t.Errorf("got %+v", guard)
	}
}

func TestWhatWasWrittenWhileNamesWereNotBoundIsNotReliedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		keeper, _ := start(t, c)
		binding := c.policies[accessPolicyName].binding
		remove(t, c, binding)
		if guard := keeper.Guard(t.Context()); guard.Problem == "" {
			t.Errorf("without its binding: %+v", guard)
		}
		pass(time.Hour)
		back := time.Now()
		binding.ResourceVersion = ""
		if err := c.Create(t.Context(), binding); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if guard := keeper.Guard(t.Context()); guard.Problem != "" || !guard.Since.After(back) || guard.Since.After(back.Add(time.Second)) {
				t.Errorf("with it again: %+v, want since just after %s", guard, back)
			}
			pass(time.Hour)
		}
		c.unreadable[accessPolicyName] = apierrors.NewServiceUnavailable("away")
		if guard := keeper.Guard(t.Context()); guard.Problem == "" {
			t.Error("it is relied on although it can't be looked at")
		}
		delete(c.unreadable, accessPolicyName)
		if guard := keeper.Guard(t.Context()); guard.Problem != "" || guard.Since.After(back.Add(time.Second)) {
			t.Errorf("an outage says nothing about it: %+v", guard)
		}
		// Weakened and put back between two looks.
		change(t, c, c.policies[accessPolicyName].policy, func(p *admissionregistrationv1.ValidatingAdmissionPolicy) { p.Generation += 2 })
		if guard := keeper.Guard(t.Context()); guard.Problem != "" || !guard.Since.After(time.Now()) {
			t.Errorf("after two changes that nobody saw: %+v", guard)
		}
	})
}

func TestNamesAreReliedOnSinceThePolicyWasCreated(t *testing.T) {
	c := newCluster(t)
	policy := c.policies[accessPolicyName].policy
	remove(t, c, policy)
	created := time.Now().Add(time.Hour).Truncate(time.Second)
	policy.ResourceVersion, policy.CreationTimestamp = "", metav1.Time{Time: created}
	if err := c.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	keeper, _ := start(t, c)
	if guard := keeper.Guard(t.Context()); guard.Problem != "" || !guard.Since.Equal(created) {
		t.Errorf("got %+v, want since %s", guard, created)
	}
}
