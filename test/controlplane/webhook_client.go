package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// WebhookClientName is the name in the certificate that the API server shows to webhooks.
const WebhookClientName = "kube-apiserver"

// WebhookClientCAFile has that certificate, which has signed itself.
func (p *Plane) WebhookClientCAFile() string {
	return filepath.Join(p.Directory(), "webhook-client.crt")
}

// webhookPlugins are those of an API server that ask webhooks.
const webhookPlugins = `apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: MutatingAdmissionWebhook
  configuration: &showing
    apiVersion: apiserver.config.k8s.io/v1
    kind: WebhookAdmissionConfiguration
    kubeConfigFile: %[1]s
- name: ValidatingAdmissionWebhook
  configuration: *showing
`

const webhookClient = `apiVersion: v1
kind: Config
users:
- name: '*'
  user:
    client-certificate: %s
    client-key: %s
`

// identifyToWebhooks has the API server show a certificate to all webhooks. It returns the file of its admission
// control's configuration. docs/admission.md says the same to people.
func (p *Plane) identifyToWebhooks() (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: WebhookClientName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().AddDate(1, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	keyFile, kubeconfig, plugins := filepath.Join(p.Directory(), "webhook-client.key"),
		filepath.Join(p.Directory(), "webhook-client.kubeconfig"), filepath.Join(p.Directory(), "admission.yaml")
	for name, content := range map[string][]byte{
		p.WebhookClientCAFile(): pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		keyFile:                 pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		kubeconfig:              fmt.Appendf(nil, webhookClient, p.WebhookClientCAFile(), keyFile),
		plugins:                 fmt.Appendf(nil, webhookPlugins, kubeconfig),
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return "", fmt.Errorf("writing how the API server shows itself to webhooks: %w", err)
		}
	}
	return plugins, nil
}
