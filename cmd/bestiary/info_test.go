package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/sample/layout"
	"github.com/disintegration/imaging"
)

func TestInfo(t *testing.T) {
	run, folder := petsRun(t)
	told := succeeds(t, "info", run)
	for _, want := range []string{
		run + ": a pets run, of a flow over pictures\n", "data: " + folder + ", split trainval, ", "2 classes: cat, dog", "autoencoder", "3/3",
		"flow: embeddings of 6 in 2 classes, 4 couplings", "bestiary sample --run " + run, "bestiary eval --run " + run,
	} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in:\n%s", want, told)
		}
	}
	var info struct {
		Kind   string
		Models []struct {
			Name       string
			Parameters int
			Step       int
			Loss       *float64
			Resumable  bool
			Config     map[string]any
			Training   map[string]any
		}
		Next []nextStep
	}
	if err := json.Unmarshal([]byte(succeeds(t, "info", "--json", run)), &info); err != nil {
		t.Fatal(err)
	}
	if len(info.Models) != 2 || info.Kind != "pets" {
		t.Fatalf("%+v", info)
	}
	m := info.Models[1]
	if m.Name != "flow" || m.Parameters < 100 || m.Step != 3 || m.Loss == nil || !m.Resumable || m.Config["dim"] != 6.0 || m.Training["steps"] != 3.0 || len(info.Next) < 3 {
		t.Errorf("%+v", info)
	}
	// A damaged model is described with its problem.
	if err := os.WriteFile(filepath.Join(run, "flow.safetensors"), []byte("nothing"), 0o666); err != nil {
		t.Fatal(err)
	}
	if told := succeeds(t, "info", run); !strings.Contains(told, "flow: "+filepath.Join(run, "flow.safetensors")) {
		t.Errorf("the damage isn't shown:\n%s", told)
	}

	birds := succeeds(t, "info", birdsRun(t))
	for _, want := range []string{"a birds run, of pictures from words", "tokenizer: ", "bestiary generate --run"} {
		if !strings.Contains(birds, want) {
			t.Errorf("no %q in:\n%s", want, birds)
		}
	}
	fails(t, 1, []string{"nowhere", "no such run folder"}, "info", "nowhere")
	fails(t, 2, []string{"info takes one run folder"}, "info")
}

// TestOtherKindOfRun opens runs by commands for others.
func TestOtherKindOfRun(t *testing.T) {
	pets, folder := petsRun(t)
	birds := birdsRun(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("t.csv", []byte("a,b\n1,2\n2,3\n3,5\n4,7\n5,11\n6,13\n7,17\n8,19\n9,23\n10,29\n11,31\n12,37\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	succeeds(t, "train", "density", "--data", "t.csv", "--out", "table", "--steps", "2", "--threads", "1")
	draw, say := `use "bestiary sample --run `+pets+`"`, `use "bestiary generate --run `+birds+` PROMPT"`
	for args, words := range map[string][]string{
		"generate --run " + pets + " bird":                {pets + ": this is a pets run", "(autoencoder, flow)", draw},
		"density --data t.csv --run " + pets:              {"this is a pets run", draw},
		"sample --run " + birds:                           {birds + ": this is a birds run", "(clip, dalle, dvae)", say},
		"interpolate --run " + birds:                      {"this is a birds run", say},
		"density --data t.csv --run " + birds:             {"this is a birds run", say},
		"train flow --run " + birds:                       {"this is a birds run", "has no autoencoder; name the folder of another run"},
		"train dalle --run " + pets + " --data birds:1:9": {"this is a pets run", "has no dvae"},
		"generate --run table bird":                       {"this is a table run", `"bestiary sample --run table"`},
		"interpolate --run table":                         {"this is a table run"},
		"reconstruct --run table --data " + folder:        {"this is a table run"},
	} {
		fails(t, 1, words, strings.Fields(args)...)
	}
}

func TestCheck(t *testing.T) {
	folder := pictures(t, 40)
	cat := filepath.Join(folder, "cat", "000.png")
	img, err := imaging.Open(cat)
	if err != nil {
		t.Fatal(err)
	}
	// A copy of a cat in another size, and a file that is no picture.
	if err := layout.Save(filepath.Join(folder, "cat", "copy.png"), imaging.Resize(img, 90, 90, imaging.Lanczos), layout.PNG); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "dog", "broken.jpg"), []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	told := succeeds(t, "check", folder)
	for _, want := range []string{"class", "trainval", "left out: 1\n  dog/broken.jpg: ", "near-duplicates: ", "cat/000.png, cat/copy.png", "advice", "can't be decoded"} {
		if !strings.Contains(told, want) {
			t.Errorf("no %q in:\n%s", want, told)
		}
	}
	var found checked
	if err := json.Unmarshal([]byte(succeeds(t, "check", "--json", folder)), &found); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, s := range found.Splits {
		sum += s.Pictures
	}
	if found.Pictures != 41 || sum != 41 || len(found.Classes) != 2 || len(found.LeftOut) != 1 || len(found.Groups) == 0 {
		t.Errorf("%+v", found)
	}
	if got := succeeds(t, "check", "birds:1:20", "--image-size", "32"); !strings.Contains(got, "captions: ") {
		t.Errorf("no captions in:\n%s", got)
	}
	fails(t, 1, []string{"nowhere", "cannot be found"}, "check", "nowhere")
	fails(t, 2, []string{"--distance 13: must be 0 to 12"}, "check", "--distance", "13", folder)
}
