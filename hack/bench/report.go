package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
)

// figure is one line of the table.
type figure struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Target string  `json:"target"`
	OK     bool    `json:"ok"`
}

// report is all that was measured.
type report []figure

// atLeast, atMost and told add a figure that has to reach something, must not go beyond it, or is told so
// that the others can be judged.
func (r *report) atLeast(name string, value float64, unit string, target float64) {
	r.add(figure{name, value, unit, fmt.Sprintf(">= %g", target), value >= target})
}

func (r *report) atMost(name string, value float64, unit string, target float64) {
	r.add(figure{name, value, unit, fmt.Sprintf("<= %g", target), value <= target})
}

func (r *report) told(name string, value float64, unit string) {
	r.add(figure{name, value, unit, "", true})
}

func (r *report) add(f figure) {
	*r = append(*r, f)
	sayf("  %s: %.4g %s", f.Name, f.Value, f.Unit)
}

// publish prints the table and writes it to a file. It is an error if a target was missed.
func (r *report) publish(path string) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	missed := 0
	_, _ = fmt.Fprintln(table, "\nFIGURE\tVALUE\tUNIT\tTARGET\t")
	for _, f := range *r {
		verdict := ""
		if !f.OK {
			missed++
			verdict = "MISSED"
		}
		_, _ = fmt.Fprintf(table, "%s\t%.4g\t%s\t%s\t%s\n", f.Name, f.Value, f.Unit, f.Target, verdict)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the figures: %w", err)
	}
	if err := os.WriteFile(path, append(encoded, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	if missed > 0 {
		return fmt.Errorf("%d figures missed their targets", missed)
	}
	return nil
}
