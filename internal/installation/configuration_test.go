package installation

import (
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	manifests "github.com/bailiwick-dev/bailiwick/config/webhook"
)

type (
	validating = *admissionregistrationv1.ValidatingWebhookConfiguration
	validator  = *admissionregistrationv1.ValidatingWebhook
)

// every edits each webhook of the validating configuration.
func every(edit func(validator)) func(validating) {
	return func(configuration validating) {
		for i := range configuration.Webhooks {
			edit(&configuration.Webhooks[i])
		}
	}
}

// first edits the one that says who may give what.
func first(edit func(validator)) func(validating) {
	return func(configuration validating) { edit(&configuration.Webhooks[0]) }
}

// weakened is what somebody may do to the validating configuration, with what is said about it.
var weakened = map[string]struct {
	edit func(validating)
	says string
}{
	"failurePolicy":  {every(func(w validator) { w.FailurePolicy = new(admissionregistrationv1.Ignore) }), "webhook gives.validate.authz.bailiwick.dev: failurePolicy is not Fail"},
	"a webhook less": {func(c validating) { c.Webhooks = c.Webhooks[1:] }, "the webhook gives.validate.authz.bailiwick.dev is missing"},
	"no webhook":     {func(c validating) { c.Webhooks = nil }, "and 3 more"},
	"an operation less": {first(func(w validator) {
		w.Rules[1].Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create}
	}), "rules leave out UPDATE of accesspolicies; UPDATE of "},
	"a resource less":             {first(func(w validator) { w.Rules[1].Resources = w.Rules[1].Resources[1:] }), "rules leave out CREATE of accesspolicies; UPDATE of accesspolicies"},
	"a group that is not there":   {first(func(w validator) { w.Rules[0].APIGroups = []string{"example.com"} }), "rules leave out CREATE of organizations"},
	"a version that is not there": {first(func(w validator) { w.Rules[0].APIVersions = []string{"v1"} }), "rules leave out CREATE of organizations"},
	"another scope":               {first(func(w validator) { w.Rules[1].Scope = new(admissionregistrationv1.ClusterScope) }), "rules leave out CREATE of accesspolicies"},
	"a resource less of another":  {func(c validating) { c.Webhooks[2].Rules[1].Resources = c.Webhooks[2].Rules[1].Resources[1:] }, "rules leave out UPDATE of accesspolicies"},
	"a namespace selector": {first(func(w validator) {
		w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"judged": "yes"}}
	}), "namespaceSelector leaves objects out"},
	"an object selector": {first(func(w validator) {
		w.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "free", Operator: metav1.LabelSelectorOpDoesNotExist}}}
	}), "objectSelector leaves objects out"},
	"a match condition more": {first(func(w validator) {
		w.MatchConditions = append(w.MatchConditions, admissionregistrationv1.MatchCondition{Name: "mine", Expression: "request.userInfo.username != 'mallory'"})
	}), "matchConditions[mine] is not as installed"},
	"a match condition that leaves out more": {first(func(w validator) { w.MatchConditions[0].Expression = "false" }), "matchConditions[others] is not as installed"},
	"exact matches only":                     {first(func(w validator) { w.MatchPolicy = new(admissionregistrationv1.Exact) }), "matchPolicy is not Equivalent"},
	"another service": {first(func(w validator) { w.ClientConfig.Service.Name = "yes-man" }),
		"clientConfig leads to yes-man.bailiwick-system.svc/validate instead of bailiwick-webhook.bailiwick-system.svc/validate"},
	"a service elsewhere": {first(func(w validator) { w.ClientConfig.Service.Namespace = "elsewhere" }), "clientConfig leads to bailiwick-webhook.elsewhere.svc/validate"},
	"another path":        {first(func(w validator) { w.ClientConfig.Service.Path = new("/stamp") }), "clientConfig leads to bailiwick-webhook.bailiwick-system.svc/stamp"},
	"a URL": {first(func(w validator) {
		w.ClientConfig.Service, w.ClientConfig.URL = nil, new("https://yes.example.com/validate")
	}), "clientConfig leads to yes.example.com/validate"},
}

