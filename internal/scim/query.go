package scim

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	scimerrors "github.com/elimity-com/scim/errors"
	filter "github.com/scim2/filter-parser/v2"
)

// kind is what can be done with one kind of resource.
type kind struct {
	create, read, query, replace, patch, remove operation
}

var kinds = map[string]kind{
	"Users":  {createUser, readUser, queryUsers, replaceUser, patchUser, removeUser},
	"Groups": {createGroup, readGroup, queryGroups, replaceGroup, patchGroup, removeGroup},
}

// page is one page of what a filter wants, in an order that stays. Whoever asks page by page sees each that is there
// all the time, since names don't change, unless others are created or deleted meanwhile.
func (r *request) page(shown []*resource, wanted filter.Expression, types attributeTypes) (*answer, error) {
	start, err := number(r, "startIndex", 1)
	if err != nil {
		return nil, err
	}
	count, err := number(r, "count", maxResults)
	if err != nil {
		return nil, err
	}
	start, count = max(start, 1), min(max(count, 0), maxResults)
	shown = slices.DeleteFunc(shown, func(one *resource) bool { return !matches(wanted, one.attributes, "", types) })
	slices.SortFunc(shown, func(a, b *resource) int { return cmp.Compare(a.id, b.id) })
	total := len(shown)
	shown = shown[min(start-1, total):min(start-1+count, total)]
	documents := make([]any, 0, len(shown))
	for _, one := range shown {
		documents = append(documents, selectAttributes(r.URL.Query(), one.document()))
	}
	return &answer{code: http.StatusOK, body: listOf(documents, total, start)}, nil
}

func listOf(documents []any, total, start int) map[string]any {
	return map[string]any{
		"schemas":      []string{"urn:ietf:params:scim:api:messages:2.0:ListResponse"},
		"totalResults": total, "startIndex": start, "itemsPerPage": len(documents), "Resources": documents,
	}
}

func number(r *request, parameter string, otherwise int) (int, error) {
	text := r.URL.Query().Get(parameter)
	if text == "" {
		return otherwise, nil
	}
	read, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalid(scimerrors.ScimTypeInvalidValue, "%s is %q: it is a number", parameter, text)
	}
	return min(read, 1<<30), nil
}
