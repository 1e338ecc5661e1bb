package integration

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
)

// describeName tests a field that holds the name of an object, workspace or project; says is how it
// describes such names.
func describeName(field, says string, write func(name string) error) {
	DescribeTable("the name at "+field, func(name string, outcome types.GomegaMatcher) {
		Expect(write(name)).To(outcome)
	},
		Entry("takes a label", "team-7", beAccepted()),
		Entry("takes a subdomain", "eu.team-7", beAccepted()),
		Entry("takes 63 characters", letters(63), beAccepted()),
		Entry("refuses 64 characters", letters(64), beRefusedAt(field, "may not be more than 63")),
		Entry("refuses none", "", beRefusedAt(field, "at least 1 chars")),
		Entry("refuses upper case", "Team", beRefusedAt(field, says)),
		Entry("refuses '_'", "team_7", beRefusedAt(field, says)),
		Entry("refuses '/'", "team/7", beRefusedAt(field, says)),
		Entry("refuses '*'", "*", beRefusedAt(field, says)),
		Entry("refuses a space at the end", "team ", beRefusedAt(field, says)),
		Entry("refuses a newline at the end", "team\n", beRefusedAt(field, says)),
		Entry("refuses '-' at the start", "-team", beRefusedAt(field, says)),
		Entry("refuses '.' at the end", "team.", beRefusedAt(field, says)),
		Entry("refuses two '.' in a row", "eu..team", beRefusedAt(field, says)),
		Entry("refuses other alphabets", "größe", beRefusedAt(field, says)),
	)
}

// describeText tests a field that holds text of 1 to most characters that must not be blank.
func describeText(field string, most int, write func(text string) error) {
	DescribeTable("the text at "+field, func(text string, outcome types.GomegaMatcher) {
		Expect(write(text)).To(outcome)
	},
		Entry("takes one character", "x", beAccepted()),
		Entry("takes the most characters, whatever their size in bytes", strings.Repeat("é", most), beAccepted()),
		Entry("refuses one more", letters(most+1), beRefusedAt(field, "may not be more than")),
		Entry("takes any characters", "Ünï/c#o:d*e %~\"'\\ \t☃", beAccepted()),
		Entry("refuses none", "", beRefusedAt(field, "at least 1 chars")),
		Entry("refuses blanks", " \t\n", beRefusedAt(field, "must not be blank")),
		Entry("refuses blanks of Unicode", "\u00a0\u2003\u3000", beRefusedAt(field, "must not be blank")),
	)
}

