package operator

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Server-side apply asks for create with the name.
// +kubebuilder:rbac:groups="",namespace=bailiwick-system,resources=configmaps,resourceNames=bailiwick-endpoints,verbs=get;create;patch

// endpointsName is the ConfigMap that tells applications how to ask.
const endpointsName = "bailiwick-endpoints"

// What is in it. A key is missing while there is nothing to say.
const (
	// endpointDecisions is the URL of AuthZEN, and endpointCA the certificates that its own is signed by.
	endpointDecisions = "decision-url"
	endpointCA        = "ca.crt"
	// endpointStore is the id of the store in OpenFGA.
	endpointStore = "openfga-store-id"
)

// endpointsEvery is how often the ConfigMap is looked at, authorityEvery how often whether there is a certificate to tell of.
const (
	endpointsEvery = 10 * time.Second
	authorityEvery = 200 * time.Millisecond
)

// endpoints keeps the ConfigMap on the replica that leads.
type endpoints struct {
	operator *Operator
	// ownCertificate says that AuthZEN is served by the keeper's certificate.
	ownCertificate bool
	namespace      string
	tlsDirectory   string
	client         client.Client
	reader         client.Reader
	log            logr.Logger
}

func (o *Operator) addEndpoints(options Options, ownCertificate bool) error {
	e := &endpoints{
		operator: o, ownCertificate: ownCertificate, namespace: options.Namespace, tlsDirectory: options.Asking.TLSDirectory,
		client: o.manager.GetClient(), reader: o.manager.GetAPIReader(), log: options.Log.WithName("endpoints"),
	}
	if err := o.manager.Add(manager.RunnableFunc(e.keep)); err != nil {
		return fmt.Errorf("adding the ConfigMap for applications: %w", err)
	}
	return nil
}

// keep writes the ConfigMap whenever it is not as it should be.
func (e *endpoints) keep(ctx context.Context) error {
	// A Pod that mounts the ConfigMap would see for a minute that there is no authority.
	for e.ownCertificate && e.tlsDirectory == "" && e.operator.keeper.Authority() == "" {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(authorityEvery):
		}
	}
	failed := ""
	for {
		switch err := e.write(ctx); {
		case err == nil:
			failed = ""
		case ctx.Err() == nil && err.Error() != failed:
			failed = err.Error()
			e.log.Error(err, "applications can't read how to ask: it is tried again", "every", endpointsEvery.String())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(endpointsEvery):
		}
	}
}

func (e *endpoints) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	data, err := e.data()
	if err != nil {
		return err
	}
	found := &corev1.ConfigMap{}
	err = e.reader.Get(ctx, client.ObjectKey{Namespace: e.namespace, Name: endpointsName}, found)
	if err == nil && maps.Equal(found.Data, data) {
		return nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("reading the ConfigMap %s: %w", endpointsName, err)
	}
	apply := corev1ac.ConfigMap(endpointsName, e.namespace).WithLabels(map[string]string{"app.kubernetes.io/name": "bailiwick"}).WithData(data)
	if err := e.client.Apply(ctx, apply, client.ForceOwnership, client.FieldOwner("bailiwick")); err != nil {
		return fmt.Errorf("writing the ConfigMap %s: %w", endpointsName, err)
	}
	return nil
}

func (e *endpoints) data() (map[string]string, error) {
	data := map[string]string{endpointDecisions: e.operator.decisionURL}
	if connected := e.operator.connected.Load(); connected != nil {
		if identified, is := (*connected).(interface{ StoreID() string }); is {
			data[endpointStore] = identified.StoreID()
		}
	}
	if e.tlsDirectory == "" {
		if e.ownCertificate {
			data[endpointCA] = e.operator.keeper.Authority()
		}
		return data, nil
	}
	authority, err := authorityIn(e.tlsDirectory)
	if authority != "" {
		data[endpointCA] = authority
	}
	return data, err
}

// authorityIn is what the certificate in a directory is signed by: ca.crt, as cert-manager adds it, or the certificate itself where
// it is its own authority. It is empty for one of which whoever asks has to know that already.
func authorityIn(directory string) (string, error) {
	given, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err == nil && len(given) > 0 {
		return string(given), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("reading what the certificate is signed by: %w", err)
	}
	served, err := os.ReadFile(filepath.Join(directory, "tls.crt"))
	if err != nil {
		return "", fmt.Errorf("reading the certificate of the APIs: %w", err)
	}
	block, _ := pem.Decode(served)
	if block == nil {
		return "", errors.New("tls.crt is not a certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("reading tls.crt: %w", err)
	}
	own := certificate.CheckSignature(certificate.SignatureAlgorithm, certificate.RawTBSCertificate, certificate.Signature) == nil
	if !own {
		return "", nil
	}
	return string(pem.EncodeToMemory(block)), nil
}
