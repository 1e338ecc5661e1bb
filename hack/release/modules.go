package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// module is a module of somebody else of which a package is compiled in.
type module struct {
	path, version string
	// licences are their identifiers in SPDX, text what the module says of them.
	licences []string
	text     string
}

// covers is how much of a file, in percent, has to be a licence that is known.
const covers = 75

var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice)([.-][a-z0-9.-]*)?$`)

// modules are those of which something is compiled into the programs on any platform, the standard library aside.
func modules() ([]module, error) {
	found := map[string]module{}
	for _, platform := range platforms {
		if err := modulesOn(platform, found); err != nil {
			return nil, err
		}
	}
	all := make([]module, 0, len(found))
	for _, m := range found {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b module) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

func modulesOn(platform string, found map[string]module) error {
	system, architecture, _ := strings.Cut(platform, "/")
	command := exec.Command("go", "list", "-deps", "-json=Module", "./cmd/...")
	command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		return fmt.Errorf("listing what is compiled for %s: %w", platform, err)
	}
	packages := json.NewDecoder(bytes.NewReader(output))
	for {
		var listed struct {
			Module *struct {
				Path    string `json:"Path"`
				Version string `json:"Version"`
				Dir     string `json:"Dir"`
				Main    bool   `json:"Main"`
				Replace *struct {
					Path string `json:"Path"`
				} `json:"Replace"`
			} `json:"Module"`
		}
		if err := packages.Decode(&listed); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("reading what is compiled for %s: %w", platform, err)
		}
		m := listed.Module
		if m == nil || m.Main {
			continue
		}
		if _, known := found[m.Path]; known {
			continue
		}
		if m.Replace != nil {
			return fmt.Errorf("%s is replaced by %s: say whose licence holds", m.Path, m.Replace.Path)
		}
		read := module{path: m.Path, version: m.Version}
		if err := read.readLicences(m.Dir); err != nil {
			return err
		}
		found[m.Path] = read
	}
}

// readLicences reads the files of a module that say under which licence it is. One that is unknown is an error:
// somebody has to look at it.
func (m *module) readLicences(directory string) error {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return fmt.Errorf("reading %s: %w", m.path, err)
	}
	for _, entry := range entries {
		if entry.IsDir() || !licenceFile.MatchString(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(directory, entry.Name()))
		if err != nil {
			return fmt.Errorf("reading the licence of %s: %w", m.path, err)
		}
		m.text += fmt.Sprintf("\n--- %s\n\n%s\n", entry.Name(), strings.TrimSpace(string(content)))
		coverage := licensecheck.Scan(content)
		if coverage.Percent < covers && !strings.HasPrefix(strings.ToLower(entry.Name()), "notice") {
			continue
		}
		for _, match := range coverage.Match {
			m.licences = append(m.licences, match.ID)
		}
	}
	slices.Sort(m.licences)
	m.licences = slices.Compact(m.licences)
	if len(m.licences) == 0 {
		return fmt.Errorf("%s: no known licence in %s", m.path, directory)
	}
	return nil
}

// notice is a text with the licences of all.
func notice(compiled []module) []byte {
	var text bytes.Buffer
	fmt.Fprintln(&text, "Bailiwick is licensed under the Apache License 2.0 (LICENSE).")
	fmt.Fprintln(&text, "Its programs have code of the following modules compiled in, under these licences.")
	for _, m := range compiled {
		fmt.Fprintf(&text, "\n%s\n%s %s (%s)\n%s", strings.Repeat("=", 80), m.path, m.version, strings.Join(m.licences, ", "), m.text)
	}
	return text.Bytes()
}
