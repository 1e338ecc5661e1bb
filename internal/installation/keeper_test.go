package installation

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	manifests "github.com/bailiwick-dev/bailiwick/config/webhook"
)

const (
	namespace = "bailiwick-system"
	dnsName   = "bailiwick-webhook.bailiwick-system.svc"
)

// cluster has what config/webhook installs.
type cluster struct {
	client.Client
	secret     *corev1.Secret
	service    *corev1.Service
	stamp      *admissionregistrationv1.MutatingWebhookConfiguration
	validate   *admissionregistrationv1.ValidatingWebhookConfiguration
	policies   map[string]policy
	unreadable map[string]error
	// rights are those that the operator has, kinds those that are served.
	rights []authorizationv1.ResourceRule
	kinds  []string
	// clients is what is the matter with the file of the webhook's clients.
	clients error
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		secret: &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: namespace}},
		service: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: serviceName, Namespace: namespace},
			Spec: corev1.ServiceSpec{
				Selector: map[string]string{"app.kubernetes.io/name": "bailiwick"},
				Ports:    []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromString("webhook")}},
			},
		},
		stamp:      &admissionregistrationv1.MutatingWebhookConfiguration{},
		validate:   &admissionregistrationv1.ValidatingWebhookConfiguration{},
		unreadable: map[string]error{},
		kinds:      allKinds,
	}
	for content, into := range map[*[]byte]any{&manifests.Stamp: c.stamp, &manifests.Validate: c.validate} {
		if err := yaml.UnmarshalStrict(*content, into); err != nil {
			t.Fatal(err)
		}
	}
	get := func(ctx context.Context, live client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
		if err := c.unreadable[key.Name]; err != nil {
			return err
		}
		return live.Get(ctx, key, object, options...)
	}
	for _, wanted := range rightsAsInstalled(t) {
		rule := authorizationv1.ResourceRule{Verbs: []string{wanted.verb}, APIGroups: []string{wanted.group}, Resources: []string{wanted.resource}}
		if wanted.name != "" {
			rule.ResourceNames = []string{wanted.name}
		}
		c.rights = append(c.rights, rule)
	}
	review := func(ctx context.Context, live client.WithWatch, object client.Object, options ...client.CreateOption) error {
		if review, ok := object.(*authorizationv1.SelfSubjectRulesReview); ok {
			review.Status.ResourceRules = c.rights
			return nil
		}
		return live.Create(ctx, object, options...)
	}
	policies, err := installedPolicies(namespace)
	if err != nil {
		t.Fatal(err)
	}
	c.policies = map[string]policy{}
	builder := fake.NewClientBuilder().WithScheme(clientgoscheme.Scheme)
	for _, p := range policies {
		c.policies[p.policy.Name] = p
		builder.WithObjects(p.policy, p.binding)
	}
	c.Client = builder.
		WithObjects(c.secret, c.service, c.stamp, c.validate).
		WithInterceptorFuncs(interceptor.Funcs{Get: get, Create: review}).Build()
	return c
}

var allKinds = []string{"Organization", "Role"}

// ServerResourcesForGroupVersionWithContext implements Discovery.
func (c *cluster) ServerResourcesForGroupVersionWithContext(context.Context, string) (*metav1.APIResourceList, error) {
	if err := c.unreadable["discovery"]; err != nil {
		return nil, err
	}
	served := &metav1.APIResourceList{}
	for _, kind := range c.kinds {
		served.APIResources = append(served.APIResources, metav1.APIResource{Name: strings.ToLower(kind) + "s", Kind: kind})
	}
	return served, nil
}

func rightsAsInstalled(t *testing.T) []right {
	t.Helper()
	rights, err := installedRights(true)
	if err != nil {
		t.Fatal(err)
	}
	return rights
}

