package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/people"
)

const (
	// importWriters is how many writes are under way at once.
	importWriters = 16
	// importDeadline bounds a write.
	importDeadline = 30 * time.Second
	// importFailures is how many failures are printed.
	importFailures = 10
)

// importing is what the flags of import say.
type importing struct {
	dryRun, manifests, prune bool
	mapping                  string
}

func (p *plugin) importCommand() *cobra.Command {
	var i importing
	command := &cobra.Command{
		Use:   "import FILE...",
		Short: "People and their groups from CSV or JSON",
		Long: `People and their groups from CSV or JSON, as Users, Groups and GroupMemberships of the organization.

CSV begins with a line that names its columns: subject (needed), name, displayName, email, suspended, and
groups, separated by semicolons. JSON is an array of objects with the same fields. - is standard input.

With --from-openfga the files are tuples of an OpenFGA store of your own model, as fga tuple read prints them. What
they say is printed as manifests, and what can't be said is listed on standard error.

What import makes has the label authz.bailiwick.dev/managed-by=import. It changes and deletes nothing else:
where it would have to, it says so and writes nothing. Running it again writes only what differs.`,
		Example: `  # What would be written?
  kubectl authz import people.csv --dry-run

  # Write it, and delete what an earlier import made and the list no longer has
  kubectl authz import people.csv --prune

  # Manifests for git instead
  kubectl authz import people.csv --manifests > people.yaml

  # Who has which role in an OpenFGA store that you have
  fga tuple read --max-pages 0 > tuples.json
  kubectl authz import tuples.json --from-openfga mapping.yaml -n acme > acme.yaml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, files []string) error {
			if i.mapping != "" {
				return p.migrate(files, i.mapping)
			}
			list, err := p.readPeople(files)
			if err != nil {
				return err
			}
			if i.manifests {
				return p.writeManifests(list)
			}
			return p.importPeople(command.Context(), list, i)
		},
	}
	command.Flags().BoolVar(&i.dryRun, "dry-run", false, "print what would be written, and write nothing")
	command.Flags().BoolVar(&i.manifests, "manifests", false, "print manifests, and neither read nor write the cluster")
	command.Flags().BoolVar(&i.prune, "prune", false, "delete what import made and the files do not have")
	command.Flags().StringVar(&i.mapping, "from-openfga", "", "the files are tuples; this one is YAML that says what types and relations of their model mean")
	command.MarkFlagsMutuallyExclusive("from-openfga", "dry-run", "manifests")
	command.MarkFlagsMutuallyExclusive("from-openfga", "prune")
	command.MarkFlagsMutuallyExclusive("manifests", "dry-run")
	command.MarkFlagsMutuallyExclusive("manifests", "prune")
	return command
}

func (p *plugin) readPeople(files []string) ([]people.Person, error) {
	var lists [][]people.Person
	for _, file := range files {
		content, err := p.contentOf(file)
		if err != nil {
			return nil, fmt.Errorf("reading people: %w", err)
		}
		list, err := people.Read(file, content)
		if err != nil {
			return nil, err
		}
		lists = append(lists, list)
	}
	merged, err := people.Merge(lists...)
	if err == nil && len(merged) == 0 {
		// An empty export must not delete everybody.
		err = errors.New("the list names nobody: nothing is written or deleted")
	}
	return merged, err
}

func (p *plugin) contentOf(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(p.Streams.In)
	}
	return os.ReadFile(file)
}

// writeManifests prints what would be written, for kubectl apply.
func (p *plugin) writeManifests(list []people.Person) error {
	organization, _, err := p.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return fmt.Errorf("finding the namespace: %w", err)
	}
	objects, err := people.Manifests(organization, list)
	if err != nil {
		return err
	}
	return printManifests(p, objects)
}

// written is one change, as it is printed.
type written struct {
	Kind   string        `json:"kind"`
	Name   string        `json:"name"`
	Action people.Action `json:"action"`
}

// outcome is what an import has done, or would do.
type outcome struct {
	Organization string    `json:"organization"`
	DryRun       bool      `json:"dryRun"`
	Changes      []written `json:"changes"`
	Unchanged    int       `json:"unchanged"`
}

func (p *plugin) importPeople(ctx context.Context, list []people.Person, i importing) error {
	c, err := p.connect()
	if err != nil {
		return err
	}
	existing, err := c.people(ctx)
	if err != nil {
		return err
	}
	plan, err := people.NewPlan(c.organization, list, existing, i.prune)
	if err != nil {
		return fmt.Errorf("nothing is written:\n%w", err)
	}
	done := outcome{Organization: c.organization, DryRun: i.dryRun, Unchanged: plan.Unchanged, Changes: []written{}}
	var failed failures
	for _, phase := range plan.Phases {
		if i.dryRun {
			done.add(phase)
			continue
		}
		done.add(c.write(ctx, phase, &failed))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(p.printOutcome(done), failed.err())
}

// people reads who is there.
func (c *cluster) people(ctx context.Context) (existing people.Existing, err error) {
	for _, kind := range []client.ObjectList{&v1alpha1.UserList{}, &v1alpha1.GroupList{}, &v1alpha1.GroupMembershipList{}} {
		objects, err := c.list(ctx, kind, c.within(false))
		if err != nil {
			return existing, err
		}
		for _, object := range objects {
			switch o := object.(type) {
			case *v1alpha1.User:
				existing.Users = append(existing.Users, o)
			case *v1alpha1.Group:
				existing.Groups = append(existing.Groups, o)
			case *v1alpha1.GroupMembership:
				existing.Memberships = append(existing.Memberships, o)
			}
		}
	}
	return existing, nil
}

// write makes the changes of a phase, several at once, and returns those that were made, in order.
func (c *cluster) write(ctx context.Context, phase []people.Change, failed *failures) (made []people.Change) {
	writing := errgroup.Group{}
	writing.SetLimit(importWriters)
	succeeded := make([]bool, len(phase))
	for n, change := range phase {
		if ctx.Err() != nil {
			failed.add(errors.New("interrupted"))
			break
		}
		writing.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, importDeadline)
			defer cancel()
			if err := c.make(ctx, change); err != nil {
				ref := kinds.RefOf(change.Object)
				failed.add(fmt.Errorf("%s %s: %w", ref.Kind, ref.Name, err))
				return nil // the others are written all the same
			}
			succeeded[n] = true
			return nil
		})
	}
	_ = writing.Wait() // failures are kept above
	for n, change := range phase {
		if succeeded[n] {
			made = append(made, change)
		}
	}
	return made
}

func (c *cluster) make(ctx context.Context, change people.Change) error {
	object := change.Object
	switch change.Action {
	case people.Create:
		return c.Create(ctx, object)
	case people.Update:
		return c.Update(ctx, object)
	default:
		// Only the object that was looked at: somebody may have handed it over since.
		err := c.Delete(ctx, object, client.Preconditions{UID: new(object.GetUID()), ResourceVersion: new(object.GetResourceVersion())},
			client.PropagationPolicy(metav1.DeletePropagationBackground))
		return client.IgnoreNotFound(err)
	}
}

func (o *outcome) add(changes []people.Change) {
	for _, change := range changes {
		ref := kinds.RefOf(change.Object)
		o.Changes = append(o.Changes, written{Kind: ref.Kind, Name: ref.Name, Action: change.Action})
	}
}

func (p *plugin) printOutcome(o outcome) error {
	return p.print(o, func(out io.Writer) error {
		suffix := ""
		if o.DryRun {
			suffix = " (dry run)"
		}
		counts := map[people.Action]int{}
		for _, change := range o.Changes {
			counts[change.Action]++
			if _, err := fmt.Fprintf(out, "%s/%s %s%s\n", strings.ToLower(change.Kind), change.Name, change.Action, suffix); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(out, "%d created, %d changed, %d deleted, %d unchanged%s\n",
			counts[people.Create], counts[people.Update], counts[people.Delete], o.Unchanged, suffix)
		return err
	})
}

// failures keeps the first ones, and counts all.
type failures struct {
	mu    sync.Mutex
	first []error
	count int
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if len(f.first) < importFailures {
		f.first = append(f.first, err)
	}
}

func (f *failures) err() error {
	if f.count == 0 {
		return nil
	}
	more := ""
	if left := f.count - len(f.first); left > 0 {
		more = fmt.Sprintf("\nand %d more", left)
	}
	return fmt.Errorf("%d writes failed; import again to go on:\n%w%s", f.count, errors.Join(f.first...), more)
}
