package hub

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/openaivae"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// module is a model with its kind and configuration.
type module struct {
	kind   string
	config any
	module nn.Module
}

// allKinds are models of all kinds, in sets that a run may have.
func allKinds(d *tensor.Device) map[string][]module {
	g := tensor.NewGenerator(3)
	a, flow := toy.Flow(d)
	kl, tar := toy.TarFlow(d)
	vae, words, _, judge := toy.TextToImage(d, 3)
	masked, latents, rectified := toy.Generators(d, 3)
	small := vqgan.DefaultConfig()
	small.ImageSize, small.Width, small.Multipliers, small.Groups, small.ZChannels, small.Embed = 16, 8, []int{1, 2}, 4, 4, 4
	small.Bottleneck, small.Codes, small.KLWeight = vqgan.VQ, 12, 0
	vq := must(vqgan.NewVQ(d, small, g))
	openai := must(openaivae.New(d, openaivae.Config{ImageSize: 16, Codes: 16, Hidden: 8, Init: 8, Blocks: 1}, g))
	c := classifier.Config{ImageSize: 32, Channels: 3, Classes: []string{"cat", "dog"}, Widths: []int{4, 6}, Blocks: 1}
	class := must(classifier.New(d, c, g))
	detector := must(ssd.New(d, ssd.VOC(ssd.Small, 32, 2), g))
	tiny := maskrcnn.Torchvision("mobilenet_v2", 2)
	tiny.Width, tiny.HeadWidth, tiny.MaskWidth = 4, 4, 4
	segmenter := must(maskrcnn.New(d, tiny, g))
	spec := flows.NSF(3, 0)
	density := must(flows.New(d, spec, g))
	return map[string][]module{
		"pets":       {{"autoencoder", a.Config(), a}, {"flow", flow.Config, flow}},
		"latents":    {{"kl", kl.Config(), kl}, {"tarflow", tar.Config(), tar}},
		"birds":      {{"dvae", vae.Config(), vae}, {"dalle", words.Config(), words}, {"maskgit", masked.Config(), masked}, {"clip", judge.Config(), judge}},
		"flow":       {{"kl", latents.Config(), latents}, {"rectified", rectified.Config(), rectified}},
		"vqgan":      {{"vqgan", vq.Config(), vq}},
		"openai":     {{"openai", openai.Config(), openai}},
		"classifier": {{"classifier", class.Config(), class}},
		"detector":   {{"ssd", detector.Config(), detector}},
		"segmenter":  {{"maskrcnn", segmenter.Config(), segmenter}},
		"table":      {{"density", spec, density}},
	}
}