// change edits an object as it is now.
func change[T client.Object](t *testing.T, c *cluster, object T, edit func(T)) {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	edit(object)
	if err := c.Update(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, c *cluster, object client.Object) {
	t.Helper()
	if err := c.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// start is a new process, which has looked once.
func start(t *testing.T, c *cluster) (*Keeper, *events.FakeRecorder) {
	t.Helper()
	elected := make(chan struct{})
	close(elected)
	const many = 100
	recorder := events.NewFakeRecorder(many)
	keeper, err := New(Options{Client: c, Namespace: namespace, DNSName: dnsName, Kinds: allKinds, Several: true, Discovery: c, Files: map[string]func() error{PartClients: func() error { return c.clients }}, Parts: NewParts(recorder, elected, logr.Discard())})
	if err != nil {
		t.Fatal(err)
	}
	keeper.check(t.Context())
	return keeper, recorder
}

// expectTrusted expects that the API server, which trusts what the configurations say, accepts what is served.
func expectTrusted(t *testing.T, c *cluster, keeper *Keeper) {
	t.Helper()
	serving, err := keeper.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, configuration := range []client.Object{c.stamp, c.validate} {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(configuration), configuration); err != nil {
			t.Fatal(err)
		}
		for _, webhook := range hooksOf(configuration) {
			trusted := x509.NewCertPool()
			trusted.AppendCertsFromPEM(webhook.client.CABundle)
			if _, err := serving.Leaf.Verify(x509.VerifyOptions{Roots: trusted, DNSName: dnsName, CurrentTime: time.Now()}); err != nil {
				t.Errorf("%s: %v", webhook.name, err)
			}
			checked++
		}
	}
	if checked == 0 {
		t.Error("there is no webhook")
	}
}

func ok(part string) bool { return testutil.ToFloat64(intact.WithLabelValues(part)) == 1 }

// said are the events since it was asked last.
func said(recorder *events.FakeRecorder) string {
	var all []string
	for {
		select {
		case event := <-recorder.Events:
			all = append(all, event)
		default:
			return strings.Join(all, "\n")
		}
	}
}

// harms are what may have happened to the Secret.
var harms = map[string]struct {
	harm func(*testing.T, *cluster)
	// replaces says that there is another authority in it, which counts from now on.
	replaces bool
}{
	"deleted": {harm: func(t *testing.T, c *cluster) { remove(t, c, c.secret) }},
	"emptied": {harm: func(t *testing.T, c *cluster) {
		change(t, c, c.secret, func(s *corev1.Secret) { s.Data = nil })
	}},
	"without its key": {harm: func(t *testing.T, c *cluster) {
		change(t, c, c.secret, func(s *corev1.Secret) { delete(s.Data, authorityKey) })
	}},
	"no certificate": {harm: func(t *testing.T, c *cluster) {
		change(t, c, c.secret, func(s *corev1.Secret) { s.Data[authorityFile] = []byte("junk") })
	}},
	"the key of another": {harm: func(t *testing.T, c *cluster) {
		change(t, c, c.secret, func(s *corev1.Secret) { s.Data[authorityKey] = other(t).key })
	}},
	"a certificate that is no authority": {harm: func(t *testing.T, c *cluster) {
		change(t, c, c.secret, func(s *corev1.Secret) {
			serving, err := other(t).serve([]string{dnsName}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			key, err := x509.MarshalPKCS8PrivateKey(serving.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			s.Data[authorityFile] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serving.Leaf.Raw})
			s.Data[authorityKey] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
		})
	}},
	"another authority": {replaces: true, harm: func(t *testing.T, c *cluster) {
		another := other(t)
		change(t, c, c.secret, func(s *corev1.Secret) { s.Data[authorityFile], s.Data[authorityKey] = another.crt, another.key })
	}},
}

func TestTheCertificateIsMadeAnewWhenItsSecretIsHarmed(t *testing.T) {
	for name, test := range harms {
		t.Run("[F1] before a start: "+name, func(t *testing.T) {
			c := newCluster(t)
			start(t, c)
			test.harm(t, c)
			keeper, _ := start(t, c)
			expectTrusted(t, c, keeper)
			if !ok(PartCertificate) || !ok(PartValidating) {
				t.Error("the metric says that something is wrong")
			}
		})
		t.Run("[F1] while it runs: "+name, func(t *testing.T) {
			c := newCluster(t)
			keeper, recorder := start(t, c)
			before := keeper.authority.crt
			said(recorder)
			test.harm(t, c)
			keeper.check(t.Context())
			expectTrusted(t, c, keeper)
			if changed := !bytes.Equal(before, keeper.authority.crt); changed != test.replaces {
				t.Errorf("the authority has changed: %v", changed)
			}
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(c.secret), c.secret); err != nil || !bytes.Equal(c.secret.Data[authorityFile], keeper.authority.crt) {
				t.Errorf("the Secret has %s: %v", c.secret.Data, err)
			}
			if events := said(recorder); !strings.Contains(events, "InstallationWritten") {
				t.Errorf("the events are %q", events)
			}
		})
	}
}

func TestAFirstStartWritesTheSecretAndBothConfigurationsAndTheNextOneNothing(t *testing.T) {
	c := newCluster(t)
	keeper, recorder := start(t, c)
	expectTrusted(t, c, keeper)
	if written := strings.Count(said(recorder), "InstallationWritten"); written != 3 {
		t.Errorf("%d parts were written", written)
	}
	_, recorder = start(t, c)
	if events := said(recorder); events != "" {
		t.Errorf("the next start says %q", events)
	}
}

func TestATrustThatSomebodyTakesAwayIsWrittenAgain(t *testing.T) {
	for name, bundle := range map[string][]byte{"none": nil, "of another": other(t).crt} {
		t.Run("[F1] caBundle: "+name, func(t *testing.T) {
			c := newCluster(t)
			keeper, _ := start(t, c)
			change(t, c, c.validate, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) {
				for i := range v.Webhooks {
					v.Webhooks[i].ClientConfig.CABundle = bundle
				}
			})
			change(t, c, c.stamp, func(v *admissionregistrationv1.MutatingWebhookConfiguration) {
				v.Webhooks[0].ClientConfig.CABundle = bundle
			})
			keeper.check(t.Context())
			expectTrusted(t, c, keeper)
		})
	}
}

