package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/hack/stage"
	"github.com/bailiwick-dev/bailiwick/internal/scim"
	"github.com/bailiwick-dev/bailiwick/test/build"
)

const (
	// staff is the organization whose people a directory sends.
	staff = "staff"
	// groupsEach is how many groups somebody is in, membersAtOnce how many members a request names.
	groupsEach, membersAtOnce = 3, 100
)

// directory sends people by SCIM.
type directory struct {
	*bench
	token          string
	people, groups int
	ids            []string
}

// measurePeople has a directory send people in groups, and then send all of them again.
func (b *bench) measurePeople(ctx context.Context) error {
	d := &directory{bench: b, people: b.scaled(5000), groups: max(groupsEach, b.scaled(30))}
	d.ids = make([]string, d.people)
	if err := d.join(ctx); err != nil {
		return err
	}
	memberships := groupsEach * d.people
	objects := d.people + d.groups + memberships
	var all []<-chan time.Time
	for _, kind := range []struct {
		list  client.ObjectList
		count int
	}{{&v1alpha1.UserList{}, d.people}, {&v1alpha1.GroupList{}, d.groups}, {&v1alpha1.GroupMembershipList{}, memberships}} {
		last, err := b.watchIn(ctx, staff, kind.list, kind.count, func(object client.Object) bool { return isReady(object.(v1alpha1.Object)) })
		if err != nil {
			return err
		}
		all = append(all, last)
	}
	began := time.Now()
	if err := d.send(ctx); err != nil {
		return err
	}
	var ended time.Time
	for _, last := range all {
		select {
		case at := <-last:
			ended = latest(ended, at)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	took := ended.Sub(began)
	rate := float64(objects) / took.Seconds()
	b.report.told("people by SCIM", float64(d.people), "people")
	b.report.told("the same with their groups, until all are in force", took.Seconds(), "s")
	b.report.told("the same, objects", rate, "objects/s")
	b.report.told("the same, as part of the API server's ceiling", rate/b.pairs, "")
	before, err := d.versions(ctx)
	if err != nil {
		return err
	}
	began = time.Now()
	if err := d.send(ctx); err != nil {
		return err
	}
	b.report.told("all of them sent again", time.Since(began).Seconds(), "s")
	after, err := d.versions(ctx)
	if err != nil {
		return err
	}
	maps.DeleteFunc(after, func(uid types.UID, version string) bool { return before[uid] == version })
	b.report.atMost("objects that this wrote", float64(len(after)), "", 0)
	return nil
}

// join makes the organization, and the ServiceAccount as which the directory acts.
func (d *directory) join(ctx context.Context) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: staff, Name: scim.ServiceAccount}}
	for _, object := range []client.Object{
		namespaceNamed(staff), build.Organization(staff).OwnedBy("owner").Obj(), build.Role(staff, "admin").Grants(view).Obj(),
		build.User(staff, "owner").KnownAs("owner@staff.example").Obj(), build.RoleAssignment(staff, "owner").Gives("admin").ToUser("owner").Obj(),
		account, &rbacv1.RoleBinding{
			ObjectMeta: account.ObjectMeta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "bailiwick-scim"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: staff, Name: scim.ServiceAccount}},
		},
	} {
		if err := d.create(ctx, object); err != nil {
			return err
		}
	}
	request := &authenticationv1.TokenRequest{}
	if err := d.client.SubResource("token").Create(ctx, account, request); err != nil {
		return fmt.Errorf("asking for a token: %w", err)
	}
	d.token = request.Status.Token
	return d.until(ctx, "the directory may send", func(ctx context.Context) (bool, error) {
		return d.call(ctx, http.MethodGet, "Users?count=0", nil, &listed{}) == nil, nil
	})
}

// listed is what a query finds.
type listed struct{ Resources []identified }

type identified struct {
	ID string `json:"id"`
}

func (d *directory) call(ctx context.Context, method, path string, body, into any) error {
	return stage.Call(ctx, d.store.http, method, d.SCIM+"/scim/v2/"+staff+"/"+path, d.token, body, into)
}

// send sends everything, as directories do: each person and group is looked for, made if it is not there and
// else sent whole, and the members of each group are sent, a hundred at a time.
func (d *directory) send(ctx context.Context) error {
	if _, err := each(ctx, 0, d.people, d.sendPerson); err != nil {
		return fmt.Errorf("sending people: %w", err)
	}
	if _, err := each(ctx, 0, d.groups, d.sendGroup); err != nil {
		return fmt.Errorf("sending groups: %w", err)
	}
	return nil
}

func (d *directory) sendPerson(ctx context.Context, n int) error {
	userName := fmt.Sprintf("Person.%d@staff.example", n)
	person := map[string]any{
		"userName": userName, "externalId": fmt.Sprint("external-", n), "active": true,
		"name":   map[string]any{"givenName": "Person", "familyName": fmt.Sprint("Number ", n)},
		"emails": []any{map[string]any{"value": userName, "type": "work", "primary": true}},
	}
	id, found, err := d.find(ctx, "Users", "userName", userName)
	switch {
	case err != nil:
		return err
	case found:
		err = d.call(ctx, http.MethodPut, "Users/"+id, person, &identified{})
	default:
		id, err = d.make(ctx, "Users", person)
	}
	d.ids[n] = id
	return err
}

func (d *directory) sendGroup(ctx context.Context, n int) error {
	name := fmt.Sprint("Group ", n)
	id, found, err := d.find(ctx, "Groups", "displayName", name)
	if err == nil && !found {
		id, err = d.make(ctx, "Groups", map[string]any{"displayName": name})
	}
	if err != nil {
		return err
	}
	var members []any
	for person, user := range d.ids {
		if distance := (n - person%d.groups + d.groups) % d.groups; distance < groupsEach {
			members = append(members, map[string]any{"value": user})
		}
	}
	for some := range slices.Chunk(members, membersAtOnce) {
		operation := map[string]any{"op": "add", "path": "members", "value": some}
		if err := d.call(ctx, http.MethodPatch, "Groups/"+id, map[string]any{"Operations": []any{operation}}, nil); err != nil {
			return err
		}
	}
	return nil
}

// find looks for what has an attribute.
func (d *directory) find(ctx context.Context, endpoint, attribute, value string) (id string, found bool, err error) {
	var list listed
	query := url.Values{"excludedAttributes": {"members"}, "filter": {fmt.Sprintf("%s eq %q", attribute, value)}}
	if err := d.call(ctx, http.MethodGet, endpoint+"?"+query.Encode(), nil, &list); err != nil || len(list.Resources) == 0 {
		return "", false, err
	}
	return list.Resources[0].ID, true, nil
}

func (d *directory) make(ctx context.Context, endpoint string, body any) (id string, err error) {
	var made identified
	err = d.call(ctx, http.MethodPost, endpoint, body, &made)
	return made.ID, err
}

// versions are those of all that the directory has sent.
func (d *directory) versions(ctx context.Context) (map[types.UID]string, error) {
	found := map[types.UID]string{}
	for _, kind := range []string{"User", "Group", "GroupMembership"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		if err := d.client.List(ctx, list, client.InNamespace(staff)); err != nil {
			return nil, fmt.Errorf("listing: %w", err)
		}
		for i := range list.Items {
			found[list.Items[i].UID] = list.Items[i].ResourceVersion
		}
	}
	return found, nil
}
