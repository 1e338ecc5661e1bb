package decision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxDepth = 32
	// maxInteger is the last integer up to which a double holds all of them.
	maxInteger = 1<<53 - 1
)

// object is a JSON object. Its values are objects, lists ([]any), strings, float64, inexact, bool and nil.
type object = map[string]any

// inexact is a number that no double holds, as it is written. It is like no other value, and meets no condition.
type inexact string

// decode reads one JSON object, as strictly as RFC 7493 (I-JSON) has it: what two readers could
// understand in two ways is an error, so that nothing is asked here that a proxy before us read otherwise.
func decode(body []byte) (object, error) {
	if !utf8.Valid(body) || hasLoneSurrogate(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, err := decodeValue(decoder, maxDepth)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body is more than one JSON object")
	}
	made, ok := value.(object)
	if !ok {
		return nil, errors.New("the body is not a JSON object")
	}
	return made, nil
}

func decodeValue(decoder *json.Decoder, depth int) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, errors.New("the body is not JSON")
	}
	if depth == 0 {
		return nil, fmt.Errorf("the body is nested deeper than %d levels", maxDepth)
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '[' {
			return decodeList(decoder, depth)
		}
		return decodeObject(decoder, depth)
	case json.Number:
		return decodeNumber(token.String()), nil
	default:
		return token, nil
	}
}

func decodeList(decoder *json.Decoder, depth int) (any, error) {
	made := []any{}
	for decoder.More() {
		value, err := decodeValue(decoder, depth-1)
		if err != nil {
			return nil, err
		}
		made = append(made, value)
	}
	return made, closed(decoder)
}

func decodeObject(decoder *json.Decoder, depth int) (any, error) {
	made := object{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, errors.New("the body is not JSON")
		}
		name, _ := token.(string)
		if _, twice := made[name]; twice {
			return nil, fmt.Errorf("an object has the name %.64q twice", name)
		}
		if made[name], err = decodeValue(decoder, depth-1); err != nil {
			return nil, err
		}
	}
	return made, closed(decoder)
}

// closed reads the end of a list or an object.
func closed(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return errors.New("the body is not JSON")
	}
	return nil
}

// decodeNumber is a float64, unless two numbers that differ would be one: beyond maxInteger a double has to be exactly what is
// written, or what is written has to be how programs write that double, as in 1e300; and what is not zero must not become zero.
func decodeNumber(text string) any {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return inexact(text)
	}
	if number == 0 {
		mantissa, _, _ := strings.Cut(strings.ToLower(text), "e")
		if strings.ContainsAny(mantissa, "123456789") {
			return inexact(text)
		}
	}
	if math.Abs(number) > maxInteger {
		written, ok := new(big.Rat).SetString(text)
		shortest, _ := new(big.Rat).SetString(strconv.FormatFloat(number, 'g', -1, 64))
		if !ok || written.Cmp(shortest) != 0 && written.Cmp(new(big.Rat).SetFloat64(number)) != 0 {
			return inexact(text)
		}
	}
	return number
}

// hasLoneSurrogate looks for halves of characters, which Go would silently replace. In JSON there are
// backslashes only in strings.
func hasLoneSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if first, ok := escaped(body, i); ok && utf16.IsSurrogate(first) {
			second, _ := escaped(body, i+6)
			if body[min(i+5, len(body)-1)] != '\\' || utf16.DecodeRune(first, second) == utf8.RuneError {
				return true
			}
			i += 6
		}
	}
	return false
}

// escaped is the UTF-16 code unit of which the "u" is here.
func escaped(body []byte, at int) (rune, bool) {
	if at+5 > len(body) || body[at] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(body[at+1:at+5]), 16, 16)
	return rune(unit), err == nil
}
