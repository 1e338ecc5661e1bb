package main

import (
	"errors"
	"fmt"
	"os"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeSBOM lists what is compiled in. It has no time and no serial number, so that it comes out the same again.
func writeSBOM(path, version string, compiled []module) error {
	bom := cyclonedx.NewBOM()
	bom.Metadata = &cyclonedx.Metadata{Component: &cyclonedx.Component{
		Type: cyclonedx.ComponentTypeApplication, BOMRef: "bailiwick", Name: "bailiwick", Version: version,
		Licenses: licensed([]string{"Apache-2.0"}),
	}}
	components := make([]cyclonedx.Component, 0, len(compiled))
	references := make([]string, 0, len(compiled))
	for _, m := range compiled {
		url := "pkg:golang/" + m.path + "@" + m.version
		references = append(references, url)
		components = append(components, cyclonedx.Component{
			Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, Name: m.path, Version: m.version, PackageURL: url, Licenses: licensed(m.licences),
		})
	}
	bom.Components = &components
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: "bailiwick", Dependencies: &references}}
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the SBOM: %w", err)
	}
	err = cyclonedx.NewBOMEncoder(file, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom)
	return errors.Join(err, file.Close())
}

func licensed(identifiers []string) *cyclonedx.Licenses {
	licences := cyclonedx.Licenses{}
	for _, identifier := range identifiers {
		licences = append(licences, cyclonedx.LicenseChoice{License: &cyclonedx.License{ID: identifier}})
	}
	return &licences
}