// describeDuration tests a field that holds a length of time; row is what the tests' names begin with.
func describeDuration(field, row string, write func(duration string) error) {
	const wholeUnits = "must be of whole weeks, days, hours, minutes and seconds in this order, as in PT8H"
	const noMonths = "a month has no fixed length: write P30D"
	const tooShort = "must be longer than nothing: write how long"
	const tooLong = "is too long: at most 999 weeks"
	DescribeTable("the duration at "+field, func(duration string, outcome types.GomegaMatcher) {
		Expect(write(duration)).To(outcome)
	},
		Entry(row+"takes hours", "PT8H", beAccepted()),
		Entry(row+"takes minutes after hours", "PT1H30M", beAccepted()),
		Entry(row+"takes seconds", "PT1S", beAccepted()),
		Entry(row+"takes days with hours", "P1DT12H", beAccepted()),
		Entry(row+"takes weeks", "P2W", beAccepted()),
		Entry(row+"takes all units", "P1W2DT3H4M5S", beAccepted()),
		Entry(row+"takes nothing of one unit beside another", "P0DT8H", beAccepted()),
		Entry("takes Go's form", "8h", beAccepted()),
		Entry("takes Go's form with several units", "1h30m", beAccepted()),
		Entry("takes Go's form of minutes", "90m", beAccepted()),
		Entry("takes the most of all units", "P999W9999DT99999H999999M99999999S", beAccepted()),

		Entry(row+"refuses none", "", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses no units", "P", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses no units of time", "PT", beRefusedAt(field, wholeUnits)),
		Entry("refuses days with no units of time behind", "P1DT", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses zero", "PT0S", beRefusedAt(field, tooShort)),
		Entry("refuses zero in Go's form", "0h", beRefusedAt(field, tooShort)),
		Entry(row+"refuses zero in all units", "P0DT0H0M", beRefusedAt(field, tooShort)),
		Entry(row+"refuses a negative one", "-PT1H", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses a negative unit", "PT-1H", beRefusedAt(field, wholeUnits)),
		Entry("refuses a negative one in Go's form", "-1h", beRefusedAt(field, wholeUnits)),
		Entry("refuses a sign", "+PT1H", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses a fraction", "PT1.5H", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses a fraction with a comma", "PT0,5H", beRefusedAt(field, wholeUnits)),
		Entry("refuses a fraction in Go's form", "1.5h", beRefusedAt(field, wholeUnits)),
		Entry("refuses units below a second", "500ms", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses a month", "P1M", beRefusedAt(field, noMonths)),
		Entry(row+"refuses a month beside days", "P1M15DT8H", beRefusedAt(field, noMonths)),
		Entry(row+"refuses a year", "P1Y", beRefusedAt(field, noMonths)),
		Entry(row+"refuses units in another order", "PT30M1H", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses hours without the T", "P8H", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses ISO 8601 in lower case", "pt8h", beRefusedAt(field, wholeUnits)),
		Entry("refuses Go's form in upper case", "8H", beRefusedAt(field, wholeUnits)),
		Entry("refuses days in Go's form", "1d", beRefusedAt(field, wholeUnits)),
		Entry("refuses both forms in one", "P1D8h", beRefusedAt(field, wholeUnits)),
		Entry("refuses a number without a unit", "8", beRefusedAt(field, wholeUnits)),
		Entry("refuses a number without a unit at the end", "PT8H30", beRefusedAt(field, wholeUnits)),
		Entry("refuses another unit", "8 hours", beRefusedAt(field, wholeUnits)),
		Entry("refuses digits of other alphabets", "PT٨H", beRefusedAt(field, wholeUnits)),
		Entry("refuses a blank in front", " PT8H", beRefusedAt(field, wholeUnits)),
		Entry("refuses a newline at the end", "PT8H\n", beRefusedAt(field, wholeUnits)),
		Entry(row+"refuses more weeks than can be counted", "P1000W", beRefusedAt(field, tooLong)),
		Entry(row+"refuses more days than can be counted", "P10000D", beRefusedAt(field, tooLong)),
		Entry(row+"refuses more hours than can be counted", "PT100000H", beRefusedAt(field, tooLong)),
		Entry(row+"refuses more minutes than can be counted", "PT1000000M", beRefusedAt(field, tooLong)),
		Entry(row+"refuses more seconds than can be counted", "PT100000000S", beRefusedAt(field, tooLong)),
		Entry("refuses more hours than can be counted in Go's form", "100000h", beRefusedAt(field, tooLong)),
		Entry("refuses more minutes than can be counted in Go's form", "1000000m", beRefusedAt(field, tooLong)),
		Entry(row+"refuses what overflows", "PT9223372036854775808S", beRefusedAt(field, tooLong)),
		Entry(row+"refuses more than 36 characters", "PT"+strings.Repeat("0", 34)+"8H", beRefusedAt(field, "may not be more than 36")),
	)
}

// describeObjectName tests the name of an object that others refer to.
func describeObjectName(kind, spec string) {
	DescribeTable("the name of a "+kind, func(name string, outcome types.GomegaMatcher) {
		Expect(try(manifest(kind, name, spec))).To(outcome)
	},
		Entry("takes 63 characters", letters(63), beAccepted()),
		Entry("refuses 64 characters", letters(64), beRefusedAt("metadata", "metadata.name must have at most 63 characters: choose a shorter name")),
		Entry("takes a subdomain", "eu.team-7", beAccepted()),
		Entry("refuses upper case", "Team", beRefusedAt("metadata.name", "lower case alphanumeric")),
	)
}
