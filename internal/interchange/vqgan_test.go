package interchange

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/vqgan"
	"github.com/google/go-cmp/cmp"
)

// importedWith is imported with a configuration file.
func importedWith(t *testing.T, d *tensor.Device, path, settings string) (*Checkpoint, Models) {
	t.Helper()
	c, err := ReadWith(path, settings)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := c.Build(d)
	if err != nil {
		t.Fatal(err)
	}
	return c, m
}

// TestVQGAN imports VQGANs, alone and in the checkpoint of a DALL-E, with and without the configuration file, and compares
// codes, pictures and the loss.
func TestVQGAN(t *testing.T) {
	d := golden.Device(t)
	check := pretrained + "dalle_vqgan_check.safetensors"
	c, m := importedWith(t, d, pretrained+"vqgan.ckpt", "")
	if c.Origin != "taming-transformers, epoch 2" {
		t.Errorf("it is from %s", c.Origin)
	}
	for _, file := range []string{"vqgan.ckpt", "dalle_vqgan.pt"} {
		settled, same := importedWith(t, d, pretrained+file, pretrained+"vqgan.yaml")
		if diff := cmp.Diff(c.VQGAN, settled.VQGAN); diff != "" {
			t.Errorf("%s with the configuration file: %s", file, diff)
		}
		if diff := cmp.Diff(weights.Of(m.VQGAN), weights.Of(same.VQGAN), golden.Whole); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
	c, m = importedWith(t, d, pretrained+"dalle_vqgan.pt", "")
	if c.Origin != "DALLE-pytorch 1.6.6, epoch 3" {
		t.Errorf("it is from %s", c.Origin)
	}
	checkPretrained(t, d, m.VQGAN, m, check)
	c, m = importedWith(t, d, pretrained+"gumbel.ckpt", pretrained+"gumbel.yaml")
	want := vqgan.Config{
		ImageSize: 32, Channels: 3, Patch: 1, Width: 32, Multipliers: []int{1, 1}, Blocks: 1, AttentionAt: []int{16}, Groups: 32,
		ZChannels: 4, Embed: 4, Bottleneck: vqgan.Gumbel, KLWeight: 5e-4, Codes: 9,
	}
	if diff := cmp.Diff(want, *c.VQGAN); diff != "" {
		t.Error(diff)
	}
	f := golden.Read(t, pretrained+"gumbel_check.safetensors")
	s := d.Scratch()
	defer s.End()
	codes := m.VQGAN.Codes(picture(d, 32))
	if diff := cmp.Diff(golden.Ints(t, f, "codes"), codes.IntValues()); diff != "" {
		t.Error(diff)
	}
	made := m.VQGAN.DecodeCodes(codes).ClampMin(-1).ClampMax(1).Scale(0.5).AddScalar(0.5)
	golden.Near(t, "decoded", made.Values(), golden.Tensor(t, d, f, "decoded").Values(), 1e-4)
}

// exportVQGANs writes two VQGANs and a DALL-E.
func exportVQGANs(t *testing.T, d *tensor.Device, folder string) (alone, gumbel, whole Models) {
	t.Helper()
	_, alone = importedWith(t, d, pretrained+"vqgan.ckpt", pretrained+"vqgan.yaml")
	_, gumbel = importedWith(t, d, pretrained+"gumbel.ckpt", pretrained+"gumbel.yaml")
	_, whole = importedWith(t, d, pretrained+"dalle_vqgan.pt", "")
	for name, m := range map[string]Models{"vqgan.ckpt": alone, "gumbel.ckpt": gumbel, "dalle.pt": whole} {
		path := filepath.Join(folder, name)
		if err := WriteTorch(path, m); err != nil {
			t.Fatal(err)
		}
		if err := WriteVQGAN(path, m); err != nil {
			t.Fatal(err)
		}
		if err := WriteSafetensors(strings.TrimSuffix(path, filepath.Ext(path))+".safetensors", m); err != nil {
			t.Fatal(err)
		}
	}
	return alone, gumbel, whole
}

// TestVQGANRoundTrip imports what was exported.
func TestVQGANRoundTrip(t *testing.T) {
	d, folder := golden.Device(t), t.TempDir()
	alone, gumbel, whole := exportVQGANs(t, d, folder)
	in := func(name string) string { return filepath.Join(folder, name) }
	for _, x := range []struct {
		want           Models
		path, settings string
	}{
		{alone, "vqgan.ckpt", in("vqgan.yaml")}, {alone, "vqgan.safetensors", in("vqgan.yaml")},
		{gumbel, "gumbel.ckpt", in("gumbel.yaml")}, {gumbel, "gumbel.safetensors", in("gumbel.yaml")},
		{whole, "dalle.pt", ""}, {whole, "dalle.safetensors", ""}, {Models{VQGAN: whole.VQGAN}, "dalle.vqgan.ckpt", in("dalle.vqgan.yaml")},
	} {
		_, m := importedWith(t, d, in(x.path), x.settings)
		if diff := cmp.Diff(x.want.VQGAN.Config(), m.VQGAN.Config()); diff != "" {
			t.Errorf("%s: %s", x.path, diff)
		}
		if diff := cmp.Diff(append(weights.Of(x.want.VQGAN), x.want.states()...), append(weights.Of(m.VQGAN), m.states()...), golden.Whole); diff != "" {
			t.Errorf("%s: %s", x.path, diff)
		}
	}
	if diff := cmp.Diff(shapes(t, pretrained+"dalle_vqgan.pt"), shapes(t, in("dalle.pt"))); diff != "" {
		t.Error(diff)
	}
}

// TestVQGANInPyTorch loads the exported files with the reference code.
func TestVQGANInPyTorch(t *testing.T) {
	runReference(t, "load_vqgan.py", func(folder string) { exportVQGANs(t, golden.Device(t), folder) })
}

// TestVQGANRefused reads files that can't be served.
func TestVQGANRefused(t *testing.T) {
	zeros := func(shape ...int) safetensors.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return safetensors.Tensor{DType: safetensors.F32, Shape: shape, F32: make([]float32, n)}
	}
	file, err := safetensors.Read(exportedVQGAN(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		change func(weights map[string]safetensors.Tensor)
		yaml   string // replacement in vqgan.yaml: "from=>to"
		want   string
	}{
		"remap":            {func(w map[string]safetensors.Tensor) { w["quantize.used"] = zeros(3) }, "", "remap"},
		"no codebook":      {func(w map[string]safetensors.Tensor) { delete(w, vqTable) }, "", "without the codebook"},
		"an unknown layer": {func(w map[string]safetensors.Tensor) { w["encoder.temb.dense.0.weight"] = zeros(3) }, "", "encoder.temb"},
		"huge":             {func(w map[string]safetensors.Tensor) { w[vqTable] = zeros(1<<17, 3) }, "", "sizes that are not allowed"},
		"another width":    {func(w map[string]safetensors.Tensor) { w[vqganRoot] = zeros(48, 3, 3, 3) }, "", "no multiple of"},
		"not 32 groups":    {func(w map[string]safetensors.Tensor) { w[vqganRoot] = zeros(16, 3, 3, 3) }, "", "Groups"},
		"codes differ":     {nil, "n_embed: 12=>n_embed: 13", "n_embed 12 where its configuration file has 13"},
		"levels differ":    {nil, "num_res_blocks: 1=>num_res_blocks: 2", "num_res_blocks"},
		"remap in yaml":    {nil, "n_embed: 12=>n_embed: 12\n    remap: x.npy", "remap"},
		"no model":         {nil, "model:=>modal:", "has no model"},
		"no yaml":          {nil, "model:=>\tmodel: [", "is not a configuration file"},
		"for another file": {nil, "file", "no VQGAN"},
	} {
		t.Run(name, func(t *testing.T) {
			w := map[string]safetensors.Tensor{}
			for _, key := range file.Names() {
				v, _ := file.Tensor(key)
				w[key] = *v
			}
			if x.change != nil {
				x.change(w)
			}
			d := &torchfile.Dict{Ordered: true}
			for key, v := range w {
				d.Set(key, &v)
			}
			path, settings := filepath.Join(t.TempDir(), "x.ckpt"), ""
			if err := torchfile.Write(path, torchfile.NewDict("state_dict", d)); err != nil {
				t.Fatal(err)
			}
			if x.yaml == "file" {
				path, settings = "testdata/vae_full.pt", pretrained+"vqgan.yaml"
			} else if from, to, ok := strings.Cut(x.yaml, "=>"); ok {
				text, err := os.ReadFile(pretrained + "vqgan.yaml")
				if err != nil || !strings.Contains(string(text), from) {
					t.Fatal(from, err)
				}
				settings = filepath.Join(t.TempDir(), "x.yaml")
				if err := os.WriteFile(settings, []byte(strings.Replace(string(text), from, to, 1)), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			c, err := ReadWith(path, settings)
			if err == nil {
				defer c.Close()
				_, err = c.Build(golden.Device(t))
			}
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("error %v, want %q", err, x.want)
			}
		})
	}
}

// exportedVQGAN returns the path of a VQGAN as safetensors.
func exportedVQGAN(t *testing.T) string {
	_, m := importedWith(t, golden.Device(t), pretrained+"vqgan.ckpt", "")
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteSafetensors(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestVQGANNotExported refuses models that taming-transformers or DALLE-pytorch doesn't have.
func TestVQGANNotExported(t *testing.T) {
	good := vqgan.Config{
		ImageSize: 256, Channels: 3, Patch: 1, Width: 32, Multipliers: []int{1, 1, 1}, Blocks: 1, AttentionAt: []int{64}, Groups: 32,
		ZChannels: 4, Embed: 4, Bottleneck: vqgan.VQ, Commitment: 0.25, Codes: 9,
	}
	if err := checkVQGAN(good, true); err != nil {
		t.Fatal(err)
	}
	for want, x := range map[string]struct {
		withDALLE bool
		change    func(c *vqgan.Config)
	}{
		"Bottleneck fsq": {false, func(c *vqgan.Config) { c.Bottleneck = vqgan.FSQ }},
		"Patch of 2":     {false, func(c *vqgan.Config) { c.Patch = 2 }},
		"Blur":           {false, func(c *vqgan.Config) { c.Blur = true }},
		"Cosine":         {false, func(c *vqgan.Config) { c.Cosine = true }},
		"8 Groups":       {false, func(c *vqgan.Config) { c.Groups = 8 }},
		"5 ZChannels":    {false, func(c *vqgan.Config) { c.Bottleneck, c.ZChannels = vqgan.Gumbel, 5 }},
		"128×128 pixels": {true, func(c *vqgan.Config) { c.ImageSize = 128 }},
		"no attention":   {true, func(c *vqgan.Config) { c.AttentionAt = nil }},
	} {
		c := good
		x.change(&c)
		if err := checkVQGAN(c, x.withDALLE); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error about %s", err, want)
		}
	}
}

// TestRealVQGAN compares at the sizes of the published files, with a folder that make_vqgan.py --real wrote.
func TestRealVQGAN(t *testing.T) {
	folder := os.Getenv("BESTIARY_VQGAN_GOLDEN")
	if folder == "" {
		t.Skip("BESTIARY_VQGAN_GOLDEN doesn't name a folder of testdata/pretrained/make_vqgan.py --real")
	}
	d := golden.Device(t)
	for _, name := range []string{"f16", "f8"} {
		_, m := importedWith(t, d, filepath.Join(folder, name+".ckpt"), filepath.Join(folder, name+".yaml"))
		f := golden.Read(t, filepath.Join(folder, name+"_check.safetensors"))
		want, differ := golden.Ints(t, f, "codes"), 0
		s := d.Scratch()
		for i, code := range m.VQGAN.Codes(picture(d, 256)).IntValues() {
			if code != want[i] {
				differ++
			}
		}
		t.Logf("%s: %d of %d codes differ", name, differ, len(want))
		if differ > len(want)/100 { // ties, to rounding
			t.Errorf("%s: %d of %d codes differ", name, differ, len(want))
		}
		made := m.VQGAN.DecodeCodes(d.Ints(want, 1, len(want))).ClampMin(-1).ClampMax(1).Scale(0.5).AddScalar(0.5)
		golden.Near(t, name+" decoded", made.Values(), golden.Tensor(t, d, f, "decoded").Values(), 1e-4)
		s.End()
	}
}
