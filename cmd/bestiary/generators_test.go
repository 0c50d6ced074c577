package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

// generatorsRun is birdsRun with an untrained MaskGIT, autoencoder and rectified flow.
func generatorsRun(t *testing.T) string {
	t.Helper()
	dir := birdsRun(t)
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	masked, errMasked := maskgit.New(d, maskgit.Config{
		TextTokens: 300, TextLen: 24, ImageCodes: 12, Height: 4, Width: 4, NullProb: 0.1,
		Transformer: transformer.Config{Dim: 16, Depth: 1, Heads: 2, DimHead: 8, FFMult: 2},
	}, g)
	kl, errKL := vqgan.New(d, tinyLatents(), g)
	sizes := rectified.DefaultConfig()
	sizes.TextTokens, sizes.TextLen, sizes.Height, sizes.Width, sizes.Channels, sizes.Dim, sizes.Depth, sizes.Heads = 300, 24, 4, 4, 2, 16, 1, 2
	flow, errFlow := rectified.New(d, sizes, g)
	r, err := runfolder.Open(dir)
	if err := errors.Join(err, errMasked, errKL, errFlow); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		r.SetConfig("maskgit", masked.Config()), r.SaveWeights("maskgit", weights.Of(masked), nil),
		r.SetConfig("kl", kl.Config()), r.SaveWeights("kl", weights.Of(kl), nil),
		r.SetConfig("rectified", flow.Config()), r.SaveWeights("rectified", weights.Of(flow), nil),
	); err != nil {
		t.Fatal(err)
	}
	return dir
}

// tinyLatents is an autoencoder of pictures of 16×16 pixels with latents of 4×4×2.
func tinyLatents() vqgan.Config {
	c := vqgan.DefaultConfig()
	c.ImageSize, c.Width, c.Multipliers, c.Groups, c.ZChannels, c.Embed = 16, 8, []int{1, 2}, 4, 2, 2
	return c
}

func TestGenerateModels(t *testing.T) {
	run, dir := generatorsRun(t), t.TempDir()
	out, codes, bird := filepath.Join(dir, "out.png"), filepath.Join(dir, "codes.json"), drawnBird(t, 16)
	draw := func(flags ...string) []string {
		return append([]string{"generate", "--run", run, "--out", out, "--threads", "1", "-n", "2", "a red bird"}, flags...)
	}
	fails(t, 2, []string{"--model: must be one of dalle, maskgit, rectified"}, draw()...)
	for _, flags := range [][]string{
		{"--model", "dalle", "--temperature", "0.5"},
		{"--model", "maskgit", "--steps", "3", "--choice", "0", "--top-k", "4", "--codes", codes},
		{"--model", "maskgit", "--prime", bird, "--repaint", "4,4,8,4", "--guidance", "3"},
		{"--model", "rectified"},
		{"--model", "rectified", "--steps", "2", "--solver", "euler", "--guidance", "1", "--rank", "4"},
		{"--model", "rectified", "--solver", "adaptive", "--tolerance", "0.1", "--prime", bird, "--prime-rows", "2"},
	} {
		if printed := succeeds(t, draw(flags...)...); !strings.HasPrefix(printed, `"a red bird": 2 pictures`) {
			t.Errorf("%v printed %q", flags, printed)
		}
		readImage(t, out)
	}
	if all := readCodes(t, codes); len(all) != 2 || len(all[0].Codes) != 16 {
		t.Errorf("codes %+v", all)
	}
	for _, test := range []struct {
		code  int
		words []string
		flags []string
	}{
		{2, []string{"--model owl: must be dalle, maskgit or rectified"}, []string{"--model", "owl"}},
		{2, []string{"--steps 3: can't be used by a dalle"}, []string{"--model", "dalle", "--steps", "3"}},
		{2, []string{"--choice: can't be used by a dalle"}, []string{"--model", "dalle", "--choice", "3"}},
		{2, []string{"--repaint: can't be used by a dalle"}, []string{"--model", "dalle", "--prime", bird, "--repaint", "0,0,4,4"}},
		{2, []string{"--solver heun: can't be used by a maskgit"}, []string{"--model", "maskgit", "--solver", "heun"}},
		{2, []string{"--steps -1: must be from 1"}, []string{"--model", "maskgit", "--steps", "-1"}},
		{2, []string{"--temperature 0.5: can't be used by a rectified"}, []string{"--model", "rectified", "--temperature", "0.5"}},
		{2, []string{"--top-p 0.5: can't be used by a rectified"}, []string{"--model", "rectified", "--top-p", "0.5"}},
		{2, []string{"--steps 3: can't be chosen for the solver adaptive", "--tolerance"}, []string{"--model", "rectified", "--solver", "adaptive", "--steps", "3"}},
		{2, []string{"--codes", "rectified generates no codes"}, []string{"--model", "rectified", "--codes", codes}},
		{2, []string{"--complete-text", "takes a dalle"}, []string{"--model", "maskgit", "--complete-text"}},
		{2, []string{"--repaint", "X,Y,WIDTH,HEIGHT"}, []string{"--model", "maskgit", "--prime", bird, "--repaint", "1,2,3"}},
		{1, []string{"--previews " + bird, "is a file"}, []string{"--model", "maskgit", "--previews", bird}},
		{2, []string{"--previews", "holds " + bird}, []string{"--model", "maskgit", "--prime", bird, "--previews", filepath.Dir(bird)}},
		{2, []string{"--repaint needs --prime"}, []string{"--model", "maskgit", "--repaint", "1,2,3,4"}},
		{2, []string{"--repaint and --prime-rows exclude each other"}, []string{"--model", "maskgit", "--prime", bird, "--prime-rows", "1", "--repaint", "1,2,3,4"}},
		{2, []string{"--repaint", "16×16 pixels"}, []string{"--model", "maskgit", "--prime", bird, "--repaint", "10,2,30,4"}},
	} {
		fails(t, test.code, test.words, draw(test.flags...)...)
	}
	remove(t, run, "dalle.safetensors", "rectified.safetensors")
	succeeds(t, "verify", "--accept", run)
	succeeds(t, draw()...) // the only one left
	fails(t, 1, []string{"has no trained rectified yet", `"bestiary train rectified --run ` + run}, draw("--model", "rectified")...)
}

