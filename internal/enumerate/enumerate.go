// Package enumerate names things in messages.
package enumerate

import (
	"fmt"
	"strings"
)

// Some are the first of many things, and how many more there are.
func Some(things []string, most int, separator string) string {
	if len(things) <= most {
		return strings.Join(things, separator)
	}
	return fmt.Sprintf("%s%sand %d more", strings.Join(things[:most], separator), separator, len(things)-most)
}
