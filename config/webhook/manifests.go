// Package webhook has the webhook configurations and policies as they are installed, so that the operator can say
// when those of the cluster are weaker.
package webhook

import _ "embed"

var (
	// Stamp is the MutatingWebhookConfiguration.
	//go:embed stamp.yaml
	Stamp []byte
	// Validate is the ValidatingWebhookConfiguration.
	//go:embed validate.yaml
	Validate []byte

	//go:embed guard_policy.yaml
	guard []byte
	//go:embed scim_policy.yaml
	scim []byte
	//go:embed access_policy.yaml
	access []byte
	//go:embed lease_policy.yaml
	leases []byte
	//go:embed authors_policy.yaml
	authors []byte
)

// Policies are the manifests of the ValidatingAdmissionPolicies, each with a binding of the same name.
func Policies() [][]byte { return [][]byte{guard, scim, access, leases, authors} }

// Namespace is the one that the manifests are written for.
const Namespace = "bailiwick-system"
