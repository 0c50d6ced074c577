// Package trainings starts trainings as processes of their own, which go on without the server and are found again.
package trainings

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Options say what is trained.
type Options struct {
	Model string `json:"model"` // name of a recipe
	Run   string `json:"run"`   // name of a new run, or of one that has what the model needs
	Data  string `json:"data"`  // name of a data set of the server; "" is the run's
	Size  string `json:"size"`
	Steps int    `json:"steps"` // 0 is the default of the model
	Seed  uint64 `json:"seed"`
}

// Manager starts and watches trainings. Its files are in a hidden folder of the library.
type Manager struct {
	library *library.Library
	data    string // folder whose sub-folders may be trained on; "" for none
	program string

	mu  sync.Mutex
	own sync.Map // processes of trainings, by id, that this server has started and whose end it waits for
}

// awaited reports whether the end of a training is still to be recorded.
func (m *Manager) awaited(id string) bool {
	_, ok := m.own.Load(id)
	return ok
}

// New returns the manager for a library. data is a folder whose sub-folders may be trained on; "" for none. program is the
// command that trains.
func New(l *library.Library, data, program string) *Manager {
	return &Manager{library: l, data: data, program: program}
}

func (m *Manager) folder(parts ...string) string {
	return filepath.Join(append([]string{m.library.Dir(), ".studio"}, parts...)...)
}

// runName are the names that a new run may have.
var runName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// wantName says it in words.
const wantName = "must be 1 to 64 small letters, digits, hyphens and underscores, and begin with a letter or a digit"

// MaxRunning is the number of trainings that run at a time.
const MaxRunning = 2

// Start starts a training.
func (m *Manager) Start(o Options) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	recipes := Recipes()
	i := slices.IndexFunc(recipes, func(r Recipe) bool { return r.Name == o.Model })
	if i < 0 {
		return Status{}, problem.Wrong("model", "must be a kind of training that the server has")
	}
	r := recipes[i]
	if o.Steps < 0 || o.Steps > 10_000_000 {
		return Status{}, problem.Wrong("steps", "must be from 1 to 10000000, or 0 for the default")
	}
	dir, err := m.target(r, o)
	if err != nil {
		return Status{}, err
	}
	data, err := m.dataPath(r, o.Data)
	if err != nil {
		return Status{}, err
	}
	args, err := r.arguments(o, dir, data)
	if err != nil {
		return Status{}, err
	}
	return m.launch(Record{ID: rand.Text()[:12], Options: o, Dir: dir, Args: args})
}

// target returns the folder of the run to train in.
func (m *Manager) target(r Recipe, o Options) (string, error) {
	known, err := m.library.Path(o.Run)
	switch {
	case r.first() && err == nil:
		return "", problem.Wrong("run", "must be a new name: there is a run %q", o.Run)
	case r.first() && m.library.Single():
		return "", problem.New(http.StatusConflict, "the server serves one run; serve a folder of runs to train new ones")
	case r.first() && !runName.MatchString(o.Run):
		return "", problem.Wrong("run", "%s", wantName)
	case r.first():
		return filepath.Join(m.library.Dir(), o.Run), nil
	case err != nil:
		return "", problem.Wrong("run", "must be a run with a trained %s", r.Needs)
	}
	opened, err := run.Open(known)
	if err != nil {
		return "", problem.New(http.StatusConflict, "run %q is damaged", o.Run)
	}
	if !opened.HasWeights(r.Needs) {
		return "", problem.Wrong("run", "must be a run with a trained %s", r.Needs)
	}
	if opened.HasWeights(r.Name) || opened.HasState(r.Name) {
		return "", problem.Wrong("run", "must be a run without a %s; %q has one", r.Name, o.Run)
	}
	return known, nil
}

// launch starts the process of a training and keeps a record of it.
func (m *Manager) launch(r Record) (Status, error) {
	running := 0
	for _, s := range m.records() {
		if m.running(s.ID) {
			if running++; running >= MaxRunning {
				return Status{}, problem.New(http.StatusConflict, "%d trainings run already; wait for one, or stop it", running)
			}
			if s.Dir == r.Dir {
				return Status{}, problem.New(http.StatusConflict, "a training runs in this run already; wait for it, or stop it")
			}
		}
	}
	if err := os.MkdirAll(m.folder("trainings"), 0o700); err != nil {
		return Status{}, fmt.Errorf("the folder of runs can't be written; serve one that can: %w", err)
	}
	log, err := os.OpenFile(m.folder("trainings", r.ID+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return Status{}, err
	}
	defer log.Close()
	c := exec.Command(m.program, r.Args...) // #nosec G204 -- this program; arguments are checked by the recipe
	c.Stdout, c.Stderr = log, log
	detach(c)
	held, err := hold(c, m.folder("trainings", r.ID+".lock"))
	if err != nil {
		return Status{}, err
	}
	defer held.Close() // the process has it, too
	if err := c.Start(); err != nil {
		return Status{}, fmt.Errorf("the training can't be started: %w", err)
	}
	r.PID, r.Started, r.Stopped, r.Exit = c.Process.Pid, time.Now(), false, nil
	if err := m.save(r); err != nil {
		_ = c.Process.Kill()
		return Status{}, err
	}
	m.own.Store(r.ID, r.PID)
	go func() {
		defer m.own.CompareAndDelete(r.ID, r.PID) // it may have been resumed, as another process
		code := 0
		var failed *exec.ExitError
		if err := c.Wait(); errors.As(err, &failed) {
			code = failed.ExitCode()
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if now, err := m.find(r.ID); err == nil && !now.Started.Equal(r.Started) {
			return // it has been resumed already, as another process
		}
		r.Exit = &code
		_ = m.save(r) // the state is then "ended"
	}()
	return m.status(r), nil
}

// Stop asks a training to save and stop.
func (m *Manager) Stop(id string) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Status{}, err
	}
	if !m.running(id) {
		return Status{}, problem.New(http.StatusConflict, "the training doesn't run")
	}
	if r.Stopped { // a second signal would end it at once, without saving
		return m.status(r), nil
	}
	if err := interrupt(r.PID); err != nil {
		return Status{}, fmt.Errorf("the training can't be stopped: %w", err)
	}
	r.Stopped = true
	if err := m.save(r); err != nil {
		return Status{}, err
	}
	return m.status(r), nil
}

// Resume continues a training that has been stopped, or has ended otherwise.
func (m *Manager) Resume(id string) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, err := m.find(id)
	if err != nil {
		return Status{}, err
	}
	if m.running(id) {
		return Status{}, problem.New(http.StatusConflict, "the training runs")
	}
	if r.Options.Model == "demo" {
		return Status{}, problem.New(http.StatusConflict, "a demo can't be resumed; start another one")
	}
	opened, err := run.Open(r.Dir)
	if err == nil && opened.HasState(r.Options.Model) { // which keeps all other settings
		r.Args = []string{"train", r.Options.Model, "--run", r.Dir, "--resume"}
	}
	return m.launch(r)
}
