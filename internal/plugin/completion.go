package plugin

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// completer finds what a flag or an argument may be: in the chosen organization, or in all. Its error means that this is not
// all.
type completer func(ctx context.Context, c *cluster, all bool) ([]string, error)

// offer are the values that a shell offers. What can't be read is not among them.
func (p *plugin) offer(ctx context.Context, values completer, begun string) ([]string, cobra.ShellCompDirective) {
	c, err := p.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	some, _ := values(ctx, c, false) // some are better than none
	return beginning(some, begun), cobra.ShellCompDirectiveNoFileComp
}

// complete has a shell offer values for a flag.
func (p *plugin) complete(command *cobra.Command, flag string, values completer) {
	err := command.RegisterFlagCompletionFunc(flag, func(command *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return p.offer(command.Context(), values, begun)
	})
	utilruntime.Must(err) // it has been defined just before
}

func beginning(values []string, begun string) []string {
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return !strings.HasPrefix(value, begun) })
	slices.Sort(values)
	return slices.Compact(values)
}

func fixed(values ...string) completer {
	return func(context.Context, *cluster, bool) ([]string, error) { return values, nil }
}

// errAnything is the error of what can't be listed.
var errAnything = errors.New("this may be anything")

func anything(context.Context, *cluster, bool) ([]string, error) { return nil, errAnything }

// namesOfThose are the names of the objects of a kind that are kept.
func namesOfThose(kind client.ObjectList, keep func(v1alpha1.Object) bool) completer {
	return func(ctx context.Context, c *cluster, all bool) (names []string, err error) {
		objects, err := c.list(ctx, kind, c.within(all))
		for _, object := range objects {
			if keep(object) {
				names = append(names, object.GetName())
			}
		}
		return names, err
	}
}

// names are those of a kind.
func names(kind client.ObjectList) completer {
	return namesOfThose(kind, func(v1alpha1.Object) bool { return true })
}

// permissions are those that ResourceTypes declare.
func permissions(ctx context.Context, c *cluster, _ bool) (names []string, err error) {
	objects, err := c.list(ctx, &v1alpha1.ResourceTypeList{})
	for _, object := range objects {
		for _, permission := range object.(*v1alpha1.ResourceType).Spec.Permissions {
			names = append(names, permission.Name)
		}
	}
	return names, err
}

// namespaces are those that the user may list.
func namespaces(ctx context.Context, c *cluster, _ bool) (names []string, err error) {
	var found corev1.NamespaceList
	if err := c.List(ctx, &found); err != nil {
		return nil, err
	}
	for _, namespace := range found.Items {
		names = append(names, namespace.Name)
	}
	return names, nil
}

// workspaces are those that the organization declares, projects those of all its workspaces.
func workspaces(ctx context.Context, c *cluster, all bool) (names []string, err error) {
	found, err := declared(ctx, c, all)
	for _, workspace := range found {
		names = append(names, workspace.Name)
	}
	return names, err
}

func projects(ctx context.Context, c *cluster, all bool) (names []string, err error) {
	found, err := declared(ctx, c, all)
	for _, workspace := range found {
		for _, project := range workspace.Projects {
			names = append(names, project.Name)
		}
	}
	return names, err
}

// scopes are workspaces and projects as --scope takes them.
func scopes(ctx context.Context, c *cluster, all bool) (paths []string, err error) {
	found, err := declared(ctx, c, all)
	for _, workspace := range found {
		paths = append(paths, workspace.Name)
		for _, project := range workspace.Projects {
			paths = append(paths, workspace.Name+"/"+project.Name)
		}
	}
	return paths, err
}

func declared(ctx context.Context, c *cluster, all bool) (declared []v1alpha1.Workspace, err error) {
	if all {
		objects, err := c.list(ctx, &v1alpha1.OrganizationList{})
		for _, object := range objects {
			declared = append(declared, object.(*v1alpha1.Organization).Spec.Workspaces...)
		}
		return declared, err
	}
	var organization v1alpha1.Organization
	if err := c.Get(ctx, client.ObjectKey{Name: c.organization}, &organization); err != nil {
		return nil, err
	}
	return organization.Spec.Workspaces, nil
}
