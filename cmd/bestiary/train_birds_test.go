package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/tokenizer"
)

// tinyDALLE and tinyCLIP are the flags of models that train in no time.
func tinyDALLE(run string, more ...string) []string {
	return append([]string{"train", "dalle", "--run", run, "--dim", "16", "--depth", "2", "--heads", "2", "--dim-head", "8", "--vocab-size", "300", "--batch", "8", "--threads", "1"}, more...)
}

func tinyCLIP(run string, more ...string) []string {
	return append([]string{"train", "clip", "--run", run, "--text-dim", "16", "--image-dim", "16", "--image-depth", "1", "--text-depth", "1", "--latent", "8",
		"--patch-size", "8", "--batch", "8", "--threads", "1"}, more...)
}

// remove deletes files of a run.
func remove(t *testing.T, run string, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.Remove(filepath.Join(run, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrainOnCaptions(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	pictures(t, 1) // keeps the cache out of the user's
	fails(t, 1, []string{run, "no such run folder"}, tinyDALLE(run)...)
	succeeds(t, tinyCLIP(run, "--data", "birds:3:60", "--image-size", "16", "--vocab-size", "290", "--steps", "4")...) // a run of its own
	fails(t, 1, []string{"no trained dvae", "bestiary train dvae"}, tinyDALLE(run)...)
	remove(t, run, "clip.safetensors", "clip.state.safetensors", "config.json", "tokenizer.json", "metrics.jsonl", "clip.loss.png")
	if err := os.RemoveAll(filepath.Join(run, "events")); err != nil {
		t.Fatal(err)
	}

	succeeds(t, tinyDVAE("--data", "birds:3:60", "--out", run, "--steps", "10", "--hold-out", "0.2")...)
	_, stderr, code := bestiary(t, tinyDALLE(run, "--steps", "8", "--attention", "full,axial_col", "--shared-ff", "1,1")...)
	if code != 0 || !strings.Contains(stderr, "with 300 ids, the longest of") {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	readImage(t, filepath.Join(run, "samples", "dalle-step-000008.png"))
	var saved struct {
		Options struct {
			DALLE struct {
				Data struct {
					Path    string
					HoldOut float64 `json:"hold_out"`
				}
			}
		}
		Tokenizer struct {
			VocabSize int `json:"vocab_size"`
		}
		Models struct {
			DALLE struct {
				TextTokens  int `json:"text_tokens"`
				Height      int
				Transformer struct{ Attention []string }
			}
		}
	}
	config(t, run, &saved)
	if d := saved.Options.DALLE.Data; d.Path != "birds:3:60" || d.HoldOut != 0.2 {
		t.Errorf("the run's pictures aren't the default: %+v", d)
	}
	if m := saved.Models.DALLE; m.TextTokens != 300 || saved.Tokenizer.VocabSize != 300 || m.Height != 4 || len(m.Transformer.Attention) != 2 {
		t.Errorf("config.json has %+v", saved)
	}
	succeeds(t, "train", "dalle", "--run", run, "--resume", "--steps", "10", "--threads", "1")
	fails(t, 2, []string{"--depth", "start a new run"}, "train", "dalle", "--run", run, "--resume", "--depth", "3")
	fails(t, 2, []string{"--vocab-size", "start a new run"}, "train", "dalle", "--run", run, "--resume", "--vocab-size", "280")
	fails(t, 1, []string{"holds a training of dalle already", "--resume"}, tinyDALLE(run)...)

	fails(t, 2, []string{"--vocab-size 280", "300 ids"}, tinyCLIP(run, "--vocab-size", "280")...)
	fails(t, 2, []string{"--image-size 32", "dvae", "size 16"}, tinyCLIP(run, "--image-size", "32")...)
	vocabulary := filepath.Join(dir, "vocab.txt")
	if err := os.WriteFile(vocabulary, []byte("[PAD]\n[UNK]\na\nbird\nred\nwings\nbill\nbelly\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"the run's dalle was trained with another tokenizer", "leave out --tokenizer"}, tinyCLIP(run, "--tokenizer", vocabulary, "--steps", "2")...)
	if told := succeeds(t, tinyCLIP(run, "--steps", "8")...); !strings.HasPrefix(told, "clip: 8 steps, lowest held-out loss") {
		t.Errorf("told %q", told)
	}
	succeeds(t, "train", "clip", "--run", run, "--resume", "--steps", "10", "--threads", "1")

	coder, err := os.ReadFile(filepath.Join(run, "dvae.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	succeeds(t, "train", "dvae", "--run", run, "--resume", "--steps", "12", "--threads", "1")
	fails(t, 1, []string{"dvae has other weights", "train the dalle anew"}, "train", "dalle", "--run", run, "--resume", "--steps", "12")
	if err := os.WriteFile(filepath.Join(run, "dvae.safetensors"), coder, 0o666); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"dvae.safetensors: is another file than the one that the run saved", "verify --accept"}, "train", "dalle", "--run", run, "--resume", "--steps", "12")
	succeeds(t, "verify", "--accept", run)

	path := filepath.Join(run, "tokenizer.json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, 1, []string{"tokenizer.json", "put"}, damagedTokenizer(t, path, vocabulary, "train", "dalle", "--run", run, "--resume", "--steps", "12")...)
	remove(t, run, "tokenizer.json")
	fails(t, 1, []string{"tokenizer.json: is missing", "put back"}, "train", "clip", "--run", run, "--resume", "--steps", "12")
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}

	remove(t, run, "dalle.safetensors", "dalle.state.safetensors", "clip.safetensors", "clip.state.safetensors")
	fails(t, 2, []string{"bird", "tokens where 5 fit", "--text-len"}, tinyDALLE(run, "--text-len", "5")...)
	fails(t, 2, []string{"--vocab-size", "leave out one"}, tinyDALLE(run, "--tokenizer", vocabulary)...)
	_, stderr, code = bestiary(t, tinyDALLE(run, "--text-len", "5", "--truncate-captions", "--steps", "2")...)
	if code != 0 || !strings.Contains(stderr, "are too long and cut") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	remove(t, run, "dalle.safetensors", "dalle.state.safetensors")
	succeeds(t, "train", "dalle", "--run", run, "--dim", "16", "--depth", "1", "--heads", "1", "--dim-head", "8", "--tokenizer", vocabulary, "--batch", "8", "--steps", "2", "--threads", "1")
	config(t, run, &saved)
	if saved.Tokenizer.VocabSize != 8 {
		t.Errorf("--tokenizer: %d ids, want 8", saved.Tokenizer.VocabSize)
	}
}

// damagedTokenizer puts another tokenizer in the place of a run's and returns the command line.
func damagedTokenizer(t *testing.T, path, other string, args ...string) []string {
	t.Helper()
	words, err := tokenizer.Open(other, tokenizer.Options{})
	if err == nil {
		err = words.Save(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return args
}

// TestPicturesWithoutCaptions checks that pictures without captions are left out and named, and refused where there are
// no others.
func TestPicturesWithoutCaptions(t *testing.T) {
	folder, run := pictures(t, 24), filepath.Join(t.TempDir(), "run")
	succeeds(t, tinyDVAE("--data", folder, "--out", run, "--steps", "2", "--split", "all")...)
	fails(t, 1, []string{folder, "has no captions", "give pictures with"}, tinyDALLE(run, "--data", folder)...)
	fails(t, 2, []string{"--data is missing", folder, "has no captions", "name pictures that have some"}, tinyDALLE(run)...)
	drawn := filepath.Join(t.TempDir(), "drawn") // its models are trained on different pictures
	succeeds(t, tinyDVAE("--data", folder, "--out", drawn, "--steps", "2")...)
	succeeds(t, tinyDALLE(drawn, "--steps", "2", "--data", "birds:3:60", "--split", "all")...)
	if _, stderr, _ := bestiary(t, "eval", "--run", drawn, "--data", "birds:3:60", "--threads", "1"); !strings.Contains(stderr, "split all, so these pictures aren't new to it") {
		t.Errorf("pictures that the dalle was trained on are measured as new: %q", stderr)
	}
	// Without --data, eval takes the pictures that the dalle was trained on, since the dvae's have no captions; one that was
	// imported tells of none.
	if told := succeeds(t, "eval", "--run", drawn, "--threads", "1"); !strings.Contains(told, `"dalle"`) {
		t.Errorf("eval told %q", told)
	}
	settings := filepath.Join(drawn, "config.json")
	text, err := os.ReadFile(settings)
	if err == nil {
		err = os.WriteFile(settings, bytes.Replace(text, []byte(`"options"`), []byte(`"former"`), 1), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	succeeds(t, "verify", "--accept", drawn)
	fails(t, 2, []string{"--data is missing", folder, "has no captions", "name pictures that have some"}, "eval", "--run", drawn)
	files, err := filepath.Glob(filepath.Join(folder, "*", "*.png"))
	if err != nil || len(files) != 24 {
		t.Fatal(files, err)
	}
	for _, file := range files[4:] {
		animal := filepath.Base(filepath.Dir(file))
		if err := os.WriteFile(strings.TrimSuffix(file, ".png")+".txt", []byte("a drawn "+animal+"\n\nan animal\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, stderr, code := bestiary(t, tinyDALLE(run, "--steps", "2")...)
	if code != 0 || !strings.Contains(stderr, "pictures without captions, left out: 4: ") || !strings.Contains(stderr, "blank caption lines, skipped: 20") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

func TestWrongUsageOfBirds(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, test := range []struct{ args, words string }{
		{"train dvae --out x", "--data"},
		{"train dvae --data birds:1:9", "--out"},
		{"train dvae --data x --out y --image-size 30", "--image-size 30 multiple of 4"},
		{"train dvae --data x --out y --codes 1", "--codes 1 2 to"},
		{"train dvae --data x --out y --channels 5", "--channels 5 3 to 4"},
		{"train dvae --data x --out y --reinmax", "--reinmax straight-through"},
		{"train dvae --data x --out y --temperature 0", "--temperature 0 above 0"},
		{"train dvae --data x --out y --temperature-floor 2", "--temperature-floor 2"},
		{"train dvae --data x --out y --anneal-steps -1", "--anneal-steps -1 must be 0 to"},
		{"train dvae --data x --out y --revive -1", "--revive -1 must be 0 to"},
		{"train dvae --data x --out y --kl-weight nan", "--kl-weight"},
		{"train dvae --data x --out y --kl-sum", "--kl-sum --kl-weight"},
		{"train dvae --data x --out y --temperature-floor 0.5 --anneal-steps 0", "--temperature-floor --anneal-steps"},
		{"train dvae --data x --out y --crop 2", "--crop 2"},
		{"train dvae --data x --out y --hold-out 1", "--hold-out less than 1"},
		{"train dvae --data x --out y --split some", "--split some trainval"},
		{"train dalle", "--run"},
		{"train dalle --run x --dim 0", "--dim 0 1 to"},
		{"train dalle --run x --attention full,cross", "--attention cross axial_row"},
		{"train dalle --run x --attention full --conv-kernel 3", "--conv-kernel conv_like"},
		{"train dalle --run x --conv-dilation 2", "--conv-dilation conv_like"},
		{"train dalle --run x --depth 2 --shared-attn 1", "--shared-attn one a layer"},
		{"train dalle --run x --reversible --checkpoint", "--checkpoint reversible"},
		{"train dalle --run x --null-prob 2", "--null-prob 2"},
		{"train dalle --run x --text-len -1", "--text-len -1"},
		{"train dalle --run x --vocab-size 10", "--vocab-size 10 257"},
		{"train dalle --run x --hold-out 1", "--hold-out less than 1"},
		{"train dalle --run x --crop -1", "--crop"},
		{"train clip", "--run"},
		{"train clip --run y", "--data"},
		{"train clip --run y --data x --patch-size 7", "--patch-size 7 divisor"},
		{"train clip --run y --data x --batch 1", "--batch 1 2 or more"},
		{"train clip --run y --data x --latent 0", "--latent 0"},
		{"train clip --run y --data x --image-dim 0", "--image-dim 0"},
		{"train clip --run y --data x --dropout 1", "--dropout 1"},
	} {
		fails(t, 2, strings.Split(test.words, " "), strings.Fields(test.args)...)
	}
	if left, _ := os.ReadDir("."); len(left) > 0 {
		t.Errorf("wrong usage left %v behind", left)
	}
}
