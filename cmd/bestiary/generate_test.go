package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// savedPicture is an entry of what --codes writes.
type savedPicture struct {
	Prompt string
	Index  int
	Score  float64
	Rows   int
	Codes  []int32
}

func readCodes(t *testing.T, path string) (all []savedPicture) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGenerate(t *testing.T) {
	run, dir := birdsRun(t), t.TempDir()
	out, codes := filepath.Join(dir, "out.png"), filepath.Join(dir, "codes.json")
	drawTo := func(out, codes string, more ...string) string {
		return succeeds(t, append([]string{"generate", "--run", run, "--out", out, "--codes", codes, "--threads", "1"}, more...)...)
	}
	printed := drawTo(out, codes, "-n", "3", "a red bird", "blue wings")
	lines := strings.Split(printed, "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], `"a red bird": 3 pictures, CLIP score from `) || !strings.HasPrefix(lines[1], `"blue wings": `) || lines[2] != codes || lines[3] != out {
		t.Errorf("printed %q", printed)
	}
	readImage(t, out)
	first := readCodes(t, codes)
	if len(first) != 6 || first[4].Prompt != "blue wings" || first[4].Index != 1 || first[4].Rows != 4 || len(first[4].Codes) != 16 || first[4].Score == 0 {
		t.Errorf("codes %+v", first)
	}

	// A picture doesn't depend on the other prompts or on the number of pictures. The file has blank lines.
	file := filepath.Join(dir, "prompts.txt")
	if err := os.WriteFile(file, []byte("\ufeffblue wings\r\n\n  a belly \n\t\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := bestiary(t, "generate", "--run", run, "--out", out, "--codes", codes, "--prompts", file, "-n", "2", "--batch", "1", "a bird")
	if code != 0 || !strings.Contains(stderr, file+": skipped 2 blank lines") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	second := readCodes(t, codes)
	if len(second) != 6 || second[0].Prompt != "a bird" || second[5].Prompt != "a belly" || !slices.Equal(second[3].Codes, first[4].Codes) {
		t.Errorf("codes %+v, want %v for the second picture of blue wings", second, first[4].Codes)
	}

	// Reranking keeps the best of six.
	drawTo(out, codes, "-n", "6", "a red bird")
	all := readCodes(t, codes)
	drawTo(out, codes, "-n", "2", "--rank", "6", "a red bird")
	best := readCodes(t, codes)
	slices.SortStableFunc(all, func(a, b savedPicture) int { return cmp.Compare(b.Score, a.Score) })
	if len(best) != 2 || best[0].Index != all[0].Index || best[1].Index != all[1].Index {
		t.Errorf("the best are %+v of %+v", best, all)
	}

	// Pictures begin with the codes of a given picture.
	drawTo(out, codes, "-n", "3", "--prime", drawnBird(t, 16), "--prime-rows", "3", "a red bird")
	primed := readCodes(t, codes)
	for _, p := range primed[1:] {
		if !slices.Equal(p.Codes[:12], primed[0].Codes[:12]) {
			t.Errorf("%v doesn't begin as %v", p.Codes, primed[0].Codes)
		}
	}
	large := drawnBird(t, 32)
	if _, stderr, code := bestiary(t, "generate", "--run", run, "--out", out, "-n", "1", "--prime", large, "a red bird"); code != 0 ||
		!strings.Contains(stderr, large+": has 32×32 pixels; its centre is scaled to the model's 16×16 (--prime-resize") {
		t.Errorf("primed with a picture of another size: code %d, %q", code, stderr)
	}
	drawTo(out, codes, "--prime", large, "--prime-resize", "crop", "-n", "1", "a red bird")

	printed = drawTo(out, codes, "--complete-text", "-n", "1", "--top-k", "1", "a red")
	if whole := readCodes(t, codes)[0].Prompt; !strings.HasPrefix(whole, "a red") || len(whole) == len("a red") || !strings.HasPrefix(printed, fmt.Sprintf("%q: 1 picture", whole)) {
		t.Errorf("completed %q, printed %q", whole, printed)
	}
	_, stderr, _ = bestiary(t, "generate", "--run", run, "--out", out, "--guidance", "3", "-n", "1", "a red bird")
	if !strings.Contains(stderr, "--null-prob 0") {
		t.Errorf("guided a model that never saw pictures without captions, without a word: %q", stderr)
	}
}

func TestGenerateFromStandardInput(t *testing.T) {
	run, dir := birdsRun(t), t.TempDir()
	root := newRoot()
	var stdout bytes.Buffer
	root.SetArgs([]string{"generate", "--run", run, "--out", filepath.Join(dir, "x.png"), "--prompts", "-", "-n", "2"})
	root.SetIn(strings.NewReader("a red bird\nblue wings"))
	root.SetOut(&stdout)
	root.SetErr(io.Discard)
	if err := root.Execute(); err != nil || strings.Count(stdout.String(), ": 2 pictures") != 2 {
		t.Errorf("printed %q (%v)", stdout.String(), err)
	}
}

func TestGenerateRefuses(t *testing.T) {
	run, dir := birdsRun(t), t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("a red bird ", 20)
	write("blank.txt", " \n\n")
	write("latin.txt", "a bird\nein V\xf6gelchen\n")
	write("long.txt", "a bird\n\n"+long+"\n")
	write("notes.png", "no picture")
	taken := filepath.Join(t.TempDir(), "taken.png")
	if err := os.Mkdir(taken, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code  int
		words []string
		flags []string
	}{
		{2, []string{"no prompt", "--prompts"}, nil},
		{2, []string{"prompt 2 is empty"}, []string{"a bird", " "}},
		{1, []string{"blank.txt: has no prompt"}, []string{"--prompts", "blank.txt"}},
		{1, []string{"nowhere.txt: cannot be read"}, []string{"--prompts", "nowhere.txt"}},
		{1, []string{"latin.txt:2: is not valid UTF-8", "save"}, []string{"--prompts", "latin.txt"}},
		{1, []string{"long.txt:3: the caption has", "24 fit", "--truncate"}, []string{"--prompts", "long.txt"}},
		{1, []string{"prompt 2: the caption is not UTF-8", "save"}, []string{"a bird", "V\xf6gelchen"}},
		{1, []string{"prompt 1: the caption has", "--truncate"}, []string{long}},
		{1, []string{"prompt 1: the caption has", "shorten"}, []string{"--complete-text", long}},
		{1, []string{"no.png: there is no such picture"}, []string{"a bird", "--prime", "no.png"}},
		{1, []string{"notes.png: can't be decoded as a picture"}, []string{"a bird", "--prime", "notes.png"}},
		{2, []string{"--prime-rows 4: must be from 1 to 3"}, []string{"a bird", "--prime", drawnBird(t, 16), "--prime-rows", "4"}},
		{1, []string{"--out nowhere", "no folder nowhere", "make it"}, []string{"a bird", "--out", filepath.Join("nowhere", "x.png")}},
		{1, []string{"taken.png: is a folder"}, []string{"a bird", "--out", taken}},
		{2, []string{"--out x.png", "10000", "smaller --scale"}, []string{"a bird", "--out", "x.png", "--scale", "10000"}},
		{1, []string{"--codes nowhere", "no folder nowhere"}, []string{"a bird", "--codes", filepath.Join("nowhere", "x.json")}},
	} {
		fails(t, test.code, test.words, append([]string{"generate", "--run", run}, test.flags...)...)
	}
	succeeds(t, "generate", "--run", run, "--out", filepath.Join(t.TempDir(), "x.png"), "--truncate", "-n", "1", long)
	for file, words := range map[string][]string{
		"clip.safetensors":  {"no trained clip", "train clip --run"},
		"dalle.safetensors": {"no trained dalle", "train dalle --run"},
		"tokenizer.json":    {"tokenizer.json: is missing", "put back"},
		"dvae.safetensors":  {"no trained dvae", "train dvae"},
	} {
		broken := birdsRun(t)
		if err := os.Remove(filepath.Join(broken, file)); err != nil {
			t.Fatal(err)
		}
		fails(t, 1, words, "generate", "--run", broken, "--rank", "9", "a bird")
	}
	if left, _ := os.ReadDir("."); len(left) != 4 {
		t.Errorf("wrong input left %v behind", left)
	}
}

func TestWrongGenerate(t *testing.T) {
	t.Chdir(t.TempDir())
	for args, words := range map[string]string{
		"generate":                                         "prompt --prompts",
		"generate bird":                                    "--run",
		"generate bird --run x -n 0":                       "-n 10000",
		"generate bird --run x --temperature -1":           "--temperature greedy",
		"generate bird --run x --top-k -1":                 "--top-k",
		"generate bird --run x --top-p 1.5":                "--top-p probability",
		"generate bird --run x --top-p nan":                "--top-p probability",
		"generate bird --run x --guidance nan":             "--guidance off",
		"generate bird --run x --rank 3":                   "--rank -n 8",
		"generate bird --run x --prime-rows 3":             "--prime-rows --prime;",
		"generate bird --run x --prime-resize x":           "--prime-resize --prime;",
		"generate bird --run x --prime y --prime-resize z": "--prime-resize squash crop",
		"generate bird --run x --prime y --prime-rows -1":  "--prime-rows",
		"generate bird --run x --batch 0":                  "--batch",
		"generate bird --run x --columns -1":               "--columns",
		"generate bird --run x --scale -1":                 "--scale",
		"generate bird --run x --out x.jpg":                "--out .png",
		"eval --run x --generated -1":                      "--generated",
	} {
		fails(t, 2, strings.Split(words, " "), strings.Fields(args)...)
	}
}
