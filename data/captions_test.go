package data

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pairFolder writes pictures with captions, some of them wrong.
func pairFolder(t testing.TB) string {
	root := t.TempDir()
	for _, name := range []string{"wren/1.png", "wren/2.PNG", "owl/1.png", "owl/lone.png", "owl/broken.png", "owl/blank.png", "images/far.png", "owl/twin.png", "owl/twin.bmp"} {
		write(t, filepath.Join(root, name), encoded(t, fourColors(4), "png"))
	}
	write(t, filepath.Join(root, "owl", "broken.png"), []byte("no picture"))
	for name, text := range map[string]string{
		"wren/1.txt":       "a wren\n\n  a brown wren \r\n",
		"wren/2.TXT":       "\ufeffa grey wren",
		"owl/1.txt":        "an owl\nbad \xff\xfe line\nan owl at night\n",
		"owl/broken.txt":   "unseen",
		"owl/blank.txt":    "\n \n",
		"captions/far.txt": "far away",
		"owl/twin.txt":     "both",
		"owl/orphan.txt":   "nobody",
		"owl/data.json":    "{}",
		".hidden/x.txt":    "hidden",
	} {
		write(t, filepath.Join(root, name), []byte(text))
	}
	return root
}

func openPairs(root string, o Options) (*Dataset, error) {
	o.Size = 4
	s, err := Pairs(root, o)
	if err != nil {
		return nil, err
	}
	return Load(s, o)
}

// described lists name, class and captions of each picture.
func described(d *Dataset) (lines []string) {
	for i := range d.Len() {
		lines = append(lines, fmt.Sprintf("%s %s %q", d.Name(i), d.Classes[d.Label(i)], d.Captions[i]))
	}
	return lines
}