// --previews writes a grid after each row of codes, pass and step, of all pictures that are drawn together.
func TestGeneratePreviews(t *testing.T) {
	run, dir := generatorsRun(t), t.TempDir()
	for _, test := range []struct {
		model   string
		flags   []string
		written int
	}{
		{"dalle", nil, 4}, // rows
		{"dalle", []string{"--batch", "1"}, 16},
		{"maskgit", []string{"--steps", "3"}, 3},
		{"rectified", []string{"--steps", "2"}, 2},
	} {
		folder, out := filepath.Join(dir, "drawing"), filepath.Join(dir, "out.png")
		printed := succeeds(t, append([]string{"generate", "--run", run, "--model", test.model, "--out", out, "--threads", "1", "-n", "2",
			"--previews", folder, "a red bird", "a blue bird"}, test.flags...)...)
		files, err := os.ReadDir(folder)
		if err != nil || len(files) != test.written || !strings.Contains(printed, folder) {
			t.Errorf("%s %v: %d previews, want %d (%v); printed %q", test.model, test.flags, len(files), test.written, err, printed)
			continue
		}
		first, err1 := os.ReadFile(filepath.Join(folder, "preview-0001.png"))
		last, err2 := os.ReadFile(filepath.Join(folder, files[len(files)-1].Name()))
		whole, err3 := os.ReadFile(out)
		if err := errors.Join(err1, err2, err3); err != nil || bytes.Equal(first, last) && test.model != "rectified" { // untrained, its velocity is 0
			t.Errorf("%s %v: the first preview is the last (%v)", test.model, test.flags, err)
		}
		if test.flags == nil && !bytes.Equal(last, whole) { // of a single batch
			t.Errorf("%s: the last preview differs from the grid", test.model)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
	}
}

// A run with several generators is measured by --model, --beside RUN:MODEL and RUN:MODEL of compare, with its own CLIP.
func TestMeasureOneOfSeveral(t *testing.T) {
	run, dir := generatorsRun(t), t.TempDir()
	measure := []string{"eval", "--run", run, "--model", "dalle", "--data", "birds:3:60", "--samples", "6", "--threads", "1"}
	var figures eval.TextToImageReport
	printed := succeeds(t, append(measure, "--generated", "2", "--beside", run+":maskgit")...)
	if err := json.Unmarshal([]byte(printed), &figures); err != nil || figures.Generated == nil || figures.Quality == nil || figures.Quality.Retrieval.Top1.Beside == nil {
		t.Errorf("eval printed %s (%v)", printed, err)
	}
	fails(t, 2, []string{"--beside", "holds several generators", run + ":dalle or " + run + ":maskgit"}, append(measure, "--beside", run)...)
	fails(t, 2, []string{"--beside", "has no generator dragon", run + ":dalle or " + run + ":maskgit"}, append(measure, "--beside", run+":dragon")...)
	fails(t, 2, []string{"--model: must be one of dalle and maskgit and rectified, the generators of " + run}, "eval", "--run", run)

	compare := []string{"compare", run + ":maskgit", run + ":rectified", "--data", "birds:3:60", "--samples", "6", "-n", "1", "--steps", "2", "--out", filepath.Join(dir, "grid.png"), "--threads", "1"}
	if printed := succeeds(t, compare...); !strings.Contains(printed, "prompt found among others") {
		t.Errorf("compare leaves out the run's CLIP: %s", printed)
	}
	fails(t, 1, []string{"--classifier " + run, "has no trained classifier", "bestiary train classifier"}, append(compare, "--classifier", run)...)
	small := filepath.Join(dir, "clip")
	succeeds(t, tinyCLIP(small, "--data", "birds:3:60", "--image-size", "8", "--patch-size", "4", "--steps", "2")...)
	fails(t, 2, []string{"--clip " + small, "reads pictures of 8 pixels", "draws 16", "bestiary train clip --image-size 16"}, append(compare, "--clip", small)...)
}

func TestTrainGenerators(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	pictures(t, 1) // keeps the cache out of the user's
	succeeds(t, tinyDVAE("--data", "birds:3:60", "--out", run, "--steps", "4", "--hold-out", "0.2")...)
	masked := []string{"train", "maskgit", "--run", run, "--dim", "16", "--depth", "1", "--heads", "2", "--dim-head", "8", "--vocab-size", "300", "--batch", "8", "--threads", "1"}
	if printed := succeeds(t, append(masked, "--steps", "4")...); !strings.HasPrefix(printed, "maskgit: 4 steps, lowest held-out loss") {
		t.Errorf("printed %q", printed)
	}
	readImage(t, filepath.Join(run, "samples", "maskgit-step-000004.png"))
	succeeds(t, "train", "maskgit", "--run", run, "--resume", "--steps", "6", "--threads", "1")
	fails(t, 2, []string{"--label-smoothing", "start a new run"}, "train", "maskgit", "--run", run, "--resume", "--label-smoothing", "0")
	fails(t, 2, []string{"--label-smoothing 1", "below 1"}, append(masked, "--label-smoothing", "1")...)

	flow := []string{"train", "rectified", "--run", run, "--dim", "16", "--depth", "1", "--heads", "2", "--batch", "8", "--threads", "1"}
	fails(t, 1, []string{"has no trained kl yet", "bestiary train kl"}, append(flow, "--steps", "4")...)
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	kl, errKL := vqgan.New(d, tinyLatents(), tensor.NewGenerator(1))
	r, errRun := runfolder.Open(run)
	if err := errors.Join(errKL, errRun); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.SetConfig("kl", kl.Config()), r.SaveWeights("kl", weights.Of(kl), nil)); err != nil {
		t.Fatal(err)
	}
	anew := filepath.Join(t.TempDir(), "anew")
	if err := os.CopyFS(anew, os.DirFS(run)); err != nil {
		t.Fatal(err)
	}
	if printed := succeeds(t, append(flow, "--steps", "4")...); !strings.HasPrefix(printed, "rectified: 4 steps, lowest held-out loss") {
		t.Errorf("printed %q", printed)
	}
	readImage(t, filepath.Join(run, "samples", "rectified-step-000004.png"))
	succeeds(t, "train", "rectified", "--run", run, "--resume", "--steps", "6", "--threads", "1")
	fails(t, 2, []string{"--patch", "start a new run"}, "train", "rectified", "--run", run, "--resume", "--patch", "2")
	fails(t, 2, []string{"--dim 16", "twice --heads"}, append(flow, "--heads", "3")...)

	// a training that encodes each batch anew does so when it is resumed, whatever the default of --views
	fails(t, 2, []string{"--views -1", "0 to"}, append(flow, "--views", "-1")...)
	whole := filepath.Join(t.TempDir(), "whole")
	if err := os.CopyFS(whole, os.DirFS(anew)); err != nil {
		t.Fatal(err)
	}
	constant := []string{"--views", "0", "--schedule", "constant", "--warmup", "0", "--steps"}
	flow[3] = whole
	succeeds(t, slices.Concat(flow, constant, []string{"4"})...)
	flow[3] = anew
	succeeds(t, slices.Concat(flow, constant, []string{"2"})...)
	succeeds(t, "train", "rectified", "--run", anew, "--resume", "--steps", "4", "--threads", "1")
	one, err1 := os.ReadFile(filepath.Join(whole, "rectified.safetensors"))
	two, err2 := os.ReadFile(filepath.Join(anew, "rectified.safetensors"))
	if err := errors.Join(err1, err2); err != nil || !bytes.Equal(one, two) {
		t.Errorf("a training without views that is resumed has other weights than one in a piece (%v)", err)
	}
}

