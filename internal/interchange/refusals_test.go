package interchange

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/google/go-cmp/cmp"
)

// TestRefused imports checkpoints that describe what we don't have, or that aren't what they say. Each error is a
// sentence that names the file and the argument or the weight.
func TestRefused(t *testing.T) {
	const reference = "../../dalle/testdata/dalle_full.safetensors"
	d := golden.Device(t)
	hparam := func(name string, value any) func(checkpoint) {
		return func(c checkpoint) { c.hparams.Set(name, value) }
	}
	vaeParam := func(name string, value any) func(checkpoint) {
		return func(c checkpoint) { c.vaeParams.Set(name, value) }
	}
	section := func(name string, value any) func(checkpoint) {
		return func(c checkpoint) { c.Set(name, value) }
	}
	weight := func(name string, value any) func(checkpoint) {
		return func(c checkpoint) { c.weights.Set(name, value) }
	}
	tuple := func(items ...any) torchfile.Tuple { return items }
	for name, c := range map[string]struct {
		change func(checkpoint)
		want   string
	}{
		"OpenAI's VAE":         {section("vae_class_name", "OpenAIDiscreteVAE"), "vae_class_name OpenAIDiscreteVAE"},
		"a VQGAN":              {section("vae_class_name", "VQGanVAE"), "vae_class_name VQGanVAE"},
		"a pretrained VAE":     {section("vae_params", nil), "no vae_params"},
		"no hparams":           {section("hparams", nil), "no hparams"},
		"a list for hparams":   {section("hparams", torchfile.List{}), "no hparams"},
		"a key of hparams":     {func(c checkpoint) { c.hparams.Set(int64(3), 1) }, "has the key 3 in its hparams"},
		"tensor in hparams":    {hparam("dim", zeros()), "has a tensor in its hparams"},
		"sparse":               {hparam("attn_types", tuple("full", "sparse")), "attn_types"},
		"mlp":                  {hparam("attn_types", tuple("mlp")), "attn_types"},
		"no tuple":             {hparam("attn_types", "full"), "attn_types"},
		"unknown":              {hparam("fancy_new_thing", true), "fancy_new_thing"},
		"unknown of the VAE":   {vaeParam("vq_loss_weight", 2.0), "vq_loss_weight"},
		"a string for dim":     {hparam("dim", "24"), "dim"},
		"negative":             {hparam("heads", -2), "heads"},
		"a float that counts":  {hparam("depth", 2.5), "depth"},
		"no dim":               {hparam("dim", nil), "no dim"},
		"not a number":         {hparam("loss_img_weight", math.NaN()), "loss_img_weight"},
		"a number for a truth": {hparam("reversible", 1), "reversible"},
		"normalization":        {vaeParam("normalization", tuple(tuple(0.5), "x")), "normalization"},
		"huge dim":             {hparam("dim", 2048), "shape"},
		"huge depth":           {hparam("depth", 500), "500"},
		"too huge":             {hparam("depth", 1<<30), "Depth"},
		"shared for ever":      {func(c checkpoint) { c.hparams.Set("depth", 1<<30); c.hparams.Set("shared_attn_ids", tuple(0)) }, "shared_attn_ids"},
		"huge codebook":        {vaeParam("num_tokens", 1<<15), "codebook.weight"},
		"huge picture":         {vaeParam("image_size", 1<<20), "ImageSize"},
		"other picture":        {vaeParam("image_size", 64), "transformer.pos_emb"},
		"odd picture":          {vaeParam("image_size", 18), "ImageSize"},
		"other vocabulary":     {hparam("num_text_tokens", 21), "to_logits.1.weight"},
		"weights as a note":    {section("weights", "To get a working standard checkpoint, look elsewhere."), "DeepSpeed"},
		"no weights":           {section("weights", nil), "no weights"},
		"a weight too many":    {weight("transformer.layers.layers.0.0.extra", zeros(2)), "extra"},
		"a VAE's weight more":  {weight("vae.extra", zeros(2)), "extra"},
		"wrong shape":          {weight("to_logits.0.weight", zeros(25)), "to_logits.0.weight"},
		"integers":             {weight("to_logits.0.weight", &safetensors.Tensor{DType: safetensors.I32, Shape: []int{24}, I32: make([]int32, 24)}), "to_logits.0.weight"},
		"no tensor":            {weight("to_logits.0.weight", "none"), "to_logits.0.weight"},
		"a weight less": {func(c checkpoint) { c.Set("weights", without(c.weights, "text_emb.weight")) },
			"text_emb.weight"},
		"a weight of the VAE less": {func(c checkpoint) { c.Set("weights", without(c.weights, "vae.decoder.2.bias")) },
			"decoder.2.bias"},
		"NaN":                  {weight("to_logits.0.weight", filled(float32(math.NaN()), 24)), "24 weights that are NaN"},
		"infinite":             {weight("to_logits.0.bias", filled(float32(math.Inf(1)), 24)), "24 weights that are NaN"},
		"NaN in the VAE":       {weight("vae.codebook.weight", filled(float32(math.NaN()), 14, 8)), "weights that are NaN"},
		"integers for the VAE": {weight("vae.codebook.weight", &safetensors.Tensor{DType: safetensors.I32, Shape: []int{14, 8}, I32: make([]int32, 14*8)}), "float32"},
		"other angles":         {weight(anglesName, zeros(1, 23, 12)), "rotary angles"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := checkpointOf(t, reference)
			c.change(changed)
			path := changed.write(t, "dalle")
			checkpoint, err := Read(path)
			if err == nil {
				defer checkpoint.Close()
				_, err = checkpoint.Build(d)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+": ") || !strings.Contains(err.Error(), "; ") {
				t.Errorf("error %v, want a sentence with %q", err, c.want)
			}
		})
	}
}

