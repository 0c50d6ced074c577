package interchange

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/golden"
	_ "github.com/bestiary-ml/bestiary/internal/lighttest" // syncs
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

// imported reads a checkpoint and builds its models.
func imported(t *testing.T, d *tensor.Device, path string) (*Checkpoint, Models) {
	t.Helper()
	c, err := Read(path)
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

// states returns the weights of all models.
func (m Models) states() (all []safetensors.Tensor) {
	if m.VAE != nil {
		all = append(all, weights.Of(m.VAE)...)
	}
	if m.DALLE != nil {
		all = append(all, weights.Of(m.DALLE)...)
	}
	if m.CLIP != nil {
		all = append(all, weights.Of(m.CLIP)...)
	}
	return all
}

// TestVAE imports VAEs from their own checkpoints and from those of DALL-Es, and compares codes and pictures.
func TestVAE(t *testing.T) {
	for _, c := range []struct{ checkpoint, check string }{
		{"vae_full.pt", "vae_full_check.safetensors"},
		{"dalle_full.pt", "vae_full_check.safetensors"},
		{"vae_reversible.pt", "vae_reversible_check.safetensors"},
		{"dalle_reversible.pt", "vae_reversible_check.safetensors"},
	} {
		t.Run(c.checkpoint, func(t *testing.T) {
			d := golden.Device(t)
			_, m := imported(t, d, "testdata/"+c.checkpoint)
			f := golden.Read(t, "testdata/"+c.check)
			s := d.Scratch()
			defer s.End()
			images := golden.Tensor(t, d, f, "image").Scale(2).AddScalar(-1) // the file's pictures are in [0, 1]
			codes := m.VAE.Codes(images)
			if diff := cmp.Diff(golden.Ints(t, f, "codes"), codes.IntValues()); diff != "" {
				t.Error(diff)
			}
			golden.Near(t, "decoded", m.VAE.DecodeCodes(codes).Values(), golden.Tensor(t, d, f, "decoded").Values(), 1e-5)
		})
	}
}

// TestDALLE compares the loss and the logits of an imported DALL-E with the reference values of the same weights.
func TestDALLE(t *testing.T) {
	for _, name := range []string{"dalle_full", "dalle_reversible"} {
		t.Run(name, func(t *testing.T) {
			c, m := imported(t, golden.Device(t), "testdata/"+name+".pt")
			if c.Origin != "DALLE-pytorch 1.6.6, epoch 3" {
				t.Errorf("it is from %s", c.Origin)
			}
			answers(t, m.DALLE, golden.Read(t, "../../dalle/testdata/"+name+".safetensors"))
		})
	}
}

// answers compares a DALL-E's logits with those of a file, which has text and codes in one vocabulary.
func answers(t *testing.T, m *dalle.DALLE, f *safetensors.File) {
	t.Helper()
	text, image := golden.Ints(t, f, "text"), golden.Ints(t, f, "image")
	ofText, ofImage := m.Logits(text, image)
	want, shape, err := f.Float32("logits")
	if err != nil {
		t.Fatal(err)
	}
	texts, codes := ofText.Dim(2), ofImage.Dim(2)
	total := shape[2]
	var wantText, wantImage []float32
	for i := range shape[0] * shape[1] {
		row := want[i*total:][:total]
		if i%shape[1] < m.Config().TextLen {
			wantText = append(wantText, row[:total-codes]...)
		} else {
			wantImage = append(wantImage, row[total-codes:]...)
		}
	}
	golden.Near(t, "logits of the image", ofImage.Values(), wantImage, 1e-4)
	got := ofText.Values()
	if theirs := total - codes; texts > theirs { // a version without ids for padding; token 0 shares its probability with them
		var less, wantLess []float32
		for i := range len(got) / texts {
			less = append(less, got[i*texts+1:][:theirs-1]...)
			wantLess = append(wantLess, wantText[i*theirs+1:][:theirs-1]...)
		}
		got, wantText = less, wantLess
	}
	golden.Near(t, "logits of the text", got, wantText, 1e-4)
	if f.Has("loss") {
		loss, _, _ := m.Loss(text, image, nil)
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-5)
	}
}

// TestRoundTrip exports what was imported and imports it again: the models are the same to the bit, and the file holds
// the names and shapes that the original held.
func TestRoundTrip(t *testing.T) {
	d := golden.Device(t)
	for _, name := range []string{"vae_full", "vae_reversible", "dalle_full", "dalle_reversible"} {
		t.Run(name, func(t *testing.T) { roundTrip(t, d, "testdata/"+name+".pt", t.TempDir()) })
	}
}

// roundTrip leaves the exported files in a folder.
func roundTrip(t *testing.T, d *tensor.Device, path, folder string) {
	t.Helper()
	first, m := imported(t, d, path)
	for ending, write := range map[string]func(string, Models) error{".pt": WriteTorch, ".safetensors": WriteSafetensors} {
		exported := filepath.Join(folder, strings.TrimSuffix(filepath.Base(path), ".pt")+ending)
		if err := write(exported, m); err != nil {
			t.Fatal(err)
		}
		again, same := imported(t, d, exported)
		if diff := cmp.Diff([]any{first.VAE, first.DALLE, first.CLIP}, []any{again.VAE, again.DALLE, again.CLIP}); diff != "" {
			t.Errorf("%s: %s", ending, diff)
		}
		if diff := cmp.Diff(m.states(), same.states(), golden.Whole); diff != "" {
			t.Errorf("%s: %s", ending, diff)
		}
		if diff := cmp.Diff(shapes(t, path), shapes(t, exported)); diff != "" {
			t.Errorf("%s: %s", ending, diff)
		}
	}
}

func shapes(t *testing.T, path string) map[string][]int {
	t.Helper()
	s, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	all := map[string][]int{}
	for _, name := range s.names() {
		all[name], _ = s.shape(name)
	}
	return all
}

// TestSections makes sure that an exported checkpoint has what DALLE-pytorch's scripts look for.
func TestSections(t *testing.T) {
	_, m := imported(t, golden.Device(t), "testdata/dalle_full.pt")
	path := t.TempDir() + "/dalle.pt"
	if err := WriteTorch(path, m); err != nil {
		t.Fatal(err)
	}
	f, err := torchfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var keys []any
	for key := range f.Root.(*torchfile.Dict).All() {
		keys = append(keys, key)
	}
	want := []any{"hparams", "vae_params", "epoch", "version", "vae_class_name", "weights"}
	if !slices.Equal(keys, want) {
		t.Errorf("it has %v, want %v", keys, want)
	}
}

// buildBoth builds a VAE, and a DALL-E unless its configuration is empty.
func buildBoth(t *testing.T, d *tensor.Device, v dvae.Config, c dalle.Config) (*dvae.VAE, *dalle.DALLE) {
	t.Helper()
	vae, err := dvae.New(d, v, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if c.TextLen == 0 {
		return vae, nil
	}
	m, err := dalle.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	return vae, m
}
