package train

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"
)

// recorder is a tracker that notes its calls, and may fail.
type recorder struct {
	run      TrackedRun
	steps    []int
	pictures int
	end      TrackedEnd
	plot     string
	ended    int
	fails    bool
	failed   int
}

func (r *recorder) fail() {
	if r.fails {
		r.failed++
	}
}

func (r *recorder) Name() string            { return "the recorder" }
func (r *recorder) Start(run TrackedRun)    { r.run = run; r.fail() }
func (r *recorder) Log(step int, _ Metrics) { r.steps = append(r.steps, step); r.fail() }
func (r *recorder) Picture(int, string)     { r.pictures++; r.fail() }
func (r *recorder) Failures() (int, error) {
	if r.failed == 0 {
		return 0, nil
	}
	return r.failed, errors.New("no route to host")
}
func (r *recorder) End(end TrackedEnd, plot string) { r.end, r.plot = end, plot; r.ended++; r.fail() }

// TestTracker gives a tracker what the run folder gets, and ends as the training does.
func TestTracker(t *testing.T) {
	c := toyConfig(12)
	c.SampleEvery = 4
	r := newRun(t)
	tracker := &recorder{}
	task := newToy(openPortable(), 1, 8, 16).task()
	result, err := Run(context.Background(), r.Dir(), task, c, Options{Trackers: []Tracker{nil, tracker}})
	if err != nil {
		t.Fatal(err)
	}
	lines, err := r.Metrics("toy")
	if err != nil || len(lines) != len(tracker.steps) || tracker.pictures == 0 || tracker.end != Finished || tracker.ended != 1 || len(result.Warnings) != 0 {
		t.Errorf("%d lines, %+v, %v, %v", len(lines), tracker, result.Warnings, err)
	}
	if p := tracker.run.Params; p["training.batch"] == "" || p["parameters"] == "" || tracker.run.Model != "toy" {
		t.Errorf("parameters are %v", maps.Collect(maps.All(p)))
	}
	if _, err := os.Stat(tracker.plot); err != nil {
		t.Error(err)
	}

	stopped, cancel := context.WithCancel(context.Background())
	task = newToy(openPortable(), 1, 8, 16).task()
	task.Before = func(step int) {
		if step == 5 {
			cancel()
		}
	}
	tracker = &recorder{}
	var interrupted *Interrupted
	if _, err := Run(stopped, newRun(t).Dir(), task, c, Options{Trackers: []Tracker{tracker}}); !errors.As(err, &interrupted) || tracker.end != Stopped {
		t.Errorf("%v, ended as %v", err, tracker.end)
	}
}

// TestTrackerFails trains with a tracker whose server is gone: the run is as without, and the failures are counted once.
func TestTrackerFails(t *testing.T) {
	c := toyConfig(12)
	straight, r := newRun(t), newRun(t)
	if err := trainToy(t, context.Background(), straight, newToy(openPortable(), 1, 8, 16), c, false); err != nil {
		t.Fatal(err)
	}
	var progress bytes.Buffer
	tracker := &recorder{fails: true}
	result, err := Run(context.Background(), r.Dir(), newToy(openPortable(), 1, 8, 16).task(), c, Options{Progress: &progress, Trackers: []Tracker{tracker}})
	if err != nil {
		t.Fatal(err)
	}
	sameRun(t, straight, r)
	want := "failed to reach the recorder"
	if len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], want) || !strings.Contains(result.Warnings[0], "no route to host") {
		t.Errorf("warnings are %q", result.Warnings)
	}
	if n := strings.Count(progress.String(), "goes on without the recorder"); n != 1 {
		t.Errorf("said %d times:\n%s", n, progress.String())
	}
}
