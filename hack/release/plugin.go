package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// platforms are those for which the plugin is compiled; the operator's are among them.
var platforms = []string{"darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64", "windows/arm64"}

// archive is the plugin for one platform.
type archive struct {
	name, system, architecture, program, sum string
}

// entry is one file of an archive.
type entry struct {
	name    string
	mode    int64
	content []byte
}

// writePlugin compiles the plugin, and writes an archive with it and its licences.
func writePlugin(directory, version, commit, platform string, licences []byte) (a archive, err error) {
	a.system, a.architecture, _ = strings.Cut(platform, "/")
	if a.architecture == "" {
		return a, fmt.Errorf("-platforms: %q is not as in linux/amd64", platform)
	}
	a.name = fmt.Sprintf("kubectl-authz_%s_%s_%s.tar.gz", version, a.system, a.architecture)
	a.program = "kubectl-authz"
	if a.system == "windows" {
		a.program += ".exe"
	}
	staging, err := os.MkdirTemp("", "release-")
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	path := filepath.Join(staging, a.program)
	command := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.version="+version+" -X main.commit="+commit, "-o", path, "./cmd/kubectl-authz")
	command.Env = append(os.Environ(), "GOOS="+a.system, "GOARCH="+a.architecture, "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return a, fmt.Errorf("compiling the plugin for %s: %w\n%s", platform, err, output)
	}
	entries := []entry{{name: "NOTICE", mode: 0o644, content: licences}}
	for name, path := range map[string]string{a.program: path, "LICENSE": "LICENSE"} {
		content, err := os.ReadFile(path)
		if err != nil {
			return a, err
		}
		e := entry{name: name, mode: 0o644, content: content}
		if name == a.program {
			e.mode = 0o755
		}
		entries = append(entries, e)
	}
	if a.system != "windows" { // it is a script for a shell
		content, err := os.ReadFile("cmd/kubectl-authz/kubectl_complete-authz")
		if err != nil {
			return a, err
		}
		entries = append(entries, entry{name: "kubectl_complete-authz", mode: 0o755, content: content})
	}
	content, err := packed(entries)
	if err != nil {
		return a, err
	}
	sum := sha256.Sum256(content)
	a.sum = hex.EncodeToString(sum[:])
	return a, os.WriteFile(filepath.Join(directory, a.name), content, 0o644)
}

// packed is an archive without times and owners, so that it comes out the same again.
func packed(entries []entry) ([]byte, error) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var content bytes.Buffer
	compressed := gzip.NewWriter(&content)
	files := tar.NewWriter(compressed)
	for _, e := range entries {
		if err := files.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content))}); err != nil {
			return nil, err
		}
		if _, err := files.Write(e.content); err != nil {
			return nil, err
		}
	}
	err := errors.Join(files.Close(), compressed.Close())
	return content.Bytes(), err
}
