package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fakePython is the environment variable that makes the test binary behave like a Python that has PyTorch: its value
// says what goes wrong.
const fakePython = "BESTIARY_FAKE_PYTHON"

// fakeCard is the environment variable with the GPU that such a Python computes on.
const fakeCard = "BESTIARY_FAKE_CARD"

func TestMain(m *testing.M) {
	if fault := os.Getenv(fakePython); fault != "" {
		actPython(fault)
		return
	}
	os.Exit(m.Run())
}

// actPython answers python -c "import torch …", and the protocol of torch/peer.py.
func actPython(fault string) {
	if os.Args[1] == "-c" {
		if fault == "no torch" {
			os.Exit(1)
		}
		return
	}
	if fault == "chatty" {
		fmt.Println("hello")
	}
	arguments := os.Args[len(os.Args)-4:]
	fmt.Printf(`{"version": "9.9", "threads": %s, "blas": %q, "gpu": %q}`+"\n", arguments[0], strings.Join(arguments[1:], " "), os.Getenv(fakeCard))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		command, argument, _ := strings.Cut(lines.Text(), " ")
		switch {
		case command == "prepare" && fault == "lacking":
			fmt.Println(`{"impossible": "no such layer"}`)
		case command == fault:
			fmt.Println(`{"error": "RuntimeError: no"}`)
		case command == "run" && fault == "dies":
			fmt.Fprintln(os.Stderr, "Traceback:\nout of luck")
			os.Exit(3)
		case command == "run" && fault == "dies silently":
			os.Exit(3)
		case command == "run" && fault == "idle":
			fmt.Println(`{"seconds": [], "peak_bytes": null}`)
		case command == "run":
			fmt.Println(`{"seconds": [3, 1], "peak_bytes": 77}`)
		default:
			fmt.Printf(`{"prepared": %q, "form": "channels-last"}`+"\n", argument)
		}
	}
}

func TestPeer(t *testing.T) {
	o := Options{Threads: 2, JSON: true, Time: time.Nanosecond, Rounds: 3, Versus: "torch", Python: os.Args[0]}
	for _, test := range []struct{ fault, want string }{
		{"none", ""},
		{"no torch", "can't import torch; install PyTorch (pip install torch) or name"},
		{"prepare", "torch: RuntimeError: no"},
		{"run", "torch: RuntimeError: no"},
		{"dies", "stopped (EOF): out of luck"},
		{"dies silently", "stopped (EOF): it wrote no error; name a Python that has its packages"},
		{"idle", "timed nothing"},
		{"chatty", `answered "hello" instead of JSON`},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Setenv(fakePython, test.fault)
			var out bytes.Buffer
			err := run(t.Context(), tiny()[:1], o, &out, &bytes.Buffer{})
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("got error %v, want %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got Result
			if err := json.Unmarshal(out.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			v := got.Versus
			if v == nil || v.Name != "torch" || v.Version != "9.9" || v.Threads != 2 || v.BLAS != "cpu highest eager" || v.Form != "channels-last" || v.PeakBytes == nil || *v.PeakBytes != 77 {
				t.Fatalf("got %+v", v)
			}
			if want := (Spread{Seconds: 2, SecondsMean: 2, SecondsMin: 1, SecondsQ1: 1, SecondsQ3: 3, Runs: 6}); *v.Spread != want {
				t.Errorf("got spread %+v, want %+v", v.Spread, want)
			}
			if want := 2 / got.Seconds; v.Ratio != want {
				t.Errorf("got ratio %v, want %v", v.Ratio, want)
			}
		})
	}
}

func TestPeerLacksWorkload(t *testing.T) {
	t.Setenv(fakePython, "lacking")
	o := Options{Threads: 1, JSON: true, Time: time.Nanosecond, Rounds: 1, Versus: "torch", Python: os.Args[0]}
	var out, log bytes.Buffer
	if err := run(t.Context(), tiny()[:1], o, &out, &log); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Seconds float64
		Versus  map[string]any
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	_, hasSeconds := got.Versus["seconds"]
	_, hasRatio := got.Versus["ratio"]
	if got.Seconds <= 0 || got.Versus["impossible"] != "no such layer" || got.Versus["version"] != "9.9" || hasSeconds || hasRatio {
		t.Errorf("got %s", out.String())
	}
	if want := "gemm/9 in torch: not possible: no such layer\n"; !strings.Contains(log.String(), want) {
		t.Errorf("got log %q, want %q", log.String(), want)
	}
}

// TestPeerPlace checks on which device and at which precision each mode of PyTorch computes: those of our side.
func TestPeerPlace(t *testing.T) {
	t.Setenv(fakePython, "none")
	t.Setenv(fakeCard, "H100")
	for _, test := range []struct {
		name string
		at   place
		want string // arguments, or an error
	}{
		{"torch", place{3, "cuda:1", "H100", "high"}, "cuda:1 high eager"},
		{"torch-compile", place{3, "cuda:0", "H100", "highest"}, "cuda:0 highest compile"},
		{"torch-cached", place{3, "cuda:0", "H100", "medium"}, "cuda:0 medium cached"},
		{"torch", place{3, "cuda:0", "H200", "highest"}, `cuda:0 is "H100" there and "H200" here`},
	} {
		launcher, err := findTorch(t.Context(), test.name, os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		defer launcher.close()
		p, err := launcher.start(t.Context(), test.at, "gemm/9")
		if err != nil {
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s %v: got error %v, want %q", test.name, test.at, err, test.want)
			}
			continue
		}
		p.close()
		if p.Name != test.name || p.Threads != 3 || p.BLAS != test.want {
			t.Errorf("%s %v: got %+v, want %q", test.name, test.at, p.Peer, test.want)
		}
	}
}

