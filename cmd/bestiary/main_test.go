package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/eval"
)

func TestFromPicturesToSamples(t *testing.T) {
	folder, dir := pictures(t, 80), t.TempDir()
	run, out := filepath.Join(dir, "runs", "tiny"), filepath.Join(dir, "out.png")
	told := succeeds(t, tiny("--data", folder, "--out", run, "--steps", "30")...)
	if want := "autoencoder: 30 steps"; !strings.HasPrefix(told, want) {
		t.Errorf("printed %q, want %q", told, want)
	}
	fails(t, 1, []string{"no trained flow yet", "train flow --run"}, "sample", "--run", run, "--out", out)
	fails(t, 1, []string{"holds a training of autoencoder already", "--resume"}, tiny("--data", folder, "--out", run)...)
	fails(t, 2, []string{"--batch 1000", "rows to train on"}, tinyFlow(run, "--batch", "1000")...)
	succeeds(t, tinyFlow(run, "--steps", "30")...)

	told = succeeds(t, "sample", "--run", run, "--class", "dog", "-n", "5", "--out", out, "--threads", "1")
	if !strings.HasPrefix(told, "dog: 5 pictures, log-density from ") || !strings.HasSuffix(told, "\n"+out+"\n") {
		t.Errorf("sample printed %q", told)
	}
	first, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	succeeds(t, "sample", "--run", run, "--class", "dog", "-n", "5", "--out", out, "--threads", "2")
	if again, _ := os.ReadFile(out); !bytes.Equal(first, again) {
		t.Error("the same seed drew another picture on two threads")
	}
	fails(t, 2, []string{"--out", "16384 pixels a side", "draw fewer"}, "sample", "--run", run, "-n", "10000", "--scale", "20", "--out", out)
	fails(t, 2, []string{`"horse"`, "cat, dog"}, "sample", "--run", run, "--class", "horse", "--out", out)
	if again, _ := os.ReadFile(out); !bytes.Equal(first, again) {
		t.Error("a command that failed changed its output file")
	}

	succeeds(t, "reconstruct", "--run", run, "-n", "4", "--out", out)
	picture := filepath.Join(folder, "cat", "000.png")
	if told := succeeds(t, "reconstruct", "--run", run, picture, "--out", out); !strings.HasPrefix(told, "1 picture, PSNR ") {
		t.Errorf("reconstruct printed %q", told)
	}
	readImage(t, out)
	walk := filepath.Join(dir, "walk.gif")
	succeeds(t, "interpolate", "--run", run, "--from", picture, "--frames", "4", "--out", walk)
	file, err := os.Open(walk)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	frames, err := gif.DecodeAll(file)
	if err != nil || len(frames.Image) != 6 || frames.Delay[5] != 8 || frames.Image[5].Bounds() != frames.Image[0].Bounds() {
		t.Errorf("a walk of 4 pictures to a .gif: %v, %d frames", err, len(frames.Image))
	}
	succeeds(t, "interpolate", "--run", run, "--out", out)

	var figures eval.FlowReport
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--data", folder)), &figures); err != nil {
		t.Fatal(err)
	}
	if figures.Pictures < 5 || figures.Flow == nil || figures.Flow.Nearest == nil || figures.Reconstruction.PSNR < 3 || len(figures.Flow.NLLByClass) != 2 {
		t.Errorf("eval: %+v", figures)
	}
	others := t.TempDir()
	if err := os.Rename(pictures(t, 40), filepath.Join(others, "all")); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"all: has sub-folders", "whose sub-folders are the classes"}, "eval", "--run", run, "--data", others)
	if err := os.Rename(filepath.Join(others, "all", "cat"), filepath.Join(others, "all", "ant")); err != nil {
		t.Fatal(err)
	}
	others = filepath.Join(others, "all")
	fails(t, 1, []string{`"ant"`, "cat, dog"}, "eval", "--run", run, "--data", others)
	fails(t, 1, []string{"holds a training of flow already", "move"}, tinyFlow(run, "--data", others, "--steps", "5")...)
	for _, name := range []string{"flow.state.safetensors", "flow.safetensors"} {
		if err := os.Remove(filepath.Join(run, name)); err != nil {
			t.Fatal(err)
		}
	}
	fails(t, 1, []string{"ant, dog", "cat, dog"}, tinyFlow(run, "--data", others, "--steps", "5")...)
}