// filled is a tensor of equal values.
func filled(v float32, shape ...int) *safetensors.Tensor {
	t := zeros(shape...)
	t.F32 = fill(len(t.F32), v)
	return t
}

// TestNotACheckpoint reads files of other kinds.
func TestNotACheckpoint(t *testing.T) {
	dir := t.TempDir()
	list, plainState := filepath.Join(dir, "list.pt"), filepath.Join(dir, "state.pt")
	for path, v := range map[string]any{list: torchfile.List{1}, plainState: torchfile.NewDict("weights", torchfile.NewDict())} {
		if err := torchfile.Write(path, v); err != nil {
			t.Fatal(err)
		}
	}
	text := filepath.Join(dir, "readme.md")
	if err := os.WriteFile(text, []byte("# A model\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		list:                                  "no dictionary",
		plainState:                            "no hparams",
		text:                                  "not a PyTorch file",
		dir:                                   "name the file",
		filepath.Join(dir, "none"):            "no such file",
		"testdata/vae_full_check.safetensors": "no hparams",
	} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// TestUnexportable exports what DALLE-pytorch couldn't build.
func TestUnexportable(t *testing.T) {
	d := golden.Device(t)
	base := dalle.Config{
		TextTokens: 8, TextLen: 3, ImageCodes: 4, Height: 2, Width: 2, ImageLossWeight: 7,
		Transformer: transformer.Config{Dim: 8, Depth: 1, Heads: 1, DimHead: 8, FFMult: 4, ConvKernel: 5, ConvDilation: 1, Rotary: true},
	}
	vaeConfig := dvae.Config{ImageSize: 8, Codes: 4, CodebookDim: 2, Layers: 2, Hidden: 2, Channels: 3, Temperature: 1}
	for want, change := range map[string]func(v *dvae.Config, c *dalle.Config){
		"":       func(v *dvae.Config, c *dalle.Config) {},
		"FFMult": func(v *dvae.Config, c *dalle.Config) { c.Transformer.FFMult = 2 },
		"2×3":    func(v *dvae.Config, c *dalle.Config) { c.Width = 3 },
		"powers": func(v *dvae.Config, c *dalle.Config) { v.ImageSize, c.Height, c.Width = 12, 3, 3 },
		"sparse": func(v *dvae.Config, c *dalle.Config) {
			c.Transformer.Attention = []transformer.Pattern{transformer.Sparse}
		},
		"ConvKernel": func(v *dvae.Config, c *dalle.Config) {
			c.Transformer.Attention, c.Transformer.ConvKernel = []transformer.Pattern{transformer.ConvLike}, 3
		},
	} {
		v, c := vaeConfig, base
		change(&v, &c)
		vae, m := buildBoth(t, d, v, c)
		path := filepath.Join(t.TempDir(), "x.pt")
		err := WriteTorch(path, Models{VAE: vae, DALLE: m})
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("error %v, want %q", err, want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("a refused export left a file")
		}
	}
}

// TestVAEArguments exports and imports the arguments of a VAE that differ from their defaults.
func TestVAEArguments(t *testing.T) {
	d := golden.Device(t)
	for name, c := range map[string]dvae.Config{
		"all": {ImageSize: 8, Codes: 4, CodebookDim: 2, Layers: 1, ResnetBlocks: 2, Hidden: 2, Channels: 4, Temperature: 0.5,
			StraightThrough: true, ReinMax: true, SmoothL1: true, KLWeight: 0.01, KLSum: true,
			Normalisation: dvae.Normalisation{Mean: []float64{0, 0.1, 0.2, 0}, Std: []float64{1, 1, 0.5, 1}}},
		"RGBA":             {ImageSize: 8, Codes: 4, CodebookDim: 2, Layers: 1, Hidden: 2, Channels: 4, Temperature: 0.9},
		"no normalisation": {ImageSize: 8, Codes: 4, CodebookDim: 2, Layers: 1, Hidden: 2, Channels: 3, Temperature: 0.9, Normalisation: dvae.Normalisation{Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1}}},
	} {
		vae, _ := buildBoth(t, d, c, dalle.Config{})
		path := filepath.Join(t.TempDir(), name+".pt")
		if err := WriteTorch(path, Models{VAE: vae}); err != nil {
			t.Fatal(err)
		}
		roundTrip(t, d, path, t.TempDir())
		got, _ := imported(t, d, path)
		if !cmp.Equal(*got.VAE, c) {
			t.Errorf("%s: %+v, want %+v", name, *got.VAE, c)
		}
	}
}
