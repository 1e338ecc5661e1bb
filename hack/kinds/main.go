// Command kinds writes what has an entry for each kind: lists in manifests, the operator's rights, the index of the
// documentation. Such a list stands behind a line that ends with a comment like "generated: resources of all kinds". All else
// in these files is written by hand. `make generate` runs it, in the top directory.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/bailiwick-dev/bailiwick/internal/kinds"
)

// files are those with such lists.
var files = []string{
	"PROJECT",
	"config/crd/kustomization.yaml",
	"config/gitops/argocd/kustomization.yaml",
	"config/gitops/flux.yaml",
	"config/rbac/editor_role.yaml",
	"config/rbac/gitops_role.yaml",
	"config/rbac/organization_admin_role.yaml",
	"config/rbac/viewer_role.yaml",
	"config/webhook/authors_policy.yaml",
	"config/webhook/guard_policy.yaml",
	"config/webhook/stamp.yaml",
	"config/webhook/validate.yaml",
	"controllers/reconciler.go",
	"docs/README.md",
}

// groups are the kinds that a list can be of.
var groups = map[string]func(kinds.Kind) bool{
	"all kinds":                         func(kinds.Kind) bool { return true },
	"kinds in namespaces":               inNamespaces,
	"kinds of organizations":            func(k kinds.Kind) bool { return inNamespaces(k) || k.Name == kinds.Organization },
	"kinds with a verb":                 func(k kinds.Kind) bool { return k.Verb != "" },
	"kinds with a verb in namespaces":   func(k kinds.Kind) bool { return k.Verb != "" && inNamespaces(k) },
	"kinds with bind":                   func(k kinds.Kind) bool { return k.Verb == kinds.VerbBind },
	"kinds with escalate":               escalated,
	"kinds with escalate in namespaces": func(k kinds.Kind) bool { return escalated(k) && inNamespaces(k) },
	"kinds in force":                    inForce,
	"kinds in force with escalate":      func(k kinds.Kind) bool { return inForce(k) && escalated(k) },
	"kinds with an author":              authored,
	"kinds with a stamp":                func(k kinds.Kind) bool { return k.Stamped },
	"kinds with an author and no stamp": func(k kinds.Kind) bool { return authored(k) && !k.Stamped },
}

func inNamespaces(k kinds.Kind) bool { return !k.ClusterScoped }

func inForce(k kinds.Kind) bool { return k.InForce }

// authored tells the kinds whose objects say who wrote what they give, or who made what others name.
func authored(k kinds.Kind) bool { return inForce(k) || k.Named }

func escalated(k kinds.Kind) bool { return k.Verb == kinds.VerbEscalate }

// lists are what a list can have of its kinds: a template that is given them, in the order of the table.
var lists = map[string]string{
	"resources":   "{{range byResource .}}- {{.Resource}}\n{{end}}",
	"statuses":    "{{range byResource .}}- {{.Resource}}/status\n{{end}}",
	"names":       `[{{range $n, $k := byResource .}}{{if $n}}, {{end}}'{{$k.Resource}}'{{end}}]`,
	"definitions": "{{range byResource .}}- bases/authz.bailiwick.dev_{{.Resource}}.yaml\n{{end}}",
	"rights": `// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources={{join (byResource .) ""}},verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=authz.bailiwick.dev,resources={{join (byResource .) "/status"}},verbs=patch
`,
	"settings": "{{range byName .}}- resource.customizations.health.authz.bailiwick.dev_{{.Name}}=health.lua\n{{end}}",
	"health checks": `{{range byName .}}- apiVersion: authz.bailiwick.dev/v1alpha1
  kind: {{.Name}}
  inProgress: status.?conditions.orValue([]).exists(c, c.type == 'Reconciling' && c.status == 'True')
  failed: status.?conditions.orValue([]).exists(c, c.type == 'Stalled' && c.status == 'True')
  current: status.?conditions.orValue([]).exists(c, c.type == 'Ready' && c.status == 'True')
{{end}}`,
	"scaffolds": `{{range .}}- api:
    crdVersion: v1
{{- if not .ClusterScoped}}
    namespaced: true
{{- end}}
  controller: true
  domain: bailiwick.dev
  group: authz
  kind: {{.Name}}
  path: github.com/bailiwick-dev/bailiwick/api/v1alpha1
  version: v1alpha1
{{end}}`,
	"pages": `| kind | page | reference |
|---|---|---|
{{range .}}| {{.Name}} | [{{title .}}](kinds/{{lower .Name}}.md) | [fields](reference/{{lower .Name}}.md) |
{{end}}`,
}

