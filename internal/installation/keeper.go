// Package installation keeps what the operator needs of its own installation: the certificate that the webhook
// serves with, and the API server's trust in it. It says what of the rest is missing or weaker than installed.
package installation

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	manifests "github.com/bailiwick-dev/bailiwick/config/webhook"
	"github.com/bailiwick-dev/bailiwick/internal/enumerate"
)

// The rights are for single objects, by name. Server-side apply asks for create with the name, too, so that the
// Secret can be made anew without the right to make any other.
// +kubebuilder:rbac:groups=admissionregistration.k8s.io,resources=mutatingwebhookconfigurations;validatingwebhookconfigurations,resourceNames=bailiwick,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=secrets,resourceNames=bailiwick-webhook-certificate,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=secrets,resourceNames=bailiwick-decisions-certificate,verbs=get;create;patch
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=services,resourceNames=bailiwick-webhook,verbs=get

const (
	// secretName is the Secret that holds the authority.
	secretName = "bailiwick-webhook-certificate" //nolint:gosec // a name, and no secret
	// decisionsSecretName is the Secret that decision-only replicas mount: a certificate for AuthZEN, and not the authority that
	// has signed it, by which the API server knows the webhook.
	decisionsSecretName = "bailiwick-decisions-certificate" //nolint:gosec // a name, and no secret
	// configurationName is the name of both webhook configurations.
	configurationName = "bailiwick"
	serviceName       = "bailiwick-webhook"
	deploymentName    = "bailiwick"

	// owner is who has written what the operator applies and patches.
	owner = "bailiwick"

	// Everything is looked at when something changes, and this often besides.
	checkEvery = 30 * time.Second
	// checkTimeout ends a look at an API server that does not answer.
	checkTimeout = 10 * time.Second
)

// Options are the settings of a Keeper.
type Options struct {
	// Cluster is the API server, Cache how it is watched.
	Cluster *rest.Config
	Cache   cache.Options
	// Client reads from the API server itself: what is repaired is never judged by an old copy.
	Client client.Client
	// Namespace is the operator's own, DNSName what the API server knows the webhook as.
	Namespace, DNSName string
	// Several says that there may be several replicas, which need Leases.
	Several bool
	// DecisionHost is what applications know AuthZEN as, where it is served by the keeper's certificate.
	DecisionHost string
	// Kinds are those that the operator needs, and Discovery says which are served.
	Kinds     []string
	Discovery Discovery
	// Files say what is the matter with a file that somebody else provides, by the part that it is.
	Files map[string]func() error
	Parts *Parts
}

// Keeper keeps the certificate and the configurations of the webhook. Each replica has one: the authority is in
// a Secret, and each signs a certificate of its own with it.
type Keeper struct {
	Options
	configurations []configuration
	policies       []policy
	rights         []right
	wake           chan struct{}
	unwatched      []client.Object

	authority *authority
	serving   atomic.Pointer[tls.Certificate]
	trusted   atomic.Pointer[string]

	// guarding is held while what names rely on is looked at.
	guarding sync.Mutex
	guard    Guard
	guarded  map[string]int64
}

// configuration is one of the two.
type configuration struct {
	part      string
	empty     func() client.Object
	installed []hook
}

// New makes a keeper, which works once it is started.
func New(options Options) (*Keeper, error) {
	rights, err := installedRights(options.Several)
	if err != nil {
		return nil, err
	}
	policies, err := installedPolicies(options.Namespace)
	if err != nil {
		return nil, err
	}
	k := &Keeper{Options: options, policies: policies, rights: rights, wake: make(chan struct{}, 1)}
	for _, c := range []struct {
		configuration
		manifest []byte
	}{
		{configuration{part: PartStamping, empty: func() client.Object { return &admissionregistrationv1.MutatingWebhookConfiguration{} }}, manifests.Stamp},
		{configuration{part: PartValidating, empty: func() client.Object { return &admissionregistrationv1.ValidatingWebhookConfiguration{} }}, manifests.Validate},
	} {
		if c.installed, err = installed(c.manifest, options.Namespace, c.empty()); err != nil {
			return nil, err
		}
		k.configurations = append(k.configurations, c.configuration)
	}
	return k, nil
}

// Certificate is for tls.Config.GetCertificate.
func (k *Keeper) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := k.serving.Load(); certificate != nil {
		return certificate, nil
	}
	return nil, errors.New("the webhook's certificate has not been made yet")
}

// Authority is what the certificate is signed by, in PEM; empty until it has been made.
func (k *Keeper) Authority() string {
	if trusted := k.trusted.Load(); trusted != nil {
		return *trusted
	}
	return ""
}

