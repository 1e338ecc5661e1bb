// Command release writes what a release has beside the image and the manifests: the plugin for each platform with
// checksums and krew's manifest, the licences of everything that is compiled in (NOTICE), and a list of it (SBOM,
// CycloneDX). It is run in the top directory.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run() error {
	version := flag.String("version", "", "the version, as in v1.2.3")
	commit := flag.String("commit", "", "the commit that it is built of")
	directory := flag.String("directory", "", "where to write")
	chosen := flag.String("platforms", strings.Join(platforms, ","), "for which the plugin is compiled, as in linux/amd64,darwin/arm64")
	flag.Parse()
	if *version == "" || *directory == "" || flag.NArg() > 0 {
		return errors.New("-version and -directory are needed, and nothing else")
	}
	compiled, err := modules()
	if err != nil {
		return err
	}
	licences := notice(compiled)
	if err := os.WriteFile(filepath.Join(*directory, "NOTICE"), licences, 0o644); err != nil {
		return fmt.Errorf("writing the licences: %w", err)
	}
	if err := writeSBOM(filepath.Join(*directory, "sbom.cdx.json"), *version, compiled); err != nil {
		return err
	}
	var archives []archive
	for platform := range strings.SplitSeq(*chosen, ",") {
		written, err := writePlugin(*directory, *version, *commit, platform, licences)
		if err != nil {
			return err
		}
		archives = append(archives, written)
	}
	return writeKrew(*directory, *version, archives)
}
