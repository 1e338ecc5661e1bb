package operator

import (
	"net"
	"testing"
)

func TestWhereItIsServedIsAURLThatAnApplicationCanUse(t *testing.T) {
	for address, want := range map[string]string{
		"[::]:8088":      "https://localhost:8088",
		"0.0.0.0:8088":   "https://localhost:8088",
		"127.0.0.1:8088": "https://127.0.0.1:8088",
		"[fd00::1]:8088": "https://[fd00::1]:8088",
	} {
		listened, err := net.ResolveTCPAddr("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := servedAt("https", listened); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestAPublicURLIsHTTPSBeyondLoopback(t *testing.T) {
	for written, want := range map[string]string{
		"https://example.com/decisions/": "https://example.com/decisions",
		"https://example.com":            "https://example.com",
		"http://127.0.0.1:8088":          "http://127.0.0.1:8088",
		"http://localhost:8088":          "http://localhost:8088",
		"http://example.com":             "",
		"http://[::]:8088":               "",
		"example.com":                    "",
		"ftp://example.com":              "",
	} {
		if got, err := publicURL(written); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %s, %v; want %q", written, got, err, want)
		}
	}
}
