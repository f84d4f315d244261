// Package fault gives errors the few kinds that matter to a caller, and a Chinese sentence
// that a user may read. It knows nothing of HTTP: one place in app/httpapi maps kinds to status.
//
// An error without a fault inside is an internal error: it is logged and shown only as a request id.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what a caller can do about an error.
type Kind int

// The kinds. Internal is the zero value: nobody classified the error.
const (
	Internal    Kind = iota
	Invalid          // the input is wrong; the same call will fail again
	NotFound         // there is no such thing, or the caller may not see it
	Conflict         // it clashes with what is stored (changed meanwhile, exists already)
	Denied           // the caller may not
	Limited          // too much, too often: later it may pass
	Unavailable      // something we depend on is away: try again
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "denied", "limited", "unavailable"}

func (k Kind) String() string { return kindNames[k] }

// ErrOvertaken is the cause of a Conflict with somebody who was faster: what is stored is no longer what the
// editor saw, and the editor's change was not made.
var ErrOvertaken = errors.New("changed since it was seen")

// Error is an error with a kind and a sentence in Chinese that says what happened and what to do next.
type Error struct {
	Kind     Kind
	Message  string    // Chinese, shown to users; never holds a secret or a personal value
	Problems []Problem // every problem of a validation at once
	Err      error     // the cause, for the log only
}

// Problem is one thing wrong with an input, at a place in it (a field path or a file line).
type Problem struct {
	Path    string `json:"path"`
	Message string `json:"message"`
	// Cause is where what this one follows from would be told, such as "message/welcome": where there
	// are problems there, they alone are worth telling. Mostly "".
	Cause string `json:"-"`
	// Stray: what stands at Path cannot stand there at all. What is wrong with it otherwise, or seems to be
	// missing beside it, need not be told: it may well be that, misspelt.
	Stray bool `json:"-"`
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, p := range e.Problems {
		fmt.Fprintf(&b, "; %s: %s", p.Path, p.Message)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// New makes a fault of a kind; the format is the Chinese sentence.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives a cause a kind and a sentence. A nil cause is a mistake of the caller and still makes an error.
func Wrap(err error, kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), Err: err}
}

// Problems makes an Invalid fault of a list of problems, or nil when the list is empty.
func Problems(message string, list []Problem) error {
	if len(list) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: message, Problems: list}
}

// KindOf returns the kind of the outermost fault in err, or Internal.
func KindOf(err error) Kind {
	var f *Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// Is reports whether err carries a fault of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
