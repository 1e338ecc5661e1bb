package decision

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/utils/clock"
)

// Log is a line of JSON for each decision, each search and each request without an answer: who asked, the names in the
// question, the answer and the objects that gave it. There is no key in it, and no value of an attribute. A nil Log
// writes nothing. Its methods may be called concurrently.
type Log struct {
	// PseudonymKeyFile, unless it is empty, is a file with the key by which subjects are pseudonymized.
	PseudonymKeyFile string
	Clock            clock.PassiveClock
	// Log hears of what could not be written.
	Log logr.Logger

	mu sync.Mutex
	to io.Writer
	// failed is what was last said about it.
	failed string
}

// NewLog writes to a stream.
func NewLog(to io.Writer, pseudonymKeyFile string, by clock.PassiveClock, log logr.Logger) *Log {
	return &Log{PseudonymKeyFile: pseudonymKeyFile, Clock: by, Log: log, to: to}
}

// The kinds of entries.
const (
	kindEvaluation = "evaluation"
	kindSearch     = "search"
	kindUnanswered = "unanswered"
)

// entry is one line. What it is about is docs/asking.md's to say.
type entry struct {
	Time       string   `json:"time"`
	Kind       string   `json:"kind"`
	ID         string   `json:"decisionID,omitempty"`
	RequestID  string   `json:"requestID,omitempty"`
	TraceID    string   `json:"traceID,omitempty"`
	Caller     string   `json:"caller,omitempty"`
	Subject    string   `json:"subject,omitempty"`
	Permission string   `json:"permission,omitempty"`
	Type       string   `json:"type,omitempty"`
	Resource   string   `json:"resource,omitempty"`
	Object     string   `json:"object,omitempty"`
	At         string   `json:"at,omitempty"`
	Result     string   `json:"result,omitempty"`
	Results    int      `json:"results,omitempty"`
	By         []string `json:"by,omitempty"`
	ValidUntil string   `json:"validUntil,omitempty"`
	Path       string   `json:"path,omitempty"`
	Code       int      `json:"code,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Seconds    float64  `json:"seconds,omitempty"`
}

// newID is the id of a decision, which nobody can guess.
func newID() string { return rand.Text() }

// entryOf has the names in a question.
func entryOf(kind, id string, q question) entry {
	return entry{
		Kind: kind, ID: id, Subject: q.subject, Permission: shortened(q.permission),
		Type: shortened(q.resourceType), Resource: shortened(q.resource), Object: q.place.object(),
	}
}

// write adds who asked, and writes.
func (l *Log) write(ctx context.Context, r request, line entry) {
	if l == nil {
		return
	}
	line.Time = l.Clock.Now().UTC().Format(time.RFC3339Nano)
	line.RequestID, line.Caller = shortened(r.id), r.caller.name
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		line.TraceID = span.TraceID().String()
	}
	var unnamed error
	line.Subject, unnamed = l.named(line.Subject)
	encoded, err := json.Marshal(line)
	if err == nil {
		l.mu.Lock()
		_, err = l.to.Write(append(encoded, '\n'))
		l.mu.Unlock()
	}
	l.tell(errors.Join(unnamed, err))
}

// tell logs what is the matter, once.
func (l *Log) tell(err error) {
	now := ""
	if err != nil {
		now = err.Error()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if now != l.failed && err != nil {
		l.Log.Error(err, "the log of decisions is not complete")
	}
	l.failed = now
}

// named is a subject as the log has it: nothing where its pseudonym can't be made.
func (l *Log) named(subject string) (string, error) {
	if l.PseudonymKeyFile == "" || subject == "" {
		return shortened(subject), nil
	}
	key, err := os.ReadFile(l.PseudonymKeyFile)
	if err != nil {
		return "", fmt.Errorf("reading the key of pseudonyms: %w", err)
	}
	if key = bytes.TrimSpace(key); len(key) < minPseudonymKey {
		return "", fmt.Errorf("the key of pseudonyms in %s has %d bytes: it needs at least %d, as `openssl rand -hex 32` makes", l.PseudonymKeyFile, len(key), minPseudonymKey)
	}
	sum := hmac.New(sha256.New, key)
	sum.Write([]byte(subject))
	return "pseudonym:" + hex.EncodeToString(sum.Sum(nil)), nil
}

const minPseudonymKey = 32

// shortened keeps a line of the log within bounds. Nothing that exists has a longer name.
func shortened(text string) string {
	const longest = 512
	runes := 0
	for i := range text {
		if runes++; runes > longest {
			return text[:i] + "…"
		}
	}
	return text
}