// NeedLeaderElection implements manager.LeaderElectionRunnable: every replica serves.
func (k *Keeper) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable. Nothing that it meets ends the operator: what it can't read or repair now
// it tries again.
func (k *Keeper) Start(ctx context.Context) error {
	watched, err := k.newCache()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- watched.Start(ctx) }()
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	elected := k.Parts.elected
	for {
		k.watch(ctx, watched)
		k.check(ctx)
		select {
		case <-ctx.Done():
			return <-ended
		case <-k.wake:
		case <-ticker.C:
		case <-elected:
			elected = nil
		}
	}
}

// newCache watches the objects that are repaired. It is not the manager's, for which the whole operator waits: a
// right on one of these that is missing must not keep it from starting.
func (k *Keeper) newCache() (cache.Cache, error) {
	named := func(name string) cache.ByObject {
		return cache.ByObject{Field: fields.OneTermEqualSelector("metadata.name", name)}
	}
	secret := cache.Config{FieldSelector: fields.OneTermEqualSelector("metadata.name", secretName)}
	options := k.Cache
	options.ByObject = map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Namespaces: map[string]cache.Config{k.Namespace: secret}},
		&admissionregistrationv1.MutatingWebhookConfiguration{}:   named(configurationName),
		&admissionregistrationv1.ValidatingWebhookConfiguration{}: named(configurationName),
	}
	for object := range options.ByObject {
		k.unwatched = append(k.unwatched, object)
	}
	watched, err := cache.New(k.Cluster, options)
	if err != nil {
		return nil, fmt.Errorf("setting up the watch over the webhook's certificate: %w", err)
	}
	return watched, nil
}

// watch has every change of what is not watched yet looked at. What can't be watched now is, at the latest, looked at
// with the next tick.
func (k *Keeper) watch(ctx context.Context, watched cache.Cache) {
	look := func() {
		select {
		case k.wake <- struct{}{}:
		default:
		}
	}
	k.unwatched = slices.DeleteFunc(k.unwatched, func(object client.Object) bool {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		informer, err := watched.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return false
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { look() }, UpdateFunc: func(any, any) { look() }, DeleteFunc: func(any) { look() },
		})
		return err == nil
	})
}

// check looks at everything once. The API server trusts an authority before anything is served by it.
func (k *Keeper) check(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	secret := &corev1.Secret{}
	secret.Name, secret.Namespace = secretName, k.Namespace
	err := k.checkSecret(ctx, secret)
	viaService := false
	for _, c := range k.configurations {
		viaService = k.checkConfiguration(ctx, c) || viaService
	}
	if k.authority != nil {
		err = errors.Join(err, k.serve(), k.checkDecisionsSecret(ctx))
	}
	k.report(PartCertificate, secret, err)
	for part, check := range k.Files {
		problem := ""
		if err := check(); err != nil {
			problem = err.Error()
		}
		k.Parts.Set(part, k.deployment(), problem)
	}
	k.checkPolicies(ctx)
	k.checkGuard(ctx)
	k.checkService(ctx, viaService)
	k.checkKinds(ctx)
	k.checkRights(ctx)
}

// deployment is what events are about that are about no other object.
func (k *Keeper) deployment() client.Object {
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: deploymentName, Namespace: k.Namespace}}
}

// checkSecret takes the authority from its Secret. One that is missing, damaged or about to end is made anew:
// first from what this replica has, so that nothing changes for the API server.
func (k *Keeper) checkSecret(ctx context.Context, secret *corev1.Secret) error {
	now := time.Now()
	err := k.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	var why string
	if err != nil {
		why = "the Secret was missing"
	} else {
		found, err := parseAuthority(secret.Data, now)
		if err == nil {
			k.authority = found
			return nil
		}
		why = err.Error()
	}
	next := k.authority
	if next == nil || !next.usable(now) {
		if next, err = newAuthority(next, now); err != nil {
			return err
		}
	}
	apply := corev1ac.Secret(secretName, k.Namespace).
		WithLabels(map[string]string{"app.kubernetes.io/name": "bailiwick"}).
		WithData(map[string][]byte{authorityFile: next.crt, authorityKey: next.key})
	if secret.ResourceVersion != "" {
		apply.WithResourceVersion(secret.ResourceVersion)
	}
	if err := k.Client.Apply(ctx, apply, client.ForceOwnership, client.FieldOwner(owner)); err != nil {
		return fmt.Errorf("%s; writing it: %w", why, err)
	}
	k.Parts.Wrote(PartCertificate, secret, "the webhook's certificate authority was written: "+why)
	k.authority = next
	return nil
}

// serve makes the certificate that is served, unless the one that there is will do.
func (k *Keeper) serve() error {
	now := time.Now()
	trusted := string(k.authority.crt)
	k.trusted.Store(&trusted)
	if k.authority.signed(k.serving.Load(), now) {
		return nil
	}
	names := []string{k.DNSName}
	if k.DecisionHost != "" {
		names = append(names, k.DecisionHost)
	}
	certificate, err := k.authority.serve(names, now)
	if err != nil {
		return err
	}
	k.serving.Store(certificate)
	return nil
}