func main() {
	for _, file := range files {
		if err := update(".", file); err != nil {
			fmt.Fprintf(os.Stderr, "kinds: %s: %v\n", file, err)
			os.Exit(1)
		}
	}
}

// update writes the lists of a file of the repository in a directory.
func update(root, file string) error {
	path := filepath.Join(root, file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	generated, err := generate(root, string(text), kinds.All)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(generated), 0o644)
}

// marker is the comment before a list. Its line says how far in the list is.
var marker = regexp.MustCompile(`^( *).*(?:#|//|<!--) generated: (.+?) of (.+?)(?: -->)?$`)

// inExpression is a list of resources in an expression of CEL, where no comment can stand. A comment "generated: names of ..."
// before the expression is about the next one.
var inExpression = regexp.MustCompile(`(resource\.resource in )\[[^]]*\]`)

// generate replaces the lists in a text by those of a table.
func generate(root, text string, table []kinds.Kind) (string, error) {
	var written strings.Builder
	inside, indent, found, names := false, "", false, []string(nil)
	for line := range strings.Lines(text) {
		if inside && isEntry(line, indent) {
			continue
		}
		if len(names) > 0 && inExpression.MatchString(line) {
			line, names = inExpression.ReplaceAllString(line, "${1}"+names[0]), names[1:]
		}
		written.WriteString(line)
		parts := marker.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if inside = parts != nil; !inside {
			continue
		}
		found, indent = true, parts[1]
		list, err := listOf(root, table, parts[2], parts[3])
		if err != nil {
			return "", err
		}
		if parts[2] == "names" {
			inside, names = false, append(names, list)
			continue
		}
		for entry := range strings.Lines(list) {
			written.WriteString(indent + entry)
		}
	}
	if !found {
		return "", fmt.Errorf("no line ends with a comment like %q", "generated: resources of all kinds")
	}
	if len(names) > 0 {
		return "", fmt.Errorf("nothing compares request.resource.resource with names that are generated: %s", names[0])
	}
	return written.String(), nil
}

// isEntry tells a line of a list from what stands behind the list.
func isEntry(line, indent string) bool {
	rest, deep := strings.CutPrefix(line, indent)
	return deep && (strings.HasPrefix(rest, "- ") || strings.HasPrefix(rest, "  ") || strings.HasPrefix(rest, "|") || strings.HasPrefix(rest, "// +"))
}

func listOf(root string, table []kinds.Kind, what, of string) (string, error) {
	text, isList := lists[what]
	in, isGroup := groups[of]
	if !isList || !isGroup {
		return "", fmt.Errorf("%q is nothing that can be generated: see lists and groups in hack/kinds", what+" of "+of)
	}
	members := slices.DeleteFunc(slices.Clone(table), func(k kinds.Kind) bool { return !in(k) })
	functions := template.FuncMap{
		"byName":     func(of []kinds.Kind) []kinds.Kind { return sorted(of, func(k kinds.Kind) string { return k.Name }) },
		"byResource": func(of []kinds.Kind) []kinds.Kind { return sorted(of, kinds.Kind.Resource) },

		"join":  join,
		"lower": strings.ToLower,
		"title": func(k kinds.Kind) (string, error) { return titleOf(root, k) },
	}
	parsed, err := template.New(what).Funcs(functions).Parse(text)
	if err != nil {
		return "", err
	}
	var list strings.Builder
	err = parsed.Execute(&list, members)
	return list.String(), err
}

func sorted(of []kinds.Kind, by func(kinds.Kind) string) []kinds.Kind {
	return slices.SortedFunc(slices.Values(of), func(a, b kinds.Kind) int { return strings.Compare(by(a), by(b)) })
}

// join is the resources, or what is below each, as a marker for controller-gen has them.
func join(of []kinds.Kind, below string) string {
	resources := make([]string, len(of))
	for n, k := range of {
		resources[n] = k.Resource() + below
	}
	return strings.Join(resources, ";")
}

// titleOf is what the page of a kind says that it is about.
func titleOf(root string, k kinds.Kind) (string, error) {
	page := filepath.Join(root, "docs/kinds", strings.ToLower(k.Name)+".md")
	text, err := os.ReadFile(page)
	if err != nil {
		return "", err
	}
	heading, _, _ := strings.Cut(string(text), "\n")
	title, ok := strings.CutPrefix(heading, "# "+k.Name+": ")
	if !ok {
		return "", fmt.Errorf("%s begins with %q, and not with \"# %s: \" and what the page is about", page, heading, k.Name)
	}
	return title, nil
}
