package interchange

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn"
)

// checkpoint is the tree of a checkpoint, to be varied and written.
type checkpoint struct {
	*torchfile.Dict
	hparams, vaeParams, weights *torchfile.Dict
}

// checkpointOf is a DALL-E's checkpoint of the reference values with a VAE that goes with them.
func checkpointOf(t *testing.T, path string) checkpoint {
	t.Helper()
	f := golden.Read(t, path)
	weights := &torchfile.Dict{Ordered: true}
	vae, err := open("testdata/vae_full.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer vae.close()
	for _, name := range vae.names() {
		v, err := vae.load(name)
		if err != nil {
			t.Fatal(err)
		}
		weights.Set("vae."+name, &v)
	}
	for _, name := range f.Names() {
		if own, ok := strings.CutPrefix(name, "weight."); ok {
			v, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			weights.Set(own, v)
		}
	}
	parsed, err := parseJSON(f.Metadata["hparams"])
	if err != nil {
		t.Fatal(err)
	}
	c := checkpoint{hparams: python(parsed).(*torchfile.Dict), vaeParams: python(vae.values["hparams"]).(*torchfile.Dict), weights: weights}
	c.Dict = torchfile.NewDict("hparams", c.hparams, "vae_params", c.vaeParams, "version", "1.6.6", "weights", weights)
	return c
}

// python turns a source's value into one to write.
func python(v any) any {
	switch v := v.(type) {
	case []any:
		all := torchfile.Tuple{}
		for _, item := range v {
			all = append(all, python(item))
		}
		return all
	case map[string]any:
		d := torchfile.NewDict()
		for key, value := range v {
			d.Set(key, python(value))
		}
		return d
	}
	return v
}

// without is a dictionary but for some keys.
func without(d *torchfile.Dict, keys ...string) *torchfile.Dict {
	less := &torchfile.Dict{Ordered: d.Ordered}
	for key, value := range d.All() {
		if !slices.Contains(keys, key.(string)) {
			less.Set(key, value)
		}
	}
	return less
}

func (c checkpoint) write(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".pt")
	if err := torchfile.Write(path, c.Dict); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVariants imports, exports and imports again every variant of DALL-E that there are reference values of.
// BESTIARY_EXPORTS may name a folder to leave the exported files in, to be loaded with DALLE-pytorch.
func TestVariants(t *testing.T) {
	files, err := filepath.Glob("../../dalle/testdata/dalle_*.safetensors")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files of reference values (%v)", len(files), err)
	}
	for _, path := range files {
		name := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		t.Run(name, func(t *testing.T) {
			d := golden.Device(t)
			original := checkpointOf(t, path).write(t, name)
			_, m := imported(t, d, original)
			answers(t, m.DALLE, golden.Read(t, path))
			folder := os.Getenv("BESTIARY_EXPORTS")
			if folder == "" {
				folder = t.TempDir()
			}
			roundTrip(t, d, original, folder)
		})
	}
}

// TestCLIP imports and exports a CLIP of reference values.
func TestCLIP(t *testing.T) {
	f := golden.Read(t, "../../clip/testdata/clip.safetensors")
	weights := &torchfile.Dict{Ordered: true}
	for _, name := range f.Names() {
		if own, ok := strings.CutPrefix(name, "weight."); ok {
			v, err := f.Tensor(name)
			if err != nil {
				t.Fatal(err)
			}
			weights.Set(own, v)
		}
	}
	hparams := torchfile.NewDict("dim_text", 16, "dim_image", 20, "dim_latent", 12, "num_text_tokens", 20, "text_enc_depth", 1, "text_seq_len", 6,
		"text_heads", 2, "visual_enc_depth", 1, "visual_heads", 2, "visual_image_size", 16, "visual_patch_size", 4)
	c := checkpoint{Dict: torchfile.NewDict("hparams", hparams, "weights", weights)}
	d := golden.Device(t)
	path := c.write(t, "clip")
	_, m := imported(t, d, path)
	if n := len(nn.Params(m.CLIP)); n != weights.Len() {
		t.Errorf("it has %d tensors, want %d", n, weights.Len())
	}
	folder := os.Getenv("BESTIARY_EXPORTS")
	if folder == "" {
		folder = t.TempDir()
	}
	roundTrip(t, d, path, folder)
}

// TestOlder imports what older versions write: names with fewer modules around, arguments that weren't there yet, and
// tables in which padding has no ids of its own.
func TestOlder(t *testing.T) {
	const reference = "../../dalle/testdata/dalle_no_rotary_no_shift.safetensors"
	d := golden.Device(t)
	t.Run("fewer modules and arguments", func(t *testing.T) {
		c := checkpointOf(t, reference)
		old := &torchfile.Dict{Ordered: true}
		for key, value := range c.weights.All() {
			name := strings.ReplaceAll(strings.ReplaceAll(key.(string), ".fn.fn", ".fn"), ".fn.fn", ".fn")
			old.Set(strings.ReplaceAll(name, ".weights.", ".weights_"), value)
		}
		c.Set("weights", old)
		c.Set("hparams", without(c.hparams, "shift_tokens", "rotary_emb", "sandwich_norm", "stable", "reversible", "attn_types", "loss_img_weight"))
		config, m := imported(t, d, c.write(t, "dalle"))
		answers(t, m.DALLE, golden.Read(t, reference))
		if config.DALLE.Transformer.Rotary || config.DALLE.Transformer.ShiftTokens {
			t.Errorf("it is taken for %+v", config.DALLE)
		}
	})
	t.Run("shifts told by names", func(t *testing.T) {
		const reference = "../../dalle/testdata/dalle_full.safetensors"
		c := checkpointOf(t, reference)
		c.Set("hparams", without(c.hparams, "shift_tokens", "rotary_emb"))
		_, m := imported(t, d, c.write(t, "dalle"))
		answers(t, m.DALLE, golden.Read(t, reference))
	})
	t.Run("angles without the last row", func(t *testing.T) {
		const reference = "../../dalle/testdata/dalle_full.safetensors"
		c := checkpointOf(t, reference)
		v, _ := c.weights.Get(anglesName)
		angles := *v.(*safetensors.Tensor)
		n, width := angles.Shape[1]-1, angles.Shape[2]
		angles.Shape, angles.F32 = []int{1, 1, n, width}, angles.F32[:n*width]
		c.weights.Set(anglesName, &angles)
		_, m := imported(t, d, c.write(t, "dalle"))
		answers(t, m.DALLE, golden.Read(t, reference))
	})
}
