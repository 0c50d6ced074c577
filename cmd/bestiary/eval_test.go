package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/eval"
)

func TestEvalAndReconstructBirds(t *testing.T) {
	run, out := birdsRun(t), filepath.Join(t.TempDir(), "x.png")
	var figures eval.TextToImageReport
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--generated", "3")), &figures); err != nil {
		t.Fatal(err)
	}
	if figures.Pictures != 4 || figures.Codec == nil || figures.DALLE == nil || figures.CLIP == nil || figures.Generated == nil || figures.Generated.Pictures != 3 {
		t.Errorf("eval: %+v", figures)
	}
	if text := succeeds(t, "eval", "--run", run, "--generated", "0", "--data", "birds:5:20"); strings.Contains(text, "generated") {
		t.Errorf("eval: %s", text)
	}
	if printed := succeeds(t, "reconstruct", "--run", run, "-n", "3", "--out", out); !strings.HasPrefix(printed, "3 pictures, PSNR ") {
		t.Errorf("reconstruct printed %q", printed)
	}
	if printed := succeeds(t, "reconstruct", "--run", run, drawnBird(t, 32), "--out", out); !strings.HasPrefix(printed, "1 picture, PSNR ") {
		t.Errorf("reconstruct printed %q", printed)
	}
	// Pictures without captions are enough for a discrete VAE alone.
	folder := pictures(t, 20)
	fails(t, 1, []string{"caption"}, "eval", "--run", run, "--data", folder, "--split", string(data.All))
	for _, name := range []string{"dalle.safetensors", "clip.safetensors"} {
		if err := os.Remove(filepath.Join(run, name)); err != nil {
			t.Fatal(err)
		}
	}
	figures = eval.TextToImageReport{}
	if err := json.Unmarshal([]byte(succeeds(t, "eval", "--run", run, "--data", folder, "--split", "all")), &figures); err != nil {
		t.Fatal(err)
	}
	if figures.Pictures != 20 || figures.Codec == nil || figures.DALLE != nil || figures.CLIP != nil {
		t.Errorf("eval of a discrete VAE: %+v", figures)
	}
}
