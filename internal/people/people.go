// Package people reads lists of people and the groups they are in, and plans what to write so that an
// organization has them.
package people

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Person is one person of a list. What is nil was not said, and is left as it is.
type Person struct {
	// Subject is the identity that applications know.
	Subject     string  `json:"subject"`
	Name        string  `json:"name,omitempty"`
	DisplayName *string `json:"displayName,omitempty"`
	Email       *string `json:"email,omitempty"`
	Suspended   *bool   `json:"suspended,omitempty"`
	// Groups are names or display names.
	Groups *[]string `json:"groups,omitempty"`
	// where is the place in the list, for messages.
	where string
}

// The columns of CSV.
const (
	columnSubject     = "subject"
	columnName        = "name"
	columnDisplayName = "displayname"
	columnEmail       = "email"
	columnSuspended   = "suspended"
	columnGroups      = "groups"
)

// Read reads a list: JSON if it begins as an array, CSV with a header otherwise. Name is that of the file.
func Read(name string, content []byte) ([]Person, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if !utf8.Valid(content) {
		return nil, fmt.Errorf("%s: this is not UTF-8: save the list in that encoding", name)
	}
	read := readCSV
	if begin := bytes.TrimSpace(content); len(begin) > 0 && (begin[0] == '[' || begin[0] == '{') {
		read = readJSON
	}
	list, err := read(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range list {
		list[i].where = name + ", " + list[i].where
	}
	return list, nil
}

func readJSON(content []byte) (list []Person, err error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		return nil, fmt.Errorf("reading JSON: %w; write an array of objects with subject, name, displayName, email, suspended, groups", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading JSON: something follows the array: write one array")
	}
	for i := range list {
		list[i].where = fmt.Sprintf("entry %d", i+1)
		if list[i].Subject == "" {
			return nil, fmt.Errorf("%s: subject is missing: write the identity that applications know", list[i].where)
		}
	}
	return list, nil
}

func readCSV(content []byte) (list []Person, err error) {
	reader := csv.NewReader(bytes.NewReader(content))
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the list is empty: begin CSV with a line that names the columns, as in subject,displayName,email,groups")
	}
	if err != nil {
		return nil, fmt.Errorf("reading CSV: %w", err)
	}
	columns := map[string]int{}
	for i, title := range header {
		column := strings.ToLower(strings.TrimSpace(title))
		if !slices.Contains([]string{columnSubject, columnName, columnDisplayName, columnEmail, columnSuspended, columnGroups}, column) {
			return nil, fmt.Errorf("line 1: column %q is unknown: use subject, name, displayName, email, suspended, groups", title)
		}
		if _, twice := columns[column]; twice {
			return nil, fmt.Errorf("line 1: there are two columns %q: leave one", title)
		}
		columns[column] = i
	}
	if _, said := columns[columnSubject]; !said {
		return nil, errors.New("line 1: column subject is missing: it has the identity that applications know")
	}
	for {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading CSV: %w", err)
		}
		line, _ := reader.FieldPos(0)
		person, err := personOf(row, columns)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		person.where = fmt.Sprintf("line %d", line)
		list = append(list, person)
	}
}

func personOf(row []string, columns map[string]int) (p Person, err error) {
	cell := func(column string) *string {
		i, said := columns[column]
		if !said {
			return nil
		}
		text := strings.TrimSpace(row[i])
		return &text
	}
	p.Subject = *cell(columnSubject)
	if p.Subject == "" {
		return p, errors.New("subject is missing: write the identity that applications know")
	}
	if name := cell(columnName); name != nil {
		p.Name = *name
	}
	p.DisplayName, p.Email = filled(cell(columnDisplayName)), filled(cell(columnEmail))
	if text := filled(cell(columnSuspended)); text != nil {
		suspended, err := strconv.ParseBool(strings.ToLower(*text))
		if err != nil {
			return p, fmt.Errorf("suspended: %q is neither true nor false", *text)
		}
		p.Suspended = &suspended
	}
	if text := cell(columnGroups); text != nil {
		groups := []string{}
		for group := range strings.SplitSeq(*text, ";") {
			if group = strings.TrimSpace(group); group != "" {
				groups = append(groups, group)
			}
		}
		p.Groups = &groups
	}
	return p, nil
}

// filled is nil for an empty cell, which says nothing.
func filled(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}

// Merge joins lists: somebody who is in several lines is in the groups of all of them, and the lines may say
// no different things otherwise.
func Merge(lists ...[]Person) (merged []Person, err error) {
	at := map[string]int{}
	for _, person := range slices.Concat(lists...) {
		i, known := at[person.Subject]
		if !known {
			at[person.Subject] = len(merged)
			merged = append(merged, person)
			continue
		}
		if err := merged[i].add(person); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

func (p *Person) add(other Person) error {
	differs := func(field string) error {
		return fmt.Errorf("%s: %s of %q differs from that in %s: correct one of them", other.where, field, p.Subject, p.where)
	}
	if p.Name != "" && other.Name != "" && p.Name != other.Name {
		return differs("name")
	}
	p.Name = cmp.Or(p.Name, other.Name)
	if !agree(&p.DisplayName, other.DisplayName) {
		return differs("displayName")
	}
	if !agree(&p.Email, other.Email) {
		return differs("email")
	}
	if !agree(&p.Suspended, other.Suspended) {
		return differs("suspended")
	}
	if other.Groups != nil {
		groups := slices.Clone(*other.Groups)
		if p.Groups != nil {
			groups = slices.Concat(*p.Groups, groups)
		}
		p.Groups = &groups
	}
	return nil
}

// agree takes over what only the other says; false if the two say different things.
func agree[T comparable](one **T, other *T) bool {
	if *one == nil {
		*one = other
	}
	return other == nil || **one == *other
}
