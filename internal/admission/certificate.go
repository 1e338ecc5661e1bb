package admission

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
)

// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,verbs=get;list;watch
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,resourceNames=bailiwick,verbs=update
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=secrets,verbs=get;list;watch
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=secrets,resourceNames=bailiwick-webhook-certificate,verbs=update

const (
	// SecretName is the Secret that holds the webhook's certificates. It is installed empty.
	SecretName = "bailiwick-webhook-certificate" //nolint:gosec // a name, and no secret
	// ConfigurationName is the name of the mutating and of the validating webhook configuration, into
	// which the certificate's CA is put.
	ConfigurationName = "bailiwick"

	certificateFile = "tls.crt"
	keyFile         = "tls.key"
)

// Certificate is what the webhook serves with. A library makes it, keeps it in a Secret, makes another
// before it ends, and has the API server trust it; here it is read from the Secret.
type Certificate struct {
	current atomic.Pointer[tls.Certificate]
	// directory is where the library looks for the certificate, to see that it has arrived. It is
	// served from memory, so only the public part is written there.
	directory string
}

// made counts the certificates of this process: the library's controllers need names of their own.
var made atomic.Int32

// NewCertificate sets up the making of the certificate for a DNS name, kept in a Secret of a namespace.
func NewCertificate(mgr ctrl.Manager, namespace, dnsName string) (*Certificate, error) {
	directory, err := os.MkdirTemp("", "bailiwick-certificate-")
	if err != nil {
		return nil, fmt.Errorf("making a directory for the webhook's certificate: %w", err)
	}
	c := &Certificate{directory: directory}
	err = rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: namespace, Name: SecretName},
		CertDir:        directory,
		CAName:         "bailiwick",
		CAOrganization: "bailiwick",
		DNSName:        dnsName,
		IsReady:        make(chan struct{}),
		Webhooks: []rotator.WebhookInfo{
			{Name: ConfigurationName, Type: rotator.Mutating},
			{Name: ConfigurationName, Type: rotator.Validating},
		},
		FieldOwner:     "bailiwick",
		ControllerName: fmt.Sprintf("certificate-%d", made.Add(1)),
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("setting up the webhook's certificate: %w", err), os.RemoveAll(directory))
	}
	if err := mgr.Add(&certificateReader{Certificate: c, manager: mgr}); err != nil {
		return nil, errors.Join(fmt.Errorf("adding the reader of the webhook's certificate: %w", err), os.RemoveAll(directory))
	}
	return c, nil
}

// Get is for tls.Config.GetCertificate.
func (c *Certificate) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := c.current.Load(); certificate != nil {
		return certificate, nil
	}
	return nil, errors.New("the webhook's certificate has not been made yet")
}

// certificateReader follows the Secret.
type certificateReader struct {
	*Certificate
	manager ctrl.Manager
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (r *certificateReader) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (r *certificateReader) Start(ctx context.Context) error {
	defer os.RemoveAll(r.directory)
	informer, err := r.manager.GetCache().GetInformer(ctx, &corev1.Secret{})
	if err != nil {
		return fmt.Errorf("watching the webhook's certificate: %w", err)
	}
	log := r.manager.GetLogger().WithName("webhook")
	take := func(object any) {
		secret, ok := object.(*corev1.Secret)
		if !ok || secret.Name != SecretName || len(secret.Data[certificateFile]) == 0 {
			return
		}
		if err := r.take(secret); err != nil {
			log.Error(err, "the webhook's certificate can't be used; the one before is kept")
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    take,
		UpdateFunc: func(_, now any) { take(now) },
	})
	if err != nil {
		return fmt.Errorf("watching the webhook's certificate: %w", err)
	}
	<-ctx.Done()
	return nil
}

func (r *certificateReader) take(secret *corev1.Secret) error {
	pair, err := tls.X509KeyPair(secret.Data[certificateFile], secret.Data[keyFile])
	if err != nil {
		return fmt.Errorf("reading Secret %s: %w", SecretName, err)
	}
	r.current.Store(&pair)
	if err := os.WriteFile(filepath.Join(r.directory, certificateFile), secret.Data[certificateFile], 0o600); err != nil {
		return fmt.Errorf("showing that the certificate has arrived: %w", err)
	}
	return nil
}