// realTorch finds a real Python with a peer's packages, BESTIARY_PYTORCH if it is set. Without one, or in short mode, the test is
// skipped.
func realTorch(t *testing.T, name string) *peerLauncher {
	t.Helper()
	if testing.Short() {
		t.Skip("starting PyTorch takes seconds")
	}
	launcher, err := findTorch(t.Context(), name, os.Getenv("BESTIARY_PYTORCH"))
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(launcher.close)
	return launcher
}

// TestScripts runs the real scripts on the workload that is fastest to prepare.
func TestScripts(t *testing.T) {
	source, err := torchScripts.ReadFile("torch/peer.py")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		if !strings.HasPrefix(name, "density/") && !bytes.Contains(source, fmt.Appendf(nil, "%q: lambda", name)) {
			t.Errorf("torch/peer.py doesn't know %s", name)
		}
	}
	p, err := realTorch(t, "torch").start(t.Context(), place{1, "cpu", "", "highest"}, "realnvp/train/b32")
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for range 2 {
		if err := p.run(time.Nanosecond); err != nil {
			t.Fatal(err)
		}
	}
	if p.Version == "" || p.Threads != 1 || len(p.times) != 2 || slices.Min(p.times) <= 0 {
		t.Errorf("got %+v and times %v", p.Peer, p.times)
	}
	lower, err := realTorch(t, "torch").start(t.Context(), place{1, "cpu", "", "medium"}, "realnvp/train/b32")
	if err != nil {
		t.Fatal(err)
	}
	defer lower.close()
	if err := lower.run(time.Nanosecond); err != nil || p.Precision != "highest" || lower.Precision != "medium" {
		t.Errorf("precisions %s and %s, error %v", p.Precision, lower.Precision, err)
	}
	if err := p.ask("dance wildly", &struct{}{}); err == nil || !strings.Contains(err.Error(), "'dance' is not known") {
		t.Errorf("got error %v for an unknown command", err)
	}
}

// TestFlowPeers checks that the flows of zuko and nflows have as many parameters as ours, that they train and sample, and that the
// libraries lack the other workloads.
func TestFlowPeers(t *testing.T) {
	for _, name := range flowPeers {
		t.Run(name, func(t *testing.T) {
			p, err := realTorch(t, name).start(t.Context(), place{1, "cpu", "", "highest"}, "gemm/1024")
			if err != nil {
				t.Fatal(err)
			}
			defer p.close()
			if p.impossible == "" {
				t.Error("gemm is possible")
			}
			for _, w := range densities() {
				if strings.Contains(w.name, "d64") {
					continue // takes longer and checks nothing more
				}
				if err := errors.Join(p.prepare(w.name), p.run(time.Nanosecond)); err != nil {
					t.Fatal(err)
				}
				if ours, err := w.parameters(); err != nil || ours != p.parameters || ours == 0 {
					t.Errorf("%s: %d parameters, %v; those of %s %s are %d", w.name, ours, err, p.Name, p.Version, p.parameters)
				}
			}
			if len(p.times) != 8 || slices.Min(p.times) <= 0 {
				t.Errorf("times %v", p.times)
			}
		})
	}
}

// TestSameSize checks that flows of different sizes are not compared.
func TestSameSize(t *testing.T) {
	r := Result{Parameters: 3, Versus: &PeerResult{Peer: Peer{Name: "zuko"}, Parameters: 4}}
	if err := sameSize("a", r); err == nil || !strings.Contains(err.Error(), "3 parameters and that of zuko 4") {
		t.Errorf("got error %v", err)
	}
	r.Versus.Parameters = 3
	if err := sameSize("a", r); err != nil {
		t.Error(err)
	}
}

// TestCachedLogits compares PyTorch's generation with a cache and without.
func TestCachedLogits(t *testing.T) {
	launcher := realTorch(t, "torch-cached")
	const compare = `
import sys, torch
sys.path.insert(0, sys.argv[1])
from cached import CachedDALLE
torch.manual_seed(1)
torch.set_num_threads(1)
model = CachedDALLE(50, 7, 11, 5).eval()
text, image = torch.randint(0, 50, (2, 7)), torch.randint(0, 11, (2, 25))
for i in range(25):
    got = model.follow(image[:, i - 1 : i]) if i else model.start(text)
    want = model.logits(text, image[:, :i])[0][:, -1, 50 + 7 :]
    assert torch.allclose(got, want, rtol=1e-4, atol=1e-5), f"code {i} is off by {(got - want).abs().max()}"
`
	said, err := exec.CommandContext(t.Context(), launcher.python, "-B", "-c", compare, filepath.Join(launcher.dir, "torch")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, said)
	}
}
