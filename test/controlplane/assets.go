package controlplane

import (
	"errors"
	"os"
	"path/filepath"
)

// findAssets returns the directory that holds the programs: KUBEBUILDER_ASSETS if it names one with
// all of them, else bin/controlplane of the checkout that the working directory is in.
func findAssets() (string, error) {
	if directory := os.Getenv("KUBEBUILDER_ASSETS"); directory != "" && holdsAssets(directory) {
		return directory, nil
	}
	directory, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if assets := filepath.Join(directory, "bin", "controlplane"); holdsAssets(assets) {
			return assets, nil
		}
		parent := filepath.Dir(directory)
		if parent == directory {
			return "", errors.New("no control plane programs in KUBEBUILDER_ASSETS or bin/controlplane: run `make controlplane`")
		}
		directory = parent
	}
}

func holdsAssets(directory string) bool {
	for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kubectl"} {
		if _, err := os.Stat(filepath.Join(directory, program)); err != nil {
			return false
		}
	}
	return true
}
