package plugin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

// checkOutput refuses other values before anything is read.
func (p *plugin) checkOutput() error {
	switch p.output {
	case outputTable, outputJSON, outputYAML:
		return nil
	}
	return fmt.Errorf("--output=%s: it is table, json or yaml", p.output)
}

// print writes an answer: as a document, or for people.
func (p *plugin) print(document any, people func(io.Writer) error) error {
	switch p.output {
	case outputJSON:
		encoder := json.NewEncoder(p.Streams.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(document)
	case outputYAML:
		encoded, err := yaml.Marshal(document)
		if err != nil {
			return fmt.Errorf("writing YAML: %w", err)
		}
		_, err = p.Streams.Out.Write(encoded)
		return err
	default:
		return people(p.Streams.Out)
	}
}

// list is a List of objects, as kubectl prints it.
type list struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ListMeta   `json:"metadata"`
	Items           []v1alpha1.Object `json:"items"`
}

// printObjects writes a list of objects: themselves, or a table with a row for each.
func (p *plugin) printObjects(objects []v1alpha1.Object, columns []string, row func(v1alpha1.Object) []string) error {
	for _, object := range objects {
		kind, err := apiutil.GVKForObject(object, scheme)
		if err != nil {
			return err
		}
		object.GetObjectKind().SetGroupVersionKind(kind)
	}
	document := list{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}, Items: objects}
	if objects == nil {
		document.Items = []v1alpha1.Object{} // and not null
	}
	return p.print(document, func(out io.Writer) error {
		if len(objects) == 0 {
			fmt.Fprintln(p.Streams.ErrOut, "Nothing found.")
			return nil
		}
		rows := make([][]string, 0, len(objects))
		for _, object := range objects {
			rows = append(rows, row(object))
		}
		return table(out, columns, rows)
	})
}

// table writes columns under their titles, as kubectl does. What users have written does not break out of
// its cell, nor speak to the terminal.
func table(out io.Writer, columns []string, rows [][]string) error {
	content := &metav1.Table{}
	for _, column := range columns {
		content.ColumnDefinitions = append(content.ColumnDefinitions, metav1.TableColumnDefinition{Name: column, Type: "string"})
	}
	for _, row := range rows {
		cells := make([]any, 0, len(row))
		for _, cell := range row {
			cells = append(cells, cmp.Or(cell, "-"))
		}
		content.Rows = append(content.Rows, metav1.TableRow{Cells: cells})
	}
	return printers.NewTablePrinter(printers.PrintOptions{}).PrintObj(content, out)
}

// plain is what users have written, so that it neither begins a line of its own nor speaks to the terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// relative is an instant in UTC, and how far it is from now.
func (p *plugin) relative(instant time.Time) string {
	return fmt.Sprintf("%s (%s)", instant.UTC().Format(time.RFC3339), p.distance(instant))
}

// distance is how far an instant is from now, in words.
func (p *plugin) distance(instant time.Time) string {
	rest := instant.Sub(p.Clock.Now())
	if rest > 0 {
		return "in " + duration.HumanDuration(rest)
	}
	return duration.HumanDuration(-rest) + " ago"
}
