// Package stage runs the operator as it would run in a cluster, beside a Kubernetes control plane of its
// own, for the programs that show it and measure it.
package stage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/test/controlplane"
	"github.com/bailiwick-dev/bailiwick/test/ports"
)

const (
	operatorPath = "bin/bailiwick"
	installation = "config/default"

	// Patience is how long anything may take that is waited for.
	Patience = 3 * time.Minute
	// WaitArgument is the same for kubectl.
	WaitArgument = "--timeout=180s"
)

// Stage is a control plane, and the operator once it is started.
type Stage struct {
	Plane    *controlplane.Plane
	Operator *controlplane.Process
	// Kubeconfig is the file of a cluster administrator.
	Kubeconfig string
	// OpenFGA is the URL of the embedded store's API, Decisions that of AuthZEN, SCIM that of SCIM, Metrics
	// that of the operator's metrics.
	OpenFGA, Decisions, SCIM, Metrics string
	// DecisionKey is a key for all organizations, for AuthZEN.
	DecisionKey string

	// operatorKubeconfig is the file of the operator's ServiceAccount.
	operatorKubeconfig string
	addresses          [7]string
}

// Start starts a control plane. When it fails nothing is left running.
func Start(ctx context.Context) (*Stage, error) {
	if _, err := os.Stat(installation); err != nil {
		return nil, fmt.Errorf("start it with `make`, in the top directory: %w", err)
	}
	s := &Stage{}
	for n := range s.addresses {
		var err error
		if s.addresses[n], err = ports.FreeAddress(); err != nil {
			return nil, err
		}
	}
	plane, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		return nil, err
	}
	s.Plane = plane
	s.Kubeconfig = filepath.Join(plane.Directory(), "kubeconfig")
	s.operatorKubeconfig = filepath.Join(plane.Directory(), "operator.kubeconfig")
	if err := plane.WriteKubeconfig(s.Kubeconfig); err != nil {
		plane.Stop()
		return nil, err
	}
	s.OpenFGA, s.Metrics = "http://"+s.addresses[0], "http://"+s.addresses[4]+"/metrics"
	s.Decisions, s.DecisionKey = "http://"+s.addresses[5], rand.Text()+rand.Text()
	s.SCIM = "http://" + s.addresses[6]
	return s, nil
}

// Install installs what `kubectl apply --server-side -k config/default` does.
func (s *Stage) Install(ctx context.Context) error {
	if _, err := s.Kubectl(ctx, "apply", "--server-side", "-k", installation); err != nil {
		return err
	}
	_, err := s.Kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", WaitArgument)
	return err
}

// keysPath is the file of those who may ask AuthZEN.
func (s *Stage) keysPath() string { return filepath.Join(s.Plane.Directory(), "keys.yaml") }

// StorePath is the file of the embedded store.
func (s *Stage) StorePath() string { return filepath.Join(s.Plane.Directory(), "store.db") }

// StartOperator runs the operator under the name of its ServiceAccount, with these flags beside its usual
// ones, and returns when it is ready. There is no node that would run its Pod, so it runs as a process.
func (s *Stage) StartOperator(ctx context.Context, flags ...string) error {
	err := s.Plane.WriteUserKubeconfig(s.operatorKubeconfig, "system:serviceaccount:bailiwick-system:bailiwick", "system:serviceaccounts")
	if err != nil {
		return err
	}
	keys := fmt.Sprintf("callers:\n- name: stage\n  key: %s\n  organizations: ['*']\n", s.DecisionKey)
	if err := os.WriteFile(s.keysPath(), []byte(keys), 0o600); err != nil {
		return err
	}
	webhook, err := netip.ParseAddrPort(s.addresses[3])
	if err != nil {
		return err
	}
	// There is no Pod network either, in which the API server would find the webhook's Service.
	if err := s.Plane.RouteWebhooks(ctx, int(webhook.Port())); err != nil {
		return err
	}
	s.Operator, err = s.Plane.Run(operatorPath, []string{"KUBECONFIG=" + s.operatorKubeconfig}, append([]string{
		"--store=embedded",
		"--store-path=" + s.StorePath(),
		"--openfga-http-address=" + s.addresses[0],
		"--openfga-grpc-address=" + s.addresses[1],
		"--health-address=" + s.addresses[2],
		"--webhook-port=" + strconv.Itoa(int(webhook.Port())),
		"--webhook-dns-name=localhost",
		"--webhook-client-ca-file=" + s.Plane.WebhookClientCAFile(),
		"--webhook-client-names=" + controlplane.WebhookClientName,
		"--metrics-address=" + s.addresses[4],
		"--decision-address=" + s.addresses[5],
		"--decision-keys-file=" + s.keysPath(), "--decision-service-accounts",
		"--scim-address=" + s.addresses[6],
		"--leader-elect=false",
	}, flags...)...)
	if err != nil {
		return err
	}
	return s.describe(waitUntilReady(ctx, s.Operator, "http://"+s.addresses[2]+"/readyz"))
}

// Reader is a replica that only answers AuthZEN.
type Reader struct {
	*controlplane.Process
	// Decisions is the URL of its AuthZEN, Metrics that of its metrics.
	Decisions, Metrics string
}

// StartReader starts a replica that only answers, and returns when it is ready: it has loaded everything, and holds a read lease.
// The operator has to be one that elects a leader, since no other one grants leases.
func (s *Stage) StartReader(ctx context.Context) (*Reader, error) {
	var addresses [3]string
	for n := range addresses {
		var err error
		if addresses[n], err = ports.FreeAddress(); err != nil {
			return nil, err
		}
	}
	// Under the operator's name, since a replica's own holds it to the Lease of its Pod, and here are no Pods.
	process, err := s.Plane.Run(operatorPath, []string{"KUBECONFIG=" + s.operatorKubeconfig}, "--decisions-only",
		"--decision-address="+addresses[0], "--metrics-address="+addresses[1], "--health-address="+addresses[2],
		"--decision-keys-file="+s.keysPath())
	if err != nil {
		return nil, err
	}
	r := &Reader{process, "http://" + addresses[0], "http://" + addresses[1] + "/metrics"}
	return r, s.describe(waitUntilReady(ctx, process, "http://"+addresses[2]+"/readyz"))
}

// describe adds to an error what the operator said last.
func (s *Stage) describe(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the operator: %w\n%s", err, s.Plane.LogTail(filepath.Base(operatorPath)))
}

func waitUntilReady(ctx context.Context, process *controlplane.Process, url string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, Patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-process.Done():
			return false, errors.New("it has ended")
		default:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false, err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // It doesn't listen yet.
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
}

// Stop stops the operator in its own way, and then everything else.
func (s *Stage) Stop() error {
	defer s.Plane.Stop()
	if s.Operator == nil {
		return nil
	}
	return s.describe(s.Operator.Stop())
}

// KubectlCache is where kubectl keeps what this API server serves. By default it is found by the address, which another control
// plane may have had before.
func (s *Stage) KubectlCache() string { return filepath.Join(s.Plane.Directory(), "kubectl-cache") }

// Kubectl runs kubectl as an administrator of the cluster, and returns what it prints.
func (s *Stage) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Plane.Kubectl(), args...)
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+s.Kubeconfig,
		"KUBECACHEDIR="+s.KubectlCache())
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}
