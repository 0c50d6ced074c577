package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPretrainedCodes imports pretrained codes and DALL-Es on them, uses them, and exports and imports them again.
func TestPretrainedCodes(t *testing.T) {
	const files = "../../internal/interchange/testdata/pretrained/"
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	drawn := in("codes.png")

	out := succeeds(t, "import", files+"encoder.pkl", files+"decoder.pkl", "--image-size", "32", "--out", in("openai"))
	if want := "openai: pictures of 32×32 as 4×4 of 12 codes"; !strings.Contains(out, want) {
		t.Errorf("%q doesn't tell %q", out, want)
	}
	succeeds(t, "reconstruct", "--run", in("openai"), "--data", "birds:1:4", "-n", "2", "--out", drawn)
	succeeds(t, "eval", "--run", in("openai"), "--data", "birds:1:4")
	out = succeeds(t, "export", "--run", in("openai"), "--out", in("x.pkl"))
	if want := in("x.encoder.pkl") + "\n" + in("x.decoder.pkl"); !strings.Contains(out, want) {
		t.Errorf("%q doesn't tell %q", out, want)
	}
	succeeds(t, "import", in("x.decoder.pkl"), in("x.encoder.pkl"), "--out", in("openai2"))

	out = succeeds(t, "import", files+"gumbel.ckpt", "--config", files+"gumbel.yaml", "--out", in("vqgan"))
	if want := "vqgan: pictures of 32×32 as 16×16 of 9 codes"; !strings.Contains(out, want) || !strings.Contains(out, "taming-transformers") {
		t.Errorf("%q doesn't tell %q", out, want)
	}
	succeeds(t, "train", "dalle", "--run", in("vqgan"), "--data", "birds:1:8", "--steps", "2", "--batch", "2", "--dim", "16", "--depth", "1", "--heads", "1", "--dim-head", "16")
	succeeds(t, "generate", "--run", in("vqgan"), "--out", drawn, "a red bird")
	succeeds(t, "export", "--run", in("vqgan"), "--model", "vqgan", "--out", in("g.ckpt"))
	if _, err := os.Stat(in("g.yaml")); err != nil {
		t.Error(err)
	}
	fails(t, 1, []string{"pictures of 32×32 pixels", "256×256"}, "export", "--run", in("vqgan"), "--out", in("dalle.pt"))

	for _, codes := range []string{"openai", "vqgan"} {
		run, file := in("dalle-"+codes), in(codes+".pt")
		out := succeeds(t, "import", files+"dalle_"+codes+".pt", "--out", run)
		if !strings.Contains(out, codes+": pictures of 256×256") || !strings.Contains(out, "dalle: ") {
			t.Error(out)
		}
		succeeds(t, "export", "--run", run, "--out", file)
		succeeds(t, "import", file, "--out", run+"2")
	}
	for want, args := range map[string][]string{
		"name decoder.pkl, too":   {"import", files + "encoder.pkl", "--out", in("half")},
		"codes of one model":      {"import", files + "gumbel.ckpt", "--image-size", "32", "--out", in("openai")},
		"draws pictures of one":   {"import", files + "dalle_openai.pt", "--image-size", "64", "--out", in("one")},
		"only OpenAI's":           {"export", "--run", in("vqgan"), "--model", "vqgan", "--out", in("y.pkl")},
		"train the dvae in anoth": {"train", "dvae", "--data", "birds:1:8", "--out", in("openai")},
	} {
		fails(t, 1, []string{want}, args...)
	}
	fails(t, 2, []string{"--image-size 30"}, "import", files+"encoder.pkl", files+"decoder.pkl", "--image-size", "30", "--out", in("odd"))
}