// unharmed is what somebody may do to it that leaves nothing out.
var unharmed = map[string]func(validating){
	"as installed": func(validating) {},
	"what the API server fills in": every(func(w validator) {
		w.NamespaceSelector, w.ObjectSelector, w.MatchPolicy = &metav1.LabelSelector{}, &metav1.LabelSelector{}, new(admissionregistrationv1.Equivalent)
	}),
	"more rules": first(func(w validator) {
		w.Rules = []admissionregistrationv1.RuleWithOperations{{
			Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
		}}
	}),
	"a match condition less":          first(func(w validator) { w.MatchConditions = nil }),
	"what only warns is refused, too": every(func(w validator) { w.FailurePolicy = new(admissionregistrationv1.Fail) }),
	"a label, and more time": func(c validating) {
		c.Labels["team"] = "platform"
		c.Webhooks[0].TimeoutSeconds = new(int32(30))
	},
	"the same by its URL": first(func(w validator) {
		w.ClientConfig.Service, w.ClientConfig.URL = nil, new("https://bailiwick-webhook.bailiwick-system.svc:9443/validate")
	}),
}

func TestAWeakenedConfigurationIsSaidOnceAndAMetric(t *testing.T) {
	for name, test := range weakened {
		t.Run("[F1] "+name, func(t *testing.T) {
			c := newCluster(t)
			keeper, recorder := start(t, c)
			said(recorder)
			if !ok(PartValidating) {
				t.Fatal("it is weak from the beginning")
			}
			change(t, c, c.validate, test.edit)
			keeper.check(t.Context())
			if ok(PartValidating) || !ok(PartStamping) {
				t.Error("the metric does not say so, or it says more")
			}
			events := said(recorder)
			if strings.Count(events, "InstallationDamaged") != 1 || !strings.Contains(events, test.says) {
				t.Errorf("the events are %q", events)
			}
			keeper.check(t.Context())
			if events := said(recorder); events != "" {
				t.Errorf("it says again %q", events)
			}
		})
	}
	for name, edit := range unharmed {
		t.Run("unharmed: "+name, func(t *testing.T) {
			c := newCluster(t)
			keeper, recorder := start(t, c)
			said(recorder)
			change(t, c, c.validate, edit)
			keeper.check(t.Context())
			if events := said(recorder); !ok(PartValidating) || events != "" {
				t.Errorf("the events are %q", events)
			}
		})
	}
}

func TestWhatIsMissingIsSaidAndNotMadeAnew(t *testing.T) {
	for part, object := range map[string]func(*cluster) error{
		PartStamping:   func(c *cluster) error { return c.Delete(t.Context(), c.stamp) },
		PartValidating: func(c *cluster) error { return c.Delete(t.Context(), c.validate) },
		PartService:    func(c *cluster) error { return c.Delete(t.Context(), c.service) },
	} {
		for when, running := range map[string]bool{"before a start": false, "while it runs": true} {
			t.Run("[F1] "+part+" deleted "+when, func(t *testing.T) {
				c := newCluster(t)
				keeper, recorder := start(t, c)
				if err := object(c); err != nil {
					t.Fatal(err)
				}
				if running {
					keeper.check(t.Context())
				} else {
					keeper, recorder = start(t, c)
				}
				if _, err := keeper.Certificate(nil); err != nil {
					t.Errorf("nothing is served: %v", err)
				}
				if events := said(recorder); ok(part) || !strings.Contains(events, "it is missing") {
					t.Errorf("the metric says that all is well, or the events are %q", events)
				}
			})
		}
	}
}

func TestAServiceThatLeadsElsewhereIsSaid(t *testing.T) {
	for says, edit := range map[string]func(*corev1.Service){
		"spec.selector": func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "other"} },
		"spec.ports":    func(s *corev1.Service) { s.Spec.Ports[0].Port = 8443 },
	} {
		t.Run("[F1] "+says, func(t *testing.T) {
			c := newCluster(t)
			keeper, recorder := start(t, c)
			change(t, c, c.service, edit)
			keeper.check(t.Context())
			if events := said(recorder); ok(PartService) || !strings.Contains(events, says) {
				t.Errorf("the events are %q", events)
			}
		})
	}
}

func TestAConfigurationOfAnotherNamespaceIsHeldAgainstThatNamespace(t *testing.T) {
	into := &admissionregistrationv1.ValidatingWebhookConfiguration{}
	hooks, err := installed(manifests.Validate, "authz", into)
	if err != nil {
		t.Fatal(err)
	}
	if problems := weaknesses(hooks, hooksOf(into), "bailiwick-webhook.authz.svc"); len(problems) > 0 {
		t.Error(problems)
	}
	if problems := weaknesses(hooks, hooksOf(into), dnsName); len(problems) == 0 {
		t.Error("the Service of another namespace is taken for this one's")
	}
}
