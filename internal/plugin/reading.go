package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/kinds"
	"github.com/bailiwick-dev/bailiwick/internal/query"
)

// world reads all that an answer about the chosen organization may depend on, as far as the user may.
func (p *plugin) world(ctx context.Context, c *cluster) (*query.World, error) {
	defer p.sayWhenSlow("Reading " + c.organization + " ...")()
	var mu sync.Mutex
	found := query.Objects{Organization: c.organization}
	keep := func(kind string, objects []v1alpha1.Object, err error) error {
		mu.Lock()
		defer mu.Unlock()
		if apierrors.IsForbidden(err) {
			found.Unread = append(found.Unread, kind)
			return nil
		}
		found.Read = append(found.Read, objects...)
		return err
	}
	reading, ctx := errgroup.WithContext(ctx)
	reading.Go(func() error {
		organization := &v1alpha1.Organization{}
		err := c.Get(ctx, client.ObjectKey{Name: c.organization}, organization)
		if apierrors.IsNotFound(err) {
			return nil // the answer says so
		}
		return keep(kinds.Organization, []v1alpha1.Object{organization}, err)
	})
	reading.Go(func() error {
		objects, err := c.list(ctx, &v1alpha1.ResourceTypeList{})
		return keep(kinds.ResourceType, objects, err)
	})
	for _, kind := range kinds.All {
		if kind.ClusterScoped || kind.Name == kinds.AccessDecision { // an AccessRequest's status says what was decided
			continue
		}
		reading.Go(func() error {
			objects, err := c.list(ctx, kind.NewList(), c.within(false))
			return keep(kind.Name, objects, err)
		})
	}
	if err := reading.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(found.Unread)
	return query.New(found, p.Clock), nil
}

// slow is after how long people want to know what they wait for.
const slow = time.Second

// sayWhenSlow tells people at a terminal what they wait for, once they do. What it returns ends that.
func (p *plugin) sayWhenSlow(what string) (done func()) {
	if p.Progress == nil {
		return func() {}
	}
	ended, told := make(chan struct{}), make(chan struct{})
	timer := time.NewTimer(slow)
	go func() {
		defer close(told)
		select {
		case <-timer.C:
			fmt.Fprintln(p.Progress, what)
		case <-ended:
			timer.Stop()
		}
	}()
	return func() {
		close(ended)
		<-told
	}
}

// notRead says what it means that some kinds could not be read; nil when all could.
func (c *cluster) notRead(kinds []string, meaning string) error {
	if len(kinds) == 0 {
		return nil
	}
	return fmt.Errorf("you may not read these kinds in %s: %s; %s: ask for the ClusterRoles bailiwick-viewer in the namespace and bailiwick-catalogue-viewer, and to get the Organization",
		c.organization, strings.Join(kinds, ", "), meaning)
}

// errMissing says that there is no such organization.
func errMissing(w *query.World) error {
	if missing := w.NoOrganization(); missing != "" {
		return fmt.Errorf("%s: correct --namespace", missing)
	}
	return nil
}

// errBehind says that the operator has not confirmed yet what some objects say.
func errBehind(objects []query.Object) error {
	if len(objects) == 0 {
		return nil
	}
	return fmt.Errorf("the operator has not brought these into the store yet, which may still answer as before: %s", objectsText(objects))
}

func objectsText(objects []query.Object) string {
	names := make([]string, 0, len(objects))
	for _, object := range objects {
		names = append(names, objectText(object))
	}
	return strings.Join(names, ", ")
}

// uncertain is why an answer is not known.
func (c *cluster) uncertain(answer query.Answer) error {
	return errors.Join(
		c.notRead(answer.Unread, "so whether the user may is not known"),
		errBehind(answer.Behind),
	)
}
