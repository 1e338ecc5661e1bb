package scim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

const (
	// annotationRecord keeps what a directory said and no field of ours holds.
	annotationRecord = "authz.bailiwick.dev/scim"
	// labelExternalID is a digest of the externalId, so that the API server finds it.
	labelExternalID = "authz.bailiwick.dev/scim-external-id"
)

// record is the content of annotationRecord.
type record struct {
	ExternalID string `json:"externalId,omitempty"`
	Name       *name  `json:"name,omitempty"`
}

// recordOf reads what was kept with an object. What somebody else has written there is no reason to fail.
func recordOf(object client.Object) (kept record) {
	_ = json.Unmarshal([]byte(object.GetAnnotations()[annotationRecord]), &kept)
	return kept
}

// keep writes down what was said, and who owns the object.
func (k record) keep(object client.Object) error {
	content, err := json.Marshal(k)
	if err != nil {
		return err
	}
	annotations, labels := maps.Clone(object.GetAnnotations()), maps.Clone(object.GetLabels())
	if annotations == nil {
		annotations = map[string]string{}
	}
	if labels == nil {
		labels = map[string]string{}
	}
	annotations[annotationRecord] = string(content)
	if k == (record{}) {
		delete(annotations, annotationRecord)
	}
	labels[v1alpha1.LabelManagedBy] = v1alpha1.ManagedBySCIM
	delete(labels, labelExternalID)
	if k.ExternalID != "" {
		labels[labelExternalID] = digest(k.ExternalID)
	}
	object.SetAnnotations(annotations)
	object.SetLabels(labels)
	return nil
}

// digest tells texts apart in what a label may hold.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:20])
}

// managed says whether an object is SCIM's to change.
func managed(object client.Object) bool {
	return object.GetLabels()[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBySCIM
}

// resource is a User or Group as it is shown.
type resource struct {
	id, kind   string
	attributes map[string]any
	location   string
	// version is an ETag; empty where the members were not read.
	version           string
	created, modified time.Time
}

// newResource shows an object. What is not set is left out, as RFC 7643 has it.
func newResource(s session, kind, schema string, object client.Object, attributes map[string]any, whole bool) *resource {
	maps.DeleteFunc(attributes, func(_ string, value any) bool { return value == "" || value == nil })
	attributes["schemas"], attributes["id"] = []any{schema}, object.GetName()
	shown := &resource{
		id: object.GetName(), kind: kind, attributes: attributes,
		location: s.location + "/" + kind + "s/" + url.PathEscape(object.GetName()),
		created:  object.GetCreationTimestamp().UTC(),
	}
	shown.modified = shown.created
	for _, written := range object.GetManagedFields() {
		if written.Subresource == "" && written.Time != nil && written.Time.After(shown.modified) {
			shown.modified = written.Time.UTC()
		}
	}
	if whole {
		content, err := json.Marshal(attributes)
		if err != nil {
			panic(err) // texts, lists and maps
		}
		shown.version = `W/"` + digest(string(content))[:20] + `"`
	}
	meta := map[string]any{
		"resourceType": kind, "location": shown.location,
		"created": shown.created.Format(time.RFC3339), "lastModified": shown.modified.Format(time.RFC3339),
	}
	if shown.version != "" {
		meta["version"] = shown.version
	}
	attributes["meta"] = meta
	return shown
}

func (r *resource) document() map[string]any { return r.attributes }

// names says whether a header with ETags names a version. Weak and strong ones count alike, as there is one
// representation.
func names(header, version string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimSpace(candidate)
		if candidate == "*" || strings.TrimPrefix(candidate, "W/") == strings.TrimPrefix(version, "W/") {
			return true
		}
	}
	return false
}

// selectAttributes leaves out what a query does not ask for; id and schemas are always there.
func selectAttributes(query url.Values, document map[string]any) map[string]any {
	wanted, unwanted := attributeList(query, "attributes"), attributeList(query, "excludedAttributes")
	if len(wanted) == 0 && len(unwanted) == 0 {
		return document
	}
	selected := maps.Clone(document)
	maps.DeleteFunc(selected, func(name string, _ any) bool {
		if name == "id" || name == "schemas" {
			return false
		}
		return len(wanted) > 0 && !slices.Contains(wanted, strings.ToLower(name)) || slices.Contains(unwanted, strings.ToLower(name))
	})
	return selected
}

// attributeList reads a list of attributes, in small letters. A sub-attribute stands for all of its attribute
// where it is wanted, and for nothing where it is not.
func attributeList(query url.Values, parameter string) (list []string) {
	for name := range strings.SplitSeq(strings.ToLower(query.Get(parameter)), ",") {
		name = strings.TrimSpace(name)
		if strings.HasPrefix(name, "urn:") {
			name = name[strings.LastIndex(name, ":")+1:]
		}
		whole, _, isPart := strings.Cut(name, ".")
		if name != "" && (!isPart || parameter == "attributes") {
			list = append(list, whole)
		}
	}
	return list
}