func TestWhatCanNotBeLookedAt(t *testing.T) {
	resource := schema.GroupResource{Resource: "secrets"}
	t.Run("[F1] without the right to read the Secret nothing is served, and the metric says so", func(t *testing.T) {
		c := newCluster(t)
		c.unreadable[secretName] = apierrors.NewForbidden(resource, secretName, errors.New("no right"))
		keeper, recorder := start(t, c)
		if _, err := keeper.Certificate(nil); err == nil || ok(PartCertificate) {
			t.Errorf("got %v, and the metric says that all is well: %v", err, ok(PartCertificate))
		}
		if events := said(recorder); !strings.Contains(events, "no right") {
			t.Errorf("the events are %q", events)
		}
		delete(c.unreadable, secretName)
		keeper.check(t.Context())
		expectTrusted(t, c, keeper)
		if events := said(recorder); !ok(PartCertificate) || !strings.Contains(events, "InstallationRestored") {
			t.Errorf("the events are %q", events)
		}
	})
	t.Run("[F1] without it later what is served is served on", func(t *testing.T) {
		c := newCluster(t)
		keeper, _ := start(t, c)
		c.unreadable[secretName] = apierrors.NewForbidden(resource, secretName, errors.New("no right"))
		keeper.check(t.Context())
		expectTrusted(t, c, keeper)
		if ok(PartCertificate) {
			t.Error("the metric says that all is well")
		}
	})
	t.Run("an API server that does not answer says nothing about the installation", func(t *testing.T) {
		c := newCluster(t)
		keeper, recorder := start(t, c)
		said(recorder)
		for _, name := range []string{secretName, configurationName, serviceName} {
			c.unreadable[name] = apierrors.NewServiceUnavailable("away")
		}
		keeper.check(t.Context())
		expect := said(recorder)
		for _, part := range []string{PartCertificate, PartStamping, PartValidating} {
			if !ok(part) || expect != "" {
				t.Errorf("%s: the events are %q", part, expect)
			}
		}
	})
}

func other(t *testing.T) *authority {
	t.Helper()
	made, err := newAuthority(nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestAFileThatCanNotBeReadIsSaid(t *testing.T) {
	t.Run("[F1] until it can", func(t *testing.T) {
		c := newCluster(t)
		c.clients = errors.New("no such file")
		keeper, recorder := start(t, c)
		if events := said(recorder); ok(PartClients) || !strings.Contains(events, "no such file") {
			t.Errorf("the events are %q", events)
		}
		c.clients = nil
		keeper.check(t.Context())
		if !ok(PartClients) {
			t.Error("it is still said")
		}
	})
}

func TestACRDThatIsMissingIsSaid(t *testing.T) {
	missing := apierrors.NewNotFound(schema.GroupResource{}, "")
	for says, harm := range map[string]func(*cluster){
		"the CRD of Role is missing":                                     func(c *cluster) { c.kinds = []string{"Organization"} },
		"the CRD of Organization is missing; the CRD of Role is missing": func(c *cluster) { c.unreadable["discovery"] = missing },
	} {
		t.Run("[F1] "+says, func(t *testing.T) {
			c := newCluster(t)
			keeper, recorder := start(t, c)
			harm(c)
			keeper.check(t.Context())
			if events := said(recorder); ok(PartKinds) || !strings.Contains(events, says) {
				t.Errorf("the events are %q", events)
			}
			c.kinds = allKinds
			delete(c.unreadable, "discovery")
			keeper.check(t.Context())
			if !ok(PartKinds) {
				t.Error("it is still said")
			}
		})
	}
}

func TestARightThatIsMissingIsSaid(t *testing.T) {
	t.Run("[F1] until it is there", func(t *testing.T) {
		c := newCluster(t)
		all := c.rights
		keeper, recorder := start(t, c)
		if !ok(PartRights) {
			t.Fatalf("one is missing from the beginning: %s", said(recorder))
		}
		c.rights = slices.DeleteFunc(slices.Clone(all), func(rule authorizationv1.ResourceRule) bool {
			return slices.Contains(rule.Resources, "roles/status") || slices.Contains(rule.ResourceNames, "bailiwick-webhook-certificate") && slices.Contains(rule.Verbs, "create") ||
				slices.Contains(rule.Resources, "leases") && slices.Contains(rule.Verbs, "delete")
		})
		keeper.check(t.Context())
		says := "the operator may not patch roles/status.authz.bailiwick.dev, create secrets/bailiwick-webhook-certificate, delete leases.coordination.k8s.io: apply config/rbac again"
		if events := said(recorder); ok(PartRights) || !strings.Contains(events, says) {
			t.Errorf("the events are %q", events)
		}
		c.rights = []authorizationv1.ResourceRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
		keeper.check(t.Context())
		if events := said(recorder); !ok(PartRights) {
			t.Errorf("somebody who may do everything is told %q", events)
		}
	})
}
