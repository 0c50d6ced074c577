package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/eval"
)

// tinyClassifier returns the flags of a classifier that trains in milliseconds.
func tinyClassifier(more ...string) []string {
	return append([]string{"train", "classifier", "--image-size", "32", "--widths", "4,6", "--blocks", "1", "--batch", "8", "--threads", "1"}, more...)
}

// TestClassifierJudges trains a classifier and generators on disjoint parts, and measures and compares the generators.
func TestClassifierJudges(t *testing.T) {
	dir := t.TempDir()
	judge, run, other := filepath.Join(dir, "judge"), filepath.Join(dir, "run"), filepath.Join(dir, "other")
	if told := succeeds(t, tinyClassifier("--data", "drawn:1:120", "--part", "1/3", "--out", judge, "--steps", "6")...); !strings.HasPrefix(told, "classifier: 6 steps") {
		t.Errorf("train classifier told %q", told)
	}
	fails(t, 2, []string{"--part", "--resume keeps"}, "train", "classifier", "--out", judge, "--resume", "--part", "2/3")
	succeeds(t, "train", "classifier", "--out", judge, "--resume", "--steps", "8", "--threads", "1")
	var classifier eval.ClassifierFigures
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", judge, "--threads", "1")), &classifier); err != nil || classifier.Pictures != 24 || len(classifier.Confusion) != 2 {
		t.Errorf("eval of a classifier: %+v, %v", classifier, err)
	}
	fails(t, 2, []string{"has a classifier and no generator"}, "eval", "--run", judge, "--classifier", judge)

	for _, run := range []string{run, other} {
		succeeds(t, tiny("--data", "drawn:1:120", "--part", "2-3/3", "--out", run, "--steps", "3")...)
		fails(t, 1, []string{"no trained flow yet"}, "eval", "--run", run, "--classifier", judge)
		succeeds(t, tinyFlow(run, "--steps", "3")...)
	}
	page := filepath.Join(dir, "copies.png")
	stdout, stderr, code := bestiary(t, "eval", "--run", run, "--classifier", judge, "--beside", other, "--copies", page, "--threads", "1")
	var figures eval.FlowReport
	if err := json.Unmarshal([]byte(stdout), &figures); err != nil || code != 0 {
		t.Fatal(err, stderr)
	}
	q := figures.Quality
	if q == nil || q.Frechet == nil || q.Frechet.Floor == nil || q.Frechet.Beside == nil || q.ClassAccuracy == nil || q.CopiesFeatures == nil || q.Samples != 24 || q.Training >= 120 {
		t.Errorf("quality: %+v", q)
	}
	if strings.Contains(stderr, "favour") {
		t.Errorf("warned of shared pictures: %s", stderr)
	}
	readImage(t, page)
	shared := filepath.Join(dir, "shared")
	succeeds(t, tinyClassifier("--data", "drawn:1:120", "--out", shared, "--steps", "2")...)
	if _, stderr, _ := bestiary(t, "eval", "--run", run, "--classifier", shared, "--samples", "8"); !strings.Contains(stderr, "use disjoint parts") {
		t.Errorf("no word of shared pictures: %s", stderr)
	}

	if _, stderr, code := bestiary(t, "compare", run, other, "-n", "2", "--samples", "8", "--guidance", "2", "--out", filepath.Join(dir, "guided.png")); code != 0 || !strings.Contains(stderr, "has no guidance and is drawn without") {
		t.Errorf("flows without guidance are not compared: %s", stderr)
	}
	grid, text := filepath.Join(dir, "compare.png"), filepath.Join(dir, "figures.json")
	told := succeeds(t, "compare", run, other+":flow", "--classifier", judge, "-n", "3", "--samples", "10", "--out", grid, "--json", text)
	for _, want := range []string{"Fréchet distance in own features", run + " (flow)", "real photos", "copies in pixels", grid} {
		if !strings.Contains(told, want) {
			t.Errorf("compare: no %q in %q", want, told)
		}
	}
	readImage(t, grid)
	var compared struct{ Runs []eval.Quality }
	content, err := os.ReadFile(text)
	if err != nil || json.Unmarshal(content, &compared) != nil || len(compared.Runs) != 2 || compared.Runs[1].Run != other || compared.Runs[0].Samples != 10 {
		t.Errorf("figures: %s, %v", content, err)
	}
	if told := succeeds(t, "compare", run, "--samples", "8", "-n", "1", "--out", grid, "--json", "-"); !strings.HasPrefix(told, "{") {
		t.Errorf("compare printed %q", told)
	}
	fails(t, 1, []string{"holds no generator"}, "compare", run, judge, "--out", grid)
	fails(t, 2, []string{"not for prompts"}, "compare", run, "--prompt", "a red bird", "--out", grid)
	birds := birdsRun(t)
	fails(t, 2, []string{"compare runs of one kind"}, "compare", run, birds, "--out", grid)
	fails(t, 2, []string{"--classifier " + judge, "reads pictures of 32 pixels", "draws 16", "--image-size 16"}, "compare", birds, "--classifier", judge, "--out", grid)
}

