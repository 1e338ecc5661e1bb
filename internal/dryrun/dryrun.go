// Package dryrun says what a start of the operator would change, and changes nothing.
package dryrun

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/controllers"
	"github.com/bailiwick-dev/bailiwick/internal/engine"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/state"
	"github.com/bailiwick-dev/bailiwick/internal/tuplesync"
)

// Plan is what a start would change.
type Plan struct {
	// Makes are what it would make before anything else, as the store itself.
	Makes []string `json:"makes,omitempty"`
	// Store are the changes to the store, Objects those to the objects of the cluster.
	Store   []tuplesync.Difference `json:"store,omitempty"`
	Objects []controllers.Planned  `json:"objects,omitempty"`
}

// Empty says whether a start would change nothing.
func (p *Plan) Empty() bool { return len(p.Makes)+len(p.Store)+len(p.Objects) == 0 }

// New compares the cluster with the store, as a start does at this time. It only reads. What changes meanwhile
// may be seen or not.
func New(ctx context.Context, cluster client.Reader, from tuplesync.Walker, limits state.Limits, by clock.PassiveClock) (*Plan, error) {
	objects, err := engine.List(ctx, cluster)
	if err != nil {
		return nil, err
	}
	revisions, err := revisionsOf(ctx, cluster)
	if err != nil {
		return nil, err
	}
	state := state.New(limits, by)
	standing := make([]client.Object, 0, len(objects))
	for _, object := range engine.Standing(objects) {
		standing = append(standing, object.DeepCopyObject().(client.Object))
	}
	state.Put(standing...)
	p := &Plan{}
	if p.Store, err = tuplesync.DryRun(ctx, from, state); err != nil {
		return nil, err
	}
	for _, object := range objects {
		ours, ok := object.(v1alpha1.Object)
		if !ok {
			continue
		}
		outcome, _ := state.Outcome(kinds.RefOf(object))
		planned, err := controllers.Plan(ours, outcome, revisions[object.GetUID()], by.Now())
		if err != nil {
			return nil, err
		}
		if planned != nil {
			p.Objects = append(p.Objects, *planned)
		}
	}
	slices.SortFunc(p.Objects, func(a, b controllers.Planned) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return p, nil
}

// revisionsOf are the revisions of roles, by the role.
func revisionsOf(ctx context.Context, cluster client.Reader) (map[types.UID][]*appsv1.ControllerRevision, error) {
	list := &appsv1.ControllerRevisionList{}
	if err := cluster.List(ctx, list, client.HasLabels{v1alpha1.LabelRole}); err != nil {
		return nil, fmt.Errorf("listing the roles' revisions: %w", err)
	}
	byRole := map[types.UID][]*appsv1.ControllerRevision{}
	for i := range list.Items {
		if owner := metav1.GetControllerOf(&list.Items[i]); owner != nil {
			byRole[owner.UID] = append(byRole[owner.UID], &list.Items[i])
		}
	}
	return byRole, nil
}

// JSON writes the preview for programs.
func (p *Plan) JSON(to io.Writer) error {
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(p); err != nil {
		return fmt.Errorf("writing the preview: %w", err)
	}
	return nil
}

// Text writes the preview for people.
func (p *Plan) Text(to io.Writer) error {
	var lines []string
	for _, made := range p.Makes {
		lines = append(lines, "A start makes "+made+".")
	}
	if len(p.Store) > 0 {
		lines = append(lines, p.storeLines()...)
	}
	if len(p.Objects) > 0 {
		lines = append(lines, fmt.Sprintf("Objects: %d would be written.", len(p.Objects)))
		for _, object := range p.Objects {
			lines = append(lines, "  "+objectLine(object))
		}
	}
	if p.Empty() {
		lines = append(lines, "A start changes nothing.")
	}
	_, err := fmt.Fprintln(to, strings.Join(lines, "\n"))
	if err != nil {
		return fmt.Errorf("writing the preview: %w", err)
	}
	return nil
}

func (p *Plan) storeLines() []string {
	var adds, deletes, replaces int
	var lines []string
	for _, d := range p.Store {
		tuple := strings.Join([]string{d.Object, d.Relation, d.User}, " ")
		switch {
		case d.Before.There && d.After.There:
			replaces++
			lines = append(lines, "  ~ "+tuple+conditionChange(d))
		case d.After.There:
			adds++
			lines = append(lines, "  + "+tuple+giving(d.After))
		default:
			deletes++
			lines = append(lines, "  - "+tuple+giving(d.Before))
		}
	}
	return append([]string{fmt.Sprintf("Store: %d to add, %d to delete, %d to replace.", adds, deletes, replaces)}, lines...)
}

func giving(side tuplesync.Side) string {
	if len(side.Permissions) == 0 {
		return ""
	}
	return ": " + strings.Join(side.Permissions, ", ")
}

// conditionChange says which permissions come and go; where none do, their conditions change.
func conditionChange(d tuplesync.Difference) string {
	var changes []string
	for _, permission := range d.After.Permissions {
		if !slices.Contains(d.Before.Permissions, permission) {
			changes = append(changes, "+"+permission)
		}
	}
	for _, permission := range d.Before.Permissions {
		if !slices.Contains(d.After.Permissions, permission) {
			changes = append(changes, "-"+permission)
		}
	}
	if len(changes) == 0 {
		changes = []string{"the conditions of " + strings.Join(d.After.Permissions, ", ")}
	}
	return ": " + strings.Join(changes, ", ")
}

func objectLine(object controllers.Planned) string {
	name := object.Name
	if object.Namespace != "" {
		name = object.Namespace + "/" + name
	}
	line := fmt.Sprintf("%s %s: %s", object.Kind, name, strings.Join(object.Writes, "; "))
	if object.Before != object.After && object.After != "" {
		before := object.Before
		if before == "" {
			before = "not seen yet"
		}
		line += fmt.Sprintf(": %s -> %s: %s", before, object.After, object.Message)
	}
	return line
}
