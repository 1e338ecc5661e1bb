// Package webhook has the webhook configurations as they are installed, so that the operator can say when
// those of the cluster are weaker.
package webhook

import _ "embed"

var (
	// Stamp is the MutatingWebhookConfiguration.
	//go:embed stamp.yaml
	Stamp []byte
	// Validate is the ValidatingWebhookConfiguration.
	//go:embed validate.yaml
	Validate []byte
)

// Namespace is the one that the manifests are written for.
const Namespace = "bailiwick-system"
