package trainings

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Record is a training, as a file keeps it.
type Record struct {
	ID      string    `json:"id"`
	Options Options   `json:"options"`
	Dir     string    `json:"dir"` // of the run
	Args    []string  `json:"args"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Stopped bool      `json:"stopped"`        // asked to save and stop
	Exit    *int      `json:"exit,omitempty"` // code, if a server has seen the end
}

// Status is what a client learns of a training.
type Status struct {
	ID      string    `json:"id"`
	Options Options   `json:"options"`
	State   string    `json:"state"` // running, done, failed or ended: the server wasn't there
	Started time.Time `json:"started"`
	Message string    `json:"message"` // the last line of its output
}

func (m *Manager) save(r Record) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(m.folder("trainings", r.ID+".json"), raw)
}

// records returns all trainings, the latest first.
func (m *Manager) records() (all []Record) {
	entries, _ := os.ReadDir(m.folder("trainings")) // no folder: no trainings
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		raw, err := regular.ReadFile(m.folder("trainings", e.Name()), 1<<20)
		var r Record
		if err == nil && json.Unmarshal(raw, &r) == nil && r.ID+".json" == e.Name() {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return b.Started.Compare(a.Started) })
	return all
}

// List returns all trainings, the latest first.
func (m *Manager) List() []Status {
	all := []Status{}
	for _, r := range m.records() {
		all = append(all, m.status(r))
	}
	return all
}

// find returns a training by its id.
func (m *Manager) find(id string) (Record, error) {
	for _, r := range m.records() {
		if r.ID == id {
			return r, nil
		}
	}
	return Record{}, problem.New(http.StatusNotFound, "there is no training %q", id)
}

// Get returns a training.
func (m *Manager) Get(id string) (Status, error) {
	r, err := m.find(id)
	if err != nil {
		return Status{}, err
	}
	return m.status(r), nil
}

// running reports whether the process of a training is there: it holds a lock.
func (m *Manager) running(id string) bool { return held(m.folder("trainings", id+".lock")) }

func (m *Manager) status(r Record) Status {
	s := Status{ID: r.ID, Options: r.Options, Started: r.Started, State: "ended", Message: m.lastLine(r.ID)}
	switch {
	case m.running(r.ID) || m.awaited(r.ID):
		s.State = "running"
	case r.Exit != nil && *r.Exit == 0:
		s.State = "done"
	case r.Exit != nil:
		s.State = "failed"
	}
	if s.State != "running" && (strings.Contains(s.Message, "interrupted") || strings.Contains(s.Message, "stopped at step")) {
		s.State = "stopped"
	}
	return s
}

// lastLine returns the last line of a training's output, without folders of the server.
func (m *Manager) lastLine(id string) string {
	f, info, err := regular.Open(m.folder("trainings", id+".log"))
	if err != nil {
		return ""
	}
	defer f.Close()
	const most = 4096
	raw, err := io.ReadAll(io.NewSectionReader(f, max(0, info.Size()-most), most))
	if err != nil {
		return ""
	}
	lines := strings.FieldsFunc(string(raw), func(r rune) bool { return r == '\n' || r == '\r' })
	for i := len(lines) - 1; i >= 0; i-- {
		if text := strings.TrimSpace(lines[i]); text != "" {
			uploads := m.folder("data") + string(filepath.Separator) // absolute or not, as the arguments have it
			if whole, err := filepath.Abs(uploads); err == nil {
				text = strings.ReplaceAll(text, whole+string(filepath.Separator), "upload/")
			}
			text = strings.ReplaceAll(text, uploads, "upload/")
			return problem.Hide(printable.Text(strings.ReplaceAll(text, m.library.Dir()+string(filepath.Separator), "")))
		}
	}
	return ""
}
