package installation

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	manifests "github.com/bailiwick-dev/bailiwick/config/webhook"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// hook is a webhook of either configuration, as far as it decides what is asked about.
type hook struct {
	name          string
	client        *admissionregistrationv1.WebhookClientConfig
	rules         []admissionregistrationv1.RuleWithOperations
	failurePolicy *admissionregistrationv1.FailurePolicyType
	matchPolicy   *admissionregistrationv1.MatchPolicyType
	namespaces    *metav1.LabelSelector
	objects       *metav1.LabelSelector
	conditions    []admissionregistrationv1.MatchCondition
}

// hooksOf are those of a configuration. A change of their client settings is one of the configuration.
func hooksOf(configuration client.Object) (found []hook) {
	switch c := configuration.(type) {
	case *admissionregistrationv1.MutatingWebhookConfiguration:
		for i := range c.Webhooks {
			w := &c.Webhooks[i]
			found = append(found, hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions})
		}
	case *admissionregistrationv1.ValidatingWebhookConfiguration:
		for i := range c.Webhooks {
			w := &c.Webhooks[i]
			found = append(found, hook{w.Name, &w.ClientConfig, w.Rules, w.FailurePolicy, w.MatchPolicy, w.NamespaceSelector, w.ObjectSelector, w.MatchConditions})
		}
	}
	return found
}

// installed reads a configuration as it is installed for an operator in a namespace.
func installed(manifest []byte, namespace string, into client.Object) ([]hook, error) {
	written := strings.ReplaceAll(string(manifest), manifests.Namespace, namespace)
	if err := yaml.UnmarshalStrict([]byte(written), into); err != nil {
		return nil, fmt.Errorf("reading the webhook configuration as installed: %w", err)
	}
	return hooksOf(into), nil
}

// weaknesses are in what a configuration asks less about than the one that is installed does, or asks
// somebody else. What asks about more is none.
func weaknesses(installed, found []hook, dnsName string) (problems []string) {
	for i := range installed {
		want := &installed[i]
		at := slices.IndexFunc(found, func(h hook) bool { return h.name == want.name })
		if at < 0 {
			problems = append(problems, fmt.Sprintf("the webhook %s is missing", want.name))
			continue
		}
		for _, problem := range weaker(want, &found[at], dnsName) {
			problems = append(problems, fmt.Sprintf("webhook %s: %s", want.name, problem))
		}
	}
	return problems
}

func weaker(want, is *hook, dnsName string) (problems []string) {
	if *want.failurePolicy == admissionregistrationv1.Fail && (is.failurePolicy == nil || *is.failurePolicy != admissionregistrationv1.Fail) {
		problems = append(problems, "failurePolicy is not Fail")
	}
	if is.matchPolicy != nil && *is.matchPolicy != admissionregistrationv1.Equivalent {
		problems = append(problems, "matchPolicy is not Equivalent")
	}
	for field, selector := range map[string]*metav1.LabelSelector{"namespaceSelector": is.namespaces, "objectSelector": is.objects} {
		if selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 {
			problems = append(problems, field+" leaves objects out")
		}
	}
	slices.Sort(problems)
	for _, condition := range is.conditions {
		same := func(c admissionregistrationv1.MatchCondition) bool {
			return sameExpression(c.Expression, condition.Expression)
		}
		if !slices.ContainsFunc(want.conditions, same) {
			problems = append(problems, fmt.Sprintf("matchConditions[%s] is not as installed", condition.Name))
		}
	}
	for _, rule := range want.rules {
		if missing := uncovered(rule, is.rules); len(missing) > 0 {
			problems = append(problems, "rules leave out "+enumerate.Some(missing, shown, "; "))
		}
	}
	if wanted, asked := address(want.client, dnsName), address(is.client, ""); wanted != asked {
		problems = append(problems, fmt.Sprintf("clientConfig leads to %s instead of %s", asked, wanted))
	}
	return problems
}

// uncovered are the operations and resources of a rule that rules do not have.
func uncovered(rule admissionregistrationv1.RuleWithOperations, rules []admissionregistrationv1.RuleWithOperations) (missing []string) {
	for _, group := range rule.APIGroups {
		for _, version := range rule.APIVersions {
			for _, resource := range rule.Resources {
				for _, operation := range rule.Operations {
					covers := func(r admissionregistrationv1.RuleWithOperations) bool {
						return has(r.APIGroups, group) && has(r.APIVersions, version) && hasResource(r.Resources, resource) &&
							has(r.Operations, operation) && coversScope(r.Scope, rule.Scope)
					}
					if !slices.ContainsFunc(rules, covers) {
						missing = append(missing, fmt.Sprintf("%s of %s", operation, resource))
					}
				}
			}
		}
	}
	return missing
}

func has[T ~string](list []T, wanted T) bool {
	return slices.Contains(list, wanted) || slices.Contains(list, "*")
}

func hasResource(list []string, wanted string) bool {
	resource, subresource, _ := strings.Cut(wanted, "/")
	if subresource == "" {
		return has(list, wanted) || slices.Contains(list, "*/*")
	}
	return slices.ContainsFunc(list, func(s string) bool {
		return s == wanted || s == "*/*" || s == resource+"/*" || s == "*/"+subresource
	})
}

func coversScope(is, want *admissionregistrationv1.ScopeType) bool {
	return is == nil || *is == admissionregistrationv1.AllScopes || want != nil && *is == *want
}

// address is whom a webhook asks: a host and a path. The host of what is installed is the operator's own
// name, whichever way it is reached.
func address(config *admissionregistrationv1.WebhookClientConfig, dnsName string) string {
	if config.URL != nil {
		if parsed, err := url.Parse(*config.URL); err == nil {
			return parsed.Hostname() + parsed.Path
		}
		return *config.URL
	}
	if config.Service == nil {
		return "nobody"
	}
	host := fmt.Sprintf("%s.%s.svc", config.Service.Name, config.Service.Namespace)
	if dnsName != "" {
		host = dnsName
	}
	if config.Service.Path != nil {
		host += *config.Service.Path
	}
	return host
}

// shown is how many of many things a message names.
const shown = 3
