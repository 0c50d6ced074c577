package scaling

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
)

// near reports whether two numbers agree to 10 digits.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-10*max(math.Abs(a), math.Abs(b)) }

// some returns the setup of a model on H100s without stragglers.
func some(m Model, gpus, stage int) setup {
	o := Defaults()
	o.Spread = 0
	return o.setup(m, GPUs[0], Links[0], gpus, stage)
}

// each calls f for every model, number of GPUs and stage.
func each(t *testing.T, f func(m Model, gpus, stage int)) {
	t.Helper()
	for _, m := range Models {
		for _, n := range []int{1, 2, 8, 16, 64, 1024} {
			for stage := range 4 {
				f(m, n, stage)
			}
		}
	}
}

// TestParameters compares the sizes of the models with those in their names.
func TestParameters(t *testing.T) {
	for i, want := range []float64{4.8e6, 125e6, 1.3e9, 6.7e9} {
		if got := Models[i].Parameters(); math.Abs(got/want-1) > 0.015 {
			t.Errorf("%s has %.4g parameters, want %.4g", Models[i].Name, got, want)
		}
	}
	// Narayanan et al., 2021, equation 3: operations of a step with activations computed again.
	m := Models[2]
	l, h, s, v := float64(m.Depth), float64(m.Dim), float64(m.Tokens), float64(m.Vocabulary)
	want, got := 96*s*l*h*h*(1+s/(6*h)+v/(16*l*h)), 0.0
	for _, part := range m.layers() {
		got += part.forward + part.backward
	}
	if !near(got, want) {
		t.Errorf("%s: %g operations for a sequence, want %g", m.Name, got, want)
	}
}

// TestOneGPU has nothing to send, so that the step is the sum of its parts.
func TestOneGPU(t *testing.T) {
	for _, m := range Models {
		for stage := range 4 {
			s := some(m, 1, stage)
			want := updateBytes * m.Parameters() / s.memoryRate
			for _, l := range s.layers {
				want += s.batch * (l.forward + l.backward) / s.rate
			}
			if got := simulate(s); !near(got.seconds, want) || got.seconds != got.compute || got.sent != 0 || got.busy != 0 || got.hidden() != 1 {
				t.Errorf("%s, stage %d: %+v, want %g s", m.Name, stage, got, want)
			}
		}
	}
	o := Defaults()
	o.GPUs = []int{1}
	rows, err := Predict(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Efficiency != 1 {
			t.Errorf("%+v: efficiency", r)
		}
	}
}

// TestInfiniteBandwidth leaves the latencies, and without these nothing but the computation.
func TestInfiniteBandwidth(t *testing.T) {
	each(t, func(m Model, gpus, stage int) {
		s := some(m, gpus, stage)
		s.network = network{inside: math.Inf(1), between: math.Inf(1)}
		if got := simulate(s); got.seconds != got.compute || got.busy != 0 {
			t.Errorf("%s on %d GPUs, stage %d: %+v", m.Name, gpus, stage, got)
		}
	})
}

// TestNoOverlap has one bucket for all gradients, which are sent when nothing is left to compute: the step is the sum of the
// computation and the ring's closed form.
func TestNoOverlap(t *testing.T) {
	for _, m := range Models {
		for stage := range 3 {
			s := some(m, 8, stage)
			s.bucket = 1e18
			got := simulate(s)
			steps := 2.0 * 7
			want := got.compute + steps*(insideLatency+4*m.Parameters()/8/s.network.inside) + baseLatency
			if stage > 0 { // a reduce-scatter and an all-gather
				want += baseLatency
			}
			if !near(got.seconds, want) || got.hidden() > 1e-9 {
				t.Errorf("%s, stage %d: %g s, want %g; %g hidden", m.Name, stage, got.seconds, want, got.hidden())
			}
		}
	}
}

// TestFullOverlap has a link that is fast enough to hide all but the last two buckets: the gradients of the first block and of the
// embedding, which are ready together.
func TestFullOverlap(t *testing.T) {
	s := some(Models[2], 8, 0)
	s.network = network{inside: 1e12, between: 1e12}
	last := s.network.allReduce(4*s.layers[0].parameters, 8).seconds + s.network.allReduce(4*s.layers[1].parameters, 8).seconds
	if got := simulate(s); !near(got.seconds, got.compute+last) {
		t.Errorf("%g s, want %g", got.seconds, got.compute+last)
	}
}

// TestBusyLink has a link so slow that it never rests after its first operation.
func TestBusyLink(t *testing.T) {
	s := some(Models[2], 64, 3)
	s.network.inside, s.network.between = 1e6, 1e6
	got := simulate(s)
	update := updateBytes * Models[2].Parameters() / 64 / s.memoryRate
	first := s.batch * s.layers[len(s.layers)-1].forward / s.rate // nothing is queued while the last layer is computed
	if want := got.busy + first + update; got.seconds < got.busy || math.Abs(got.seconds/want-1) > 1e-3 {
		t.Errorf("%g s, the link works for %g", got.seconds, got.busy)
	}
}

// TestBytes compares what a GPU sends with theory: 2(N-1)/N of the weights at stages 0 to 2, 3(N-1)/N at stage 3.
func TestBytes(t *testing.T) {
	each(t, func(m Model, gpus, stage int) {
		n, times := float64(gpus), 2.0
		if stage == 3 {
			times = 3
		}
		if got, want := simulate(some(m, gpus, stage)).sent, times*(n-1)/n*4*m.Parameters(); !near(got, want) {
			t.Errorf("%s on %d GPUs, stage %d: %g bytes, want %g", m.Name, gpus, stage, got, want)
		}
	})
}

