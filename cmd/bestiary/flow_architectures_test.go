package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestFlowArchitectures trains, resumes, samples, measures and refuses to export a flow over embeddings that is no RealNVP.
func TestFlowArchitectures(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	data := pictures(t, 40)
	succeeds(t, tiny("--data", data, "--out", run, "--steps", "5")...)
	flow := func(more ...string) []string {
		return append([]string{"train", "flow", "--run", run, "--batch", "16", "--threads", "1"}, more...)
	}
	fails(t, 2, []string{"--architecture \"glow\"", "realnvp, nsf, maf, tarflow"}, flow("--architecture", "glow")...)
	fails(t, 2, []string{"--norm", "for --architecture realnvp only"}, flow("--architecture", "nsf", "--norm", "act")...)
	fails(t, 2, []string{"--hidden 8,8", "one width"}, flow("--architecture", "tarflow", "--hidden", "8,8")...)

	succeeds(t, flow("--architecture", "nsf", "--layers", "2", "--hidden", "8", "--steps", "6")...)
	fails(t, 2, []string{"--architecture", "--resume keeps"}, flow("--resume", "--architecture", "maf", "--steps", "8")...)
	succeeds(t, flow("--resume", "--steps", "8")...)
	out := filepath.Join(t.TempDir(), "out.png")
	succeeds(t, "sample", "--run", run, "--class", "dog", "-n", "2", "--out", out, "--threads", "1")
	if told := succeeds(t, "info", run); !strings.Contains(told, "2 spline couplings") {
		t.Errorf("info prints %s", told)
	}
	if told := succeeds(t, "eval", "--run", run, "--data", data, "--split", "all", "--threads", "1"); !strings.Contains(told, `"bits_per_dim"`) {
		t.Errorf("eval prints %s", told)
	}
	fails(t, 1, []string{"the architecture nsf, which LinearRNVP doesn't"}, "export", "--run", run, "--model", "flow", "--out", filepath.Join(t.TempDir(), "flow.pt"))
}
