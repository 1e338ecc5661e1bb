package scim

import (
	"net/http"
	"slices"

	"github.com/elimity-com/scim/optional"
	"github.com/elimity-com/scim/schema"
)

// endpoints are those that say what is served. They say the same to everybody, so they ask nobody who they are.
var endpoints = []string{"ServiceProviderConfig", "ResourceTypes", "Schemas"}

func isEndpoint(name string) bool {
	_, is := kinds[name]
	return is || slices.Contains(endpoints, name)
}

func (h handler) serveDiscovery(mux *http.ServeMux) {
	path := "GET " + prefix + "{organization}/"
	mux.HandleFunc(path+"ServiceProviderConfig", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, http.StatusOK, providerConfig(location(r, r.PathValue("organization"))))
	})
	h.serveList(mux, path+"ResourceTypes", func(base string) []map[string]any {
		return []map[string]any{resourceType(base, "User", schemaUser), resourceType(base, "Group", schemaGroup)}
	})
	h.serveList(mux, path+"Schemas", func(base string) []map[string]any {
		served := []map[string]any{userSchema.ToMap(), groupSchema.ToMap()}
		for _, one := range served {
			one["meta"] = map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + one["id"].(string)}
		}
		return served
	})
}

// serveList serves a short list, and each of its entries by its id.
func (h handler) serveList(mux *http.ServeMux, path string, list func(base string) []map[string]any) {
	mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		var documents []any
		for _, one := range list(location(r, r.PathValue("organization"))) {
			documents = append(documents, one)
		}
		writeJSON(w, http.StatusOK, listOf(documents, len(documents), 1))
	})
	mux.HandleFunc(path+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		for _, one := range list(location(r, r.PathValue("organization"))) {
			if one["id"] == r.PathValue("id") {
				writeJSON(w, http.StatusOK, one)
				return
			}
		}
		h.fail(w, r, fail(http.StatusNotFound, "there is no %q here", r.PathValue("id")))
	})
}

func providerConfig(base string) map[string]any {
	supported := func(is bool) map[string]any { return map[string]any{"supported": is} }
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   supported(true),
		// authentik sends no more operations than this in a PATCH either.
		"bulk":           map[string]any{"supported": false, "maxOperations": maxMembers, "maxPayloadSize": maxBodyBytes},
		"filter":         map[string]any{"supported": true, "maxResults": maxResults},
		"changePassword": supported(false),
		"sort":           supported(false),
		"etag":           supported(true),
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "primary": true,
			"description": "The token of a ServiceAccount of the organization, or a key.",
			"specUri":     "https://www.rfc-editor.org/info/rfc6750",
		}},
		"meta": map[string]any{"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig"},
	}
}

func resourceType(base, name, schema string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		"id":      name, "name": name, "endpoint": "/" + name + "s", "schema": schema, "schemaExtensions": []any{},
		"meta": map[string]any{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + name},
	}
}

// What is kept. Everything else is taken, and forgotten.
var (
	userSchema = schema.Schema{
		ID: schemaUser, Name: optional.NewString("User"), Description: optional.NewString("A person or a service"),
		Attributes: schema.Attributes{
			text("userName", "The identity that applications know. It can't be changed.", schema.StringParams{
				Required: true, CaseExact: true, Mutability: schema.AttributeMutabilityImmutable(), Uniqueness: schema.AttributeUniquenessServer(),
			}),
			text("displayName", "The name for people. Left out: made of the name.", schema.StringParams{}),
			schema.ComplexCoreAttribute(schema.ComplexParams{
				Name: "name", Description: optional.NewString("The parts of the name"),
				SubAttributes: []schema.SimpleParams{part("formatted"), part("givenName"), part("familyName")},
			}),
			schema.SimpleCoreAttribute(schema.SimpleBooleanParams(schema.BooleanParams{
				Name: "active", Description: optional.NewString("Whether the user may use what they were given"),
			})),
			schema.ComplexCoreAttribute(schema.ComplexParams{
				Name: "emails", MultiValued: true, Description: optional.NewString("One address is kept: the primary one, else that of work, else the first"),
				SubAttributes: []schema.SimpleParams{
					part("value"), part("type"), schema.SimpleBooleanParams(schema.BooleanParams{Name: "primary"}),
				},
			}),
		},
	}
	groupSchema = schema.Schema{
		ID: schemaGroup, Name: optional.NewString("Group"), Description: optional.NewString("A team"),
		Attributes: schema.Attributes{
			text("displayName", "The name for people", schema.StringParams{Required: true, Uniqueness: schema.AttributeUniquenessServer()}),
			schema.ComplexCoreAttribute(schema.ComplexParams{
				Name: "members", MultiValued: true, Description: optional.NewString("Users only"),
				SubAttributes: []schema.SimpleParams{
					schema.SimpleStringParams(schema.StringParams{Name: "value", CaseExact: true, Mutability: schema.AttributeMutabilityImmutable()}),
					schema.SimpleStringParams(schema.StringParams{Name: "type", CanonicalValues: []string{"User"}, Mutability: schema.AttributeMutabilityImmutable()}),
				},
			}),
		},
	}
)

func text(name, description string, params schema.StringParams) schema.CoreAttribute {
	params.Name, params.Description = name, optional.NewString(description)
	return schema.SimpleCoreAttribute(schema.SimpleStringParams(params))
}

func part(name string) schema.SimpleParams {
	return schema.SimpleStringParams(schema.StringParams{Name: name})
}
