package ui

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// rowsShown is how many rows of a list a page has.
const rowsShown = 50

// list is a page of a list that can be searched.
type list[T any] struct {
	// Label says what it is a list of.
	Label string
	Rows  []T
	// Search is what was searched for, Found how many fit, of All.
	Search     string
	Found, All int
	// From and To are the numbers of the first and the last row that are shown.
	From, To int
	// Previous and Next are the addresses of the other pages, empty where there is none.
	Previous, Next string
	// Kept are the other parts of the address, which a search keeps.
	Kept map[string]string
}

// listOf is the page of a list that a request asks for: of those in which each word is found.
func listOf[T any](r *http.Request, label string, all []T, text func(T) string) list[T] {
	asked := r.URL.Query()
	l := list[T]{Label: label, Search: asked.Get("search"), All: len(all), Kept: map[string]string{}}
	for name := range asked {
		if name != "search" && name != "page" {
			l.Kept[name] = asked.Get(name)
		}
	}
	found := all
	if words := strings.Fields(strings.ToLower(l.Search)); len(words) > 0 {
		found = nil
		for _, row := range all {
			if hasAll(strings.ToLower(text(row)), words) {
				found = append(found, row)
			}
		}
	}
	l.Found = len(found)
	last := max(0, (l.Found-1)/rowsShown)
	number, _ := strconv.Atoi(asked.Get("page")) // what is no number is the first page
	number = min(max(number, 0), last)
	l.Rows = found[number*rowsShown : min((number+1)*rowsShown, l.Found)]
	l.From, l.To = number*rowsShown+1, number*rowsShown+len(l.Rows)
	if number > 0 {
		l.Previous = another(asked, number-1)
	}
	if number < last {
		l.Next = another(asked, number+1)
	}
	return l
}

func hasAll(text string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// another is the address of another page of the same list.
func another(asked url.Values, number int) string {
	asked.Set("page", strconv.Itoa(number))
	return "?" + asked.Encode()
}

// Short says that all rows fit on one page, so that nobody needs to search.
func (l list[T]) Short() bool { return l.All <= rowsShown && l.Search == "" }
