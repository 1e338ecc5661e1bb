package schema

import (
	"fmt"
	"strings"

	"github.com/onsi/gomega/types"
)

// list writes n different elements, made of a format with one %d.
func list(n int, format string) string {
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(format, i)
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

// letters is a word of n characters.
func letters(n int) string { return strings.Repeat("a", n) }

// name declares the rows of a field that holds the name of an object, workspace or project; says is how it
// describes such names.
func (s *suite) name(field, says string, write func(name string) error, both ...string) {
	s.table("the name at "+field, write, marked(both,
		row("takes a label", "team-7", BeAccepted()),
		row("takes a subdomain", "eu.team-7", BeAccepted()),
		row("takes 63 characters", letters(63), BeAccepted()),
		row("refuses 64 characters", letters(64), BeRefusedAt(field, "may not be more than 63")),
		row("refuses none", "", BeRefusedAt(field, "at least 1 chars")),
		row("refuses upper case", "Team", BeRefusedAt(field, says)),
		row("refuses '_'", "team_7", BeRefusedAt(field, says)),
		row("refuses '/'", "team/7", BeRefusedAt(field, says)),
		row("refuses '*'", "*", BeRefusedAt(field, says)),
		row("refuses a space at the end", "team ", BeRefusedAt(field, says)),
		row("refuses a newline at the end", "team\n", BeRefusedAt(field, says)),
		row("refuses '-' at the start", "-team", BeRefusedAt(field, says)),
		row("refuses '.' at the end", "team.", BeRefusedAt(field, says)),
		row("refuses two '.' in a row", "eu..team", BeRefusedAt(field, says)),
		row("refuses other alphabets", "größe", BeRefusedAt(field, says)),
	)...)
}

// text declares the rows of a field that holds text of 1 to most characters that must not be blank.
func (s *suite) text(field string, most int, write func(text string) error, both ...string) {
	s.textWhere(field, BeRefusedAt(field, "must not be blank"), most, write, both...)
}

// textIn does so of a field of a list's entry, where one rule at the list refuses blanks in every entry.
func (s *suite) textIn(list, field string, most int, write func(text string) error) {
	s.textWhere(list+field, BeRefusedAt(list, field+" must not be blank"), most, write)
}

func (s *suite) textWhere(field string, beBlank types.GomegaMatcher, most int, write func(text string) error, both ...string) {
	s.table("the text at "+field, write, marked(both,
		row("takes one character", "x", BeAccepted()),
		row("takes the most characters, whatever their size in bytes", strings.Repeat("é", most), BeAccepted()),
		row("refuses one more", letters(most+1), BeRefusedAt(field, "may not be more than")),
		row("takes any characters", "Ünï/c#o:d*e %~\"'\\ \t☃", BeAccepted()),
		row("refuses none", "", BeRefusedAt(field, "at least 1 chars")),
		row("refuses blanks", " \t\n", beBlank),
		row("refuses blanks of Unicode", "\u00a0\u2003\u3000", beBlank),
	)...)
}

// instant declares the rows of a field that holds an instant. What the API server's format lets through, and Go's
// clients can't read, would stop the operator from seeing any object of the kind.
func (s *suite) instant(field string, write func(instant string) error) {
	s.table("the instant at "+field, write,
		row("takes the first", "2000-01-01T00:00:00Z", BeAccepted()),
		row("takes the last", "2999-12-31T23:59:59Z", BeAccepted()),
		row("takes fractions of a second", "2030-01-31T17:00:00.5Z", BeAccepted()),
		row("refuses an earlier one", "1999-12-31T23:59:59Z", BeRefusedAt(field, "must be in the years 2000 to 2999")),
		row("refuses a later one", "3000-01-01T00:00:00Z", BeRefusedAt(field, "must be in the years 2000 to 2999")),
		row("refuses one that is later in UTC", "2999-12-31T23:59:59-08:00", BeRefusedAt(field, "must be in the years 2000 to 2999")),
		row("refuses the year 0", "0000-01-01T00:00:00Z", BeRefusedAt(field, "must be in the years 2000 to 2999")),
		row("refuses lower case", "2030-01-31t17:00:00z", BeRefusedAt(field, "Invalid date-time")),
		row("refuses a zone that does not exist", "2030-01-31T17:00:00+99:99", BeRefusedAt(field, "Invalid date-time")),
		row("refuses another mark before fractions", "2030-01-31T17:00:00x5Z", BeRefusedAt(field, "Invalid date-time")),
	)
}

// duration declares the rows of a field that holds a length of time; prefix is what the tests' names begin with.
func (s *suite) duration(field, prefix string, write func(duration string) error, both ...string) {
	const wholeUnits = "must be of whole weeks, days, hours, minutes and seconds in this order, as in PT8H"
	const noMonths = "a month has no fixed length: write P30D"
	const tooShort = "must be longer than nothing: write how long"
	const tooLong = "is too long: at most 999 weeks"
	s.table("the duration at "+field, write, marked(both,
		row(prefix+"takes hours", "PT8H", BeAccepted()),
		row(prefix+"takes minutes after hours", "PT1H30M", BeAccepted()),
		row(prefix+"takes seconds", "PT1S", BeAccepted()),
		row(prefix+"takes days with hours", "P1DT12H", BeAccepted()),
		row(prefix+"takes weeks", "P2W", BeAccepted()),
		row(prefix+"takes all units", "P1W2DT3H4M5S", BeAccepted()),
		row(prefix+"takes nothing of one unit beside another", "P0DT8H", BeAccepted()),
		row("takes Go's form", "8h", BeAccepted()),
		row("takes Go's form with several units", "1h30m", BeAccepted()),
		row("takes Go's form of minutes", "90m", BeAccepted()),
		row("takes the most of all units", "P999W9999DT99999H999999M99999999S", BeAccepted()),

		row(prefix+"refuses none", "", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses no units", "P", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses no units of time", "PT", BeRefusedAt(field, wholeUnits)),
		row("refuses days with no units of time behind", "P1DT", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses zero", "PT0S", BeRefusedAt(field, tooShort)),
		row("refuses zero in Go's form", "0h", BeRefusedAt(field, tooShort)),
		row(prefix+"refuses zero in all units", "P0DT0H0M", BeRefusedAt(field, tooShort)),
		row(prefix+"refuses a negative one", "-PT1H", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses a negative unit", "PT-1H", BeRefusedAt(field, wholeUnits)),
		row("refuses a negative one in Go's form", "-1h", BeRefusedAt(field, wholeUnits)),
		row("refuses a sign", "+PT1H", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses a fraction", "PT1.5H", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses a fraction with a comma", "PT0,5H", BeRefusedAt(field, wholeUnits)),
		row("refuses a fraction in Go's form", "1.5h", BeRefusedAt(field, wholeUnits)),
		row("refuses units below a second", "500ms", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses a month", "P1M", BeRefusedAt(field, noMonths)),
		row(prefix+"refuses a month beside days", "P1M15DT8H", BeRefusedAt(field, noMonths)),
		row(prefix+"refuses a year", "P1Y", BeRefusedAt(field, noMonths)),
		row(prefix+"refuses units in another order", "PT30M1H", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses hours without the T", "P8H", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses ISO 8601 in lower case", "pt8h", BeRefusedAt(field, wholeUnits)),
		row("refuses Go's form in upper case", "8H", BeRefusedAt(field, wholeUnits)),
		row("refuses days in Go's form", "1d", BeRefusedAt(field, wholeUnits)),
		row("refuses both forms in one", "P1D8h", BeRefusedAt(field, wholeUnits)),
		row("refuses a number without a unit", "8", BeRefusedAt(field, wholeUnits)),
		row("refuses a number without a unit at the end", "PT8H30", BeRefusedAt(field, wholeUnits)),
		row("refuses another unit", "8 hours", BeRefusedAt(field, wholeUnits)),
		row("refuses digits of other alphabets", "PT٨H", BeRefusedAt(field, wholeUnits)),
		row("refuses a blank in front", " PT8H", BeRefusedAt(field, wholeUnits)),
		row("refuses a newline at the end", "PT8H\n", BeRefusedAt(field, wholeUnits)),
		row(prefix+"refuses more weeks than can be counted", "P1000W", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses more days than can be counted", "P10000D", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses more hours than can be counted", "PT100000H", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses more minutes than can be counted", "PT1000000M", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses more seconds than can be counted", "PT100000000S", BeRefusedAt(field, tooLong)),
		row("refuses more hours than can be counted in Go's form", "100000h", BeRefusedAt(field, tooLong)),
		row("refuses more minutes than can be counted in Go's form", "1000000m", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses what overflows", "PT9223372036854775808S", BeRefusedAt(field, tooLong)),
		row(prefix+"refuses more than 36 characters", "PT"+strings.Repeat("0", 34)+"8H", BeRefusedAt(field, "may not be more than 36")),
	)...)
}

// objectName declares the rows of the name of an object that others refer to.
func (s *suite) objectName(kind, spec string, both ...string) {
	s.table("the name of a "+kind, func(name string) error { return s.server.Try(Manifest(kind, name, spec)) }, marked(both,
		row("takes 63 characters", letters(63), BeAccepted()),
		row("refuses 64 characters", letters(64), BeRefusedAt("metadata", "metadata.name must have at most 63 characters: choose a shorter name")),
		row("takes a subdomain", "eu.team-7", BeAccepted()),
		row("refuses upper case", "Team", BeRefusedAt("metadata.name", "lower case alphanumeric")),
	)...)
}
