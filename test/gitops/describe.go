package gitops

import (
	"context"
	"os"
	"path/filepath"
)

// Description says where everything is, to another program.
type Description struct {
	// Admin and Engine are kubeconfigs: of a cluster administrator, and of the engine.
	Admin  string `json:"admin"`
	Engine string `json:"engine"`
	// Samples is a file with the objects of config/samples, HealthChecks one with config/gitops/argocd.
	Samples      string `json:"samples"`
	HealthChecks string `json:"healthChecks"`
	// Decisions is the URL of AuthZEN, Key a key for it.
	Decisions string `json:"decisions"`
	Key       string `json:"key"`
}

// Describe writes the files that it names, beside those of the cluster, with which they go.
func (w *World) Describe(ctx context.Context) (Description, error) {
	d := Description{
		Admin:        w.Kubeconfig,
		Engine:       filepath.Join(w.Plane.Directory(), "engine.kubeconfig"),
		Samples:      filepath.Join(w.Plane.Directory(), "samples.yaml"),
		HealthChecks: filepath.Join(w.Plane.Directory(), "health.yaml"),
		Decisions:    w.Decisions,
		Key:          w.DecisionKey,
	}
	if err := w.Plane.WriteUserKubeconfig(d.Engine, engineUser, engineGroup); err != nil {
		return d, err
	}
	for path, directory := range map[string]string{d.Samples: samples, d.HealthChecks: healthChecks} {
		rendered, err := w.Kubectl(ctx, "kustomize", directory)
		if err != nil {
			return d, err
		}
		if err := os.WriteFile(path, []byte(rendered), 0o600); err != nil {
			return d, err
		}
	}
	return d, nil
}
