// Package problem turns errors into what clients get: problem details (RFC 9457), or the fields for other forms.
package problem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
)

// Details are problem details (RFC 9457).
type Details struct {
	Type       string `json:"type"` // "about:blank": the status says it all
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail,omitempty"`
	Field      string `json:"field,omitempty"` // that is not allowed
	RetryAfter int    `json:"retry_after,omitempty"`
}

// Error is an error with a status.
type Error struct {
	Status int
	Field  string // of the request that is to blame, by its name in JSON; "" for none
	Err    error
}

// Error implements error.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error with a status. format is for args.
func New(status int, format string, args ...any) error {
	return &Error{status, "", fmt.Errorf(format, args...)}
}

// At returns an error with a status that blames a field of a request, by its name in JSON. format is for args.
func At(status int, field, format string, args ...any) error {
	return &Error{status, field, fmt.Errorf(format, args...)}
}

// Wrong returns the error for a field of a request with a value that is not allowed, by its name in JSON.
func Wrong(field, want string, args ...any) error {
	return &wrong{field, fmt.Sprintf(want, args...)}
}

type wrong struct{ field, want string }

func (e *wrong) Error() string { return e.field + ": " + e.want }

// statusClosed is the status of a request whose client is gone, which nobody sees but the log.
const statusClosed = 499

// Of returns the details of an error.
func Of(err error) Details {
	d := Details{Type: "about:blank", Status: http.StatusInternalServerError, Detail: Hide(err.Error())}
	var (
		own     *Error
		named   *wrong
		field   *fault.FieldError
		missing *fault.Missing
		damaged *fault.DamagedFile
		memory  *fault.OutOfMemory
		full    *jobs.Full
		large   *jobs.TooLarge
		body    *http.MaxBytesError
		syntax  *json.SyntaxError
		typed   *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &own):
		d.Status, d.Field = own.Status, own.Field
	case errors.As(err, &named):
		d.Status, d.Field = http.StatusBadRequest, named.field
	case errors.As(err, &field):
		d.Status, d.Field = http.StatusBadRequest, JSONName(field.Field)
		d.Detail = d.Field + ": " + Hide(Words(field.Want))
	case errors.As(err, &full):
		d.Status, d.RetryAfter = http.StatusTooManyRequests, int(math.Ceil(full.Retry.Seconds()))
	case errors.As(err, &large):
		d.Status = http.StatusRequestEntityTooLarge
	case errors.As(err, &body):
		d.Status, d.Detail = http.StatusRequestEntityTooLarge, "the body is larger than "+size(body.Limit)
	case errors.Is(err, jobs.ErrClosed):
		d.Status, d.RetryAfter = http.StatusServiceUnavailable, 10
	case errors.As(err, &missing):
		d.Status, d.Detail = http.StatusNotFound, fmt.Sprintf("the run has no trained %s", missing.Model)
	case errors.As(err, &damaged):
		d.Status = http.StatusConflict
	case errors.As(err, &memory):
		d.Status, d.RetryAfter = http.StatusServiceUnavailable, 10
	case errors.As(err, &typed):
		d.Status, d.Field = http.StatusBadRequest, typed.Field
		what := "the body"
		if typed.Field != "" {
			what = typed.Field + ":"
		}
		d.Detail = fmt.Sprintf("%s must be %s, not %s", what, typeName(typed.Type), strings.TrimPrefix(typed.Value, "number "))
	case errors.As(err, &syntax):
		d.Status, d.Detail = http.StatusBadRequest, "the body is not JSON: "+syntax.Error()
	case errors.Is(err, context.Canceled):
		d.Status = statusClosed
	case errors.Is(err, context.DeadlineExceeded):
		d.Status = http.StatusGatewayTimeout
	}
	d.Title, d.Detail, d.Field = http.StatusText(d.Status), shortened(d.Detail, 1000), shortened(d.Field, 100)
	return d
}

// shortened returns at most that many bytes of a text, which a client may have made long.
func shortened(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// size is a number of bytes for people.
func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d kB", bytes>>10)
	}
	return fmt.Sprintf("%d MB", bytes>>20)
}

// typeName says what a value in JSON must be to fit a type.
func typeName(t reflect.Type) string {
	if t == reflect.TypeFor[[]byte]() {
		return "a text in base64"
	}
	switch kind := t.Kind(); kind {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(math.MaxUint64)>>(64-t.Bits()))
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a text"
	default:
		return "a " + kind.String()
	}
}

// Write answers with problem details.
func Write(w http.ResponseWriter, err error) {
	d := Of(err)
	Header(w, d)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(d.Status)
	_ = json.NewEncoder(w).Encode(d) // a client that is gone
}

// Header sets the header fields that belong to an error in any form.
func Header(w http.ResponseWriter, d Details) {
	if d.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(d.RetryAfter))
	}
	w.Header().Set("Cache-Control", "no-store")
}

// jsonNames are the names of fields in requests, where they aren't those in Go in snake case.
var jsonNames = map[string]string{"Candidates": "rank", "Prompts": "prompt", "Ends": "from", "Values": "sliders"}

// words are the fields that errors name.
var words = regexp.MustCompile(`\b(N|Temperature|TopK|TopP|GuidanceFrom|GuidanceTo|Guidance|Candidates|Prompts|PrimeRows|Prime|Repaint|Steps|Solver|Tolerance|Choice|Class|Seed|Truncate|Model|Frames)\b`)

// JSONName returns the name in requests of a field.
func JSONName(field string) string {
	if name, ok := jsonNames[field]; ok {
		return name
	}
	var b strings.Builder
	for i, r := range field {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Words returns the text of an error with fields by their names in requests.
func Words(text string) string { return words.ReplaceAllStringFunc(text, JSONName) }

// paths are absolute paths of two or more parts.
var paths = regexp.MustCompile(`(^|[\s"'(=])(?:[A-Za-z]:)?((?:[/\\][^\s/\\:"',;()]+){2,})`)

// Hide removes folders of the server from a text, and what can't be printed.
func Hide(text string) string {
	return printable.Lines(paths.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.LastIndexAny(found, `/\`)
		start := strings.IndexAny(found, `/\`)
		before := found[:start]
		if strings.HasSuffix(before, ":") {
			before = before[:len(before)-2]
		}
		return before + found[at+1:]
	}))
}
