package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/objectname"
)

// starterRolePermissions is how many permissions a Role can have.
const starterRolePermissions = 1000

// founding is what the flags of init say.
type founding struct {
	organization, displayName, owner, username string
	scopes                                     []string
}

func (p *plugin) initCommand() *cobra.Command {
	var f founding
	command := &cobra.Command{
		Use:   "init ORGANIZATION --owner SUBJECT",
		Short: "Manifests of a new organization: its owner, and roles to begin with",
		Long: `Manifests of a new organization, for kubectl apply or for git: its namespace, the Organization, its owner,
and two roles made of the permissions that ResourceTypes declare: admin has all of them, and viewer those
that begin with View, Read, List or Get. The owner is given admin. Nothing is written to the cluster.

SUBJECT is how applications know the owner, as their login says it.`,
		Example: `  # Make the organization acme, with two workspaces
  kubectl authz init acme --owner alice@acme.example --scope prod/vision --scope research | kubectl apply --server-side -f -

  # Alice may also declare what holds in it, as the user that the API server knows her by
  kubectl authz init acme --owner alice@acme.example --username oidc:alice@acme.example > acme.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			f.organization = args[0]
			return p.found(command.Context(), f)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	command.Flags().StringVar(&f.owner, "owner", "", "the owner's subject, as applications know it (needed)")
	command.Flags().StringVar(&f.username, "username", "", "the owner's name at the API server: they may then declare everything in the organization")
	command.Flags().StringVar(&f.displayName, "display-name", "", "the organization's name for people")
	command.Flags().StringArrayVar(&f.scopes, "scope", nil, "a WORKSPACE or WORKSPACE/PROJECT to declare; may be repeated")
	if err := command.MarkFlagRequired("owner"); err != nil {
		panic(err) // it has been defined just before
	}
	return command
}

func (p *plugin) found(ctx context.Context, f founding) error {
	workspaces, err := f.workspaces()
	if err != nil {
		return err
	}
	if faults := validation.IsDNS1123Label(f.organization); len(faults) > 0 {
		return fmt.Errorf("%q can't be the name of an organization, which is that of its namespace: %s", f.organization, faults[0])
	}
	c, err := p.connect()
	if err != nil {
		return err
	}
	switch err := c.Get(ctx, client.ObjectKey{Name: f.organization}, &v1alpha1.Organization{}); {
	case err == nil:
		return fmt.Errorf("there is an Organization %s already: init would overwrite it", f.organization)
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("looking whether there is an Organization %s: %w", f.organization, explained(err))
	}
	types, err := c.list(ctx, &v1alpha1.ResourceTypeList{})
	if err != nil {
		return fmt.Errorf("reading the ResourceTypes: %w", err)
	}
	all, reading := permissionsToBeginWith(types)
	switch {
	case len(all) == 0:
		return errors.New("no ResourceType declares a permission, and roles are made of these: apply a ResourceType first")
	case len(all) > starterRolePermissions:
		return fmt.Errorf("the ResourceTypes declare %d permissions, and a Role has at most %d: write the roles yourself", len(all), starterRolePermissions)
	}
	return printManifests(p, f.objects(workspaces, all, reading))
}

// workspaces are what the scopes declare, each once.
func (f founding) workspaces() (workspaces []v1alpha1.Workspace, err error) {
	for _, scope := range f.scopes {
		name, project, below := strings.Cut(scope, "/")
		for part := range strings.SplitSeq(scope, "/") {
			if faults := validation.IsDNS1123Subdomain(part); len(faults) > 0 || strings.Contains(project, "/") {
				return nil, fmt.Errorf("--scope=%s: write WORKSPACE or WORKSPACE/PROJECT, of small letters, digits, '-' and '.'", scope)
			}
		}
		index := slices.IndexFunc(workspaces, func(w v1alpha1.Workspace) bool { return w.Name == name })
		if index < 0 {
			index, workspaces = len(workspaces), append(workspaces, v1alpha1.Workspace{Name: name})
		}
		projects := &workspaces[index].Projects
		if below && !slices.ContainsFunc(*projects, func(p v1alpha1.Project) bool { return p.Name == project }) {
			*projects = append(*projects, v1alpha1.Project{Name: project})
		}
	}
	return workspaces, nil
}

// permissionsToBeginWith are all that ResourceTypes declare, and those that only read, by their names.
func permissionsToBeginWith(types []v1alpha1.Object) (all, reading []string) {
	for _, object := range types {
		for _, permission := range object.(*v1alpha1.ResourceType).Spec.Permissions {
			all = append(all, permission.Name)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	for _, permission := range all {
		action := strings.ToLower(permission[strings.LastIndexByte(permission, ':')+1:])
		if slices.ContainsFunc([]string{"view", "read", "list", "get"}, func(verb string) bool { return strings.HasPrefix(action, verb) }) {
			reading = append(reading, permission)
		}
	}
	return all, reading
}

// objects are in the order in which they are applied.
func (f founding) objects(workspaces []v1alpha1.Workspace, all, reading []string) []client.Object {
	name := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: f.organization, Name: name}
	}
	// Nobody else is there whose name it could be, so the short one will do.
	local, _, _ := strings.Cut(f.owner, "@")
	owner := objectname.Candidates(local)[0]
	role := func(title, does string, permissions []string) *v1alpha1.Role {
		role := &v1alpha1.Role{ObjectMeta: name(title), Spec: v1alpha1.RoleSpec{Description: does}}
		for _, permission := range permissions {
			role.Spec.PermissionGrants = append(role.Spec.PermissionGrants, v1alpha1.PermissionEntry{Permission: permission})
		}
		return role
	}
	objects := []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: f.organization}},
		&v1alpha1.Organization{
			ObjectMeta: metav1.ObjectMeta{Name: f.organization},
			Spec:       v1alpha1.OrganizationSpec{DisplayName: f.displayName, Owners: []string{owner}, AdminRole: "admin", Workspaces: workspaces},
		},
		&v1alpha1.User{ObjectMeta: name(owner), Spec: v1alpha1.UserSpec{Subject: f.owner}},
		role("admin", "May do everything, everywhere in the organization.", all),
	}
	if len(reading) > 0 {
		objects = append(objects, role("viewer", "Sees everything, and changes nothing.", reading))
	}
	objects = append(objects, &v1alpha1.RoleAssignment{
		ObjectMeta: name(owner + "-admin"),
		Spec:       v1alpha1.RoleAssignmentSpec{RoleRef: v1alpha1.RoleReference{Name: "admin"}, Subject: v1alpha1.AssignmentSubject{User: owner}},
	})
	if f.username != "" {
		objects = append(objects, &rbacv1.RoleBinding{
			ObjectMeta: name(owner + "-organization-admin"),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-organization-admin"},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: f.username}},
		})
	}
	return objects
}