// TestNewRunWritesNothingBeforeItTrains checks that a training that can't begin leaves no folder.
func TestNewRunWritesNothingBeforeItTrains(t *testing.T) {
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	for _, test := range []struct {
		code  int
		words []string
		flags []string
	}{
		{1, []string{"nowhere: cannot be found"}, []string{"--data", "nowhere"}},
		{2, []string{"breed", "leave it empty"}, []string{"--data", folder, "--labels", "breed"}},
		{2, []string{"--batch 1000", "choose a smaller batch"}, []string{"--data", folder, "--batch", "1000"}},
		{2, []string{"--hold-out 0.9999", "1 of 22 pictures", "it takes 2", "choose a smaller share"}, []string{"--data", folder, "--hold-out", "0.9999"}},
	} {
		fails(t, test.code, test.words, tiny(append(test.flags, "--out", run)...)...)
		if _, err := os.Stat(run); err == nil {
			t.Fatalf("%v: left a run folder", test.flags)
		}
	}
	fails(t, 1, []string{"holds cat", "no run folder"}, tiny("--data", folder, "--out", folder)...)
}

func TestSmallTrainings(t *testing.T) {
	folder := pictures(t, 24)
	for name, flags := range map[string][]string{
		"epochs":           {"--epochs", "2"},
		"nothing held out": {"--hold-out", "0", "--steps", "2"},
		"default batch":    {"--steps", "2"}, // of 32
	} {
		run := filepath.Join(t.TempDir(), "run")
		args := tiny(append(flags, "--data", folder, "--out", run)...)
		if name == "default batch" {
			at := slices.Index(args, "--batch")
			args = slices.Delete(args, at, at+2)
		}
		if told := succeeds(t, args...); !strings.Contains(told, " steps") {
			t.Errorf("%s: printed %q", name, told)
		}
	}
	run := filepath.Join(t.TempDir(), "run")
	succeeds(t, tiny("--data", folder, "--out", run, "--split", "all", "--steps", "2")...)
	_, stderr, _ := bestiary(t, "eval", "--run", run)
	if !strings.Contains(stderr, "aren't new to it") {
		t.Errorf("evaluated on training pictures without a word: %q", stderr)
	}
}

