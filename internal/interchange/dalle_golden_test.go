package interchange

import (
	"encoding/json"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/golden"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/nn/transformer"
	"github.com/bestiary-ml/bestiary/tensor"
)

// referenceDALLE reads a file of reference values and returns it with its model.
func referenceDALLE(t *testing.T, d *tensor.Device, path string) (*safetensors.File, *dalle.DALLE) {
	t.Helper()
	f := golden.Read(t, path)
	var h struct {
		Dim       int      `json:"dim"`
		Tokens    int      `json:"num_text_tokens"`
		TextLen   int      `json:"text_seq_len"`
		Depth     int      `json:"depth"`
		Heads     int      `json:"heads"`
		DimHead   int      `json:"dim_head"`
		Revers    bool     `json:"reversible"`
		Attention []string `json:"attn_types"`
		Weight    float64  `json:"loss_img_weight"`
		Stable    bool     `json:"stable"`
		Sandwich  bool     `json:"sandwich_norm"`
		Shift     bool     `json:"shift_tokens"`
		Rotary    bool     `json:"rotary_emb"`
		Share     bool     `json:"share_input_output_emb"`
		Attn      []int    `json:"shared_attn_ids"`
		FF        []int    `json:"shared_ff_ids"`
	}
	var side, codes int
	for key, v := range map[string]any{"hparams": &h, "image_fmap": &side, "num_image_tokens": &codes} {
		if err := json.Unmarshal([]byte(f.Metadata[key]), v); err != nil {
			t.Fatal(err)
		}
	}
	c := dalle.Config{
		TextTokens: h.Tokens, TextLen: h.TextLen, ImageCodes: codes, Height: side, Width: side,
		ImageLossWeight: h.Weight, ShareEmbeddings: h.Share, Stable: h.Stable,
		Transformer: transformer.Config{
			Dim: h.Dim, Depth: h.Depth, Heads: h.Heads, DimHead: h.DimHead, FFMult: 4, ConvKernel: 5, ConvDilation: 1,
			Reversible: h.Revers, SandwichNorm: h.Sandwich, ShiftTokens: h.Shift, Rotary: h.Rotary,
			SharedAttn: h.Attn, SharedFF: h.FF,
		},
	}
	for _, p := range h.Attention {
		c.Transformer.Attention = append(c.Transformer.Attention, transformer.Pattern(p))
	}
	m, err := dalle.New(d, c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := loadWeights(m, f); err != nil {
		t.Fatal(err)
	}
	return f, m
}

// loadWeights sets m's parameters from the state_dict in a file of reference values.
func loadWeights(m *dalle.DALLE, f *safetensors.File) error {
	const prefix = "weight."
	var names []string
	for _, name := range f.Names() {
		if name, ok := strings.CutPrefix(name, prefix); ok {
			names = append(names, name)
		}
	}
	return LoadDALLE(m, names, func(name string) (safetensors.Tensor, error) {
		t, err := f.Tensor(prefix + name)
		if err != nil {
			return safetensors.Tensor{}, err
		}
		return *t, nil
	})
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../dalle/testdata/dalle_*.safetensors")
	if err != nil || len(files) != 9 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	return files
}

func TestGoldenDALLE(t *testing.T) {
	for _, path := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".safetensors"), func(t *testing.T) {
			golden.KernelSets(t, func(t *testing.T, d *tensor.Device) {
				f, m := referenceDALLE(t, d, path)
				text, image := golden.Ints(t, f, "text"), golden.Ints(t, f, "image")
				compareLogits(t, d, m, f, text, image)

				s := d.Record()
				defer s.End()
				loss, ofText, ofImage := m.Loss(text, image, nil)
				golden.Near(t, "loss", loss.Values(), golden.Floats(t, f, "loss"), 1e-5)
				if got := (ofText.Item() + 7*ofImage.Item()) / 8; math.Abs(got-loss.Item()) > 1e-5 {
					t.Errorf("loss %v of text %v and image %v", loss.Item(), ofText.Item(), ofImage.Item())
				}
				nn.ZeroGrad(m)
				loss.Backward()
				compareGradients(t, m, f)
			})
		})
	}
}

// compareLogits compares with the file's logits, in which text and codes have a joint vocabulary under a mask.
func compareLogits(t *testing.T, d *tensor.Device, m *dalle.DALLE, f *safetensors.File, text, image []int32) {
	t.Helper()
	s := d.Scratch()
	defer s.End()
	ofText, ofImage := m.Logits(text, image)
	b := ofText.Dim(0)
	floor := func(positions, classes int) *tensor.Tensor {
		return d.Full(-math.MaxFloat32, b, positions, classes)
	}
	got := tensor.Concat(1,
		tensor.Concat(2, ofText, floor(ofText.Dim(1), ofImage.Dim(2))),
		tensor.Concat(2, floor(ofImage.Dim(1), ofText.Dim(2)), ofImage)).Values()
	want := golden.Floats(t, f, "logits")
	if len(got) != len(want) {
		t.Fatalf("%d logits, want %d", len(got), len(want))
	}
	want = slices.Clone(want)
	for i := range want { // logits at the file's floor would hide the others
		if want[i] <= -1e30 && got[i] == -math.MaxFloat32 {
			got[i], want[i] = 0, 0
		}
	}
	golden.Near(t, "logits", got, want, 1e-4)
}

// compareGradients compares all gradients in the file with those that Backward left.
func compareGradients(t *testing.T, m *dalle.DALLE, f *safetensors.File) {
	t.Helper()
	compared := 0
	for _, e := range DALLEState(m) {
		if e.Alias {
			continue
		}
		want, shape, err := f.Float32("grad." + e.Name)
		if err != nil {
			t.Fatal(err)
		}
		if len(shape) != len(e.Shape) {
			t.Errorf("gradient of %s: shape %v, want %v", e.Name, e.Shape, shape)
		}
		var got []float32
		for _, p := range e.Parts {
			got = append(got, weights.SaveAs(p, p.Path, p.Tensor.Grad()).F32...)
		}
		golden.Near(t, "gradient of "+e.Name, got, want, 1e-4)
		compared++
	}
	for _, name := range f.Names() {
		if strings.HasPrefix(name, "grad.") {
			compared--
		}
	}
	if compared != 0 {
		t.Errorf("%d gradients of the model aren't in the file, or the other way round", compared)
	}
}
