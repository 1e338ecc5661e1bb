package authzen

import (
	"fmt"
	"strings"
)

// Found is what a search for resources has found.
type Found struct {
	Results []Entity `json:"results"`
	Context struct {
		Error    *struct{ Message string }
		Residual []Term  `json:"residual"`
		Scopes   []Scope `json:"scopes"`
	} `json:"context"`
}

// Scope is where an object lies.
type Scope struct {
	Organization string `json:"organization"`
	Workspace    string `json:"workspace"`
	Project      string `json:"project"`
}

// Term is all objects in a scope and below it, or the one with an ID in the scope itself, that meet the conditions.
type Term struct {
	Scope      Scope  `json:"scope"`
	ID         string `json:"id"`
	Conditions []struct {
		Attribute string `json:"attribute"`
		Type      string `json:"type"`
		Operator  string `json:"operator"`
		Values    []any  `json:"values"`
	} `json:"conditions"`
}

// Column holds an attribute. Type is String, Number or Boolean; in PostgreSQL text with a deterministic collation (the default is
// one), double precision, and boolean. NULL is an attribute that is missing.
type Column struct{ Name, Type string }

// Columns of a table of objects. Those of a scope are NULL where an object is not so deep. Names are written into SQL as they are.
type Columns struct {
	Organization, Workspace, Project, ID string
	Attributes                           map[string]Column
}

// mostTerms keep a query cheap.
const mostTerms = 1000

// where gathers parameters, each value once.
type where struct {
	columns    Columns
	parameters []any
	known      map[any]string
}

// Where is a condition for WHERE in PostgreSQL that selects exactly the rows that single decisions allow, with its parameters from
// $1 on. What has more than 1,000 terms is an error: narrow the scope of the search.
func Where(found Found, columns Columns) (string, []any, error) {
	if terms := len(found.Results) + len(found.Context.Residual); terms > mostTerms {
		return "", nil, fmt.Errorf("what is allowed has %d terms, and the most is %d: narrow the scope of the search", terms, mostTerms)
	}
	w := &where{columns: columns, known: map[any]string{}}
	var all []string
	for _, result := range found.Results {
		written, _ := result.Properties["scope"].(map[string]any)
		text := func(name string) string { value, _ := written[name].(string); return value }
		all = append(all, w.object(Scope{text("organization"), text("workspace"), text("project")}, result.ID))
	}
	var scopes, terms []string
	for _, scope := range found.Context.Scopes {
		scopes = append(scopes, w.exactly(scope))
	}
	for _, term := range found.Context.Residual {
		terms = append(terms, w.term(term))
	}
	if len(terms) > 0 {
		all = append(all, "("+either(scopes)+" AND "+either(terms)+")")
	}
	return either(all), w.parameters, nil
}

func either(conditions []string) string {
	if len(conditions) == 0 {
		return "FALSE"
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// parameter is where a value stands, with its type.
func (w *where) parameter(value any, sqlType string) string {
	if w.known[value] == "" {
		w.parameters = append(w.parameters, value)
		w.known[value] = fmt.Sprintf("$%d::%s", len(w.parameters), sqlType)
	}
	return w.known[value]
}

func (w *where) equals(column, value string) string {
	if value == "" {
		return column + " IS NULL"
	}
	if strings.Contains(value, "\x00") {
		return "FALSE" // no text of PostgreSQL has it
	}
	return column + " = " + w.parameter(value, "text")
}

// exactly is a scope and nothing below it.
func (w *where) exactly(at Scope) string {
	return "(" + w.equals(w.columns.Organization, at.Organization) + " AND " + w.equals(w.columns.Workspace, at.Workspace) +
		" AND " + w.equals(w.columns.Project, at.Project) + ")"
}

func (w *where) object(at Scope, id string) string {
	return "(" + w.exactly(at) + " AND " + w.equals(w.columns.ID, id) + ")"
}

func (w *where) term(term Term) string {
	all := []string{w.equals(w.columns.Organization, term.Scope.Organization)}
	if term.ID != "" {
		all = []string{w.object(term.Scope, term.ID)}
	} else {
		if term.Scope.Workspace != "" {
			all = append(all, w.equals(w.columns.Workspace, term.Scope.Workspace))
		}
		if term.Scope.Project != "" {
			all = append(all, w.equals(w.columns.Project, term.Scope.Project))
		}
	}
	for _, condition := range term.Conditions {
		column, there := w.columns.Attributes[condition.Attribute]
		if !there || column.Type != condition.Type {
			return "FALSE" // no object has such an attribute, or not of this type
		}
		all = append(all, w.condition(column, condition.Operator, condition.Values))
	}
	return "(" + strings.Join(all, " AND ") + ")"
}

// condition is one on a column. What compares with NULL is not true, as an attribute that is missing meets nothing.
func (w *where) condition(column Column, operator string, values []any) string {
	sqlType := map[string]string{"String": "text", "Number": "double precision", "Boolean": "boolean"}[column.Type]
	var all []string
	if column.Type == "Number" { // JSON has neither NaN nor infinity
		all = append(all, fmt.Sprintf("%[1]s > '-Infinity' AND %[1]s < 'Infinity'", column.Name))
	}
	var listed []string
	for _, value := range values {
		if text, is := value.(string); !is || !strings.Contains(text, "\x00") {
			listed = append(listed, w.parameter(value, sqlType))
		}
	}
	list := strings.Join(listed, ", ")
	symbol, orders := map[string]string{"LessThan": "<", "LessThanOrEqual": "<=", "GreaterThan": ">", "GreaterThanOrEqual": ">="}[operator]
	switch {
	case orders:
		all = append(all, column.Name+" "+symbol+" "+list)
	case (operator == "In" || operator == "Equals") && list != "":
		all = append(all, column.Name+" IN ("+list+")")
	case operator == "NotEquals" && list != "":
		all = append(all, column.Name+" NOT IN ("+list+")")
	case operator == "NotEquals":
		all = append(all, column.Name+" IS NOT NULL")
	default:
		all = append(all, "FALSE") // an operator that this does not know allows nothing
	}
	return strings.Join(all, " AND ")
}
