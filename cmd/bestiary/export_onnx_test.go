package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestONNX exports models of runs, and runs the example of docs/onnx.md where BESTIARY_ONNX names a Python with onnxruntime.
func TestONNX(t *testing.T) {
	page, err := os.ReadFile("../../docs/onnx.md")
	if err != nil {
		t.Fatal(err)
	}
	pets, _ := petsRun(t)
	birds := birdsRun(t)
	t.Chdir(t.TempDir())
	export := func(run, model, out string) []string {
		return []string{"export", "--run", run, "--model", model, "--format", "onnx", "--out", out}
	}
	for _, c := range []struct{ run, model, out, files string }{
		{birds, "dalle", "birds.onnx", "birds.prefill.onnx birds.step.onnx"},
		{birds, "dvae", "vae.onnx", "vae.encode.onnx vae.decode.onnx"},
		{birds, "clip", "clip.onnx", "clip.text.onnx clip.image.onnx"},
		{pets, "flow", "flow.onnx", "flow.sample.onnx flow.density.onnx"},
		{pets, "autoencoder", "autoencoder.onnx", "autoencoder.encode.onnx autoencoder.decode.onnx"},
	} {
		told := succeeds(t, export(c.run, c.model, c.out)...)
		for _, name := range strings.Fields(c.files) {
			content, err := os.ReadFile(name)
			if err != nil || !bytes.Contains(content, []byte("bestiary")) || !strings.Contains(told, name) {
				t.Errorf("%s: %v, %d bytes, told %q", name, err, len(content), told)
			}
		}
	}
	told := succeeds(t, "export", "--run", pets, "--out", "any.onnx") // the ending says it; the first model of the run
	if !strings.Contains(told, "any.encode.onnx") {
		t.Errorf("export printed %q", told)
	}
	fails(t, 1, []string{"vae.encode.onnx", "exists", "--force"}, export(birds, "dvae", "vae.onnx")...)
	succeeds(t, append(export(birds, "dvae", "vae.onnx"), "--force")...)
	fails(t, 2, []string{"--out vae.pt", "let it end in .onnx"}, export(birds, "dvae", "vae.pt")...)
	fails(t, 2, []string{"--model bird", "choose one of dalle, clip"}, export(birds, "bird", "x.onnx")...)
	fails(t, 1, []string{"this is a birds run"}, export(birds, "flow", "x.onnx")...)
	fails(t, 2, []string{"--license: belongs to --format huggingface"}, append(export(pets, "flow", "x.onnx"), "--license", "mit")...)

	python := os.Getenv("BESTIARY_ONNX")
	if python == "" {
		t.Skip("BESTIARY_ONNX names no Python with onnxruntime")
	}
	_, example, _ := strings.Cut(string(page), "```python\n")
	example, _, _ = strings.Cut(example, "```")
	out, err := exec.Command(python, "-c", example+"\nprint(pixels.shape)").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "(16, 16, 3)" {
		t.Errorf("the example of docs/onnx.md printed %s, %v", out, err)
	}
}
