package installation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// CheckWebhook has the API server ask the webhook: would a Group be made in the namespace? None is.
func CheckWebhook(ctx context.Context, cluster client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	group := &v1alpha1.Group{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "bailiwick-check"}}
	if err := cluster.Create(ctx, group, client.DryRunAll); err != nil {
		return fmt.Errorf("asking whether a Group may be created, which the webhook is asked too: %w", err)
	}
	// The API server goes on without the finalizer where it has no answer.
	if !slices.Contains(group.Finalizers, v1alpha1.Finalizer) {
		return errors.New("the webhook did not add its finalizer to a Group: see whether the MutatingWebhookConfiguration bailiwick is as it was installed")
	}
	return nil
}

// CheckDecisions reads what AuthZEN says about itself at a URL. The file has the certificates that its own may be signed by, beside
// those that everybody trusts; there need not be one.
func CheckDecisions(ctx context.Context, at, authorityFile string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	authorities, err := authoritiesIn(authorityFile)
	if err != nil {
		return err
	}
	address, err := url.JoinPath(at, "/.well-known/authzen-configuration")
	if err != nil {
		return fmt.Errorf("the URL of AuthZEN: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("the URL of AuthZEN: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("asking AuthZEN: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	var metadata struct {
		Evaluation string `json:"access_evaluation_endpoint"`
	}
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&metadata)
	if response.StatusCode != http.StatusOK || err != nil || metadata.Evaluation == "" {
		return fmt.Errorf("%s answers %s, and not as AuthZEN does", address, response.Status)
	}
	return nil
}

func authoritiesIn(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("reading the system's certificates: %w", err)
	}
	if file == "" {
		return pool, nil
	}
	written, err := os.ReadFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return pool, nil
	case err != nil:
		return nil, fmt.Errorf("reading what AuthZEN's certificate is signed by: %w", err)
	case !pool.AppendCertsFromPEM(written):
		return nil, fmt.Errorf("%s has no certificates in PEM", file)
	}
	return pool, nil
}

// Remaining says which objects of ours a cluster has: of each kind how many, and one of them by name. All have a finalizer that
// only the operator removes.
func Remaining(ctx context.Context, cluster client.Reader) ([]string, error) {
	var remaining []string
	for _, kind := range kinds.All {
		found, err := someOf(ctx, cluster, kind)
		if err != nil {
			return nil, err
		}
		if found != "" {
			remaining = append(remaining, found)
		}
	}
	return remaining, nil
}

func someOf(ctx context.Context, cluster client.Reader, kind kinds.Kind) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind.Name + "List"))
	switch err := cluster.List(ctx, list, client.Limit(1)); {
	case meta.IsNoMatchError(err), apierrors.IsNotFound(err): // its CRD is gone, and every object with it
		return "", nil
	case err != nil:
		return "", fmt.Errorf("listing objects of the kind %s: %w", kind.Name, err)
	case len(list.Items) == 0:
		return "", nil
	}
	first := list.Items[0]
	name := first.Name
	if first.Namespace != "" {
		name = first.Namespace + "/" + name
	}
	if more := list.RemainingItemCount; more != nil && *more > 0 {
		return fmt.Sprintf("%s %s and %d more", kind.Name, name, *more), nil
	}
	return kind.Name + " " + name, nil
}
