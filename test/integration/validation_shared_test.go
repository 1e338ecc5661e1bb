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
