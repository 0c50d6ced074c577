package bench

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/cpu/simd"
)

var (
	tinyPets = autoencoder.Config{ImageSize: 32, Channels: []int{3, 2, 3, 4, 5, 6}, Hidden: 7, Embedding: 8, Dropout: 0.2}
	tinyFlow = flows.Config{
		Dim: 8, Classes: 2, Layers: 2, Hidden: []int{4, 4}, RepeatHidden: true, SingleNetwork: true, BoundedScale: true,
		Mask: flows.Half, Permutation: flows.RandomOrder, Norm: flows.BatchNormalization,
	}
)

// tiny are workloads of all kinds, small enough for a test.
func tiny() []workload {
	return []workload{
		gemm("gemm/9", 9), trainAutoencoder("autoencoder/train/b4", tinyPets, 4),
		trainFlow("realnvp/train/b4", tinyFlow, 4), sampleFlow("pets/sample/3", tinyPets, tinyFlow, 3),
	}
}

func TestJSON(t *testing.T) {
	var out, log bytes.Buffer
	o := Options{Threads: 2, Kernels: "portable", JSON: true, Time: time.Nanosecond, Rounds: 2}
	if err := run(t.Context(), tiny(), o, &out, &log); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(tiny()) {
		t.Fatalf("%d lines, want one a workload:\n%s", len(lines), out.String())
	}
	for i, w := range tiny() {
		var got map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{"name": w.name, "device": "cpu/portable", "precision": "highest", "threads": 2.0, "runs": 2.0} {
			if got[key] != want {
				t.Errorf("%s: %s is %v, want %v", w.name, key, got[key], want)
			}
		}
		positive := []string{"seconds", "seconds_min", "seconds_q1", "seconds_q3", "items_per_second", "gflops"}
		if simd.Detect() > simd.Portable {
			positive = append(positive, "peak_gflops", "peak_fraction")
		}
		if runtime.GOOS == "linux" && resetPeak() {
			positive = append(positive, "peak_bytes")
		}
		for _, key := range positive {
			if v, ok := got[key].(float64); !ok || v <= 0 {
				t.Errorf("%s: %s is %v, want a positive number", w.name, key, got[key])
			}
		}
		if _, ok := got["allocated_bytes"].(float64); !ok {
			t.Errorf("%s: no allocated_bytes", w.name)
		}
		if seconds, items := got["seconds"].(float64), got["items_per_second"].(float64); math.Abs(seconds*items-float64(w.items)) > 1e-6 {
			t.Errorf("%s: %v items a second of %v s each, want %d an iteration", w.name, items, seconds, w.items)
		}
		if !strings.Contains(log.String(), w.name) {
			t.Errorf("no progress about %s:\n%s", w.name, log.String())
		}
	}
}

func TestProfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.pprof")
	o := Options{Threads: 1, JSON: true, Time: time.Nanosecond, Rounds: 1, Profile: path}
	var out, log bytes.Buffer
	if err := run(t.Context(), tiny()[:1], o, &out, &log); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	profile, err := io.ReadAll(unpacked)
	if err != nil || !bytes.Contains(profile, []byte("nanoseconds")) {
		t.Errorf("%v: no profile of times in %d bytes", err, len(profile))
	}
	if !strings.Contains(out.String(), `"peak_fraction":null`) {
		t.Errorf("the FMA loop is part of what is profiled: %s", out.String())
	}
}

func TestFlops(t *testing.T) {
	// Each convolution and linear layer costs a product forward and one for each of its two gradients. The input of the
	// first layer needs no gradient. A kernel has 4 taps per dimension, less the one that each edge of a picture cuts.
	const batch = 4
	cells := func(side int) float64 { taps := float64(4*side - 2); return taps * taps }
	c := tinyPets.Channels
	macs := 0.0
	for i, side := range []int{16, 8, 4, 2, 1} {
		one := cells(side) * float64(c[i]*c[i+1])
		macs += 6 * one // encoder and decoder
		if i == 0 {
			macs -= one
		}
	}
	linear := float64(c[5]*tinyPets.Hidden + tinyPets.Hidden*tinyPets.Embedding)
	macs += 6 * linear
	for _, test := range []struct {
		w    workload
		want float64
	}{
		{gemm("gemm", 9), 2 * 9 * 9 * 9},
		{trainAutoencoder("autoencoder", tinyPets, batch), 2 * batch * macs},
	} {
		task, err := prepare(t.Context(), test.w, Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		if task.flops != test.want {
			t.Errorf("%s: counted %v operations, want %v", test.w.name, task.flops, test.want)
		}
	}
}

func TestFMARate(t *testing.T) {
	if got := fmaRate(2, time.Millisecond); (got > 0) != (simd.Detect() > simd.Portable) {
		t.Errorf("a rate of %v on %v", got, simd.Detect())
	}
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		patterns, want string
	}{
		{"", strings.Join(Names(), " ")},
		{"gemm/1024", "gemm/1024"},
		{"realnvp", "realnvp/train/b32 realnvp/train/b256"},
		{"realnvp/train/", "realnvp/train/b32 realnvp/train/b256"},
		{"pets/sample/64 */train/b32", "autoencoder/train/b32 realnvp/train/b32 pets/sample/64"},
	} {
		chosen, err := choose(workloads(), strings.Fields(test.patterns))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(names(chosen), " "); got != test.want {
			t.Errorf("%q chooses %q, want %q", test.patterns, got, test.want)
		}
	}
}

