package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/bailiwick-dev/bailiwick/test/controlplane"
)

const (
	operatorPath = "bin/bailiwick"
	installation = "config/default"
	samples      = "config/samples"

	// patience is how long anything may take that is waited for.
	patience = time.Minute
	// waitArgument is the same for kubectl.
	waitArgument = "--timeout=60s"
)

// stage is what runs while the demo is shown.
type stage struct {
	plane      *controlplane.Plane
	kubeconfig string
	operator   *controlplane.Process
	store      *store
}

// setUp starts a control plane and the operator, and returns when the operator is ready. When it fails
// nothing is left running.
func setUp(ctx context.Context) (_ *stage, err error) {
	if _, err := os.Stat(samples); err != nil {
		return nil, fmt.Errorf("start it with `make demo`, in the top directory: %w", err)
	}
	tell("Starting a Kubernetes API server, for this demo alone, on this machine.")
	s := &stage{}
	if s.plane, err = controlplane.Start(ctx, controlplane.Options{}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.plane.Stop()
		}
	}()
	s.kubeconfig = filepath.Join(s.plane.Directory(), "kubeconfig")
	if err := s.plane.WriteKubeconfig(s.kubeconfig); err != nil {
		return nil, err
	}

	tell("Installing Bailiwick there as in any cluster: its resource definitions, and the rights of its operator.")
	if err := s.kubectl(ctx, "apply", "-k", installation); err != nil {
		return nil, err
	}
	if err := s.kubectl(ctx, "wait", "crd", "--all", "--for=condition=Established", waitArgument); err != nil {
		return nil, err
	}
	tell("This cluster has no node that would run the operator's Pod, so it runs here as a process, with the rights of its ServiceAccount and no others. The authorization store, OpenFGA, is embedded in it.")
	return s, s.startOperator(ctx)
}

// startOperator runs the operator under the name of its ServiceAccount.
func (s *stage) startOperator(ctx context.Context) error {
	kubeconfig := filepath.Join(s.plane.Directory(), "operator.kubeconfig")
	if err := s.plane.WriteUserKubeconfig(kubeconfig,
		"system:serviceaccount:bailiwick-system:bailiwick", "system:serviceaccounts"); err != nil {
		return err
	}
	addresses, err := freeAddresses(4)
	if err != nil {
		return err
	}
	health, http, grpc := addresses[0], addresses[1], addresses[2]
	webhook, err := netip.ParseAddrPort(addresses[3])
	if err != nil {
		return err
	}
	// There is no Pod network either, in which the API server would find the webhook's Service.
	if err := s.plane.RouteWebhooks(ctx, int(webhook.Port())); err != nil {
		return err
	}
	s.operator, err = s.plane.Run(operatorPath, []string{"KUBECONFIG=" + kubeconfig},
		"--store=embedded",
		"--store-path="+filepath.Join(s.plane.Directory(), "store.db"),
		"--openfga-http-address="+http,
		"--openfga-grpc-address="+grpc,
		"--health-address="+health,
		"--webhook-port="+strconv.Itoa(int(webhook.Port())),
		"--webhook-dns-name=localhost",
		"--metrics-address=0",
		"--leader-elect=false",
	)
	if err != nil {
		return err
	}
	err = s.waitUntilReady(ctx, "http://"+health+"/readyz")
	if err == nil {
		s.store, err = findStore(ctx, "http://"+http)
	}
	if err != nil {
		return fmt.Errorf("the operator did not become ready: %w\n%s", err, s.plane.LogTail(filepath.Base(operatorPath)))
	}
	return nil
}

func (s *stage) waitUntilReady(ctx context.Context, url string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		select {
		case <-s.operator.Done():
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

// tearDown stops the operator in its own way, and then everything else.
func (s *stage) tearDown() error {
	defer s.plane.Stop()
	if err := s.operator.Stop(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.plane.LogTail(filepath.Base(operatorPath)))
	}
	return nil
}

// kubectl runs kubectl as an administrator of the cluster, and is silent unless it fails.
func (s *stage) kubectl(ctx context.Context, args ...string) error {
	_, err := s.kubectlOutput(ctx, args...)
	return err
}

// showKubectl runs kubectl as an administrator of the cluster, and shows the command and its output.
func (s *stage) showKubectl(ctx context.Context, args ...string) error {
	fmt.Println("\n  $ kubectl", shellWords(args))
	output, err := s.kubectlOutput(ctx, args...)
	if err == nil {
		fmt.Println(indented(output))
	}
	return err
}

func (s *stage) kubectlOutput(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.plane.Kubectl(), args...)
	cmd.Env = append(os.Environ(),
		"KUBECONFIG="+s.kubeconfig,
		"KUBECACHEDIR="+filepath.Join(s.plane.Directory(), "kubectl-cache"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", shellWords(args), err, stderr.String())
	}
	return stdout.String(), nil
}

// freeAddresses returns addresses on the loopback interface that nothing listens at.
func freeAddresses(n int) ([]string, error) {
	var addresses []string
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// Closed at the end, so that no two are the same.
		defer func() { _ = listener.Close() }()
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses, nil
}
