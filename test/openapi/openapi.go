// Package openapi holds requests and answers against the description of what applications are served, docs/openapi.yaml.
package openapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// Description is what a file says of requests and answers.
type Description struct {
	// open is as it is written, and closed has no answer with a member that is not named.
	open, closed *openapi3.T
}

// Load reads a description. One that is no valid OpenAPI is an error.
func Load(ctx context.Context, path string) (*Description, error) {
	var d Description
	for _, doc := range []**openapi3.T{&d.open, &d.closed} {
		loader := openapi3.NewLoader()
		loader.Context = ctx
		var err error
		if *doc, err = loader.LoadFromFile(path); err != nil {
			return nil, fmt.Errorf("reading the description: %w", err)
		}
		if err := (*doc).Validate(ctx); err != nil {
			return nil, fmt.Errorf("%s is no valid OpenAPI: %w", path, err)
		}
	}
	for _, item := range d.closed.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, content := range response.Value.Content {
					closeSchema(content.Schema)
				}
			}
		}
	}
	return &d, nil
}

// closeSchema lets an object have no other members than those that are named.
func closeSchema(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value == nil {
		return
	}
	schema := ref.Value
	if len(schema.Properties) > 0 {
		schema.AdditionalProperties = openapi3.BoolSchema{Has: new(false)}
	}
	for _, member := range schema.Properties {
		closeSchema(member)
	}
	closeSchema(schema.Items)
	for _, alternative := range append(schema.OneOf, schema.AnyOf...) {
		closeSchema(alternative)
	}
}

// Check says what is not as described: an answer, or that there is one to what the description refuses. The request's body is
// given again, since it has been read.
func (d *Description) Check(request *http.Request, body string, answer *http.Response, text []byte) error {
	path := d.pathOf(request.URL.Path)
	item := d.open.Paths.Value(path)
	if item == nil || item.GetOperation(request.Method) == nil {
		if answer.StatusCode != http.StatusNotFound && answer.StatusCode != http.StatusMethodNotAllowed {
			return fmt.Errorf("%s %s is not described, and answered with %d", request.Method, request.URL.Path, answer.StatusCode)
		}
		return nil
	}
	asked := input(d.open, path, request, body)
	err := openapi3filter.ValidateRequest(request.Context(), asked)
	// One of several questions is denied where another request would be refused.
	several := bytes.HasPrefix(text, []byte(`{"evaluations":`))
	if err != nil && answer.StatusCode == http.StatusOK && !several {
		return fmt.Errorf("what the description refuses is answered: %w", err)
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input(d.closed, path, request, body), Status: answer.StatusCode, Header: answer.Header,
		Body: io.NopCloser(bytes.NewReader(text)), Options: asked.Options,
	}
	if err := openapi3filter.ValidateResponse(request.Context(), response); err != nil {
		return fmt.Errorf("the answer is not as described: %w", err)
	}
	return nil
}

// pathOf is the path as it is described, without the path of the public URL.
func (d *Description) pathOf(path string) string {
	for described := range d.open.Paths.Map() {
		if strings.HasSuffix(path, described) || strings.HasPrefix(path, described+"/") && strings.HasPrefix(path, "/.well-known/") {
			return described
		}
	}
	return path
}

func input(doc *openapi3.T, path string, request *http.Request, body string) *openapi3filter.RequestValidationInput {
	asked := request.Clone(request.Context())
	asked.Body, asked.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	asked.GetBody = nil
	item := doc.Paths.Value(path)
	return &openapi3filter.RequestValidationInput{
		Request: asked,
		Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: request.Method, Operation: item.GetOperation(request.Method)},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: authenticated},
	}
}

// authenticated looks for something to be authenticated by, as bearer tokens are shown.
func authenticated(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	if header := input.RequestValidationInput.Request.Header.Get("Authorization"); !strings.HasPrefix(strings.ToLower(header), "bearer ") {
		return errors.New("no key is shown")
	}
	return nil
}
