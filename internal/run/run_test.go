package run

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

type settings struct {
	Width int    `json:"width"`
	Name  string `json:"name,omitempty"`
}

func create(t *testing.T) *Run {
	t.Helper()
	r, err := Create(filepath.Join(t.TempDir(), "runs", "pets"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newModel(t *testing.T, seed uint64) nn.Module {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1, Kernels: "portable"})
	if err != nil {
		t.Fatal(err)
	}
	g := tensor.NewGenerator(seed)
	return nn.NewSequential(nn.NewLinear(d, 3, 4, true, g), nn.NewBatchNorm(d, 4, tensor.Activation{}))
}

// fails checks for an error of one line that mentions all of the words.
func fails(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error lacks %q: %v", w, err)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestConfigSections(t *testing.T) {
	r := create(t)
	for model, s := range map[string]settings{"autoencoder": {Width: 64}, "flow": {Width: 256, Name: "x"}} {
		if err := r.SetConfig(model, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.SetData(settings{Width: 3}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetTraining("flow", settings{Width: 4}); err != nil {
		t.Fatal(err)
	}
	if err := r.SetConfig("flow", settings{Width: 512}); err != nil {
		t.Fatal(err)
	}
	again, err := Open(r.Dir())
	if err != nil {
		t.Fatal(err)
	}
	var got [4]settings
	err = errors.Join(again.Config("autoencoder", &got[0]), again.Config("flow", &got[1]), again.Data(&got[2]), again.Training("flow", &got[3]))
	if want := [4]settings{{Width: 64}, {Width: 512}, {Width: 3}, {Width: 4}}; err != nil || got != want {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	fails(t, again.Config("dalle", &got[0]), again.Dir(), "no trained dalle", "train one first")
	fails(t, again.Config("flow", &struct{}{}), "config.json", "width", "correct it")
}

func TestUnknownSectionsAreKept(t *testing.T) {
	r := create(t)
	if err := os.WriteFile(r.Path(configName), []byte(`{"format": 1, "note": {"by": "hand"}}`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := r.SetData(1); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.Path(configName))
	if err != nil || !strings.Contains(string(text), `"by": "hand"`) {
		t.Errorf("the note is gone: %s %v", text, err)
	}
}

func TestOpenErrors(t *testing.T) {
	empty := t.TempDir()
	_, err := Open(filepath.Join(empty, "no"))
	fails(t, err, "no: there is no such run folder", "train a model")
	_, err = Open(empty)
	fails(t, err, empty, "config.json is missing")
	for text, words := range map[string][]string{
		`{"format": 2}`:  {"newer", "format 2", "update bestiary"},
		`{"format": "x"`: {"not a JSON object", "restore"},
		`null`:           {"not a version number"},
		`{}`:             {"format", "restore"},
	} {
		if err := os.WriteFile(filepath.Join(empty, configName), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := Open(empty)
		fails(t, err, append(words, filepath.Join(empty, configName))...)
		_, err = Create(empty)
		fails(t, err, words...)
	}
	photos := t.TempDir()
	if err := os.WriteFile(filepath.Join(photos, "cat.jpg"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = Create(photos)
	fails(t, err, photos, "cat.jpg", "choose")
	_, err = Create(filepath.Join(photos, "cat.jpg", "run"))
	fails(t, err, "cat.jpg", "choose")
}

func TestWeights(t *testing.T) {
	r := create(t)
	a, b := newModel(t, 1), newModel(t, 2)
	if err := r.SaveWeights("flow", weights.Of(a), map[string]string{"step": "7"}); err != nil {
		t.Fatal(err)
	}
	meta, err := r.LoadWeights("flow", b)
	if err != nil || meta["step"] != "7" || meta[modelKey] != "flow" {
		t.Fatal(meta, err)
	}
	if diff := cmp.Diff(weights.Of(a), weights.Of(b)); diff != "" {
		t.Error(diff)
	}
	if got := r.Models(); !cmp.Equal(got, []string{"flow"}) || !r.HasWeights("flow") || r.HasState("flow") {
		t.Error(got)
	}
}

func TestCheckpointErrors(t *testing.T) {
	r := create(t)
	m := newModel(t, 1)
	_, err := r.LoadWeights("flow", m)
	fails(t, err, r.Dir(), "no trained flow", "no models yet", "train one first")
	_, err = r.LoadState("flow")
	fails(t, err, r.Dir(), "no training of flow to resume")
	if err := errors.Join(r.SaveWeights("flow", weights.Of(m), nil), r.SaveState("flow", weights.Of(m), nil)); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadWeights("dalle", m)
	fails(t, err, "no trained dalle", "it has flow")

	path := r.WeightsPath("flow")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)-9] ^= 1
	state, err := os.ReadFile(r.StatePath("flow"))
	if err != nil {
		t.Fatal(err)
	}
	other := newModel(t, 1).(*nn.Sequential)
	other.Add("7", other.Layers()[0])
	for name, c := range map[string]struct {
		text  []byte
		into  nn.Module
		words []string
	}{
		"truncated":           {whole[:len(whole)-20], m, []string{"cut off", "restore"}},
		"empty":               {nil, m, []string{"cut off", "restore"}},
		"corrupt":             {flipped, m, []string{"checksum", "restore"}},
		"newer":               {[]byte(strings.Replace(string(whole), `format_version":"1"`, `format_version":"9"`, 1)), m, []string{"newer", "update bestiary"}},
		"state in its place":  {state, m, []string{"a file of state", "right file"}},
		"other configuration": {whole, other, []string{"7.weight", "configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, c.text, 0o666); err != nil {
				t.Fatal(err)
			}
			before := weights.Of(c.into)
			_, err := r.LoadWeights("flow", c.into)
			fails(t, err, append(c.words, path)...)
			if diff := cmp.Diff(before, weights.Of(c.into)); diff != "" {
				t.Error("the model has changed:", diff)
			}
		})
	}
	if err := os.WriteFile(r.WeightsPath("dalle"), whole, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = r.LoadWeights("dalle", m)
	fails(t, err, `"flow", not to "dalle"`, "dalle.safetensors")
}

// TestForeignWeights reads weights without our metadata, as another program writes them.
func TestForeignWeights(t *testing.T) {
	r := create(t)
	if err := safetensors.Write(r.WeightsPath("flow"), weights.Of(newModel(t, 1)), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadWeights("flow", newModel(t, 2)); err != nil {
		t.Error(err)
	}
	if err := os.Rename(r.WeightsPath("flow"), r.StatePath("flow")); err != nil {
		t.Fatal(err)
	}
	_, err := r.LoadState("flow")
	fails(t, err, "state.safetensors", "belongs to")
}

func TestLock(t *testing.T) {
	r := create(t)
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.Lock()
	fails(t, err, r.Dir(), "process", "wait")
	lock.Unlock()
	if lock, err = r.Lock(); err != nil {
		t.Fatal(err)
	}
	lock.Unlock()
}

// TestLockDiesWithProcess kills a process that holds the lock.
func TestLockDiesWithProcess(t *testing.T) {
	if dir := os.Getenv("RUN_TEST_LOCK"); dir != "" {
		r, _ := Open(dir)
		lock, err := r.Lock()
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("locked\n")
		for {
			time.Sleep(time.Hour)
			runtime.KeepAlive(lock) // its file would be closed once it is garbage
		}
	}
	r := create(t)
	child := exec.Command(os.Args[0], "-test.run=^TestLockDiesWithProcess$")
	child.Env = append(os.Environ(), "RUN_TEST_LOCK="+r.Dir())
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 10)); err != nil {
		t.Error(err)
	}
	_, err = r.Lock()
	fails(t, err, "is training")
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	lock.Unlock()
}

func TestMetrics(t *testing.T) {
	r := create(t)
	write := func(model string, from int, steps ...int) {
		t.Helper()
		log, err := r.OpenMetrics(model, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range steps {
			if err := log.Append(Line{model, s, map[string]float64{"loss": float64(s) / 4}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("flow", 0, 1, 2, 3)
	write("autoencoder", 0, 1, 2, 3, 4)
	f, err := os.OpenFile(r.Path(metricsName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"model":"autoencoder","st`); err != nil { // killed in the middle of a line
		t.Fatal(err)
	}
	f.Close()
	if lines, err := r.Metrics("autoencoder"); err != nil || len(lines) != 4 {
		t.Error(lines, err)
	}
	write("autoencoder", 2, 3)
	lines, err := r.Metrics("autoencoder")
	if err != nil || len(lines) != 3 || lines[2].Step != 3 || lines[2].Values["loss"] != 0.75 {
		t.Error(lines, err)
	}
	if lines, err := r.Metrics("flow"); err != nil || len(lines) != 3 {
		t.Error(lines, err)
	}
	var l Line
	if err := l.UnmarshalJSON([]byte(`{"model":"flow","step":1,"loss":null,"note":"x"}`)); err != nil || len(l.Values) != 1 || !math.IsNaN(l.Values["loss"]) {
		t.Error(l, err)
	}
}

func TestOptions(t *testing.T) {
	r := create(t)
	if r.HasData() {
		t.Error("a new run has data")
	}
	var got settings
	fails(t, r.Options("dvae", &got), "config.json", "options.dvae")
	if err := errors.Join(r.SetOptions("dvae", settings{Width: 5}), r.SetOptions("dalle", settings{Width: 6}), r.SetData(settings{})); err != nil {
		t.Fatal(err)
	}
	if err := r.Options("dvae", &got); err != nil || got.Width != 5 || !r.HasData() {
		t.Errorf("got %+v, %v", got, err)
	}
}
