// Package ports finds ports for servers that can't be given a listener.
package ports

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports that are looked at lie below those that systems give to whoever asks for any port: one that is free may then
// be bound some time later, and again after its server was stopped, without somebody else having been given it.
const first, beyond = 20000, 32768

var next atomic.Int64

// Processes that run at the same time begin to look in places that are far from each other.
func init() { next.Store(int64(os.Getpid()) * 7919) }

// Free is a port of the loopback interface that nobody listens at, and another one at each call.
func Free() (int, error) {
	for range beyond - first {
		port := first + int(next.Add(1)%(beyond-first))
		listener, err := net.Listen("tcp", address(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no port from %d to %d is free", first, beyond-1)
}

// FreeAddress is one with such a port.
func FreeAddress() (string, error) {
	port, err := Free()
	return address(port), err
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