func TestDamagedRun(t *testing.T) {
	folder := pictures(t, 40)
	run, out := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "x.png")
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "2")...)
	succeeds(t, tinyFlow(run, "--steps", "2")...)
	restore := func(name string) func() {
		path := filepath.Join(run, name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.WriteFile(path, content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, test := range []struct {
		file, what string
		damage     func(content []byte) []byte
		words      []string
	}{
		{"flow.safetensors", "empty", func([]byte) []byte { return nil }, []string{"cut off"}},
		{"flow.safetensors", "truncated", func(c []byte) []byte { return c[:len(c)-1] }, []string{"cut off"}},
		{"flow.safetensors", "one bit", func(c []byte) []byte { c[len(c)-100] ^= 4; return c }, []string{"checksum"}},
		{"flow.safetensors", "another model's", func([]byte) []byte {
			c, _ := os.ReadFile(filepath.Join(run, "autoencoder.safetensors"))
			return c
		}, []string{`belongs to the model "autoencoder"`}},
		{"config.json", "no JSON", func(c []byte) []byte { return c[:len(c)/2] }, []string{"JSON", "restore"}},
		{"config.json", "newer", func(c []byte) []byte {
			return bytes.Replace(c, []byte(`"format": 1`), []byte(`"format": 7`), 1)
		}, []string{"newer", "update"}},
		{"config.json", "unknown field", func(c []byte) []byte {
			return bytes.Replace(c, []byte(`"layers"`), []byte(`"lairs"`), 1)
		}, []string{"lairs"}},
		{"config.json", "enormous", func(c []byte) []byte {
			return bytes.Replace(c, []byte(`"layers": 4`), []byte(`"layers": 9999999`), 1)
		}, []string{"Layers"}},
		{"config.json", "one class fewer", func(c []byte) []byte {
			return bytes.Replace(c, []byte(`"dog"`), nil, 1)
		}, []string{"config.json"}},
		{"config.json", "no classes", func(c []byte) []byte {
			return bytes.Replace(bytes.Replace(c, []byte(`"cat",`), nil, 1), []byte(`"dog"`), nil, 1)
		}, []string{"0 classes"}},
	} {
		undo, undoManifest := restore(test.file), restore("manifest.json")
		path := filepath.Join(run, test.file)
		content, _ := os.ReadFile(path)
		damaged := test.damage(bytes.Clone(content))
		if bytes.Equal(content, damaged) {
			t.Fatalf("%s, %s: not damaged", test.file, test.what)
		}
		if err := os.WriteFile(path, damaged, 0o666); err != nil {
			t.Fatal(err)
		}
		if told, _, code := bestiary(t, "verify", run); code != 1 || !strings.Contains(told, test.file+": ") {
			t.Errorf("%s, %s: verify ends with %d and tells %q", test.file, test.what, code, told)
		}
		if _, stderr, _ := bestiary(t, "sample", "--run", run, "--out", out); strings.Contains(stderr, "has changed since the run") {
			fails(t, 1, []string{test.file, `accept the change with "bestiary verify --accept ` + run + `"`}, "sample", "--run", run, "--out", out)
			// A change that can be read is accepted; one that can't be is refused with its reason.
			told, stderr, code := bestiary(t, "verify", "--accept", run)
			switch {
			case code == 0 && strings.Contains(told, "accepted "+test.file):
			case code == 1 && strings.Contains(stderr, "nothing is accepted: ") && strings.Contains(stderr, test.words[0]):
				undo()
				undoManifest()
				continue
			default:
				t.Errorf("%s, %s: verify --accept ends with %d and tells %q, %q", test.file, test.what, code, told, stderr)
			}
		}
		fails(t, 1, append(test.words, test.file), "sample", "--run", run, "--out", out)
		fails(t, 1, nil, "interpolate", "--run", run, "--out", out)
		undo()
		undoManifest()
	}
	succeeds(t, "sample", "--run", run, "--out", out)
	if told := succeeds(t, "verify", run); !strings.Contains(told, "whole (") {
		t.Errorf("told %q", told)
	}
}

func TestPicturesThatCannotBeRead(t *testing.T) {
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	for name, content := range map[string]string{"text.jpg": "hello", "empty.png": ""} {
		if err := os.WriteFile(filepath.Join(folder, "dog", name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, stderr, code := bestiary(t, tiny("--data", folder, "--out", run, "--split", "all", "--steps", "2")...)
	for _, want := range []string{"left out", "dog/text.jpg (not a JPEG", "dog/empty.png (empty file)"} {
		if code != 0 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, stderr %q, want %q", code, stderr, want)
		}
	}
	fails(t, 1, []string{"text.jpg", "replace it"}, "reconstruct", "--run", run, filepath.Join(folder, "dog", "text.jpg"))
	fails(t, 1, []string{"nowhere.png", "no such picture"}, "reconstruct", "--run", run, "nowhere.png")
	one := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	var b bytes.Buffer
	if err := png.Encode(&b, one); err != nil {
		t.Fatal(err)
	}
	pixel := filepath.Join(t.TempDir(), "pixel")
	if err := os.WriteFile(pixel, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	succeeds(t, "reconstruct", "--run", run, pixel, "--out", filepath.Join(t.TempDir(), "x.png"))
}
