package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/bailiwick-dev/bailiwick/test/ports"
)

// startTimeout bounds each step of a start. They take a second or two on an idle machine; the rest is
// for a machine with few cores that compiles at the same time.
const startTimeout = 2 * time.Minute

// startAPIServer starts etcd and kube-apiserver, and waits for the namespaces that the latter makes.
func (p *Plane) startAPIServer(ctx context.Context) error {
	etcd := &envtest.Etcd{DataDir: filepath.Join(p.Directory(), "etcd"), StartTimeout: startTimeout}
	apiserver := &envtest.APIServer{CertDir: filepath.Join(p.Directory(), "kube-apiserver"), StartTimeout: startTimeout}
	for _, directory := range []string{etcd.DataDir, apiserver.CertDir} {
		if err := os.Mkdir(directory, 0o700); err != nil {
			return err
		}
	}
	// Without these the API server looks for an address of this machine that others could reach, and
	// does not start where there is none.
	apiserver.Configure().Set("advertise-address", "127.0.0.1").Set("endpoint-reconciler-type", "none")

	plugins, err := p.identifyToWebhooks()
	if err != nil {
		return err
	}
	apiserver.Configure().Set("admission-control-config-file", plugins)

	etcdLog, err := p.openLog("etcd")
	if err != nil {
		return err
	}
	defer func() { _ = etcdLog.Close() }()
	etcd.Out, etcd.Err = etcdLog, etcdLog
	if etcd.Path, err = p.guard.launcher(p.asset("etcd")); err != nil {
		return err
	}
	apiserverLog, err := p.openLog("kube-apiserver")
	if err != nil {
		return err
	}
	defer func() { _ = apiserverLog.Close() }()
	apiserver.Out, apiserver.Err = apiserverLog, apiserverLog
	if apiserver.Path, err = p.guard.launcher(p.asset("kube-apiserver")); err != nil {
		return err
	}

	// envtest would take a port that, once the API server is killed, others are given, even as that from which they try to
	// reach it.
	port, err := ports.Free()
	if err != nil {
		return err
	}
	apiserver.SecureServing.Address, apiserver.SecureServing.Port = "127.0.0.1", strconv.Itoa(port)

	p.env = &envtest.ControlPlane{Etcd: etcd, APIServer: apiserver}
	started := make(chan error, 1)
	go func() { started <- p.env.Start() }()
	select {
	case err = <-started:
	case <-ctx.Done():
		// The guard ends what has been started, and what would come next finds no launcher.
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("starting the API server: %w\netcd:\n%s\nkube-apiserver:\n%s",
			err, p.LogTail("etcd"), p.LogTail("kube-apiserver"))
	}
	if p.admin, err = p.addUser("admin", "system:masters"); err != nil {
		return err
	}
	return p.waitForDefaultNamespace(ctx)
}

func (p *Plane) waitForDefaultNamespace(ctx context.Context) error {
	admin, err := client.New(p.Config(), client.Options{})
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		err := admin.Get(ctx, client.ObjectKey{Name: "default"}, &corev1.Namespace{})
		return err == nil, client.IgnoreNotFound(err)
	})
}

// startControllerManager starts kube-controller-manager, whose controllers act under identities of
// their own, as in a real cluster: system:serviceaccount:kube-system:namespace-controller and
// system:serviceaccount:kube-system:generic-garbage-collector.
func (p *Plane) startControllerManager() error {
	path := filepath.Join(p.Directory(), "kube-controller-manager.kubeconfig")
	if err := p.WriteUserKubeconfig(path, "system:kube-controller-manager"); err != nil {
		return err
	}
	_, err := p.Run(p.asset("kube-controller-manager"), nil,
		"--kubeconfig="+path,
		"--controllers=namespace-controller,garbage-collector-controller",
		"--use-service-account-credentials=true",
		"--leader-elect=false",
		"--secure-port=0",
	)
	return err
}

func (p *Plane) installCRDs(directories []string) error {
	_, err := envtest.InstallCRDs(p.Config(), envtest.CRDInstallOptions{
		Paths:              directories,
		ErrorIfPathMissing: true,
		Scheme:             scheme.Scheme,
		MaxTime:            startTimeout,
	})
	return err
}
