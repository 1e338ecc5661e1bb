package scim

import (
	"maps"
	"strings"

	scimerrors "github.com/elimity-com/scim/errors"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
)

// user is what a directory says of a person.
type user struct {
	externalID, userName, displayName, email string
	name                                     name
	active                                   bool
}

// name has the parts of a person's name. They are kept as they were sent.
type name struct {
	Formatted  string `json:"formatted,omitempty"`
	GivenName  string `json:"givenName,omitempty"`
	FamilyName string `json:"familyName,omitempty"`
}

// shown is the name in full.
func (n name) shown() string {
	if n.Formatted != "" {
		return n.Formatted
	}
	return strings.TrimSpace(n.GivenName + " " + n.FamilyName)
}

func (n name) attributes() map[string]any {
	attributes := map[string]any{}
	for part, value := range map[string]string{"formatted": n.Formatted, "givenName": n.GivenName, "familyName": n.FamilyName} {
		if value != "" {
			attributes[part] = value
		}
	}
	return attributes
}

var userTypes = withCommon(attributeTypes{
	"username": typeExact, "active": typeBoolean,
	"name": typeComplex, "name.formatted": typeText, "name.givenname": typeText, "name.familyname": typeText,
	"emails": typeComplex, "emails.value": typeText, "emails.type": typeText, "emails.primary": typeBoolean,
})

func userOf(object *v1alpha1.User) user {
	kept := recordOf(object)
	read := user{
		externalID: kept.ExternalID, userName: object.Spec.Subject, displayName: object.Spec.DisplayName,
		email: object.Spec.Email, active: !object.Spec.Suspended,
	}
	if kept.Name != nil {
		read.name = *kept.Name
	}
	return read
}

// write puts what was said into an object.
func (u *user) write(object *v1alpha1.User) error {
	kept := record{ExternalID: u.externalID}
	if u.name != (name{}) {
		kept.Name = &u.name
	}
	object.Spec.Subject, object.Spec.Email, object.Spec.Suspended = u.userName, u.email, !u.active
	object.Spec.DisplayName = u.displayName
	if u.displayName == "" {
		object.Spec.DisplayName = u.name.shown()
	}
	return kept.keep(object)
}

// show is the opposite.
func (u *user) show(s session, object *v1alpha1.User) *resource {
	attributes := map[string]any{
		"externalId": u.externalID, "userName": u.userName, "displayName": u.displayName, "active": u.active,
	}
	if name := u.name.attributes(); len(name) > 0 {
		attributes["name"] = name
	}
	if u.email != "" {
		attributes["emails"] = []any{workAddress(u.email)}
	}
	return newResource(s, "User", schemaUser, object, attributes, true)
}

// workAddress is the one address that a User has.
func workAddress(address string) map[string]any {
	return map[string]any{"value": address, "type": "work", "primary": true}
}

// apply makes changes. A display name that was made of the name goes with the name.
func (u *user) apply(changes []change) error {
	if u.displayName == u.name.shown() {
		u.displayName = ""
	}
	for _, c := range changes {
		if err := u.set(c); err != nil {
			return err
		}
	}
	return nil
}

// set makes one change. What is not kept is no mistake: directories send all that they have.
func (u *user) set(c change) (err error) {
	if c.attribute == "name" && c.part == "" {
		return u.setName(c)
	}
	if c.attribute == "emails" {
		return u.setEmails(c)
	}
	switch strings.TrimSuffix(c.attribute+"."+c.part, ".") {
	case "username":
		if u.userName, err = c.text(); err == nil && u.userName == "" {
			return userNameNeeded()
		}
	case "externalid":
		u.externalID, err = c.text()
	case "displayname":
		u.displayName, err = c.text()
	case "name.formatted":
		u.name.Formatted, err = c.text()
	case "name.givenname":
		u.name.GivenName, err = c.text()
	case "name.familyname":
		u.name.FamilyName, err = c.text()
	case "active":
		// Leaving it out, or taking it away, is no reason to give anybody their access back.
		if c.op == opRemove || c.value == nil {
			return nil
		}
		u.active, err = c.boolean()
	}
	return err
}

func userNameNeeded() error {
	return invalid(scimerrors.ScimTypeInvalidValue, "userName is needed: it is the identity that applications know")
}

func (u *user) setName(c change) error {
	if c.op != opAdd {
		u.name = name{}
	}
	if c.op == opRemove || c.value == nil {
		return nil
	}
	parts, isObject := c.value.(map[string]any)
	if !isObject {
		return invalid(scimerrors.ScimTypeInvalidValue, "name: this is not an object with formatted, givenName and familyName")
	}
	for part, value := range parts {
		if err := u.set(change{op: c.op, attribute: "name", part: strings.ToLower(part), value: value}); err != nil {
			return err
		}
	}
	return nil
}

var addressTypes = attributeTypes{"emails.value": typeText, "emails.type": typeText, "emails.primary": typeBoolean}

// setEmails keeps one address: the primary one, else that of work, else the first.
func (u *user) setEmails(c change) error {
	if c.among != nil {
		if err := checkFilter(c.among, "emails.", addressTypes); err != nil {
			return err
		}
		if !matches(c.among, workAddress(u.email), "emails.", addressTypes) {
			return nil // another address than the one that is kept
		}
	}
	switch {
	case c.op == opRemove || c.value == nil:
		u.email = ""
		return nil
	case c.part != "" && c.part != "value":
		return nil
	}
	if address, isText := c.value.(string); isText {
		u.email = strings.TrimSpace(address)
		return nil
	}
	several, isList := c.value.([]any)
	if !isList {
		several = []any{c.value}
	}
	chosen, rank := "", -1
	for _, one := range several {
		address, isObject := one.(map[string]any)
		if !isObject {
			return invalid(scimerrors.ScimTypeInvalidValue, "emails: this is not a list of objects with value, type and primary")
		}
		text, ranked := addressOf(address)
		if text != "" && ranked > rank {
			chosen, rank = text, ranked
		}
	}
	if c.op == opAdd && u.email != "" && rank <= 0 {
		return nil // one more, of no importance
	}
	u.email = chosen
	return nil
}

// addressOf is an address, and how much it is the one to keep.
func addressOf(attributes map[string]any) (address string, rank int) {
	value, _ := attribute(attributes, "value")
	address, _ = value.(string)
	if primary, has := attribute(attributes, "primary"); has && compares(typeBoolean, "eq", primary, true) {
		return strings.TrimSpace(address), 2
	}
	if kind, _ := attribute(attributes, "type"); compares(typeText, "eq", kind, "work") {
		return strings.TrimSpace(address), 1
	}
	return strings.TrimSpace(address), 0
}

func withCommon(types attributeTypes) attributeTypes {
	maps.Copy(types, commonTypes)
	return types
}