func TestPairs(t *testing.T) {
	root := pairFolder(t)
	cache := filepath.Join(t.TempDir(), "cache")
	want := []string{
		`images/far.png images ["far away"]`,
		`owl/1.png owl ["an owl" "an owl at night"]`,
		`owl/blank.png owl []`,
		`owl/lone.png owl []`,
		`owl/twin.bmp owl ["both"]`,
		`owl/twin.png owl ["both"]`,
		`wren/1.png wren ["a wren" "a brown wren"]`,
		`wren/2.PNG wren ["a grey wren"]`,
	}
	prints := map[string]bool{}
	for _, required := range []bool{false, false, true} { // the second is from the cache, and so is the third
		d, err := openPairs(root, Options{Cache: cache, Captions: required})
		if err != nil {
			t.Fatal(err)
		}
		prints[d.Fingerprint()] = true
		use := "used without"
		if required {
			want = slices.DeleteFunc(want, func(line string) bool { return strings.HasSuffix(line, "[]") })
			use = "left out"
		}
		if got := described(d); !slices.Equal(got, want) {
			t.Errorf("captions required: %t: pictures are %q, want %q", required, got, want)
		}
		report := d.Report.String()
		for _, want := range []string{
			"captions: 8, ", "blank caption lines, skipped: 3: owl/blank.txt:1, owl/blank.txt:2, wren/1.txt:2",
			"captions left out, repair them: 1: owl/1.txt:2 (not valid UTF-8)", "pictures without captions, " + use + ": 2: owl/blank.png, owl/lone.png",
			"captions without a picture, left out: 1: owl/orphan.txt", "nor captions, left out: 1: owl/data.json", "owl/broken.png (not a JPEG",
		} {
			if !strings.Contains(report, want) {
				t.Errorf("report lacks %q:\n%s", want, report)
			}
		}
	}
	if len(prints) != 2 {
		t.Errorf("fingerprints are %v, want one of all and one of the captioned pictures", prints)
	}
	// A changed caption is another dataset.
	write(t, filepath.Join(root, "wren", "2.TXT"), []byte("a green wren, changed"))
	d, err := openPairs(root, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	if d.Report.FromCache || prints[d.Fingerprint()] || !slices.Contains(described(d), `wren/2.PNG wren ["a green wren, changed"]`) {
		t.Errorf("after a change: from cache %t, fingerprint %s, %q", d.Report.FromCache, d.Fingerprint(), described(d))
	}
	part := d.Where(func(i int) bool { return d.Classes[d.Label(i)] == "wren" })
	if got, want := described(part), described(d)[6:]; !slices.Equal(got, want) || part.Report.Captions.Total != 3 {
		t.Errorf("Where keeps %q and %d captions, want %q", got, part.Report.Captions.Total, want)
	}
}

func TestPairsSplits(t *testing.T) {
	root := t.TempDir()
	for i := range 40 {
		for _, suffix := range []string{"png", "bmp"} { // of one name: on one side
			write(t, filepath.Join(root, fmt.Sprintf("%d.%s", i, suffix)), encoded(t, fourColors(4), "png"))
		}
		write(t, filepath.Join(root, fmt.Sprintf("%d.txt", i)), []byte("text"))
	}
	side, total := map[string]Split{}, 0
	for _, split := range []Split{Trainval, Test} {
		d, err := openPairs(root, Options{Cache: NoCache, Split: split})
		if err != nil {
			t.Fatal(err)
		}
		total += d.Len()
		if len(d.Classes) != 1 || d.Classes[0] != filepath.Base(root) {
			t.Errorf("classes are %v", d.Classes)
		}
		for _, name := range d.Names {
			stem := File{Name: name}.Stem()
			if other, ok := side[stem]; ok && other != split {
				t.Errorf("%s is in both splits", stem)
			}
			side[stem] = split
		}
	}
	if total != 80 {
		t.Errorf("splits have %d pictures, want 80", total)
	}
}

// TestElsewhere has names that occur in several folders.
func TestElsewhere(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a/1.png", "b/1.png", "a/2.png"} {
		write(t, filepath.Join(root, name), encoded(t, fourColors(4), "png"))
	}
	write(t, filepath.Join(root, "text", "1.txt"), []byte("one"))
	if HasPairs(root) {
		t.Error("1.txt was given to one of two pictures 1.png")
	}
	write(t, filepath.Join(root, "text", "2.txt"), []byte("two"))
	d, err := openPairs(root, Options{Cache: NoCache, Captions: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := described(d); !slices.Equal(got, []string{`a/2.png a ["two"]`}) || !slices.Equal(d.Report.Captions.Orphans, []string{"text/1.txt"}) {
		t.Errorf("pictures are %q, orphans %q", got, d.Report.Captions.Orphans)
	}
}

func TestCaptionFailures(t *testing.T) {
	picture := encoded(t, fourColors(4), "png")
	for _, test := range []struct {
		name, want string
		files      map[string][]byte
		o          Options
	}{
		{"no pictures", "has no pictures", map[string][]byte{"a.txt": []byte("a")}, Options{}},
		{"no match", "none of 1 .txt files has the name of one of 1 pictures", map[string][]byte{"a.txt": []byte("a"), "b.png": picture}, Options{}},
		{"blank", "none of 1 pictures has a caption", map[string][]byte{"a.txt": []byte("\n"), "a.png": picture}, Options{Captions: true}},
		{"invalid", "a.txt:1: no caption we can read (not valid UTF-8)", map[string][]byte{"a.txt": []byte("\xff"), "a.png": picture}, Options{Captions: true}},
		{"long", "1.0 MB, more than the 1 we read", map[string][]byte{"a.txt": bytes.Repeat([]byte("a"), MaxText+1), "a.png": picture}, Options{Captions: true}},
		{"undecodable", "a.png: not an image", map[string][]byte{"a.txt": []byte("a"), "a.png": []byte("a")}, Options{Captions: true}},
		{"classes", `(layout pairs); use all`, map[string][]byte{"a.txt": []byte("a"), "a.png": picture}, Options{Split: Unseen}},
		{"columns", "Texts txt: not available in ", map[string][]byte{"a.txt": []byte("a"), "a.png": picture}, Options{Texts: "txt"}},
		{"channels", "Channels 2: must be 3 (RGB)", map[string][]byte{"a.txt": []byte("a"), "a.png": picture}, Options{Channels: 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			for name, content := range test.files {
				write(t, filepath.Join(root, name), content)
			}
			test.o.Cache = NoCache
			_, err := openPairs(root, test.o)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
	if _, err := open(petFolder(t, 1), Options{Size: 4, Cache: NoCache, Captions: true}); err == nil || !strings.Contains(err.Error(), "has no captions; give") {
		t.Errorf("error is %v, want one that says what has captions", err)
	}
	loop := t.TempDir()
	write(t, filepath.Join(loop, "a", "1.png"), picture)
	if err := os.Symlink(loop, filepath.Join(loop, "a", "b")); err != nil {
		t.Skip(err)
	}
	if _, err := Pairs(loop, Options{}); err == nil || !strings.Contains(err.Error(), "link to a folder above it") {
		t.Errorf("error is %v, want one that names the link", err)
	}
}

// TestSameStems matches pictures and captions of the same names in different folders.
func TestSameStems(t *testing.T) {
	root := t.TempDir()
	for i, name := range []string{"images/owl/1.png", "images/wren/1.png", "images/wren/2.png", "images/deep/er/1.png", "images/jay/7.png", "images/tit/7.png"} {
		write(t, filepath.Join(root, name), grey(t, uint8(i)))
	}
	for name, text := range map[string]string{
		"texts/owl/1.txt": "an owl", "texts/wren/1.txt": "a wren", "texts/2.txt": "another wren", "texts/er/1.txt": "deeper", "texts/7.txt": "a jay or a tit",
	} {
		write(t, filepath.Join(root, name), []byte(text))
	}
	s, err := Pairs(root, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(s, Options{Size: 4, Cache: NoCache})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"images/owl/1.png": "an owl", "images/wren/1.png": "a wren", "images/wren/2.png": "another wren", "images/deep/er/1.png": "deeper",
		"images/jay/7.png": "", "images/tit/7.png": "",
	}
	for i, name := range d.Names {
		if got := strings.Join(d.Captions[i], "|"); got != want[name] {
			t.Errorf("%s has %q, want %q", name, got, want[name])
		}
	}
	if report := d.Report.String(); !strings.Contains(report, "pictures without captions, used without: 2") || !strings.Contains(report, "captions without a picture, left out: 1: texts/7.txt") {
		t.Errorf("report:\n%s", report)
	}
}
