// Package wire reads bodies of requests and writes answers, within bounds of size and time.
package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// MaxBody is the largest size of a body in JSON.
const MaxBody = 96 << 20

// Times for clients. A slower one is cut off.
const (
	bodyTime  = time.Minute // for a body in JSON
	writeTime = 30 * time.Second
)

// Body reads the body of a request.
func Body(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	if r.ContentLength > most { // there is no need to wait for it
		return nil, &http.MaxBytesError{Limit: most}
	}
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(bodyTime)) // tests have no connection
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, problem.New(http.StatusRequestTimeout, "the body took longer than %v to arrive", bodyTime)
	}
	_ = c.SetReadDeadline(time.Time{}) // otherwise the request ends with it
	return raw, Unread(err)
}

// Unread returns the error for a body that could not be read to its end.
func Unread(err error) error {
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &large):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem.New(http.StatusRequestTimeout, "the body stops in between for too long")
	}
	return problem.New(http.StatusBadRequest, "the body can't be read to its end: %v", err)
}

// JSON reads a body in JSON. Fields that *v doesn't have are refused, unless it is a map.
func JSON(w http.ResponseWriter, r *http.Request, v any) error {
	kind, how, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := how["charset"]; err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return problem.New(http.StatusUnsupportedMediaType, "the body must be application/json, in UTF-8")
	}
	if err := Plain(r); err != nil {
		return err
	}
	raw, err := Body(w, r, MaxBody)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields() // has no effect on a map
	if err := d.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), `json: unknown field "`); ok {
			return unknown(strings.TrimSuffix(name, `"`))
		}
		var typed *json.UnmarshalTypeError
		var syntax *json.SyntaxError
		if errors.As(err, &typed) || errors.As(err, &syntax) {
			return err
		}
		var encoding base64.CorruptInputError
		if errors.As(err, &encoding) {
			return problem.Wrong(corrupt(raw, v), "must be a text in base64, which is wrong from its byte %d on", int64(encoding))
		}
		return problem.New(http.StatusBadRequest, "the body is not the JSON object that is needed: %v", err)
	}
	if d.More() {
		return problem.New(http.StatusBadRequest, "the body has more than one JSON value")
	}
	return careful(raw, v)
}

// Plain returns an error for a body that is packed.
func Plain(r *http.Request) error {
	if packed := r.Header.Get("Content-Encoding"); packed != "" && !strings.EqualFold(packed, "identity") {
		return problem.New(http.StatusUnsupportedMediaType, "the body must not be packed: leave out the header field Content-Encoding")
	}
	return nil
}

// corrupt names the first picture of a body whose text in base64 is wrong, by the fields of v: "prime", or "pictures[2]".
func corrupt(raw []byte, v any) string {
	var fields map[string]json.RawMessage
	t := reflect.TypeOf(v).Elem()
	if json.Unmarshal(raw, &fields) != nil || t.Kind() != reflect.Struct {
		return "the body"
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		value, ok := fields[name]
		switch {
		case !ok:
		case f.Type == reflect.TypeFor[[]byte]():
			if json.Unmarshal(value, new([]byte)) != nil {
				return name
			}
		case f.Type == reflect.TypeFor[[][]byte]():
			var all []json.RawMessage
			_ = json.Unmarshal(value, &all) // no array: has no pictures
			for k, one := range all {
				if json.Unmarshal(one, new([]byte)) != nil {
					return name + "[" + strconv.Itoa(k) + "]"
				}
			}
		}
	}
	return "the body"
}

// Answer writes v as JSON.
func Answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that is gone
}

// Events writes server-sent events.
type Events struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// NewEvents begins an answer of events.
func NewEvents(w http.ResponseWriter) *Events {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	e := &Events{w, http.NewResponseController(w)}
	_ = e.c.Flush() // sends the header
	return e
}

// Send writes an event.
func (e *Events) Send(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return e.raw("event: " + name + "\ndata: " + string(raw) + "\n\n")
}

// Text writes an event without a name.
func (e *Events) Text(data string) error { return e.raw("data: " + data + "\n\n") }

// Beat writes a comment, which keeps the connection alive.
func (e *Events) Beat() error { return e.raw(": \n\n") }

func (e *Events) raw(text string) error {
	if _, err := io.WriteString(e.w, text); err != nil {
		return err
	}
	return e.c.Flush()
}

// Slow cuts off clients that don't read their answer.
func Slow(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&patient{w, http.NewResponseController(w)}, r)
	})
}

// patient gives each write its own time, since an answer may take long to compute.
type patient struct {
	http.ResponseWriter
	c *http.ResponseController
}

// Write implements http.ResponseWriter.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.c.SetWriteDeadline(time.Now().Add(writeTime)) // tests have no connection
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