func TestWrongOptions(t *testing.T) {
	for want, o := range map[string]Options{
		`Only "real": must match a workload: gemm/1024`: {Only: []string{"real"}},
		`Only "[": must be a name`:                      {Only: []string{"["}},
		`Versus "jax": must be one of torch, torch-compile, torch-cached, zuko, nflows, gorgonia, gomlx, spago`: {Only: []string{"gemm"}, Versus: "jax"},
		`Python python3: is not used by the peer gomlx`:                                                         {Only: []string{"gemm"}, Versus: "gomlx", Python: "python3"},
		`Versus zuko: is measured on the processor only`:                                                        {Versus: "zuko", Device: "cuda:0"},
		`Versus spago: computes on the processor only`:                                                          {Only: []string{"gemm"}, Versus: "spago", Device: "cuda:0"},
		`exactly one workload, not 2`:                                                                           {Only: []string{"realnvp"}, Profile: "cpu.pprof"},
		`leave one of them out`:                                                                                 {Only: []string{"gemm"}, Profile: "cpu.pprof", Versus: "torch"},
		`a/folder/that/is/missing`:                                                                              {Only: []string{"gemm"}, Profile: "a/folder/that/is/missing"},
		`set Versus to torch, zuko or nflows too`:                                                               {Only: []string{"gemm"}, Python: "python3"},
		`Time -1s: must be positive`:                                                                            {Only: []string{"gemm"}, Time: -time.Second},
		`Device "tpu": must be auto`:                                                                            {Only: []string{"gemm"}, Device: "tpu"},
	} {
		if err := Run(t.Context(), o, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, tiny(), Options{}, &bytes.Buffer{}, &bytes.Buffer{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v from a run that was cancelled", err)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{40, 10, 30, 20}
	for p, want := range map[float64]float64{0: 10, 0.25: 17.5, 0.5: 25, 0.75: 32.5, 1: 40} {
		if got := quantile(values, p); got != want {
			t.Errorf("quantile %v is %v, want %v", p, got, want)
		}
	}
	if values[0] != 40 {
		t.Error("the values were sorted in place")
	}
	if got := quantile([]float64{7}, 0.75); got != 7 {
		t.Errorf("quantile of one value 7 is %v", got)
	}
}

func TestSteady(t *testing.T) {
	w := trainFlow("realnvp/train/b4", tinyFlow, 4)
	r, err := steady(t.Context(), w, Options{Threads: 2}, 120)
	if err != nil {
		t.Fatal(err)
	}
	if r.Steps != 120 || r.Early != 50 || r.AllocatedBytes <= 0 {
		t.Errorf("got %+v", r)
	}
	if runtime.GOOS == "linux" && (r.EarlyBytes == nil || *r.EarlyBytes <= 0 || r.LastBytes == nil || r.Growth == nil) {
		t.Errorf("no resident memory: %+v", r)
	}
	for want, wrong := range map[string]struct {
		o     Options
		steps int
	}{
		"Steps 50: must be more than 50":  {Options{}, 50},
		"leave them out":                  {Options{Versus: "torch"}, 100},
		"Python and Profile are not used": {Options{Profile: "cpu.pprof"}, 100},
		`Only "gemm"`:                     {Options{Only: []string{"gemm"}}, 100},
		"Device \"tpu\": must be auto":    {Options{Device: "tpu"}, 100},
	} {
		err := Steady(t.Context(), wrong.o, wrong.steps, &bytes.Buffer{}, &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestLoadAverage(t *testing.T) {
	if load, ok := loadAverage(); ok != (runtime.GOOS == "linux") || load < 0 {
		t.Errorf("got a load of %v, %t on %s", load, ok, runtime.GOOS)
	}
}
