package plugin

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// completer finds what a flag may be. What it can't read, it does not offer.
type completer func(context.Context) []string

// complete has a shell offer values for a flag.
func (p *plugin) complete(command *cobra.Command, flag string, values completer) {
	err := command.RegisterFlagCompletionFunc(flag, func(command *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		return beginning(values(command.Context()), begun), cobra.ShellCompDirectiveNoFileComp
	})
	utilruntime.Must(err) // it has been defined just before
}

func beginning(values []string, begun string) []string {
	values = slices.DeleteFunc(slices.Clone(values), func(value string) bool { return !strings.HasPrefix(value, begun) })
	slices.Sort(values)
	return slices.Compact(values)
}

func fixed(values ...string) completer { return func(context.Context) []string { return values } }

func nothing(context.Context) []string { return nil }

// names are those of a kind in the chosen organization.
func (p *plugin) names(kind client.ObjectList) completer {
	return func(ctx context.Context) (names []string) {
		c, err := p.connect()
		if err != nil {
			return nil
		}
		objects, _ := c.list(ctx, kind, c.within(false)) // some are better than none
		for _, object := range objects {
			names = append(names, object.GetName())
		}
		return names
	}
}

// permissions are those that ResourceTypes declare.
func (p *plugin) permissions(ctx context.Context) (names []string) {
	c, err := p.connect()
	if err != nil {
		return nil
	}
	objects, _ := c.list(ctx, &v1alpha1.ResourceTypeList{})
	for _, object := range objects {
		for _, permission := range object.(*v1alpha1.ResourceType).Spec.Permissions {
			names = append(names, permission.Name)
		}
	}
	return names
}

// namespaces are those that the user may list.
func (p *plugin) namespaces(ctx context.Context) (names []string) {
	c, err := p.connect()
	if err != nil {
		return nil
	}
	var found corev1.NamespaceList
	if err := c.List(ctx, &found); err != nil {
		return nil
	}
	for _, namespace := range found.Items {
		names = append(names, namespace.Name)
	}
	return names
}

// workspaces are those that the organization declares, projects those of all its workspaces.
func (p *plugin) workspaces(ctx context.Context) (names []string) {
	for _, workspace := range p.declared(ctx) {
		names = append(names, workspace.Name)
	}
	return names
}

func (p *plugin) projects(ctx context.Context) (names []string) {
	for _, workspace := range p.declared(ctx) {
		for _, project := range workspace.Projects {
			names = append(names, project.Name)
		}
	}
	return names
}

// scopes are workspaces and projects as --scope takes them.
func (p *plugin) scopes(ctx context.Context) (paths []string) {
	for _, workspace := range p.declared(ctx) {
		paths = append(paths, workspace.Name)
		for _, project := range workspace.Projects {
			paths = append(paths, workspace.Name+"/"+project.Name)
		}
	}
	return paths
}

func (p *plugin) declared(ctx context.Context) []v1alpha1.Workspace {
	c, err := p.connect()
	if err != nil {
		return nil
	}
	var organization v1alpha1.Organization
	if err := c.Get(ctx, client.ObjectKey{Name: c.organization}, &organization); err != nil {
		return nil
	}
	return organization.Spec.Workspaces
}
