package decision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
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

// object is a JSON object. Its values are objects, lists ([]any), strings, float64, bool and nil.
type object = map[string]any

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
		return decodeNumber(token.String())
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

func decodeNumber(text string) (any, error) {
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errors.New("a number is greater than a double can be")
	}
	if !strings.ContainsAny(text, ".eE") && math.Abs(number) > maxInteger && strconv.FormatFloat(number, 'f', -1, 64) != text {
		return nil, errors.New("an integer has more digits than a double holds: send it as a string")
	}
	return number, nil
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
