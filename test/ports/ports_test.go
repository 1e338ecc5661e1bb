package ports_test

import (
	"net"
	"testing"

	"github.com/bailiwick-dev/bailiwick/test/ports"
)

func TestEachIsAnotherThatCanBeBound(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		address, err := ports.FreeAddress()
		if err != nil {
			t.Fatal(err)
		}
		if seen[address] {
			t.Errorf("%s was given twice", address)
		}
		seen[address] = true
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
	}
}
