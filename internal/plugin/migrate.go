package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/bailiwick-dev/bailiwick/internal/migrate"
)

// migrate prints what the tuples of a store say, and lists what it can't say.
func (p *plugin) migrate(files []string, mappingFile string) error {
	content, err := p.contentOf(mappingFile)
	if err != nil {
		return fmt.Errorf("--from-openfga: %w", err)
	}
	mapping, err := migrate.ReadMapping(content)
	if err != nil {
		return fmt.Errorf("--from-openfga=%s: %w", mappingFile, err)
	}
	var tuples []migrate.Tuple
	for _, file := range files {
		content, err := p.contentOf(file)
		if err != nil {
			return fmt.Errorf("reading tuples: %w", err)
		}
		more, err := migrate.ReadTuples(content)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		tuples = append(tuples, more...)
	}
	organization, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return fmt.Errorf("finding the namespace: %w", err)
	}
	result := migrate.Migrate(organization, mapping, tuples)
	if err := printManifests(p, result.Objects); err != nil {
		return err
	}
	return p.reportMigration(len(tuples), result)
}

// reportMigration says what the manifests need, and what is not in them.
func (p *plugin) reportMigration(tuples int, result *migrate.Result) error {
	out := p.Streams.ErrOut
	fmt.Fprintf(out, "%d of %d tuples are in %d objects\n", tuples-len(result.Unsaid), tuples, len(result.Objects))
	if len(result.Roles) > 0 {
		fmt.Fprintln(out, "these Roles are needed:", strings.Join(result.Roles, ", "))
	}
	var places []string
	for _, workspace := range result.Workspaces {
		places = append(places, workspace.Name)
		for _, project := range workspace.Projects {
			places = append(places, workspace.Name+"/"+project.Name)
		}
	}
	if len(places) > 0 {
		fmt.Fprintln(out, "the Organization must declare:", strings.Join(places, ", "))
	}
	if len(result.Unsaid) == 0 {
		return nil
	}
	because := map[string][]string{}
	var reasons []string
	for _, unsaid := range result.Unsaid {
		if because[unsaid.Why] == nil {
			reasons = append(reasons, unsaid.Why)
		}
		because[unsaid.Why] = append(because[unsaid.Why], unsaid.Tuple)
	}
	slices.Sort(reasons)
	for _, why := range reasons {
		left := because[why]
		fmt.Fprintf(out, "not said, %d: %s\n", len(left), plain(why))
		for _, tuple := range left[:min(len(left), importFailures)] {
			fmt.Fprintln(out, "  "+plain(tuple))
		}
	}
	return errors.New("not all of it can be said in the kinds of Bailiwick: see above")
}
