package bench

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	fraction, bytes := 0.876, int64(300<<20)
	peer := &PeerResult{
		Peer:   Peer{Name: "torch", Version: "1.13.0", Python: "python3", Threads: 2, BLAS: "mkl", Precision: "highest"},
		Spread: &Spread{Seconds: 2, SecondsQ1: 1.5, SecondsQ3: 2.5, Runs: 5}, PeakBytes: &bytes, Ratio: 16,
	}
	cast := *peer
	cast.Form = "bfloat16 autocast"
	lacking := &PeerResult{Peer: peer.Peer, Impossible: "no operation for it"}
	results := []Result{
		{
			Name: "gemm/1024", Device: "cpu/avx2", Precision: "highest", Threads: 2,
			Spread:         Spread{Seconds: 0.125, SecondsQ1: 0.12, SecondsQ3: 0.131, Runs: 12},
			ItemsPerSecond: 8, GFlops: 17.18, PeakFraction: &fraction, PeakBytes: &bytes, AllocatedBytes: 1500, Versus: peer,
		},
		{Name: "a", Device: "cpu/avx2", Spread: Spread{Seconds: 1, SecondsQ1: 1, SecondsQ3: 1, Runs: 5}, ItemsPerSecond: 12345, Versus: &cast},
		{Name: "b", Device: "cpu/avx2", Spread: Spread{Seconds: 1, SecondsQ1: 1, SecondsQ3: 1, Runs: 5}, ItemsPerSecond: 1, Versus: lacking},
	}
	want := `cpu/avx2, threads: 2, precision: highest
beside torch 1.13.0 (python3), threads: 2, BLAS: mkl, precision: highest
workload   seconds        q1–q3    items/s  GF/s  of peak   memory  garbage  runs  torch      q1–q3   memory  runs   ratio
gemm/1024    0.125  0.120–0.131          8  17.2     88 %  300 MiB   1.5 kB    12   2.00  1.50–2.50  300 MiB     5  16.00×
a             1.00    1.00–1.00  1.234e+04   0.0        –        –   0.0 kB     5   2.00  1.50–2.50  300 MiB     5  16.00×
b             1.00    1.00–1.00          1   0.0        –        –   0.0 kB     5      –          –        –     –       –
torch computes a with bfloat16 autocast
`
	var got strings.Builder
	if err := writeTable(&got, results); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestGPUTable(t *testing.T) {
	bytes := int64(300 << 20)
	one := Spread{Seconds: 2, SecondsQ1: 2, SecondsQ3: 2, Runs: 5}
	results := []Result{{
		Name: "a", Device: "cuda:1", GPU: "NVIDIA H100", Precision: "high", Threads: 1, Spread: one, ItemsPerSecond: 1, PeakBytes: &bytes,
		Versus: &PeerResult{
			Peer:   Peer{Name: "torch", Version: "2.4.0", Python: "python3", Threads: 8, BLAS: "CUDA 12.4", GPU: "NVIDIA H100", Precision: "high"},
			Spread: &one, PeakBytes: &bytes, Ratio: 1,
		},
	}}
	want := `cuda:1, NVIDIA H100, precision: high
beside torch 2.4.0 (python3), threads: 8, BLAS: CUDA 12.4, precision: high
workload  seconds      q1–q3  items/s  GF/s  of peak  GPU memory  garbage  runs  torch      q1–q3  GPU memory  runs  ratio
a            2.00  2.00–2.00        1   0.0        –     300 MiB   0.0 kB     5   2.00  2.00–2.00     300 MiB     5  1.00×
`
	var got strings.Builder
	if err := writeTable(&got, results); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestSteadyTable(t *testing.T) {
	early, last, growth := int64(100<<20), int64(104<<20), 0.04
	rows := []SteadyResult{
		{Name: "flow", Steps: 5000, AllocatedBytes: 1234, EarlyBytes: &early, LastBytes: &last, Growth: &growth},
		{Name: "elsewhere", Steps: 60},
	}
	want := `workload   steps  garbage a step  resident after 50  at the end  growth
flow        5000          1.2 kB            100 MiB     104 MiB  +4.0 %
elsewhere     60          0.0 kB                  –           –       –
`
	var got strings.Builder
	if err := writeSteady(&got, rows, false); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}
