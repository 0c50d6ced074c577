package models_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/autoencoder"
	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/clip"
	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/maskgit"
	"github.com/bestiary-ml/bestiary/maskrcnn"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/rectified"
	"github.com/bestiary-ml/bestiary/ssd"
	"github.com/bestiary-ml/bestiary/tarflow"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
)

func device(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// saved makes a model of a configuration and saves it in a run folder.
func saved[C any, M nn.Module](t *testing.T, dir string, d *tensor.Device, k *models.Kind[C, M], c C) M {
	t.Helper()
	m, err := k.New(d, c, tensor.NewGenerator(3))
	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.SetConfig(k.Name, c), r.SaveWeights(k.Name, weights.Of(m), nil)); err != nil {
		t.Fatal(err)
	}
	return m
}

// opens checks that a model comes back from a run folder with its configuration and weights, ready to use.
func opens[C any, M nn.Module](t *testing.T, k *models.Kind[C, M], c C) {
	t.Helper()
	dir, d := filepath.Join(t.TempDir(), "run"), device(t)
	m := saved(t, dir, d, k, c)
	got, err := k.Open(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := nn.Checksum(m), nn.Checksum(got); a != b {
		t.Errorf("%s: weights %s, want %s", k.Name, b, a)
	}
	if read, err := k.Config(dir); err != nil || !reflect.DeepEqual(read, c) {
		t.Errorf("%s: configuration %+v, %v; want %+v", k.Name, read, err, c)
	}
	named, err := models.Open(dir, k.Name, d)
	if err != nil || reflect.TypeOf(named) != reflect.TypeOf(m) {
		t.Errorf("%s: opened by name as %T, %v", k.Name, named, err)
	}
	if read, err := models.Config(dir, k.Name); err != nil || !reflect.DeepEqual(read, any(c)) {
		t.Errorf("%s: configuration by name %+v, %v", k.Name, read, err)
	}
	if there, err := models.Trained(dir); err != nil || len(there) != 1 || there[0] != k.Name || !k.In(dir) {
		t.Errorf("%s: the run has %v, %v", k.Name, there, err)
	}
	defer func() {
		if recover() == nil {
			t.Errorf("%s: is not frozen", k.Name)
		}
	}()
	p := nn.Trainable(got)[0].Tensor
	p.Set(make([]float32, p.Len()))
}

func smallDALLE() dalle.Config {
	c := dalle.DefaultConfig()
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = 300, 8, 24, 4, 4
	c.Transformer.Dim, c.Transformer.Depth, c.Transformer.Heads, c.Transformer.DimHead = 16, 1, 2, 8
	return c
}

func smallTarFlow() tarflow.Config {
	c := tarflow.DefaultConfig(2)
	c.Height, c.Width, c.Blocks, c.Dim, c.HeadDim = 2, 4, []int{1, 1}, 16, 8
	return c
}

func smallMaskGIT() maskgit.Config {
	c := maskgit.DefaultConfig()
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = 300, 8, 24, 4, 4
	c.Transformer.Dim, c.Transformer.Depth, c.Transformer.Heads, c.Transformer.DimHead = 16, 1, 2, 8
	return c
}

func smallRectified() rectified.Config {
	c := rectified.DefaultConfig()
	c.TextTokens, c.TextLen, c.Height, c.Width, c.Dim, c.Depth, c.Heads = 300, 8, 4, 4, 16, 1, 2
	return c
}

func smallVAE() dvae.Config {
	return dvae.Config{ImageSize: 16, Codes: 24, CodebookDim: 8, Layers: 2, ResnetBlocks: 1, Hidden: 8, Channels: 3, Temperature: 1}
}

func smallKL() vqgan.Config {
	c := vqgan.DefaultConfig()
	c.ImageSize, c.Width, c.Multipliers, c.Groups, c.AttentionAt = 16, 8, []int{1, 2}, 4, []int{4}
	return c
}

func TestOpen(t *testing.T) {
	opens(t, models.Autoencoder, autoencoder.Config{ImageSize: 32, Channels: []int{3, 3, 4, 4, 6, 6}, Hidden: 12, Embedding: 5})
	flow := flows.DefaultConfig(5, 2)
	flow.Layers, flow.Hidden = 2, []int{8}
	opens(t, models.Flow, flow)
	opens(t, models.DVAE, smallVAE())
	opens(t, models.TarFlow, smallTarFlow())
	opens(t, models.Classifier, smallClassifier())
	opens(t, models.SSD, ssd.VOC(ssd.Small, 32, 2))
	opens(t, models.MaskRCNN, smallMaskRCNN())
	opens(t, models.KL, smallKL())
	opens(t, models.DALLE, smallDALLE())
	opens(t, models.MaskGIT, smallMaskGIT())
	opens(t, models.Rectified, smallRectified())
	tower := clip.Tower{Dim: 32, Depth: 1, Heads: 2, DimHead: 16}
	opens(t, models.CLIP, clip.Config{TextTokens: 300, TextLen: 8, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 16, Text: tower, Image: tower})
}

func smallMaskRCNN() maskrcnn.Config {
	c := maskrcnn.Torchvision("mobilenet_v2", 2)
	c.Width, c.HeadWidth, c.MaskWidth = 8, 8, 8
	return c
}

func smallClassifier() classifier.Config {
	return classifier.Config{ImageSize: 32, Channels: 3, Classes: []string{"cat", "dog"}, Widths: []int{4, 6}, Blocks: 1}
}

// TestLargerConfig opens runs whose configurations ask for many times the memory of their weights: in a size of their own, in
// nested settings, in a number of layers, and in positions, which need masks and angles beside weights.
func TestLargerConfig(t *testing.T) {
	larger(t, models.DVAE, smallVAE(), func(c *dvae.Config) { c.Hidden, c.ResnetBlocks = 2000, 2 }) // 300 million parameters
	larger(t, models.KL, smallKL(), func(c *vqgan.Config) { c.Width = 512 })
	larger(t, models.KL, smallKL(), func(c *vqgan.Config) { c.ZChannels, c.Embed = 4000, 4000 })
	larger(t, models.TarFlow, smallTarFlow(), func(c *tarflow.Config) { c.Dim = 2048 })
	larger(t, models.TarFlow, smallTarFlow(), func(c *tarflow.Config) { c.Blocks = []int{100, 100}; c.Dim = 256 })
	larger(t, models.TarFlow, smallTarFlow(), func(c *tarflow.Config) { c.Height, c.Width = 128, 128 })
	larger(t, models.TarFlow, smallTarFlow(), func(c *tarflow.Config) { c.Classes = 1 << 16; c.Dim = 1024 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.Transformer.Dim = 4096 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.Transformer.Dim, c.Transformer.Heads = 2048, 64 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.Transformer.FFMult, c.Transformer.Depth = 64, 512 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.TextTokens = 1 << 20; c.Transformer.Dim = 256 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.TextLen, c.Height, c.Width, c.Transformer.Dim = 12000, 64, 64, 4096 })
	larger(t, models.DALLE, smallDALLE(), func(c *dalle.Config) { c.TextLen, c.Transformer.Dim = 12000, 4097 })
	larger(t, models.MaskGIT, smallMaskGIT(), func(c *maskgit.Config) { c.Transformer.Dim, c.Transformer.Depth = 2048, 8 })
	larger(t, models.MaskGIT, smallMaskGIT(), func(c *maskgit.Config) { c.TextTokens, c.Transformer.Dim = 1<<20, 256 })
	larger(t, models.Rectified, smallRectified(), func(c *rectified.Config) { c.Dim, c.Depth = 2048, 8 })
	larger(t, models.Rectified, smallRectified(), func(c *rectified.Config) { c.TextTokens, c.Dim = 1<<20, 256 })
	tower := clip.Tower{Dim: 32, Depth: 1, Heads: 2, DimHead: 16}
	small := clip.Config{TextTokens: 300, TextLen: 8, ImageSize: 16, PatchSize: 4, Channels: 3, Latent: 16, Text: tower, Image: tower}
	larger(t, models.CLIP, small, func(c *clip.Config) { c.Text.Dim = 4096 })
	larger(t, models.CLIP, small, func(c *clip.Config) { c.Image.Dim, c.Image.Depth = 1024, 24 })
	flow := flows.DefaultConfig(5, 2)
	flow.Layers, flow.Hidden = 2, []int{8}
	larger(t, models.Flow, flow, func(c *flows.Config) { c.Hidden = []int{4096, 4096} })
	larger(t, models.Flow, flow, func(c *flows.Config) { c.Layers = 60000; c.Hidden = []int{64} })
	larger(t, models.Classifier, smallClassifier(), func(c *classifier.Config) { c.Widths = []int{1024, 1024} })
	larger(t, models.Classifier, smallClassifier(), func(c *classifier.Config) { c.Blocks, c.Widths = 16, []int{512, 512, 512} })
	larger(t, models.SSD, ssd.VOC(ssd.Small, 32, 2), func(c *ssd.Config) { c.Classes = 2200 })
	larger(t, models.MaskRCNN, smallMaskRCNN(), func(c *maskrcnn.Config) { c.HeadWidth, c.Width = 8192, 512 })
	larger(t, models.Autoencoder, autoencoder.Config{ImageSize: 32, Channels: []int{3, 3, 4, 4, 6, 6}, Hidden: 12, Embedding: 5},
		func(c *autoencoder.Config) { c.Hidden, c.Embedding = 4096, 60000 })
}

// larger opens a run whose configuration was changed after its weights were saved.
func larger[C any, M nn.Module](t *testing.T, k *models.Kind[C, M], c C, change func(c *C)) {
	t.Helper()
	dir, d := filepath.Join(t.TempDir(), "run"), device(t)
	saved(t, dir, d, k, c)
	change(&c)
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetConfig(k.Name, c); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = k.Open(dir, d)
	runtime.ReadMemStats(&after)
	var damaged *fault.DamagedFile
	if !errors.As(err, &damaged) || filepath.Base(damaged.Path) != "config.json" || !strings.Contains(err.Error(), "more parameters than") {
		t.Errorf("%+v: got %v, want a damaged config.json", c, err)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
		t.Errorf("%+v: %d MiB were allocated", c, used)
	}
	d.Zeros(32 << 20) // the limit is gone: this is more than the budget
}

func TestOpenErrors(t *testing.T) {
	dir, d := filepath.Join(t.TempDir(), "run"), device(t)
	saved(t, dir, d, models.DVAE, smallVAE())
	var missing *fault.Missing
	if _, err := models.Flow.Open(dir, d); !errors.As(err, &missing) || missing.Model != models.Flow.Name || len(missing.There) != 1 {
		t.Errorf("got %v, want a missing flow", err)
	}
	if _, err := models.Flow.Config(dir); !errors.As(err, &missing) {
		t.Errorf("got %v, want a missing flow", err)
	}
	if _, err := models.DVAE.Open(filepath.Join(dir, "no"), d); err == nil || errors.As(err, &missing) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := models.Open(dir, "owl", d); err == nil || !strings.Contains(err.Error(), `no kind "owl"`) {
		t.Errorf("a kind that is not there: %v", err)
	}
	r, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`{"image_size": 16}`: "dvae: ", // not valid
		`{"owl": 1}`:         "owl",
		`{"image_size": 16, "codes": 24, "codebook_dim": 8, "layers": 2, "hidden": 4, "channels": 3, "temperature": 1}`: "shape",
	} {
		if err := r.SetConfig(models.DVAE.Name, json.RawMessage(text)); err != nil {
			t.Fatal(err)
		}
		_, err := models.DVAE.Open(dir, d)
		var field *fault.FieldError
		if err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &field) {
			t.Errorf("%s: got %v, want an error with %q", text, err, want)
		}
	}
	if err := r.SetConfig(models.DVAE.Name, smallVAE()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.WeightsPath(models.DVAE.Name)); err != nil {
		t.Fatal(err)
	}
	if _, err := models.DVAE.Open(dir, d); !errors.As(err, &missing) {
		t.Errorf("without weights: %v", err)
	}
}

