package tables

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/bestiary-ml/bestiary/fault"
)

// results is a file that keeps what was measured, a JSON object on each line, so that an interrupted run goes on where it stopped.
// nil keeps nothing.
type results struct {
	path  string
	known map[string]json.RawMessage
}

// kept is a line of the file. Names say what was measured and with which settings.
type kept struct {
	Name   string          `json:"name"`
	Result json.RawMessage `json:"result"`
}

// openResults reads the file at path, which may be missing; "" keeps nothing. A last line without an end was being written when a run
// was interrupted: it is cut off.
func openResults(path string) (*results, error) {
	if path == "" {
		return nil, nil
	}
	r := &results{path, map[string]json.RawMessage{}}
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return r, nil
	}
	if err != nil {
		return nil, fault.Field("Results", path, "must be a file that can be read: %v", err)
	}
	whole := bytes.LastIndexByte(content, '\n') + 1
	for i, line := range bytes.Split(content[:whole], []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var one kept
		if err := json.Unmarshal(line, &one); err != nil || one.Name == "" || one.Result == nil {
			return nil, fault.Damaged(path, "line %d: holds no result; choose another file, or delete the line", i+1)
		}
		r.known[one.Name] = one.Result
	}
	if whole < len(content) {
		err = os.Truncate(path, int64(whole))
	}
	return r, err
}

// once returns the result of that name: the one that r has, or what measure returns, which r then keeps.
func once[R any](r *results, name string, measure func() (R, error)) (result R, err error) {
	if r == nil {
		return measure()
	}
	if known, ok := r.known[name]; ok {
		if err := json.Unmarshal(known, &result); err != nil {
			return result, fault.Damaged(r.path, "the result of %s can't be read (%v); delete its line", name, err)
		}
		return result, nil
	}
	if result, err = measure(); err != nil {
		return result, err
	}
	return result, r.keep(name, result)
}

// keep appends a result to the file.
func (r *results) keep(name string, result any) error {
	value, err := json.Marshal(result)
	if err != nil {
		return err
	}
	line, err := json.Marshal(kept{name, value})
	if err != nil {
		return err
	}
	file, err := os.OpenFile(r.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return fault.Field("Results", r.path, "must be a file that can be written: %v", err)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		file.Close()
		return err
	}
	r.known[name] = value
	return file.Close()
}