// With --class-captions, prompts are classes; a resumed training and an evaluation use them again.
func TestClassCaptions(t *testing.T) {
	run, photos := filepath.Join(t.TempDir(), "run"), pictures(t, 80)
	succeeds(t, tinyDVAE("--data", photos, "--out", run, "--steps", "4")...)
	masked := []string{"train", "maskgit", "--run", run, "--dim", "16", "--depth", "1", "--heads", "2", "--dim-head", "8", "--vocab-size", "270", "--batch", "8", "--threads", "1", "--steps", "3"}
	fails(t, 2, []string{"--data is missing", "has no captions", "--class-captions"}, masked...)
	fails(t, 1, []string{"has no captions", "--class-captions"}, append(masked, "--data", photos)...)
	succeeds(t, append(masked, "--class-captions")...)
	succeeds(t, "train", "maskgit", "--run", run, "--resume", "--steps", "5", "--threads", "1")
	succeeds(t, "generate", "--run", run, "--out", filepath.Join(t.TempDir(), "x.png"), "-n", "1", "cat")
	succeeds(t, "eval", "--run", run, "--samples", "8", "--copies", filepath.Join(t.TempDir(), "copies.png"), "--threads", "1")
	classes := succeeds(t, "compare", run, run, "-n", "2", "--samples", "8", "--guidance", "2", "--out", filepath.Join(t.TempDir(), "grid.png"), "--threads", "1")
	if strings.Contains(classes, "retriev") || strings.Contains(classes, "no guidance") {
		t.Errorf("prompts that are classes are not compared as classes: %s", classes)
	}
	var saved struct {
		Options struct {
			MaskGIT struct {
				Data struct {
					ClassCaptions bool `json:"class_captions"`
				}
			}
		}
	}
	if config(t, run, &saved); !saved.Options.MaskGIT.Data.ClassCaptions {
		t.Error("the run doesn't know that its captions are classes")
	}
}

// Photos of birds are cut out by their boxes where there are boxes.
func TestResizeBoxes(t *testing.T) {
	run, photos := filepath.Join(t.TempDir(), "run"), pictures(t, 4)
	fails(t, 2, []string{"--resize boxes", "has no bounding boxes", "squash or crop"}, tinyDVAE("--data", photos, "--out", run, "--resize", "boxes")...)
	fails(t, 2, []string{"--resize boxes:x", "boxes:MARGIN"}, tinyDVAE("--data", photos, "--out", run, "--resize", "boxes:x")...)
	if _, err := os.Stat(run); err == nil {
		t.Error("a refused training makes a run folder")
	}
	if data.BoxesWith(0.1) != "boxes:0.1" {
		t.Error(data.BoxesWith(0.1))
	}
}
