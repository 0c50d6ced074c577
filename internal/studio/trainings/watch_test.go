package trainings_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
)

// TestMain is the program of a training, if the test starts itself as one: it logs ten steps of the model that it is given.
func TestMain(m *testing.M) {
	if os.Getenv("BESTIARY_FAKE_TRAINING") == "" {
		os.Exit(m.Run())
	}
	if err := fakeTraining(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func fakeTraining() error {
	model, dir := os.Args[2], os.Args[slices.Index(os.Args, "--run")+1]
	if slices.Contains(os.Args, "--resume") {
		fmt.Println(strings.Join(slices.Concat(os.Args[1:4], os.Args[5:]), " ")) // without the folder
		return nil
	}
	r, err := run.Create(dir)
	if err != nil {
		return err
	}
	if err := r.SetTraining(model, map[string]any{"steps": 20, "batch": 4}); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "samples"), 0o700); err != nil {
		return err
	}
	log, err := r.OpenMetrics(model, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	for step := 1; step <= 10; step++ {
		fmt.Printf("step %d/20\n", step)
		line := run.Line{Model: model, Step: step, Values: map[string]float64{"loss": 1 / float64(step), "items_per_second": 8}}
		if err := log.Append(line); err != nil {
			return err
		}
		if step == 5 {
			if err := os.WriteFile(filepath.Join(dir, "samples", model+"-step-000005.png"), nil, 0o600); err != nil {
				return err
			}
		}
		time.Sleep(250 * time.Millisecond)
	}
	return nil
}

// TestWatch watches a training to its end: each line of its log comes once, and its samples.
func TestWatch(t *testing.T) {
	t.Setenv("BESTIARY_FAKE_TRAINING", "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	m := trainings.New(library.New(dir, nil), "", self)
	s, err := m.Start(trainings.Options{Model: "autoencoder", Run: "new", Data: trainings.Drawn[1], Size: "small", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var steps []int
	var sheets []string
	var states []string
	left := 0.0
	err = m.Watch(ctx, s.ID, func(c trainings.Change) error {
		if _, err := json.Marshal(c); err != nil {
			return err
		}
		if c.Status != nil {
			states = append(states, c.Status.State)
		}
		for _, curve := range c.Models {
			if curve.Run != "new" || curve.Model != "autoencoder" || curve.Steps != 20 {
				t.Errorf("%+v", curve)
			}
			for _, l := range curve.Lines {
				steps = append(steps, l.Step)
			}
			if curve.Step > 0 {
				left = curve.Left
			}
		}
		for _, sheet := range c.Samples {
			sheets = append(sheets, sheet.URL)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(steps) != "[1 2 3 4 5 6 7 8 9 10]" || left != 5 { // 10 steps of 4 pictures, 8 a second
		t.Errorf("steps %v, %v seconds left", steps, left)
	}
	if fmt.Sprint(sheets) != "[/api/runs/new/samples/autoencoder-step-000005.png]" {
		t.Errorf("samples %v", sheets)
	}
	if states[0] != "running" || states[len(states)-1] == "running" {
		t.Errorf("states %v", states)
	}
	if err := os.WriteFile(filepath.Join(dir, "new", "autoencoder.state.safetensors"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Resume(s.ID); err != nil {
		t.Fatal(err)
	}
	if err := m.Watch(ctx, s.ID, func(trainings.Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if again, err := m.Get(s.ID); err != nil || again.Message != "train autoencoder --run --resume" { // other settings are those of the run
		t.Errorf("%+v, %v", again, err)
	}
	if err := m.Watch(ctx, "nothing", nil); err == nil {
		t.Error("an unknown training is watched")
	}
}
