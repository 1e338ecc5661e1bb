package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	manifests "github.com/bailiwick-dev/bailiwick/config/webhook"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// The operator only reads them, each by its name.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicies,resourceNames=bailiwick-statuses;bailiwick-finalizers;bailiwick-pauses;bailiwick-scim;bailiwick-scim-groups;bailiwick-access;bailiwick-read-leases;bailiwick-authors,verbs=get
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=validatingadmissionpolicybindings,resourceNames=bailiwick-statuses;bailiwick-finalizers;bailiwick-pauses;bailiwick-scim;bailiwick-scim-groups;bailiwick-access;bailiwick-read-leases;bailiwick-authors,verbs=get

// policy is a ValidatingAdmissionPolicy with its binding, which has the same name.
type policy struct {
	policy  *admissionregistrationv1.ValidatingAdmissionPolicy
	binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding
}

// installedPolicies are those of config/webhook, as they are installed for an operator in a namespace.
func installedPolicies(namespace string) (installed []policy, err error) {
	bindings := map[string]*admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
	for _, manifest := range manifests.Policies() {
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(bytes.ReplaceAll(manifest, []byte(manifests.Namespace), []byte(namespace))), len(manifest))
		for {
			var document runtime.RawExtension
			err := decoder.Decode(&document)
			if errors.Is(err, io.EOF) {
				break
			}
			p, binding := &admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
			var meta metav1.TypeMeta
			err = errors.Join(err, yaml.Unmarshal(document.Raw, &meta), yaml.Unmarshal(document.Raw, p), yaml.Unmarshal(document.Raw, binding))
			switch {
			case err != nil:
				return nil, fmt.Errorf("reading the policies as installed: %w", err)
			case meta.Kind == "ValidatingAdmissionPolicyBinding":
				bindings[binding.Spec.PolicyName] = binding
			default:
				installed = append(installed, policy{policy: p})
			}
		}
	}
	for i := range installed {
		installed[i].binding = bindings[installed[i].policy.Name]
	}
	return installed, nil
}

// checkPolicies says which of the policies is missing, or refuses less than the one that is installed.
func (k *Keeper) checkPolicies(ctx context.Context) {
	var problems []string
	about := k.deployment()
	for i := range k.policies {
		want := &k.policies[i]
		is := policy{&admissionregistrationv1.ValidatingAdmissionPolicy{}, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}}
		err := k.Client.Get(ctx, client.ObjectKeyFromObject(want.policy), is.policy)
		if err == nil {
			err = k.Client.Get(ctx, client.ObjectKeyFromObject(want.binding), is.binding)
		}
		var found []string
		switch {
		case apierrors.IsNotFound(err):
			found = []string{"it or its binding is missing: apply the manifests that you have installed again"}
		case apierrors.IsForbidden(err):
			found = []string{err.Error()}
		case err != nil:
			k.report(PartPolicies, want.policy, err)
			return
		default:
			found = want.weaker(is)
		}
		for _, problem := range found {
			if len(problems) == 0 {
				about = want.policy
			}
			problems = append(problems, fmt.Sprintf("policy %s: %s", want.policy.Name, problem))
		}
	}
	k.Parts.Set(PartPolicies, about, enumerate.Some(problems, shown, "; "))
}

// weaker are the ways in which a policy, as it is, refuses less than this one.
func (p policy) weaker(is policy) (problems []string) {
	want, found := &p.policy.Spec, &is.policy.Spec
	if found.FailurePolicy != nil && *found.FailurePolicy != admissionregistrationv1.Fail {
		problems = append(problems, "failurePolicy is not Fail")
	}
	problems = append(problems, narrower(want.MatchConstraints, found.MatchConstraints, "matchConstraints")...)
	for _, condition := range found.MatchConditions {
		if !slices.ContainsFunc(want.MatchConditions, func(c admissionregistrationv1.MatchCondition) bool {
			return sameExpression(c.Expression, condition.Expression)
		}) {
			problems = append(problems, fmt.Sprintf("matchConditions[%s] is not as installed", condition.Name))
		}
	}
	for i, validation := range want.Validations {
		if !slices.ContainsFunc(found.Validations, func(v admissionregistrationv1.Validation) bool {
			return sameExpression(v.Expression, validation.Expression)
		}) {
			problems = append(problems, fmt.Sprintf("validations[%d] is missing", i))
		}
	}
	// A variable could stand for something else.
	if !equality.Semantic.DeepEqual(want.Variables, found.Variables) || !equality.Semantic.DeepEqual(want.ParamKind, found.ParamKind) {
		problems = append(problems, "variables or paramKind are not as installed")
	}
	binding := &is.binding.Spec
	if binding.PolicyName != p.binding.Spec.PolicyName || !slices.Contains(binding.ValidationActions, admissionregistrationv1.Deny) {
		problems = append(problems, "its binding does not deny")
	}
	if !equality.Semantic.DeepEqual(p.binding.Spec.ParamRef, binding.ParamRef) {
		problems = append(problems, "paramRef of its binding is not as installed")
	}
	return append(problems, narrower(&admissionregistrationv1.MatchResources{}, binding.MatchResources, "matchResources of its binding")...)
}

// narrower are the ways in which constraints match less than others. None match everything that they are asked about.
func narrower(want, is *admissionregistrationv1.MatchResources, field string) (problems []string) {
	if is == nil {
		if len(want.ResourceRules) > 0 {
			return []string{field + " is missing"}
		}
		return nil
	}
	for _, selector := range []*metav1.LabelSelector{is.NamespaceSelector, is.ObjectSelector} {
		if selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) > 0 {
			problems = append(problems, field+": a selector leaves objects out")
		}
	}
	if is.MatchPolicy != nil && *is.MatchPolicy != admissionregistrationv1.Equivalent || len(is.ExcludeResourceRules) > 0 || len(want.ResourceRules) == 0 && len(is.ResourceRules) > 0 {
		problems = append(problems, field+" leaves resources out")
	}
	rules := plainRules(is.ResourceRules)
	for _, rule := range plainRules(want.ResourceRules) {
		if missing := uncovered(rule, rules); len(missing) > 0 {
			problems = append(problems, field+" leaves out "+enumerate.Some(missing, shown, "; "))
		}
	}
	return problems
}

// plainRules are those that are about all names.
func plainRules(named []admissionregistrationv1.NamedRuleWithOperations) (rules []admissionregistrationv1.RuleWithOperations) {
	for i := range named {
		if len(named[i].ResourceNames) == 0 {
			rules = append(rules, named[i].RuleWithOperations)
		}
	}
	return rules
}

// sameExpression compares expressions of CEL, but for how they are broken into lines.
func sameExpression(a, b string) bool {
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}
