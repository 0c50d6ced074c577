package mlflow

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/train"
)

// session sends a whole training to a tracker.
func session(t *testing.T, tracker *Tracker, dir string, from, steps int, end train.TrackedEnd) {
	t.Helper()
	picture := filepath.Join(dir, fmt.Sprintf("flow-step-%06d.png", steps))
	plot := filepath.Join(dir, "flow.loss.png")
	for _, path := range []string{picture, plot} {
		if err := os.WriteFile(path, []byte("\x89PNG of "+path), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	params := map[string]string{"training.batch": "32", "data.classes": strings.Repeat("cat,", 1000)}
	for i := range 150 { // more than a request may have
		params[fmt.Sprintf("model.layer%d", i)] = "1"
	}
	tracker.Start(train.TrackedRun{Dir: dir, Model: "flow", Step: from, Params: params})
	for step := from + 1; step <= steps; step++ {
		tracker.Log(step, train.Metrics{"loss": 1 / float64(step), "held_out.loss": math.NaN(), "lr": math.Inf(1)})
	}
	tracker.Picture(steps, picture)
	tracker.End(end, plot)
}

// TestServerFails has servers that are gone, refuse, answer nonsense, or hang: the tracker counts, and returns soon.
func TestServerFails(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	var asked atomic.Int32
	handlers := map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			http.Error(w, `{"error_code":"PERMISSION_DENIED","message":"no"}`, http.StatusForbidden)
		},
		"is another program": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome") },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		},
		"is gone": nil,
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			uri := "http://127.0.0.1:1"
			if h != nil {
				server := httptest.NewServer(h)
				defer server.Close()
				uri = server.URL
			}
			tracker, err := New(uri, Options{Timeout: 200 * time.Millisecond, Patience: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			session(t, tracker, t.TempDir(), 0, 1000, train.Finished)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			n, last := tracker.Failures()
			if n < 100 || last == nil {
				t.Errorf("%d failures, %v", n, last)
			}
		})
	}
	if n := asked.Load(); n > 10 {
		t.Errorf("a server that refuses was asked %d times", n)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, uri := range []string{"", "localhost:5000", "ftp://x", "http://", "sqlite:///x.db", "http://\x00"} {
		var wrong *fault.FieldError
		if _, err := New(uri, Options{}); !errors.As(err, &wrong) {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// TestPasswordIsHidden sends the password and never shows it.
func TestPasswordIsHidden(t *testing.T) {
	sent := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, password, ok := r.BasicAuth(); ok {
			sent = password
		}
		http.Error(w, "no", http.StatusUnauthorized)
	}))
	defer server.Close()
	tracker, err := New(strings.Replace(server.URL, "//", "//me:geheim@", 1), Options{})
	if err != nil {
		t.Fatal(err)
	}
	session(t, tracker, t.TempDir(), 0, 1, train.Finished)
	_, last := tracker.Failures()
	if sent != "geheim" || strings.Contains(tracker.Name()+fmt.Sprint(last), "geheim") {
		t.Errorf("sent %q, shows %s, %v", sent, tracker.Name(), last)
	}
}

// seen is a run as MLflow's client sees it.
type seen struct {
	Name, Status string
	Params, Tags map[string]string
	Metrics      map[string][][2]any
	Artifacts    map[string]int
}

// TestServer sends a training, which is stopped and resumed, to a real server. BESTIARY_PYTORCH names a Python that has mlflow;
// without, the test is skipped.
func TestServer(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" || exec.Command(python, "-c", "import mlflow").Run() != nil {
		t.Skip("BESTIARY_PYTORCH names no Python with mlflow")
	}
	uri := serve(t, python)
	dir := filepath.Join(t.TempDir(), "pets")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for i, part := range []struct {
		from, steps int
		end         train.TrackedEnd
	}{{0, 3, train.Stopped}, {3, 5, train.Finished}} {
		tracker, err := New(uri, Options{Experiment: "pets & co"})
		if err != nil {
			t.Fatal(err)
		}
		session(t, tracker, dir, part.from, part.steps, part.end)
		if n, last := tracker.Failures(); n > 0 {
			t.Fatalf("part %d: %d failures, %v", i, n, last)
		}
		runs := ask(t, python, uri, "pets & co")
		if len(runs) != 1 {
			t.Fatalf("part %d: %d runs", i, len(runs))
		}
		r := runs[0]
		if r.Name != "pets/flow" || r.Status != []string{"KILLED", "FINISHED"}[i] || r.Params["training.batch"] != "32" || len(r.Params) != 152 || r.Tags["bestiary.model"] != "flow" {
			t.Errorf("part %d: %+v", i, r)
		}
		if got := r.Metrics["loss"]; len(got) != part.steps || got[2][0] != 3.0 || got[2][1] != "0.3333333333333333" {
			t.Errorf("losses are %v", got)
		}
		if got := r.Metrics["held_out.loss"]; len(got) != part.steps || got[0][1] != "nan" {
			t.Errorf("held-out losses are %v", got)
		}
		name := fmt.Sprintf("samples/flow-step-%06d.png", part.steps)
		if r.Artifacts[name] == 0 || r.Artifacts["flow.loss.png"] == 0 {
			t.Errorf("artifacts are %v, without %s", r.Artifacts, name)
		}
	}
	// A new training in the same folder is a new run.
	tracker, err := New(uri, Options{Experiment: "pets & co"})
	if err != nil {
		t.Fatal(err)
	}
	session(t, tracker, dir, 0, 1, train.Failed)
	if runs := ask(t, python, uri, "pets & co"); len(runs) != 2 || runs[0].Status != "FAILED" {
		t.Errorf("%d runs, %+v", len(runs), runs[0].Status)
	}
}

// serve starts a server, and returns its URL.
func serve(t *testing.T, python string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	dir := t.TempDir()
	command := exec.Command(python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1",
		"--backend-store-uri", "sqlite:///"+filepath.Join(dir, "mlflow.db"), "--artifacts-destination", filepath.Join(dir, "artifacts"))
	command.Dir = dir
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = log, log
	own(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop(command)
		_ = command.Wait()
	})
	uri := "http://" + address
	for range 600 {
		if r, err := http.Get(uri + "/health"); err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return uri
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	t.Fatalf("the server doesn't start:\n%s", text)
	return ""
}

// ask returns the runs of an experiment, the newest first.
func ask(t *testing.T, python, uri, experiment string) (runs []seen) {
	t.Helper()
	command := exec.Command(python, "testdata/check.py", uri, experiment)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &runs); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return runs
}
