package interchange

import (
	"math"
	"slices"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

func device(t *testing.T) *tensor.Device {
	t.Helper()
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// imported reads a checkpoint and builds what is in it.
func imported(t *testing.T, d *tensor.Device, path string) (*Checkpoint, *dvae.VAE, *dalle.DALLE) {
	t.Helper()
	c, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	vae, err := c.BuildVAE(d)
	if err != nil {
		t.Fatal(err)
	}
	if c.DALLE == nil {
		return c, vae, nil
	}
	m, err := c.BuildDALLE(d)
	if err != nil {
		t.Fatal(err)
	}
	return c, vae, m
}

func near(t *testing.T, what string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	largest, worst := 1e-30, 0.0
	for i := range want {
		largest = max(largest, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(got[i]-want[i])))
	}
	if !(worst <= tolerance*largest) {
		t.Errorf("%s: off by %.2g of the largest magnitude", what, worst/largest)
	}
}

func file(t *testing.T, path string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func floats(t *testing.T, f *safetensors.File, name string) ([]float32, []int) {
	t.Helper()
	values, shape, err := f.Float32(name)
	if err != nil {
		t.Fatal(err)
	}
	return values, shape
}

func indices(t *testing.T, f *safetensors.File, name string) []int32 {
	t.Helper()
	values, _, err := f.Int64(name)
	if err != nil {
		t.Fatal(err)
	}
	narrow := make([]int32, len(values))
	for i, v := range values {
		narrow[i] = int32(v)
	}
	return narrow
}

// TestVAE imports VAEs by themselves and out of a DALL-E's checkpoint, and compares what they answer.
func TestVAE(t *testing.T) {
	for _, c := range []struct{ checkpoint, check string }{
		{"vae_full.pt", "vae_full_check.safetensors"},
		{"dalle_full.pt", "vae_full_check.safetensors"},
		{"vae_reversible.pt", "vae_reversible_check.safetensors"},
		{"dalle_reversible.pt", "vae_reversible_check.safetensors"},
	} {
		t.Run(c.checkpoint, func(t *testing.T) {
			d := device(t)
			_, vae, _ := imported(t, d, "testdata/"+c.checkpoint)
			f := file(t, "testdata/"+c.check)
			s := d.Scratch()
			defer s.End()
			values, shape := floats(t, f, "image") // in [0, 1], channels first
			images := d.From(values, shape...).Permute(0, 2, 3, 1).Scale(2).AddScalar(-1)
			codes := vae.Codes(images)
			if diff := cmp.Diff(indices(t, f, "codes"), codes.IntValues()); diff != "" {
				t.Error(diff)
			}
			want, _ := floats(t, f, "decoded")
			near(t, "decoded", vae.Decode(codes).Permute(0, 3, 1, 2).Values(), want, 1e-5)
		})
	}
}

// TestDALLE compares the loss and the logits of an imported DALL-E with the reference values of the same weights.
func TestDALLE(t *testing.T) {
	for _, name := range []string{"dalle_full", "dalle_reversible"} {
		t.Run(name, func(t *testing.T) {
			c, _, m := imported(t, device(t), "testdata/"+name+".pt")
			if c.Origin != "DALLE-pytorch 1.6.6, epoch 3" {
				t.Errorf("it is from %s", c.Origin)
			}
			answers(t, m, file(t, "../../dalle/testdata/"+name+".safetensors"))
		})
	}
}

// answers compares a DALL-E's logits with those of a file, which has text and codes in one vocabulary.
func answers(t *testing.T, m *dalle.DALLE, f *safetensors.File) {
	t.Helper()
	text, image := indices(t, f, "text"), indices(t, f, "image")
	ofText, ofImage := m.Logits(text, image)
	want, shape := floats(t, f, "logits")
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
	near(t, "logits of the image", ofImage.Values(), wantImage, 1e-4)
	got := ofText.Values()
	if theirs := total - codes; texts > theirs { // a version without ids for padding; token 0 shares its probability with them
		var less, wantLess []float32
		for i := range len(got) / texts {
			less = append(less, got[i*texts+1:][:theirs-1]...)
			wantLess = append(wantLess, wantText[i*theirs+1:][:theirs-1]...)
		}
		got, wantText = less, wantLess
	}
	near(t, "logits of the text", got, wantText, 1e-4)
	if f.Has("loss") {
		loss, _, _ := m.Loss(text, image, nil)
		want, _ := floats(t, f, "loss")
		near(t, "loss", loss.Values(), want, 1e-5)
	}
}

// TestRoundTrip exports what was imported and imports it again: the models are the same to the bit, and the file holds
// the names, types and shapes that the original held.
func TestRoundTrip(t *testing.T) {
	d := device(t)
	for _, name := range []string{"vae_full", "vae_reversible", "dalle_full", "dalle_reversible"} {
		t.Run(name, func(t *testing.T) {
			first, vae, m := imported(t, d, "testdata/"+name+".pt")
			for _, format := range []struct {
				ending string
				write  func(string, *dvae.VAE, *dalle.DALLE) error
			}{{".pt", WriteTorch}, {".safetensors", WriteSafetensors}} {
				path := t.TempDir() + "/" + name + format.ending
				if err := format.write(path, vae, m); err != nil {
					t.Fatal(err)
				}
				again, vaeAgain, mAgain := imported(t, d, path)
				if diff := cmp.Diff([]any{first.VAE, first.DALLE}, []any{again.VAE, again.DALLE}); diff != "" {
					t.Errorf("%s: %s", format.ending, diff)
				}
				if diff := cmp.Diff(nn.State(vae), nn.State(vaeAgain)); diff != "" {
					t.Errorf("%s: %s", format.ending, diff)
				}
				if m != nil {
					if diff := cmp.Diff(nn.State(m), nn.State(mAgain)); diff != "" {
						t.Errorf("%s: %s", format.ending, diff)
					}
				}
				if diff := cmp.Diff(shapes(t, "testdata/"+name+".pt"), shapes(t, path)); diff != "" {
					t.Errorf("%s: %s", format.ending, diff)
				}
			}
		})
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
	_, vae, m := imported(t, device(t), "testdata/dalle_full.pt")
	path := t.TempDir() + "/dalle.pt"
	if err := WriteTorch(path, vae, m); err != nil {
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
