package controlplane

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// tailLines is how much of each log goes into the error of a failed start.
const tailLines = 15

func (p *Plane) openLog(name string) (*os.File, error) {
	path := filepath.Join(p.logs, name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	return log, nil
}

// Log returns the log of a program, of all of its runs.
func (p *Plane) Log(name string) string {
	content, err := os.ReadFile(filepath.Join(p.logs, name+".log"))
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(content))
}

// LogTail returns the last lines of the log of a program: what to show when something went wrong.
func (p *Plane) LogTail(name string) string {
	lines := strings.Split(p.Log(name), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
