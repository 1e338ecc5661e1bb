package main

import (
	"fmt"
	"strings"
)

// width is that of the text; commands and their output are as wide as they are.
const width = 100

// tell prints a paragraph to the audience.
func tell(words string) { fmt.Println(paragraph(words)) }

// paragraph breaks words into lines.
func paragraph(words string) string {
	var lines []string
	var line string
	for word := range strings.FieldsSeq(words) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n")
}

// indented puts output under the command that it comes from.
func indented(output string) string {
	output = strings.TrimRight(output, "\n")
	return "    " + strings.ReplaceAll(output, "\n", "\n    ")
}

// shellWords joins arguments as they would be typed.
func shellWords(args []string) string {
	words := make([]string, 0, len(args))
	for _, arg := range args {
		if strings.ContainsAny(arg, " \"'$?*(){}[]|&;<>") {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
