//go:build unix

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	runfolder "github.com/bestiary-ml/bestiary/internal/run"
)

// TestInterruptAndResume interrupts a training as Ctrl-C does, resumes it, and compares the weights with those of a
// training without interruption.
func TestInterruptAndResume(t *testing.T) {
	folder, dir := pictures(t, 60), t.TempDir()
	broken, whole := filepath.Join(dir, "broken"), filepath.Join(dir, "whole")
	steady := []string{"--schedule", "constant", "--warmup", "0", "--log-every", "1", "--patience", "0"}
	for _, model := range []string{"autoencoder", "flow"} {
		train := func(run string, more ...string) []string {
			if model == "flow" {
				return tinyFlow(run, append(more, steady...)...)
			}
			return tiny(append(append(more, steady...), "--data", folder, "--out", run)...)
		}
		step := interrupt(t, broken, model, train(broken, "--steps", "1000000"))
		steps := strconv.Itoa(step + 7)
		succeeds(t, "train", model, "--run", broken, "--resume", "--steps", steps, "--threads", "1")
		succeeds(t, train(whole, "--steps", steps)...)
		a, errA := os.ReadFile(filepath.Join(broken, model+".safetensors"))
		b, errB := os.ReadFile(filepath.Join(whole, model+".safetensors"))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: interrupted after step %d and resumed to %s, the weights aren't those of an uninterrupted training (%v, %v)", model, step, steps, errA, errB)
		}
	}
	if _, stderr, _ := bestiary(t, "train", "autoencoder", "--run", broken, "--resume"); !strings.Contains(stderr, "train the flow again") {
		t.Errorf("the autoencoder goes on without a word about the flow: %q", stderr)
	}
	fails(t, 2, []string{"--batch 9", "started with"}, "train", "flow", "--run", broken, "--resume", "--batch", "9")
	fails(t, 2, []string{"--layers", "--resume keeps"}, "train", "flow", "--run", broken, "--resume", "--layers", "9")
	fails(t, 1, []string{"--data", "are not those"}, tinyResume(broken, pictures(t, 30))...)
}

func tinyResume(run, folder string) []string {
	return []string{"train", "autoencoder", "--run", run, "--resume", "--data", folder, "--steps", "1000000"}
}

// interrupt begins a training, interrupts it once it has logged a few steps, and returns the step it says it has saved.
func interrupt(t *testing.T, dir, model string, args []string) int {
	t.Helper()
	var stderr bytes.Buffer
	ended := make(chan int)
	go func() { ended <- run(args, io.Discard, &stderr) }()
	for {
		select {
		case code := <-ended:
			t.Fatalf("ended by itself with code %d: %s", code, stderr.String())
		case <-time.After(5 * time.Millisecond):
		}
		if r, err := runfolder.Open(dir); err == nil {
			if lines, _ := r.Metrics(model); len(lines) >= 3 {
				break
			}
		}
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	code := <-ended
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	last := lines[len(lines)-1]
	_, after, _ := strings.Cut(last, "saved after step ")
	number, remedy, _ := strings.Cut(after, ";")
	step, err := strconv.Atoi(number)
	if code != 1 || err != nil || !strings.Contains(remedy, "--resume") {
		t.Fatalf("exit code %d, %q", code, last)
	}
	return step
}
