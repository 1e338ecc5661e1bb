package installation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/yaml"

	manifests "github.com/bailiwick-dev/bailiwick/config/rbac"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// right is one verb on one resource; on one object of it, if that has a name.
type right struct{ verb, group, resource, name string }

func (r right) String() string {
	described := r.verb + " " + r.resource
	if r.group != "" {
		described += "." + r.group
	}
	if r.name != "" {
		described += "/" + r.name
	}
	return described
}

// installedRights are those that config/rbac gives the operator, of one replica or of several.
func installedRights(several bool) ([]right, error) {
	rights, err := rightsIn(manifests.Role)
	if err != nil || !several {
		return rights, err
	}
	shared, err := rightsIn(manifests.LeaderElection)
	return append(rights, shared...), err
}

func rightsIn(manifest []byte) (rights []right, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), len(manifest))
	for {
		var role rbacv1.ClusterRole // a Role has its rules in the same place
		switch err := decoder.Decode(&role); {
		case errors.Is(err, io.EOF):
			return rights, nil
		case err != nil:
			return nil, fmt.Errorf("reading the rights as installed: %w", err)
		}
		for _, rule := range role.Rules {
			names := rule.ResourceNames
			if len(names) == 0 {
				names = []string{""}
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						for _, name := range names {
							rights = append(rights, right{verb, group, resource, name})
						}
					}
				}
			}
		}
	}
}

// checkRights says which rights the operator lacks. Not every authorizer can list what it allows: where one can't,
// nothing is said.
func (k *Keeper) checkRights(ctx context.Context) {
	review := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: k.Namespace}}
	err := k.Client.Create(ctx, review)
	if err != nil || review.Status.Incomplete {
		return
	}
	var missing []string
	for _, wanted := range k.rights {
		if !slices.ContainsFunc(review.Status.ResourceRules, wanted.in) {
			missing = append(missing, wanted.String())
		}
	}
	problem := ""
	if len(missing) > 0 {
		problem = fmt.Sprintf("the operator may not %s: apply config/rbac again", enumerate.Some(missing, shown, ", "))
	}
	k.Parts.Set(PartRights, k.deployment(), problem)
}

func (r right) in(rule authorizationv1.ResourceRule) bool {
	// Here, unlike in a webhook's rules, * has the subresources, too.
	resource := slices.Contains(rule.Resources, "*") || hasResource(rule.Resources, r.resource)
	return has(rule.Verbs, r.verb) && has(rule.APIGroups, r.group) && resource &&
		(len(rule.ResourceNames) == 0 || r.name != "" && slices.Contains(rule.ResourceNames, r.name))
}
