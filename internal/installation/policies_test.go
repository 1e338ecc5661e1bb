package installation

import (
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

func TestAPolicyThatRefusesLessIsSaidUntilItIsAsInstalled(t *testing.T) {
	type (
		spec    = *admissionregistrationv1.ValidatingAdmissionPolicySpec
		binding = *admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec
	)
	for name, c := range map[string]struct {
		edit func(spec, binding)
		says string
	}{
		"failurePolicy":          {func(p spec, _ binding) { p.FailurePolicy = new(admissionregistrationv1.Ignore) }, "failurePolicy is not Fail"},
		"no constraints":         {func(p spec, _ binding) { p.MatchConstraints = nil }, "matchConstraints is missing"},
		"a resource less":        {func(p spec, _ binding) { r := &p.MatchConstraints.ResourceRules[0]; r.Resources = r.Resources[1:] }, "matchConstraints leaves out UPDATE of accessdecisions"},
		"some names only":        {func(p spec, _ binding) { p.MatchConstraints.ResourceRules[0].ResourceNames = []string{"x"} }, "matchConstraints leaves out UPDATE of accessdecisions"},
		"a resource is excluded": {func(p spec, _ binding) { p.MatchConstraints.ExcludeResourceRules = p.MatchConstraints.ResourceRules }, "matchConstraints leaves resources out"},
		"a selector":             {func(p spec, _ binding) { p.MatchConstraints.ObjectSelector = selecting() }, "a selector leaves objects out"},
		"a condition more": {func(p spec, _ binding) {
			p.MatchConditions = append(p.MatchConditions, admissionregistrationv1.MatchCondition{Name: "mine", Expression: "false"})
		}, "matchConditions[mine]"},
		"another validation": {func(p spec, _ binding) { p.Validations[0].Expression = "true" }, "validations[0] is missing"},
		"a variable": {func(p spec, _ binding) {
			p.Variables = []admissionregistrationv1.Variable{{Name: "x", Expression: "1"}}
		}, "variables or paramKind"},
		"it only warns": {func(_ spec, b binding) {
			b.ValidationActions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn}
		}, "does not deny"},
		"another policy": {func(_ spec, b binding) { b.PolicyName = "other" }, "does not deny"},
		"a binding for some": {func(_ spec, b binding) {
			b.MatchResources = &admissionregistrationv1.MatchResources{NamespaceSelector: selecting()}
		}, "matchResources of its binding: a selector"},
		"a binding with parameters": {func(_ spec, b binding) { b.ParamRef = &admissionregistrationv1.ParamRef{Name: "x"} }, "paramRef of its binding"},
	} {
		t.Run("[F1] "+name, func(t *testing.T) {
			cluster := newCluster(t)
			keeper, recorder := start(t, cluster)
			said(recorder)
			if !ok(PartPolicies) {
				t.Fatal("it is weak from the beginning")
			}
			guarding := cluster.policies["bailiwick-finalizers"]
			installedPolicy, installedBinding := guarding.policy.Spec.DeepCopy(), guarding.binding.Spec.DeepCopy()
			set := func(edit func(spec, binding)) {
				change(t, cluster, guarding.policy, func(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
					edit(&p.Spec, guarding.binding.Spec.DeepCopy())
				})
				change(t, cluster, guarding.binding, func(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
					edit(guarding.policy.Spec.DeepCopy(), &b.Spec)
				})
				keeper.check(t.Context())
			}
			set(c.edit)
			if events := said(recorder); ok(PartPolicies) || strings.Count(events, "InstallationDamaged") != 1 || !strings.Contains(events, "policy bailiwick-finalizers: ") || !strings.Contains(events, c.says) {
				t.Errorf("the events are %q", events)
			}
			set(func(p spec, b binding) { *p, *b = *installedPolicy, *installedBinding })
			if !ok(PartPolicies) {
				t.Errorf("it is as installed, and the events are %q", said(recorder))
			}
		})
	}
	for name, of := range map[string]func(policy) client.Object{
		"the policy":  func(p policy) client.Object { return p.policy },
		"its binding": func(p policy) client.Object { return p.binding },
	} {
		for _, guards := range []string{"bailiwick-statuses", "bailiwick-read-leases"} {
			t.Run("[F1] "+name+" "+guards+" is gone", func(t *testing.T) {
				cluster := newCluster(t)
				keeper, recorder := start(t, cluster)
				remove(t, cluster, of(cluster.policies[guards]))
				keeper.check(t.Context())
				if events := said(recorder); ok(PartPolicies) || !strings.Contains(events, "policy "+guards+": it or its binding is missing") {
					t.Errorf("the events are %q", events)
				}
			})
		}
	}
}

func selecting() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"some": "only"}}
}

func TestThePoliciesGuardTheStatusAndTheFinalizerOfEveryKind(t *testing.T) {
	policies, err := installedPolicies(namespace)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		suffix, guards := map[string]string{"bailiwick-statuses": "/status", "bailiwick-finalizers": ""}[p.policy.Name]
		if !guards {
			continue
		}
		guarded := p.policy.Spec.MatchConstraints.ResourceRules[0].Resources
		for _, kind := range kinds.All {
			// A ResourceType gives nothing, so its finalizer holds nothing that is protected.
			if resource := kind.Resource() + suffix; !slices.Contains(guarded, resource) && (suffix != "" || kind.Name != kinds.ResourceType) {
				t.Errorf("[F3] %s does not guard %s", p.policy.Name, resource)
			}
		}
	}
}
