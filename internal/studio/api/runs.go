package api

import (
	"bytes"
	_ "embed"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
)

//go:embed openapi.json
var description []byte

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(bytes.ReplaceAll(description, []byte("VERSION"), []byte(a.Version)))
	return nil
}

// Run is a run as clients see it.
type Run struct {
	library.Run
	Generators []string `json:"generators"` // for prompts
	Flows      []string `json:"flows"`
}

func (a *API) describe(r library.Run) Run {
	text, flows := a.Desk.Library.Generators(r.Name)
	return Run{r, notNil(text), notNil(flows)}
}

func notNil(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func (a *API) runs(w http.ResponseWriter, _ *http.Request) error {
	all := []Run{}
	for _, r := range a.Desk.Library.All() {
		r.Models = slices.Clone(r.Models)
		for i := range r.Models {
			r.Models[i].Config, r.Models[i].Options = nil, nil
		}
		all = append(all, a.describe(r))
	}
	return answer(w, struct {
		Runs []Run `json:"runs"`
	}{all}, nil)
}

func (a *API) run(w http.ResponseWriter, r *http.Request) error {
	about, err := a.Desk.Library.Get(r.PathValue("run"))
	if err != nil {
		return err
	}
	return answer(w, a.describe(about), nil)
}

// maxLines is the number of lines of a log that are answered.
const maxLines = 2000

func (a *API) metrics(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Get("model") == "" {
		return problem.Wrong("model", "must name a model of the run, such as dalle")
	}
	most := maxLines
	if q.Has("lines") {
		n, err := strconv.Atoi(q.Get("lines"))
		if err != nil || n < 1 || n > maxLines {
			return problem.Wrong("lines", "must be from 1 to %d", maxLines)
		}
		most = n
	}
	lines, err := a.Desk.Library.Metrics(r.PathValue("run"), q.Get("model"), most)
	if lines == nil {
		lines = []run.Line{}
	}
	return answer(w, struct {
		Model string     `json:"model"`
		Lines []run.Line `json:"lines"`
	}{q.Get("model"), lines}, err)
}

func (a *API) samples(w http.ResponseWriter, r *http.Request) error {
	names, err := a.Desk.Library.Samples(r.PathValue("run"))
	return answer(w, struct {
		Samples []string `json:"samples"`
	}{names}, err)
}

func (a *API) sample(w http.ResponseWriter, r *http.Request) error {
	file, err := a.Desk.Library.Sample(r.PathValue("run"), r.PathValue("png"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	w.Header().Set("Cache-Control", "private, no-cache")
	// #nosec G705 -- a PNG file, by its content type
	_, _ = w.Write(file) // a client that is gone
	return nil
}

func (a *API) recipes(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, struct {
		Recipes []trainings.Recipe `json:"recipes"`
		Data    []string           `json:"data"`
	}{trainings.Recipes(), a.Trainings.DataSets()}, nil)
}

func (a *API) trainings(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, struct {
		Trainings []trainings.Status `json:"trainings"`
	}{a.Trainings.List()}, nil)
}

func (a *API) train(w http.ResponseWriter, r *http.Request) error {
	var o trainings.Options
	if err := wire.JSON(w, r, &o); err != nil {
		return err
	}
	s, err := a.Trainings.Start(o)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/trainings/"+s.ID)
	wire.Answer(w, http.StatusAccepted, s)
	return nil
}

func (a *API) training(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Trainings.Get(r.PathValue("id"))
	return answer(w, s, err)
}

// trainingEvents answers with an event for each change of a training, until it has ended.
func (a *API) trainingEvents(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, err := a.Trainings.Get(id); err != nil {
		return err
	}
	stream(w, func(send func(name string, v any) error) {
		_ = a.Trainings.Watch(r.Context(), id, func(c trainings.Change) error { return send("change", c) }) // a client that is gone
		if r.Context().Err() == nil {
			_ = send("end", struct{}{})
		}
	})
	return nil
}

func (a *API) stop(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Trainings.Stop(r.PathValue("id"))
	return answer(w, s, err)
}

func (a *API) resume(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Trainings.Resume(r.PathValue("id"))
	return answer(w, s, err)
}

// stall is how long an upload may pause.
const stall = 30 * time.Second

// upload takes a zip archive of pictures.
func (a *API) upload(w http.ResponseWriter, r *http.Request) error {
	if kind := r.Header.Get("Content-Type"); kind != "application/zip" {
		return problem.New(http.StatusUnsupportedMediaType, "the body must be application/zip")
	}
	if err := wire.Plain(r); err != nil {
		return err
	}
	name := r.URL.Query().Get("name")
	dir, err := a.Trainings.UploadFolder(name)
	if err != nil {
		return err
	}
	if r.ContentLength > upload.MaxArchive {
		return &http.MaxBytesError{Limit: upload.MaxArchive}
	}
	f, err := os.CreateTemp("", "bestiary-*.zip")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	c := http.NewResponseController(w)
	body := http.MaxBytesReader(w, r.Body, upload.MaxArchive)
	if _, err := io.Copy(f, &moving{body, c}); err != nil {
		return err
	}
	_ = c.SetReadDeadline(time.Time{}) // tests have no connection
	files, left, err := upload.Unpack(f.Name(), dir)
	if errors.Is(err, fs.ErrExist) { // another upload was faster
		return trainings.Taken(name)
	}
	if err != nil {
		return err
	}
	wire.Answer(w, http.StatusCreated, struct {
		Data  string `json:"data"`
		Files int    `json:"files"`
		Left  int    `json:"left_out"`
	}{"upload/" + name, files, left})
	return nil
}

// moving gives each part of an upload its own time.
type moving struct {
	io.Reader
	c *http.ResponseController
}

// Read implements io.Reader.
func (m *moving) Read(b []byte) (int, error) {
	_ = m.c.SetReadDeadline(time.Now().Add(stall)) // tests have no connection
	n, err := m.Reader.Read(b)
	if err == io.EOF {
		return n, err
	}
	return n, wire.Unread(err)
}
