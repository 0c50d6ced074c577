package interchange

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

const pretrained = "testdata/pretrained/"

// read reads files and joins them.
func readAll(t *testing.T, paths ...string) ([]*Checkpoint, error) {
	t.Helper()
	var all []*Checkpoint
	for _, path := range paths {
		c, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		all = append(all, c)
	}
	return Join(all)
}

// importOpenAI builds OpenAI's VAE of two files.
func importOpenAI(t *testing.T, d *tensor.Device, paths ...string) Models {
	t.Helper()
	all, err := readAll(t, paths...)
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	m, err := all[0].Build(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// picture is that of reference.py, [1, size, size, 3] in [−1, 1].
func picture(d *tensor.Device, size int) *tensor.Tensor {
	values := make([]float32, 0, size*size*3)
	for y := range size {
		for x := range size {
			for c := range 3 {
				values = append(values, float32(math.Sin(float64(float32(0.05*float64(x*(c+1)))+float32(0.03*float64(y))))))
			}
		}
	}
	return d.From(values, 1, size, size, 3)
}

// coarse returns every 32nd pixel of pictures [N, S, S, 3] in PyTorch's layout, in [0, 1].
func coarse(x *tensor.Tensor) (values []float32) {
	x = x.ClampMin(-1).ClampMax(1).Scale(0.5).AddScalar(0.5).Permute(0, 3, 1, 2)
	size, all := x.Dim(3), x.Values()
	for i := 0; i < len(all); i += size * 32 {
		for j := 0; j < size; j += 32 {
			values = append(values, all[i+j])
		}
	}
	return values
}

// checkPretrained compares a codec and the DALL-E on its codes with DALLE-pytorch's.
func checkPretrained(t *testing.T, d *tensor.Device, codec models.Codec, m Models, check string) {
	t.Helper()
	f := golden.Read(t, check)
	s := d.Scratch()
	defer s.End()
	want := golden.Ints(t, f, "codes")
	if codes := codec.Codes(picture(d, codec.ImageSize())).IntValues(); !slices.Equal(codes, want) {
		t.Errorf("codes differ: %v, want %v", codes[:8], want[:8])
	}
	made := codec.DecodeCodes(d.Ints(want, 1, len(want)))
	golden.Near(t, "decoded", coarse(made), golden.Floats(t, f, "decoded"), 1e-4)
	if m.DALLE != nil {
		loss, _, _ := m.DALLE.Loss(golden.Ints(t, f, "text"), want, nil)
		golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-4)
	}
}

// TestOpenAI imports OpenAI's VAE, alone and in the checkpoint of a DALL-E, and compares codes, pictures and the loss.
func TestOpenAI(t *testing.T) {
	d := golden.Device(t)
	alone := importOpenAI(t, d, pretrained+"decoder.pkl", pretrained+"encoder.pkl")
	checkPretrained(t, d, alone.OpenAI, alone, pretrained+"dalle_openai_check.safetensors")
	c, whole := imported(t, d, pretrained+"dalle_openai.pt")
	if c.Origin != "DALLE-pytorch 1.6.6, epoch 3" {
		t.Errorf("it is from %s", c.Origin)
	}
	checkPretrained(t, d, whole.OpenAI, whole, pretrained+"dalle_openai_check.safetensors")
	if diff := cmp.Diff(weights.Of(alone.OpenAI), weights.Of(whole.OpenAI), golden.Whole); diff != "" {
		t.Error(diff)
	}
}

// exportOpenAI writes OpenAI's VAE and a DALL-E in all forms.
func exportOpenAI(t *testing.T, d *tensor.Device, folder string) Models {
	t.Helper()
	_, m := imported(t, d, pretrained+"dalle_openai.pt")
	for _, err := range []error{
		WriteOpenAI(filepath.Join(folder, "x.pkl"), Models{OpenAI: m.OpenAI}),
		WriteTorch(filepath.Join(folder, "x.pt"), Models{OpenAI: m.OpenAI}), WriteSafetensors(filepath.Join(folder, "x.safetensors"), Models{OpenAI: m.OpenAI}),
		WriteTorch(filepath.Join(folder, "dalle.pt"), m), WriteSafetensors(filepath.Join(folder, "dalle.safetensors"), m),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestOpenAIRoundTrip imports what was exported.
func TestOpenAIRoundTrip(t *testing.T) {
	d, folder := golden.Device(t), t.TempDir()
	m := exportOpenAI(t, d, folder)
	encoder, decoder := OpenAIPaths(filepath.Join(folder, "x.pkl"))
	for name, again := range map[string]Models{
		"pkl":         importOpenAI(t, d, encoder, decoder),
		"pt":          importOpenAI(t, d, filepath.Join(folder, "x.pt")),
		"safetensors": importOpenAI(t, d, filepath.Join(folder, "x.safetensors")),
	} {
		if diff := cmp.Diff(weights.Of(m.OpenAI), weights.Of(again.OpenAI), golden.Whole); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff(shapes(t, pretrained+"dalle_openai.pt"), shapes(t, filepath.Join(folder, "dalle.pt"))); diff != "" {
		t.Error(diff)
	}
	for _, file := range []string{"dalle.pt", "dalle.safetensors"} {
		_, again := imported(t, d, filepath.Join(folder, file))
		if diff := cmp.Diff(append(m.states(), weights.Of(m.OpenAI)...), append(again.states(), weights.Of(again.OpenAI)...), golden.Whole); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

// TestOpenAIRefused joins files that don't belong together.
func TestOpenAIRefused(t *testing.T) {
	for want, paths := range map[string][]string{
		"name decoder.pkl, too": {pretrained + "encoder.pkl"},
		"name encoder.pkl, too": {pretrained + "decoder.pkl"},
		"the same half":         {pretrained + "encoder.pkl", pretrained + "encoder.pkl"},
	} {
		if _, err := readAll(t, paths...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

// TestOpenAIInPyTorch loads the exported files with the reference code.
func TestOpenAIInPyTorch(t *testing.T) {
	runReference(t, "load_openai.py", func(folder string) { exportOpenAI(t, golden.Device(t), folder) })
}

// runReference runs a script of testdata/pretrained on a folder that write fills. It skips without Python.
func runReference(t *testing.T, script string, write func(folder string)) {
	t.Helper()
	python := os.Getenv("BESTIARY_DALLE_PYTHON")
	if python == "" {
		t.Skip("BESTIARY_DALLE_PYTHON doesn't name a Python with the packages of testdata/pretrained/reference.py")
	}
	folder := t.TempDir()
	write(folder)
	out, err := exec.Command(python, pretrained+script, folder).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}