// TestTwoLevels compares an all-reduce over 16 GPUs with its three parts, written out.
func TestTwoLevels(t *testing.T) {
	w := newNetwork(GPUs[0], Links[0])
	const bytes = 1e9
	inside := 8.4e-6 + 7*3.4e-6 + 7.0/8*bytes/450e9
	between := 8.4e-6 + 2*9.6e-6 + bytes/8/50e9 // two machines send a half each, twice
	if got := w.allReduce(bytes, 16).seconds; !near(got, 2*inside+between) {
		t.Errorf("%g s, want %g", got, 2*inside+between)
	}
	if got, want := w.half(bytes, 16).seconds, inside+8.4e-6+9.6e-6+bytes/16/50e9; !near(got, want) {
		t.Errorf("half: %g s, want %g", got, want)
	}
}

// TestMonotone adds GPUs: each sends more and waits longer, and stragglers make it worse.
func TestMonotone(t *testing.T) {
	counts := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	for _, m := range Models {
		for stage := range 4 {
			var before timing
			for _, n := range counts {
				now := simulate(some(m, n, stage))
				if waiting, waited := now.seconds-now.compute, before.seconds-before.compute; now.sent < before.sent || waiting < waited-1e-12 {
					t.Errorf("%s, stage %d: %d GPUs send %g bytes and wait for %g s, half of them %g and %g", m.Name, stage, n, now.sent, waiting, before.sent, waited)
				}
				slower := some(m, n, stage)
				slower.slow = 1.1
				if got := simulate(slower); got.seconds <= now.seconds || !near(got.compute, 1.1*now.compute) {
					t.Errorf("%s, stage %d, %d GPUs with stragglers: %g s, without %g", m.Name, stage, n, got.seconds, now.seconds)
				}
				before = now
			}
		}
	}
}

// TestSlowest compares the approximation with exact expectations: 1/√π for two, 1.42360 for eight, 3.24144 for a thousand
// (Harter, 1961).
func TestSlowest(t *testing.T) {
	for n, want := range map[int]float64{1: 0, 2: 1 / math.Sqrt(math.Pi), 8: 1.42360, 1000: 3.24144} {
		if got := slowest(n); math.Abs(got-want) > 0.03 {
			t.Errorf("the slowest of %d: %g, want %g", n, got, want)
		}
	}
}

// TestMemory compares what is kept of 1,000 parameters over 8 GPUs.
func TestMemory(t *testing.T) {
	for stage, want := range [][3]float64{{4000, 4000, 8000}, {4000, 4000, 1000}, {4000, 500, 1000}, {500, 500, 1000}} {
		w, g, m := states(1000, stage, 8)
		if got := [3]float64{w, g, m}; got != want {
			t.Errorf("stage %d: %v, want %v", stage, got, want)
		}
	}
	m := Models[3]
	if !(m.memory(0, 64, 1, 0) > m.memory(1, 64, 1, 0) && m.memory(1, 64, 1, 0) > m.memory(2, 64, 1, 0) && m.memory(2, 64, 1, 0) > m.memory(3, 64, 1, 0)) {
		t.Error("a later stage needs more memory")
	}
	if got, want := m.memory(0, 1, 2, 0)-m.memory(0, 1, 1, 0), m.activations(1); !near(got, want) {
		t.Errorf("a sequence more takes %g bytes, its activations %g", got, want)
	}
}

// TestOptions refuses what is out of range, by the name of the field.
func TestOptions(t *testing.T) {
	for field, change := range map[string]func(*Options){
		"GPU":    func(o *Options) { o.GPU = "b200" },
		"Link":   func(o *Options) { o.Link = "" },
		"GPUs":   func(o *Options) { o.GPUs = []int{8, 12} },
		"Stage":  func(o *Options) { o.Stage = []int{4} },
		"Batch":  func(o *Options) { o.Batch = 0 },
		"Bucket": func(o *Options) { o.Bucket = -1 },
		"Share":  func(o *Options) { o.Share = math.NaN() },
		"Spread": func(o *Options) { o.Spread = 2 },
	} {
		o := Defaults()
		change(&o)
		_, err := Predict(o)
		var wrong *fault.FieldError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestDifference changes each option and expects other predictions.
func TestDifference(t *testing.T) {
	base, err := Predict(Defaults())
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"GPU":    func(o *Options) { o.GPU = "a100" },
		"Link":   func(o *Options) { o.Link = "hdr200" },
		"GPUs":   func(o *Options) { o.GPUs = []int{8, 16, 32, 64} },
		"Stage":  func(o *Options) { o.Stage = []int{3, 2, 1, 0} },
		"Batch":  func(o *Options) { o.Batch = 4 },
		"Bucket": func(o *Options) { o.Bucket = 1000 },
		"Share":  func(o *Options) { o.Share = 0.5 },
		"Spread": func(o *Options) { o.Spread = 0 },
	} {
		o := Defaults()
		change(&o)
		if rows, err := Predict(o); err != nil || slices.Equal(rows, base) {
			t.Errorf("%s changes nothing, %v", name, err)
		}
	}
}

// TestDocumented compares the table in docs/cluster.md with what "bestiary bench scaling --gpus 8,64,1024 --stage 0,1,3" prints.
func TestDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.GPUs, o.Stage = []int{8, 64, 1024}, []int{0, 1, 3}
	var table strings.Builder
	if err := Run(o, &table); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/cluster.md lacks the table\n%s", table.String())
	}
}
