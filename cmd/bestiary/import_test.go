package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkpoints has files that DALLE-pytorch wrote.
const checkpoints = "../../internal/interchange/testdata/"

// words writes a tokenizer of that many ids.
func words(t *testing.T, ids int) string {
	t.Helper()
	all := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "small", "large", "yellow", "red", "black", "bird", "with", "wings", "and",
		"bill", "belly", "the", "of", "white", "blue"}
	path := filepath.Join(t.TempDir(), "vocab.txt")
	if err := os.WriteFile(path, []byte(strings.Join(all[:ids], "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImport imports a DALL-E with its VAE, draws with it, exports it, and imports that.
func TestImport(t *testing.T) {
	dir := t.TempDir()
	run, again, out := filepath.Join(dir, "run"), filepath.Join(dir, "again"), filepath.Join(dir, "out.png")
	told := succeeds(t, "import", checkpoints+"dalle_full.pt", "--tokenizer", words(t, 20), "--out", run)
	for _, want := range []string{"dvae: pictures of 16×16 as 4×4 of 14 codes", "dalle: captions of 6 tokens, depth 2, dim 24", "(DALLE-pytorch 1.6.6, epoch 3)", "tokenizer: WordPiece of 20 ids", run} {
		if !strings.Contains(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
	succeeds(t, "generate", "--run", run, "-n", "2", "--scale", "1", "--out", out, "a small yellow bird")
	readImage(t, out)
	drawn, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"holds a trained dvae already", "another folder"}, "import", checkpoints+"vae_full.pt", "--out", run)
	fails(t, 1, []string{"dalle was trained with another tokenizer"}, "import", "--tokenizer", reversed(t, words(t, 20)), "--out", run)

	for _, name := range []string{"x.pt", "x.safetensors"} {
		file, other := filepath.Join(dir, name), again+name
		if told := succeeds(t, "export", "--run", run, "--out", file); told != file+"\n" {
			t.Errorf("told %q", told)
		}
		succeeds(t, "import", file, "--out", other, "--tokenizer", filepath.Join(run, "tokenizer.json"))
		for _, model := range []string{"dvae.safetensors", "dalle.safetensors"} {
			first, second := weightsOf(t, filepath.Join(run, model)), weightsOf(t, filepath.Join(other, model))
			if !bytes.Equal(first, second) {
				t.Errorf("%s of %s: other weights", model, name)
			}
		}
		succeeds(t, "generate", "--run", other, "-n", "2", "--scale", "1", "--out", out, "a small yellow bird")
		if same, _ := os.ReadFile(out); !bytes.Equal(drawn, same) {
			t.Errorf("%s draws another picture", name)
		}
	}
	succeeds(t, "export", "--run", run, "--model", "dvae", "--format", "dalle-pytorch", "--out", filepath.Join(dir, "vae.model"))
	told = succeeds(t, "import", filepath.Join(dir, "vae.model"), "--out", filepath.Join(dir, "vae"))
	if strings.Contains(told, "dalle:") {
		t.Errorf("a vae's file holds a dalle: %q", told)
	}
	fails(t, 1, []string{"clip", "bestiary train clip"}, "export", "--run", run, "--model", "clip", "--out", filepath.Join(dir, "clip.pt"))
}

// weightsOf are the data of a safetensors file, behind its header.
func weightsOf(t *testing.T, path string) []byte {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return all[8+int(all[0])+int(all[1])<<8:]
}

// reversed is a file with its words in another order.
func reversed(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("yellow\nred"), []byte("red\nyellow"), 1), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestImportInSteps gives the tokenizer later, and says until then that it's missing.
func TestImportInSteps(t *testing.T) {
	run := filepath.Join(t.TempDir(), "run")
	_, stderr, code := bestiary(t, "import", checkpoints+"dalle_reversible.pt", "--out", run)
	if code != 0 || !strings.Contains(stderr, "needs a tokenizer") || !strings.Contains(stderr, "bestiary import --tokenizer FILE --out "+run) {
		t.Errorf("exit code %d, told %q", code, stderr)
	}
	out := filepath.Join(t.TempDir(), "out.png")
	fails(t, 1, []string{"tokenizer"}, "generate", "--run", run, "--out", out, "a bird")
	fails(t, 1, []string{"has 21 ids", "reads 20", "trained with"}, "import", "--tokenizer", words(t, 21), "--out", run)
	succeeds(t, "import", "--tokenizer", words(t, 20), "--out", run)
	succeeds(t, "generate", "--run", run, "-n", "1", "--out", out, "a red bird")
}

// clipFile exports a CLIP that sees pictures of a size.
func clipFile(t *testing.T, size int) string {
	t.Helper()
	pictures(t, 1) // keeps the cache out of the user's
	run, out := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "clip.safetensors")
	succeeds(t, tinyCLIP(run, "--data", "birds:3:60", "--image-size", fmt.Sprint(size), "--vocab-size", "290", "--steps", "1")...)
	succeeds(t, "export", "--run", run, "--model", "clip", "--out", out)
	return out
}

// TestImportRefuses leaves no folder behind.
func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	evil := filepath.Join(dir, "evil.pt")
	if err := os.WriteFile(evil, []byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02cos\nsystem\nX\x05\x00\x00\x00touch\x85R."), 0o666); err != nil {
		t.Fatal(err)
	}
	good := checkpoints + "vae_full.pt"
	cut := filepath.Join(dir, "cut.pt")
	if whole, err := os.ReadFile(good); err != nil || os.WriteFile(cut, whole[:len(whole)/2], 0o666) != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		code  int
		words []string
		args  []string
	}{
		{1, []string{"evil.pt", "os.system", "has not been run"}, []string{evil}},
		{1, []string{"cut.pt", "copied in full"}, []string{cut}},
		{1, []string{"nothing.pt", "no such file"}, []string{filepath.Join(dir, "nothing.pt")}},
		{1, []string{"import.go", "not a PyTorch file"}, []string{"import.go"}},
		{1, []string{"conv_like", "1.5"}, []string{checkpoints + "versions/1.4.2-conv_like-sequential.pt"}},
		{1, []string{"no dalle", "checkpoint"}, []string{good, "--tokenizer", words(t, 20)}},
		{1, []string{"has 21 ids", "reads 20"}, []string{checkpoints + "dalle_full.pt", "--tokenizer", words(t, 21)}},
		{2, []string{"vae_full.pt", "dalle_full.pt", "each hold a dvae"}, []string{good, checkpoints + "dalle_full.pt"}},
		{2, []string{"no file to import"}, nil},
		{1, []string{"no such run folder"}, []string{"--tokenizer", words(t, 20)}},
	} {
		fails(t, c.code, c.words, append([]string{"import", "--out", run}, c.args...)...)
		if _, err := os.Stat(run); err == nil {
			t.Fatalf("%v: left a run folder", c.args)
		}
	}
	fails(t, 1, []string{"dvae of pictures of size 16", "is of size 24 with 3", "two folders"}, "import", clipFile(t, 24), good, "--out", run)
	judged := filepath.Join(t.TempDir(), "judged")
	succeeds(t, "import", good, "--out", judged)
	fails(t, 1, []string{"dvae of pictures of size 16", "two folders"}, "import", clipFile(t, 24), "--out", judged)
	succeeds(t, "import", clipFile(t, 16), "--out", judged)
	fails(t, 2, []string{"--out is missing"}, "import", good)
	fails(t, 1, []string{"no run folder"}, "import", good, "--out", dir)
}

func TestWrongUsageOfExport(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, words := range map[string]string{
		"export":                                "--run is missing",
		"export --run x":                        "--out is missing",
		"export --run x --out y":                "--out y .pt .safetensors",
		"export --run x --out y.pt --format z":  "--format z pytorch",
		"export --run x --out y.pt --model vae": "--model vae dvae",
		"export x":                              `"x" --help`,
	} {
		fails(t, 2, strings.Split(words, " "), strings.Fields(args)...)
	}
	fails(t, 1, []string{"no such run folder"}, "export", "--run", "x", "--out", "y.pt")
}
