package main

import (
	"bytes"
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "golang.org/x/image/webp"
)

// petsRun trains a tiny autoencoder and flow on drawn pets.
func petsRun(t *testing.T) (run, folder string) {
	t.Helper()
	folder, run = pictures(t, 40), filepath.Join(t.TempDir(), "pets")
	succeeds(t, tiny("--data", folder, "--out", run, "--steps", "3")...)
	succeeds(t, tinyFlow(run, "--steps", "3")...)
	return run, folder
}

// names returns the names of the files in a folder.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// parseReport parses what --json prints.
func parseReport(t *testing.T, text string) (r outputReport) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

func TestEachPicture(t *testing.T) {
	run, folder := petsRun(t)
	t.Chdir(t.TempDir())
	draw := func(args ...string) string {
		return succeeds(t, append([]string{args[0], "--run", run, "--threads", "1"}, args[1:]...)...)
	}
	if told := draw("sample", "-n", "2", "--each", "drawn"); !strings.HasSuffix(told, "drawn: 4 pictures\n") || strings.Contains(told, "samples.png") {
		t.Errorf("sample printed %q", told)
	}
	if got, want := names(t, "drawn"), []string{"cat-0001.png", "cat-0002.png", "dog-0001.png", "dog-0002.png"}; !slices.Equal(got, want) {
		t.Errorf("files are %v, want %v", got, want)
	}
	if _, size := readImage(t, "drawn/cat-0001.png"); size != image.Pt(32, 32) {
		t.Errorf("a picture has size %v, so it isn't unlabelled", size)
	}
	if got := names(t, "."); len(got) != 1 {
		t.Errorf("also wrote %v", got)
	}
	for _, format := range []string{"jpeg", "webp"} {
		r := parseReport(t, draw("sample", "-n", "2", "--class", "dog", "--each", "other/", "--format", format, "--json"))
		if len(r.Pictures) != 2 || r.Grid != "" || r.Pictures[1].Class != "dog" || r.Pictures[0].LogDensity == nil || r.Pictures[1].Index != 1 {
			t.Fatalf("%+v", r)
		}
		if got, _ := readImage(t, r.Pictures[0].File); got != format {
			t.Errorf("%s is a %s", r.Pictures[0].File, got)
		}
	}
	r := parseReport(t, draw("sample", "-n", "1", "--class", "dog", "--each", "drawn", "--out", "grid.png", "--json"))
	if r.Grid != "grid.png" || r.Pictures[0].File != filepath.Join("drawn", "dog-0001.png") {
		t.Errorf("%+v", r)
	}
	readImage(t, "grid.png")

	draw("interpolate", "--frames", "3", "--each", "walk")
	draw("interpolate", "--frames", "3", "--each", "walk", "--out", "walk.gif")
	if got := names(t, "walk"); len(got) != 3 {
		t.Errorf("a walk is %v", got)
	}
	r = parseReport(t, draw("reconstruct", filepath.Join(folder, "cat", "000.png"), "--each", "again", "--json"))
	if r.Pictures[0].PSNR == nil || r.Pictures[0].Source != filepath.Join(folder, "cat", "000.png") || r.Pictures[0].File != filepath.Join("again", "reconstruction-0001-000.png") {
		t.Errorf("%+v", r)
	}

	// A picture on stdout, with the figures on stderr.
	for _, args := range [][]string{{"--each", "-", "--class", "cat", "-n", "1"}, {"--out", "-", "--format", "webp"}} {
		out, told, code := bestiary(t, append([]string{"sample", "--run", run, "--threads", "1"}, args...)...)
		img, _, err := image.Decode(strings.NewReader(out))
		if code != 0 || err != nil || !strings.Contains(told, "log-density from") {
			t.Fatalf("%v: code %d, %v, %q", args, code, err, told)
		}
		if one := args[0] == "--each"; one != (img.Bounds().Size() == image.Pt(32, 32)) {
			t.Errorf("%v: size %v", args, img.Bounds())
		}
	}
}

func TestEachGenerated(t *testing.T) {
	run := birdsRun(t)
	t.Chdir(t.TempDir())
	r := parseReport(t, succeeds(t, "generate", "--run", run, "--threads", "1", "-n", "2", "--each", "drawn", "--json", "a red bird", "黄色的小鸟 / .."))
	if got, want := names(t, "drawn"), []string{"0001-a-red-bird-0001.png", "0001-a-red-bird-0002.png", "0002-黄色的小鸟-0001.png", "0002-黄色的小鸟-0002.png"}; !slices.Equal(got, want) {
		t.Errorf("files are %v, want %v", got, want)
	}
	if p := r.Pictures[1]; p.Prompt != "a red bird" || p.Index != 1 || p.Rows != 4 || len(p.Codes) != 16 || p.Score == nil {
		t.Errorf("%+v", p)
	}
	var first bytes.Buffer
	if code := run2(&first, "generate", "--run", run, "-n", "1", "--each", "-", "a red bird"); code != 0 {
		t.Fatal(code)
	}
	content, err := os.ReadFile(filepath.Join("drawn", "0001-a-red-bird-0001.png"))
	if err != nil || !bytes.Equal(content, first.Bytes()) {
		t.Errorf("stdout has another picture than the file, %v", err)
	}
}

// run2 runs a command line with its stdout in out.
func run2(out *bytes.Buffer, args ...string) int { return run(args, out, &bytes.Buffer{}) }

func TestEachRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("file", []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cat.png", []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	for args, words := range map[string][]string{
		"sample --run x --each file":                          {"--each file: is a file; name a folder"},
		"sample --run x --each no/where":                      {"--each no/where: there is no folder no; make it first"},
		"sample --run x --each d --format gif":                {"--format gif: must be png, jpeg or webp"},
		"sample --run x --format webp":                        {"--format webp: is the format of --each and of --out -"},
		"sample --run x --out - --each -":                     {"both write to the standard output"},
		"sample --run x --out - --json":                       {"--json: prints to the standard output"},
		"reconstruct --run x --each . cat.png":                {"--each .: holds cat.png, which the command reads"},
		"generate --run x --each . --prime cat.png bird":      {"--each .: holds cat.png"},
		"interpolate --run x --out walk.webm":                 {"must end in .png or .gif, or be -"},
		"interpolate --run x --each - --out - --format jpeg":  {"both write to the standard output"},
		"generate --run x --each no/where --format jpeg bird": {"there is no folder no"},
	} {
		_, stderr, code := bestiary(t, strings.Fields(args)...)
		for _, word := range words {
			if code == 0 || !strings.Contains(stderr, word) {
				t.Errorf("bestiary %s: code %d, %q, want %q", args, code, stderr, word)
			}
		}
	}
	if got := names(t, "."); len(got) != 2 {
		t.Errorf("wrong flags left %v", got)
	}
}

func TestSlug(t *testing.T) {
	for text, want := range map[string]string{
		"A small, yellow bird!": "a-small-yellow-bird", "  ../../etc ": "etc", "黄色": "黄色", "…": "", "": "",
		strings.Repeat("long ", 30): "long-long-long-long-long-long-long-long-l",
	} {
		if got := slug(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