// TestClassifierOfWords trains a classifier of colour words.
func TestClassifierOfWords(t *testing.T) {
	judge := filepath.Join(t.TempDir(), "judge")
	succeeds(t, tinyClassifier("--data", "birds:1:60", "--labels", "words:red, white,blue", "--out", judge, "--steps", "4")...)
	var figures eval.ClassifierFigures
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", judge, "--threads", "1")), &figures); err != nil || len(figures.Attributes) != 3 || figures.Attributes["white"].Share == 0 {
		t.Errorf("%+v, %v", figures, err)
	}
	colours := filepath.Join(t.TempDir(), "colours")
	succeeds(t, tinyClassifier("--data", "birds:1:60", "--labels", "words", "--out", colours, "--steps", "2")...)
	fails(t, 2, []string{"--labels", `"owl"`, "0 of"}, tinyClassifier("--data", "birds:1:60", "--labels", "words:owl", "--out", filepath.Join(t.TempDir(), "x"), "--steps", "2")...)
}

// TestClassifierNeedsClasses checks what bad input gets.
func TestClassifierNeedsClasses(t *testing.T) {
	folder, out := pictures(t, 30), filepath.Join(t.TempDir(), "run")
	fails(t, 1, []string{"has no captions"}, tinyClassifier("--data", folder, "--labels", "words", "--out", out)...)
	if err := os.RemoveAll(filepath.Join(folder, "dog")); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"all", "of the class cat", "two classes or more"}, tinyClassifier("--data", folder, "--out", out)...)
	if _, err := os.Stat(out); err == nil {
		t.Error("a training that can't begin left a run folder")
	}
}

// TestFewPicturesAreNoted checks that a generator says that it will learn few pictures by heart, and that copies are shown.
func TestFewPicturesAreNoted(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	_, stderr, code := bestiary(t, tiny("--data", "drawn:1:10", "--out", run, "--steps", "2")...)
	if code != 0 || !strings.Contains(stderr, "learn so few by heart") || !strings.Contains(stderr, "--copies copies.png") {
		t.Errorf("%d, %s", code, stderr)
	}
}

// TestCopiesOfFewPictures checks that --copies shows what a generator of ten pictures has learned, although none is held out
// to measure against.
func TestCopiesOfFewPictures(t *testing.T) {
	dir := t.TempDir()
	folder, run, page := pictures(t, 10), filepath.Join(dir, "run"), filepath.Join(dir, "copies.png")
	succeeds(t, tiny("--data", folder, "--split", "all", "--out", run, "--steps", "2")...)
	fails(t, 1, []string{"no trained flow yet"}, "eval", "--run", run, "--copies", page)
	succeeds(t, tinyFlow(run, "--split", "all", "--steps", "2", "--batch", "4")...)
	stdout, stderr, code := bestiary(t, "eval", "--run", run, "--copies", page, "--samples", "8", "--threads", "1")
	if code != 0 || !strings.Contains(stdout, `"training"`) || !strings.Contains(stderr, "too few pictures to measure against") {
		t.Errorf("%d, %s, %s", code, stdout, stderr)
	}
	readImage(t, page)

	birds := birdsRun(t)
	if _, stderr, code := bestiary(t, "eval", "--run", birds, "--data", "birds:3:9", "--copies", page, "--threads", "1"); code != 0 || !strings.Contains(stderr, "too few pictures") {
		t.Errorf("birds: %d, %s", code, stderr)
	}
}

// TestEvalAsksWhichGenerator checks that a run with two generators needs --model.
func TestEvalAsksWhichGenerator(t *testing.T) {
	run := birdsRun(t)
	weights, err := os.ReadFile(filepath.Join(run, "dalle.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "flow.safetensors"), weights, 0o666); err != nil {
		t.Fatal(err)
	}
	fails(t, 2, []string{"--model", "flow and dalle"}, "eval", "--run", run)
	fails(t, 2, []string{run + ":flow or " + run + ":dalle"}, "compare", run)
	fails(t, 2, []string{"--model owl"}, "eval", "--run", run, "--model", "owl")
	if told := succeeds(t, "eval", "--run", run, "--model", "dalle", "--samples", "6", "--data", "birds:3:60", "--threads", "1"); !strings.Contains(told, `"retrieval"`) {
		t.Errorf("eval: %s", told)
	}
}
