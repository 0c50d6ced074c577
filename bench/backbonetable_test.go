package bench

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBackbones measures a Mask R-CNN beside two peers, of which each picture has as many objects.
func TestBackbones(t *testing.T) {
	t.Setenv(fakePython, "none")
	o := BackboneOptions{
		Options: Options{Only: []string{"mobilenetv2"}, Threads: 2, JSON: true, Time: time.Nanosecond, Rounds: 1, Python: os.Args[0]},
		Sizes:   []int{64}, Peers: []string{"torch", "onnxruntime"},
	}
	var out, log bytes.Buffer
	if err := Backbones(t.Context(), o, &out, &log); err != nil {
		t.Fatal(err)
	}
	var got BackboneResult
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Backbone != "mobilenet_v2" || got.Size != 64 || got.Parameters != 21_416_987 || got.SecondsMean <= 0 || got.Runs != 1 || len(got.Peers) != 2 {
		t.Errorf("got %+v", got)
	}
	for i, p := range got.Peers {
		if p.Name != o.Peers[i] || p.SecondsMean != 2 || p.Ratio != 2/got.Seconds {
			t.Errorf("got %+v", p)
		}
	}
	if !strings.Contains(log.String(), "1 of 1: maskrcnn/detect/mobilenet_v2-64") {
		t.Errorf("log %q", log.String())
	}
}

func TestBackboneOptions(t *testing.T) {
	for want, o := range map[string]BackboneOptions{
		"Only resnet51: must be one of efficientnet-lite0, vgg16": {Options: Options{Only: []string{"resnet51"}}},
		"Sizes 100: must be a multiple of 32":                     {Sizes: []int{100}},
		"Sizes 32: must be a multiple of 32":                      {Sizes: []int{32}},
		`Peers "jax": must be among torch, onnxruntime`:           {Peers: []string{"jax"}},
		"onnxruntime: is measured on the processor only":          {Options: Options{Device: "cuda:0"}, Peers: []string{"onnxruntime"}},
		"onnxruntime: computes in float32 only":                   {Options: Options{Precision: "medium"}, Peers: []string{"onnxruntime"}},
		"set Peers too":                                           {Options: Options{Python: "python3"}},
		"leave it out and set Peers":                              {Options: Options{Versus: "torch"}},
		"Profile cpu.out: has no use for backbones":               {Options: Options{Profile: "cpu.out"}},
		"Rounds -1: must be 1 to 1000":                            {Options: Options{Rounds: -1}},
	} {
		if err := Backbones(t.Context(), o, &bytes.Buffer{}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

func TestBackboneTable(t *testing.T) {
	megabytes := int64(300 << 20)
	result := func(net string, peer *PeerResult) BackboneResult {
		r := Result{Device: "cpu/avx2", Processor: "Xeon", Precision: "highest", Threads: 2, Spread: Spread{SecondsMean: 0.125, Runs: 7}, PeakBytes: &megabytes, Parameters: 42}
		return BackboneResult{Backbone: net, Size: 512, Result: r, Peers: []*PeerResult{peer}}
	}
	torch := Peer{Name: "torch", Version: "2.4.0", Python: "python3", Threads: 2, BLAS: "mkl", Precision: "highest"}
	want := `Xeon
cpu/avx2, threads: 2, precision: highest
beside torch 2.4.0 (python3), threads: 2, BLAS: mkl, precision: highest
backbone    picture  precision  parameters  mean ms   memory  runs  torch ms   memory  ratio
resnet18    512×512    highest          42     125.  300 MiB     7      250.  300 MiB  2.00×
seresnet18  512×512    highest          42     125.  300 MiB     7         –        –      –
torch of resnet18, 512×512: channels-last
torch of seresnet18, 512×512: torchvision has no such network
`
	var got strings.Builder
	err := writeBackbones(&got, []BackboneResult{
		result("resnet18", &PeerResult{Peer: torch, Form: "channels-last", Spread: &Spread{SecondsMean: 0.25}, PeakBytes: &megabytes, Ratio: 2}),
		result("seresnet18", &PeerResult{Peer: torch, Impossible: "torchvision has no such network"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestBackboneScripts runs the real scripts on a small picture. They find as many objects as ours, or return an error.
func TestBackboneScripts(t *testing.T) {
	for _, name := range backbonePeers {
		p, err := realTorch(t, name).start(t.Context(), place{1, "cpu", "", "highest"}, detectMasks("mobilenet_v2", 64).name)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if err := p.run(time.Nanosecond); err != nil || p.impossible == "" && len(p.times) != 1 {
			t.Errorf("%s: times %v, error %v", name, p.times, err)
		}
		if err := p.prepare(detectMasks("seresnet18", 64).name); err != nil || p.impossible == "" {
			t.Errorf("%s: SE-ResNet-18 is possible, error %v", name, err)
		}
	}
}