func TestRegister(t *testing.T) {
	for _, name := range []string{models.DVAE.Name, "", "../x", "a.b"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q can be registered", name)
				}
			}()
			models.Register(models.Kind[dvae.Config, *dvae.VAE]{Info: models.Info{Name: name}, New: dvae.New})
		}()
	}
	seen := map[string]bool{}
	for _, k := range models.All() {
		for _, need := range k.Needs {
			if !seen[need] {
				t.Errorf("%s comes before %s, which it needs", k.Name, need)
			}
		}
		seen[k.Name] = true
	}
	if got := models.CaptionReaders(); !slices.Equal(got, []string{models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name, models.CLIP.Name}) {
		t.Errorf("captions are read by %v", got)
	}
}

func TestDescribe(t *testing.T) {
	f, err := models.Describe(models.DVAE.Name, smallVAE())
	if err != nil || f.Size != smallVAE().ImageSize || f.Channels != smallVAE().Channels || f.TextTokens != 0 || f.Summary == "" {
		t.Errorf("a dvae: %+v, %v", f, err)
	}
	if _, err := models.Describe(models.Flow.Name, smallVAE()); err == nil {
		t.Error("the configuration of another kind is taken")
	}
	if _, err := models.Describe("owl", nil); err == nil {
		t.Error("a kind that isn't registered is described")
	}
}