// checkDecisionsSecret keeps the certificate of decision-only replicas. One that is missing, damaged, about to end, another
// authority's or for another host is made anew.
func (k *Keeper) checkDecisionsSecret(ctx context.Context) error {
	if k.DecisionHost == "" {
		return nil
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: decisionsSecretName, Namespace: k.Namespace}}
	if err := k.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret); client.IgnoreNotFound(err) != nil {
		return err
	}
	now := time.Now()
	found, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if err == nil && k.authority.signed(&found, now) && found.Leaf.VerifyHostname(k.DecisionHost) == nil && bytes.Equal(secret.Data[authorityFile], k.authority.crt) {
		return nil
	}
	made, err := k.authority.serve([]string{k.DecisionHost}, now)
	if err != nil {
		return err
	}
	crt, key, err := encode(made)
	if err != nil {
		return err
	}
	apply := corev1ac.Secret(decisionsSecretName, k.Namespace).
		WithLabels(map[string]string{"app.kubernetes.io/name": "bailiwick"}).
		WithData(map[string][]byte{authorityFile: k.authority.crt, corev1.TLSCertKey: crt, corev1.TLSPrivateKeyKey: key})
	if secret.ResourceVersion != "" {
		apply.WithResourceVersion(secret.ResourceVersion)
	}
	if err := k.Client.Apply(ctx, apply, client.ForceOwnership, client.FieldOwner(owner)); err != nil {
		return fmt.Errorf("writing the certificate of decision-only replicas: %w", err)
	}
	k.Parts.Wrote(PartCertificate, secret, "the certificate of decision-only replicas was written")
	return nil
}

// checkConfiguration has the API server trust the authority, and says what the configuration leaves out. It
// returns whether the API server finds the webhook by its Service.
func (k *Keeper) checkConfiguration(ctx context.Context, c configuration) (viaService bool) {
	object := c.empty()
	object.SetName(configurationName)
	if err := k.Client.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		k.report(c.part, object, err)
		return false
	}
	found := hooksOf(object)
	before, _ := object.DeepCopyObject().(client.Object)
	distrusted := 0
	for i := range found {
		viaService = viaService || found[i].client.Service != nil
		if k.authority != nil && !bytes.Equal(found[i].client.CABundle, k.authority.crt) {
			found[i].client.CABundle = k.authority.crt
			distrusted++
		}
	}
	if distrusted > 0 {
		patch := client.StrategicMergeFrom(before, client.MergeFromWithOptimisticLock{})
		switch err := k.Client.Patch(ctx, object, patch, client.FieldOwner(owner)); {
		case apierrors.IsConflict(err):
			return viaService // somebody was faster, which is looked at next
		case err != nil:
			k.report(c.part, object, fmt.Errorf("writing the caBundle: %w", err))
			return viaService
		}
		k.Parts.Wrote(c.part, object, fmt.Sprintf("the caBundle of %d webhooks was written: it was missing, or another authority's", distrusted))
	}
	if problems := weaknesses(c.installed, found, k.DNSName); len(problems) > 0 {
		k.Parts.Set(c.part, object, enumerate.Some(problems, shown, "; "))
		return viaService
	}
	k.Parts.Set(c.part, object, "")
	return viaService
}

// checkService sees that the API server finds the webhook, where it looks for a Service.
func (k *Keeper) checkService(ctx context.Context, needed bool) {
	service := &corev1.Service{}
	service.Name, service.Namespace = serviceName, k.Namespace
	if !needed {
		k.Parts.Set(PartService, service, "")
		return
	}
	if err := k.Client.Get(ctx, client.ObjectKeyFromObject(service), service); err != nil {
		k.report(PartService, service, err)
		return
	}
	const port = 443
	problem := ""
	switch {
	case service.Spec.Selector["app.kubernetes.io/name"] != "bailiwick":
		problem = "spec.selector does not select the operator's Pods"
	case !slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port && p.TargetPort.StrVal == "webhook" }):
		problem = "spec.ports has no port 443 that leads to the port webhook"
	}
	k.Parts.Set(PartService, service, problem)
}

// report says what an error means for a part. An API server that does not answer says nothing about it.
func (k *Keeper) report(part string, object client.Object, err error) {
	switch {
	case err == nil:
		k.Parts.Set(part, object, "")
	case apierrors.IsNotFound(err):
		k.Parts.Set(part, object, "it is missing: apply the manifests that you have installed again")
	case apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		k.Parts.Set(part, object, err.Error())
	default:
		k.Parts.log.V(1).Info("a part of the installation could not be looked at: it is tried again", "part", part, "error", err.Error())
	}
}
