package apikeys

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/go-logr/logr"
)

// ErrUnknown means that a request does not show the key of a caller.
var ErrUnknown = errors.New("the request shows no key that is known here: it needs the header Authorization, with Bearer and a key")

// File is a file of callers. It is read for every request, so that a changed Secret needs no restart;
// while what stands there can't be read, nobody is a caller. Its methods may be called concurrently.
type File struct {
	path string
	log  logr.Logger

	mu     sync.Mutex
	digest hash
	book   book
	err    error
}

// Open reads a file of callers. One that can't be read is no reason not to start: it may come later, and what is
// wrong with it is in the log.
func Open(path string, log logr.Logger) *File {
	f := &File{path: path, log: log}
	_ = f.Check()
	return f
}

// Check says what is wrong with the file now.
func (f *File) Check() error {
	_, err := f.read()
	return err
}

// Authenticate says who asks, by all values of a request's Authorization header. It is ErrUnknown if that
// is nobody; another error means that the file can't be read now.
func (f *File) Authenticate(authorization []string) (Caller, error) {
	callers, err := f.read()
	if err != nil {
		return Caller{}, err
	}
	key, shown := Bearer(authorization)
	caller, found := callers.find(key)
	if !found || !shown {
		return Caller{}, ErrUnknown
	}
	return caller, nil
}

// Bearer is the key or the token in all values of an Authorization header; false where there is not exactly one.
func Bearer(authorization []string) (shown string, is bool) {
	if len(authorization) != 1 {
		return "", false
	}
	scheme, shown, _ := strings.Cut(authorization[0], " ")
	return shown, strings.EqualFold(scheme, "Bearer") && shown != ""
}

func (f *File) read() (book, error) {
	content, err := os.ReadFile(f.path)
	digest := hash(sha256.Sum256(content))

	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.err == nil && f.book != nil && digest == f.digest {
		return f.book, nil
	}
	f.digest, f.book = digest, nil
	if err == nil {
		f.book, err = parse(content)
	}
	if err != nil {
		err = fmt.Errorf("reading the keys in %s: %w", f.path, err)
	}
	f.tell(err)
	return f.book, err
}

// tell logs what has become of the file, once.
func (f *File) tell(err error) {
	switch before := f.err; {
	case err != nil && (before == nil || before.Error() != err.Error()):
		f.log.Error(err, "nobody may ask until this is fixed")
	case err == nil:
		f.log.Info("read the keys of callers", "path", f.path, "callers", len(f.book))
	}
	f.err = err
}
