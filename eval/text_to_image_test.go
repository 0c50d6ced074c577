package eval

import (
	"math"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/toy"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

func smallTextToImage(t testing.TB) *sample.TextToImage {
	t.Helper()
	d := openDevice(t)
	vae, model, tokens, judge := toy.TextToImage(d, 3)
	p, err := sample.NewTextToImage(d, toy.BirdData(), sample.TextToImageModels{Codec: vae, DALLE: model, Tokenizer: tokens, CLIP: judge})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMeasureCodec(t *testing.T) {
	b, birds := smallTextToImage(t), toy.Birds(64*16+3) // more than go through the model at a time
	f, err := MeasureCodec(t.Context(), b, birds)
	if err != nil {
		t.Fatal(err)
	}
	made, err := b.Reconstruct(t.Context(), birds.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	if want := ImagePSNR(b.Pictures(birds.Pixels), made); math.Abs(f.PSNR-want) > 0.05 {
		t.Errorf("PSNR %v, that of the pictures is %v", f.PSNR, want)
	}
	codes, err := b.Codes(t.Context(), birds.Pixels)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[int32]float64{}
	for _, c := range codes {
		counts[c]++
	}
	entropy := 0.0
	for _, n := range counts {
		entropy -= n / float64(len(codes)) * math.Log(n/float64(len(codes)))
	}
	if f.Codes != 12 || f.Used != len(counts) || f.Dead != 12-len(counts) || math.Abs(f.Perplexity-math.Exp(entropy)) > 1e-9 {
		t.Errorf("%+v; %d codes are used, with perplexity %v", f, len(counts), math.Exp(entropy))
	}
	if _, err := MeasureCodec(t.Context(), b, toy.Pets(2)); err == nil || !strings.Contains(err.Error(), "32 pixels") {
		t.Errorf("pictures of another size: %v", err)
	}
}

func TestMeasureDALLE(t *testing.T) {
	b, birds := smallTextToImage(t), toy.Birds(19)
	birds.Captions[3], birds.Captions[4] = nil, []string{strings.Repeat("a bird ", 40)}
	f, err := MeasureDALLE(t.Context(), b, birds)
	if err != nil {
		t.Fatal(err)
	}
	if f.Pictures != 18 || f.Truncated != 1 {
		t.Errorf("%+v, want 18 pictures, a truncated caption", f)
	}
	if want := (f.Text + 7*f.Image) / 8; math.Abs(f.Loss-want) > 1e-6 || math.Abs(f.Caption-24*f.Text) > 1e-9 {
		t.Errorf("%+v: loss %v", f, want)
	}
	// From the logits, picture by picture.
	p, err := choosePairs(t.Context(), b.Tokenizer(), birds, 24)
	if err != nil {
		t.Fatal(err)
	}
	image := 0.0
	for k, i := range p.pictures {
		codes, err := b.Codes(t.Context(), birds.Image(i))
		if err != nil {
			t.Fatal(err)
		}
		err = b.Use(t.Context(), func(d *tensor.Device, m sample.TextToImageModels) error {
			_, logits := m.DALLE.Logits(p.ids[24*k:24*k+24], codes)
			image += logits.CrossEntropy(d.Ints(codes, 1, len(codes))).Mean().Item() / float64(len(p.pictures))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if math.Abs(f.Image-image) > 1e-4*image {
		t.Errorf("%v nats a code, by the logits it is %v", f.Image, image)
	}
	for i := range birds.Captions {
		birds.Captions[i] = nil
	}
	if _, err := MeasureDALLE(t.Context(), b, birds); err == nil || !strings.Contains(err.Error(), "captions") {
		t.Errorf("without captions: %v", err)
	}
}
