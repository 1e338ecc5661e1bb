package plugin

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// The values of --output.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputYAML  = "yaml"
	// Some commands have more.
	outputWide     = "wide"
	outputName     = "name"
	outputCSV      = "csv"
	outputMarkdown = "markdown"
	outputHTML     = "html"
	outputMermaid  = "mermaid"
)

// alsoFormats is the annotation of commands that have more forms of output than table, json and yaml.
const alsoFormats = "formats"

// alsoPrints gives a command more forms of output.
func alsoPrints(command *cobra.Command, more ...string) {
	command.Annotations = map[string]string{alsoFormats: strings.Join(more, ",")}
}

// formats are the forms of output that a command has.
func formats(command *cobra.Command) []string {
	all := []string{outputTable, outputJSON, outputYAML}
	if more := command.Annotations[alsoFormats]; more != "" {
		all = append(all, strings.Split(more, ",")...)
	}
	return all
}

// checkOutput refuses a form of output that a command does not have, before anything is read.
func (p *plugin) checkOutput(command *cobra.Command) error {
	if all := formats(command); !slices.Contains(all, p.output) {
		return fmt.Errorf("--output=%s: use one of %s", p.output, strings.Join(all, ", "))
	}
	return nil
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
	if p.output == outputName {
		for _, object := range objects {
			kind := object.GetObjectKind().GroupVersionKind()
			fmt.Fprintf(p.Streams.Out, "%s.%s/%s\n", strings.ToLower(kind.Kind), kind.Group, object.GetName())
		}
		return nil
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

// csvTable writes rows as RFC 4180 has them. Spreadsheets take a cell that begins like a formula for one; it gets an
// apostrophe, since names are written by users.
func csvTable(out io.Writer, columns []string, rows [][]string) error {
	writer := csv.NewWriter(out)
	_ = writer.Write(columns) // the error comes with Flush
	for _, row := range rows {
		cells := make([]string, 0, len(row))
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				cell = "'" + cell
			}
			cells = append(cells, cell)
		}
		_ = writer.Write(cells)
	}
	writer.Flush()
	return writer.Error()
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

// printManifests prints objects as people write them: documents of YAML, or a List in JSON.
func printManifests[T client.Object](p *plugin, objects []T) error {
	documents := make([]any, 0, len(objects))
	for _, object := range objects {
		document, err := manifest(object)
		if err != nil {
			return err
		}
		documents = append(documents, document)
	}
	if p.output == outputJSON {
		return p.print(map[string]any{"apiVersion": "v1", "kind": "List", "items": documents}, nil)
	}
	for i, document := range documents {
		encoded, err := yaml.Marshal(document)
		if err != nil {
			return fmt.Errorf("writing YAML: %w", err)
		}
		if i > 0 {
			encoded = append([]byte("---\n"), encoded...)
		}
		if _, err := p.Streams.Out.Write(encoded); err != nil {
			return err
		}
	}
	return nil
}

// manifest is what people write of an object: no status.
func manifest(object client.Object) (map[string]any, error) {
	kind, err := apiutil.GVKForObject(object, scheme)
	if err != nil {
		return nil, err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("writing %s %s: %w", kind.Kind, object.GetName(), err)
	}
	document := unstructured.Unstructured{Object: fields}
	document.SetGroupVersionKind(kind)
	document.SetCreationTimestamp(metav1.Time{})
	unstructured.RemoveNestedField(fields, "status")
	return fields, nil
}
