package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/krew/pkg/constants"
	"sigs.k8s.io/krew/pkg/index"
	"sigs.k8s.io/yaml"
)

const home = "https://github.com/bailiwick-dev/bailiwick"

// writeKrew writes the checksums of the plugin's archives, and the manifest by which krew finds them.
func writeKrew(directory, version string, archives []archive) error {
	var checksums bytes.Buffer
	plugin := index.Plugin{
		TypeMeta:   metav1.TypeMeta{APIVersion: constants.CurrentAPIVersion, Kind: constants.PluginKind},
		ObjectMeta: metav1.ObjectMeta{Name: "authz"},
		Spec: index.PluginSpec{
			Version:          version,
			Homepage:         home,
			ShortDescription: "Who may do what in your applications, and why",
			Description: "Answers from Bailiwick's resources who may do what, where, until when and why; lists grants,\n" +
				"roles, groups and what ends soon; imports people.\n",
		},
	}
	for _, a := range archives {
		fmt.Fprintf(&checksums, "%s  %s\n", a.sum, a.name)
		plugin.Spec.Platforms = append(plugin.Spec.Platforms, index.Platform{
			URI:      home + "/releases/download/" + version + "/" + a.name,
			Sha256:   a.sum,
			Files:    []index.FileOperation{{From: "*", To: "."}},
			Bin:      a.program,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"os": a.system, "arch": a.architecture}},
		})
	}
	manifest, err := yaml.Marshal(plugin)
	if err != nil {
		return fmt.Errorf("writing krew's manifest: %w", err)
	}
	for name, content := range map[string][]byte{"checksums.txt": checksums.Bytes(), "authz.yaml": manifest} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}