// makeRun makes a run of models, with data in a folder whose name nobody else should see.
func makeRun(t *testing.T, name string, all []module) *run.Run {
	t.Helper()
	r := must(run.Create(filepath.Join(t.TempDir(), "run")))
	for _, m := range all {
		for _, err := range []error{
			r.SetConfig(m.kind, m.config), r.SaveWeights(m.kind, weights.Of(m.module), nil),
			r.SetOptions(m.kind, map[string]any{"checksum": "0123", "data": data.Description{Path: "/home/secret/birds", From: "/home/secret"}}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var described any = data.Description{Path: "/home/secret/oxford-pets", From: "/home/secret", Classes: []string{"cat", "dog"}, Size: 32}
	if name == "table" {
		described = table.Description{Path: "/home/secret/wine.csv", From: "/home/secret", Kinds: map[string]table.Kind{"from": table.Category, "path": table.Category}, Seed: 1<<63 + 1}
	}
	if err := r.SetData(described); err != nil {
		t.Fatal(err)
	}
	if name == "birds" || name == "flow" {
		if err := r.SetTokenizer(toy.Tokenizer(320), ""); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func device(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// TestEveryKind exports models of all kinds and imports them: weights are the same to the bit, settings are the same, and
// no path of the machine is in the folder.
func TestEveryKind(t *testing.T) {
	d := device(t)
	var seen []string
	for name, all := range allKinds(d) {
		t.Run(name, func(t *testing.T) {
			r, dir := makeRun(t, name, all), filepath.Join(t.TempDir(), "folder")
			var kinds []string
			for _, m := range all {
				kinds = append(kinds, m.kind)
			}
			seen = append(seen, kinds...)
			card := &Card{Name: name, License: "mit", Task: "other", Tags: []string{"bestiary"}, Figures: []Figure{{"mse", "mean | error", 0.25, "test"}}}
			files := must(Write(dir, r, kinds, card))
			for _, file := range files {
				if bytes.Contains(must(os.ReadFile(file)), []byte("secret")) {
					t.Errorf("%s has a path of this machine", file)
				}
			}
			if !Is(dir) || !Is(filepath.Join(dir, "model.safetensors")) || Is(r.Dir()) {
				t.Error("the folder is not recognised, or the run is")
			}
			f, err := Read(filepath.Join(dir, "config.json"), d)
			if err != nil {
				t.Fatal(err)
			}
			again := must(run.Create(filepath.Join(t.TempDir(), "again")))
			c := must(again.Begin())
			if err := f.Fill(c); err != nil {
				t.Fatal(err)
			}
			if err := c.Commit(); err != nil {
				t.Fatal(err)
			}
			for _, kind := range kinds {
				one, two := must(r.ReadWeights(kind)), must(again.ReadWeights(kind))
				if !slices.Equal(one.Names(), two.Names()) {
					t.Fatalf("%s has other tensors", kind)
				}
				for _, name := range one.Names() {
					if a, b := must(one.Tensor(name)), must(two.Tensor(name)); !reflect.DeepEqual(a, b) {
						t.Errorf("%s of %s has changed", name, kind)
					}
				}
				if a, b := must(models.Config(r.Dir(), kind)), must(models.Config(again.Dir(), kind)); !reflect.DeepEqual(a, b) {
					t.Errorf("the settings of the %s have changed: %v, %v", kind, a, b)
				}
				var options map[string]any
				if err := again.Options(kind, &options); err != nil || options["checksum"] != "0123" || options["data"].(map[string]any)["path"] != "birds" {
					t.Errorf("options are %v, %v", options, err)
				}
			}
			if name == "table" {
				var described table.Description
				if err := again.Data(&described); err != nil || described.Seed != 1<<63+1 || len(described.Kinds) != 2 || described.Path != "wine.csv" {
					t.Errorf("the data is %+v, %v", described, err)
				}
			}
			if again.HasTokenizer() != r.HasTokenizer() {
				t.Error("the tokenizer is lost")
			}
		})
	}
	for _, info := range models.All() {
		if !slices.Contains(seen, info.Name) {
			t.Errorf("no %s is exported", info.Name)
		}
	}
}

// TestDamagedFolder changes files of a folder; each error names the file.
func TestDamagedFolder(t *testing.T) {
	d := device(t)
	r := makeRun(t, "pets", allKinds(d)["pets"])
	change := func(name string, edit func(dir string)) {
		dir := filepath.Join(t.TempDir(), "folder")
		must(Write(dir, r, []string{"autoencoder", "flow"}, &Card{Name: "x", License: "mit"}))
		edit(dir)
		if _, err := Read(dir, d); err == nil || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", name, err)
		}
	}
	edit := func(old, new string) func(dir string) {
		return func(dir string) {
			path := filepath.Join(dir, "config.json")
			text := must(os.ReadFile(path))
			if !bytes.Contains(text, []byte(old)) {
				t.Fatalf("no %s in %s", old, text)
			}
			if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(new)), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	change("no weights", func(dir string) { os.Remove(filepath.Join(dir, "model.safetensors")) })
	change("no config", func(dir string) { os.Remove(filepath.Join(dir, "config.json")) })
	change("another library", edit(`"library_name": "bestiary"`, `"library_name": "diffusers"`))
	change("a newer format", edit(`"bestiary_format": 1`, `"bestiary_format": 9`))
	change("an unknown kind", edit(`"flow": {`, `"unicorn": {`))
	change("other sizes", edit(`"hidden": 12`, `"hidden": 1600`))
	change("cut weights", func(dir string) { os.Truncate(filepath.Join(dir, "model.safetensors"), 1000) })
	change("tensors of no model", func(dir string) {
		one := safetensors.Tensor{Name: "stray", DType: safetensors.F32, Shape: []int{1}, F32: []float32{1}}
		if err := safetensors.Write(filepath.Join(dir, "model.safetensors"), []safetensors.Tensor{one}, nil); err != nil {
			t.Fatal(err)
		}
	})
}

// TestNotFinite refuses to export weights that are NaN.
func TestNotFinite(t *testing.T) {
	d := device(t)
	all := allKinds(d)["pets"][:1]
	r := makeRun(t, "pets", all)
	file := weights.Of(all[0].module)
	file[0].F32[0] = float32(must(json.Number("1e39").Float64()))
	if err := r.SaveWeights("autoencoder", file, nil); err != nil {
		t.Skip(err)
	}
	if _, err := Write(filepath.Join(t.TempDir(), "x"), r, []string{"autoencoder"}, &Card{}); err == nil {
		t.Error("infinite weights are exported")
	}
}

// TestCardOnTheHub reads a folder with huggingface_hub. BESTIARY_PYTORCH names a Python that has it; without, the test is skipped.
func TestCardOnTheHub(t *testing.T) {
	python := os.Getenv("BESTIARY_PYTORCH")
	if python == "" || exec.Command(python, "-c", "import huggingface_hub").Run() != nil {
		t.Skip("BESTIARY_PYTORCH names no Python with huggingface_hub")
	}
	d := device(t)
	r, dir := makeRun(t, "birds", allKinds(d)["birds"]), filepath.Join(t.TempDir(), "folder")
	picture := filepath.Join(t.TempDir(), "dalle-step-000100.png")
	if err := os.WriteFile(picture, []byte("a picture"), 0o666); err != nil {
		t.Fatal(err)
	}
	card := &Card{
		Name: `birds: "from" words`, License: "cc-by-4.0", Task: "text-to-image", Tags: []string{"bestiary", "dalle"}, Summary: "Pictures from words.",
		Dataset: Dataset{ID: "cub-200-2011", Name: "CUB_200_2011"}, Models: []Model{{Kind: "dalle", Title: "DALL-E", Parameters: 3}},
		Figures:  []Figure{{"loss", "dalle: loss", 3.5, "held out"}, {"fid", "quality | fréchet", 1e-7, "test"}, {"mse", "dvae: mse", 12, "test"}},
		Pictures: []Picture{{picture, "Drawn by the dalle"}}, Use: []string{"bestiary generate"},
	}
	must(Write(dir, r, []string{"dvae", "dalle", "clip"}, card))
	out, err := exec.Command(python, "testdata/load.py", dir, "text-to-image", "cc-by-4.0", "3").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, must(os.ReadFile(filepath.Join(dir, "README.md"))))
	}
	t.Logf("%s", out)
}
