package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// Options configure Start. The zero value is a plane without custom resources.
type Options struct {
	// CRDDirectories hold the custom resource definitions to install.
	CRDDirectories []string

	// LogDirectory is where each program's log goes, to be kept. Left empty, the logs are in the
	// plane's own directory and go with it.
	LogDirectory string
}

// Plane is a running control plane.
type Plane struct {
	guard  *guard
	assets string
	logs   string
	env    *envtest.ControlPlane
	admin  *envtest.AuthenticatedUser
}

// Start starts a control plane and returns when it serves requests. When it fails, or when ctx ends
// first, nothing is left running.
func Start(ctx context.Context, options Options) (_ *Plane, err error) {
	assets, err := findAssets()
	if err != nil {
		return nil, err
	}
	guard, err := newGuard()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			guard.end()
		}
	}()

	p := &Plane{guard: guard, assets: assets, logs: options.LogDirectory}
	if p.logs == "" {
		p.logs = filepath.Join(guard.directory, "logs")
	}
	if err := os.MkdirAll(p.logs, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory for logs: %w", err)
	}
	if err := p.startAPIServer(ctx); err != nil {
		return nil, err
	}
	if err := p.startControllerManager(); err != nil {
		return nil, err
	}
	if err := p.installCRDs(options.CRDDirectories); err != nil {
		return nil, err
	}
	return p, nil
}

// Stop ends everything that the plane started and removes its files. It waits for no program's
// leave: what they hold goes with them. Stop what Run started before, if it is to end in its own way.
func (p *Plane) Stop() { p.guard.end() }

// Directory is a place for files that are to go with the plane.
func (p *Plane) Directory() string { return p.guard.directory }

// Kubectl is the path of the kubectl that belongs to this plane.
func (p *Plane) Kubectl() string { return p.asset("kubectl") }

// Config is the access of a cluster administrator. The client does not throttle itself.
func (p *Plane) Config() *rest.Config { return rest.CopyConfig(p.admin.Config()) }

// UserConfig is the access of a user who may do what RBAC grants to them and their groups, and no
// more. The client does not throttle itself.
func (p *Plane) UserConfig(name string, groups ...string) (*rest.Config, error) {
	user, err := p.addUser(name, groups...)
	if err != nil {
		return nil, err
	}
	return user.Config(), nil
}

// WriteKubeconfig writes the access of a cluster administrator to a file that only its owner reads.
func (p *Plane) WriteKubeconfig(path string) error {
	return writeKubeconfig(path, p.admin)
}

// WriteUserKubeconfig writes what UserConfig returns to a file that only its owner reads.
func (p *Plane) WriteUserKubeconfig(path, name string, groups ...string) error {
	user, err := p.addUser(name, groups...)
	if err != nil {
		return err
	}
	return writeKubeconfig(path, user)
}

func writeKubeconfig(path string, user *envtest.AuthenticatedUser) error {
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(path, kubeconfig, 0o600)
}

func (p *Plane) addUser(name string, groups ...string) (*envtest.AuthenticatedUser, error) {
	user, err := p.env.AddUser(envtest.User{Name: name, Groups: groups}, &rest.Config{QPS: -1})
	if err != nil {
		return nil, fmt.Errorf("adding user %q: %w", name, err)
	}
	return user, nil
}

func (p *Plane) asset(name string) string { return filepath.Join(p.assets, name) }
