package flows_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestPeers compares with zuko and nflows: the same weights give the same log-densities and samples, to 1e-5 of their size.
// testdata/make_peers.py made the file.
func TestPeers(t *testing.T) {
	file, err := safetensors.Read("testdata/peers.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Metadata) < 12 {
		t.Fatalf("the file has %d flows", len(file.Metadata))
	}
	for name, text := range file.Metadata {
		t.Run(name, func(t *testing.T) {
			var s flows.Spec
			if err := json.Unmarshal([]byte(text), &s); err != nil {
				t.Fatal(err)
			}
			d := openDevice(t, "cpu")
			f, err := flows.New(d, s, tensor.NewGenerator(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := weights.Load(f, file, name+".weights."); err != nil {
				t.Fatal(err)
			}
			f.SetTraining(false)
			get := func(what string) *tensor.Tensor {
				values, shape, err := file.Float32(name + "." + what)
				if err != nil {
					t.Fatal(err)
				}
				return d.From(values, shape...)
			}
			var cond *tensor.Tensor
			if s.Condition > 0 {
				cond = get("condition")
			}
			near(t, "log-densities", f.LogProb(get("x"), cond).Values(), get("log_prob").Values())
			x, _ := f.Inverse(get("z"), cond)
			near(t, "samples", x.Values(), get("sample").Values())
		})
	}
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i := range want {
		if !(math.Abs(float64(got[i]-want[i])) <= 1e-5*max(1, math.Abs(float64(want[i])))) {
			t.Errorf("%s: number %d is %v, want %v", what, i, got[i], want[i])
			return
		}
	}
	if slices.Max(got) == slices.Min(got) {
		t.Errorf("%s are all the same", what)
	}
}
