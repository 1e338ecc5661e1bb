package condition_test

import (
	"fmt"
	"math"
	"time"

	"github.com/bailiwick-dev/bailiwick/api/v1alpha1"
	"github.com/bailiwick-dev/bailiwick/internal/policy"
)

// choices are made by a random source, or by the bytes of a fuzzer.
type choices interface {
	// IntN is one of n numbers from 0.
	IntN(n int) int
}

type bytesAsChoices struct{ left []byte }

// IntN is 0 once the bytes are used up, so that what is made of them ends.
func (b *bytesAsChoices) IntN(n int) int {
	if len(b.left) == 0 {
		return 0
	}
	chosen := int(b.left[0]) % n
	b.left = b.left[1:]
	return chosen
}

// maker makes grants, and questions that often meet them.
type maker struct{ choices }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

func (m maker) permission() string { return pick(m, "App:View", "App:Edit", "permission", "") }

func (m maker) attribute() string { return pick(m, "a", "b", "color", "a b.c", "attributes", "") }

// instant lies within windows, at their ends or outside of them.
func (m maker) instant() time.Time {
	return noon.Add(time.Duration(m.IntN(9)-4)*30*time.Minute + time.Duration(m.IntN(3)-1)*time.Nanosecond)
}

func (m maker) grants() (grants []policy.Grant) {
	for range 1 + m.IntN(6) {
		grant := policy.Grant{Permission: m.permission()}
		if m.IntN(2) == 0 {
			grant.Window.From = noon.Add(-time.Duration(m.IntN(3)) * time.Hour)
		}
		if m.IntN(2) == 0 {
			grant.Window.Until = noon.Add(time.Duration(m.IntN(3)) * time.Hour)
		}
		tested := map[string]bool{}
		for range m.IntN(4) {
			test := m.test()
			if !tested[test.Attribute] { // the API has one condition for an attribute
				tested[test.Attribute] = true
				grant.Tests = append(grant.Tests, test)
			}
		}
		grants = append(grants, grant)
	}
	return grants
}

func (m maker) test() policy.Test {
	test := policy.Test{Attribute: m.attribute(), Type: pick(m, v1alpha1.AttributeString, v1alpha1.AttributeNumber, v1alpha1.AttributeBoolean)}
	operators := []v1alpha1.ConditionType{v1alpha1.ConditionIn, v1alpha1.ConditionNotEquals}
	if test.Type == v1alpha1.AttributeNumber {
		operators = append(operators, ordering...)
	}
	test.Operator = pick(m, operators...)
	count := 1
	if test.Operator == v1alpha1.ConditionIn && test.Type != v1alpha1.AttributeBoolean {
		count += m.IntN(4)
	}
	seen := map[policy.Value]bool{}
	for range count {
		value := policy.Value{Type: test.Type}
		switch test.Type {
		case v1alpha1.AttributeString:
			value.Text = m.text()
		case v1alpha1.AttributeNumber:
			value.Number = m.number()
		default:
			value.Truth = m.IntN(2) == 0
		}
		if !seen[value] {
			seen[value] = true
			test.Values = append(test.Values, value)
		}
	}
	return test
}

func (m maker) text() string {
	return pick(m, "red", "blue", "", "3", "true", "null", "a", "é\x00\"\\", fmt.Sprint(m.number()))
}

func (m maker) number() float64 {
	return pick(m, 0, 1, 3, -3, 2.5, 0.1, 1e-9, 1e6, 123456789, 1<<53, -1<<53, 1e21/1e9, 5e-324,
		math.Nextafter(3, 4), math.Nextafter(3, 2), -5e-324)
}

func (m maker) attributes() map[string]any {
	attributes := map[string]any{}
	for range m.IntN(7) {
		attributes[m.attribute()] = m.value()
	}
	return attributes
}

// value is anything that JSON can say.
func (m maker) value() any {
	switch m.IntN(12) {
	case 0:
		return nil
	case 1:
		return []any{m.text()}
	case 2:
		return map[string]any{m.text(): m.number()}
	case 3, 4, 5, 6:
		return m.text()
	case 7, 8:
		return m.number()
	case 9:
		return pick(m, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64) // JSON has -0, and it equals 0
	default:
		return m.IntN(2) == 0
	}
}
