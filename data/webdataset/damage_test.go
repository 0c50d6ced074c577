package webdataset

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

func TestFailures(t *testing.T) {
	good := pack(t, "1.txt", "text", "1.png", photo(t, 1), "2.png", photo(t, 2))
	packed := zip(t, good)
	flipped, sum := bytes.Clone(packed), bytes.Clone(packed)
	flipped[len(flipped)/2] ^= 0x55
	sum[len(sum)-6] ^= 1
	for _, test := range []struct {
		name, want string
		content    []byte
		o          data.Options
	}{
		{"empty", "is an empty archive", nil, data.Options{}},
		{"no members", "is an empty archive", pack(t), data.Options{}},
		{"text", "is not a tar archive", bytes.Repeat([]byte("text"), 1000), data.Options{}},
		{"packed text", "is not a tar archive", zip(t, bytes.Repeat([]byte("text"), 1000)), data.Options{}},
		{"in a header", "is cut off after 1.txt; download", good[:1024+100], data.Options{}},
		{"in a picture", "is cut off after 1.png; download", good[:1024+512+20], data.Options{}},
		{"in a caption", "is cut off after 1.txt; download", good[:512+2], data.Options{}},
		{"damaged header", "is damaged after 1.txt", slices.Concat(good[:1024], bytes.Repeat([]byte{7}, 512), good[1536:]), data.Options{}},
		{"packed, cut off", "is cut off", packed[:len(packed)*2/3], data.Options{}},
		{"packed, no sum", "is cut off", packed[:len(packed)-3], data.Options{}},
		{"packed, flipped bit", "birds.tar", flipped, data.Options{}},
		{"packed, sum", "is damaged after 2.png (gzip: invalid checksum)", sum, data.Options{}},
		{"packed, magic only", "is cut off", packed[:2], data.Options{}},
		{"no pictures", "none of 1 samples has a picture in a column jpg, jpeg, png, gif, webp, bmp, they have txt (1)", pack(t, "1.txt", "text"), data.Options{}},
		{"no such captions", "none of 2 samples has captions in a column cap, they have png (2), txt (1)", good, data.Options{Texts: "cap"}},
		{"captions of others", "none of 1 samples has captions in a column txt", pack(t, "1.txt", "text", "2.png", photo(t, 1)), data.Options{Texts: "txt"}},
		{"captions needed", "none of 1 samples has captions in a column txt, caption", pack(t, "2.png", photo(t, 1)), data.Options{Captions: true}},
		{"blank captions", "none of 1 pictures has a caption", pack(t, "1.txt", " ", "1.png", photo(t, 1)), data.Options{Captions: true}},
		{"bad JSON", "not a JSON object", pack(t, "1.json", "[1]", "1.png", photo(t, 1)), data.Options{Captions: true, Texts: "json:a"}},
		{"number", `"a" is neither text nor a list`, pack(t, "1.json", `{"a": 1}`, "1.png", photo(t, 1)), data.Options{Captions: true, Texts: "json:a"}},
		{"no key", `no key "b"`, pack(t, "1.json", `{"a": 1}`, "1.png", photo(t, 1)), data.Options{Captions: true, Texts: "json:b"}},
		{"JSON in Latin-1", "not valid UTF-8", pack(t, "1.json", "{\"a\": \"\xe9\"}", "1.png", photo(t, 1)), data.Options{Captions: true, Texts: "json:a"}},
		{"long caption", "1.0 MB, more than the 1 we read", pack(t, "1.txt", strings.Repeat("a", data.MaxText+1), "1.png", photo(t, 1)), data.Options{Captions: true}},
		{"empty column", `Texts txt,: column "" is not a suffix`, good, data.Options{Texts: "txt,"}},
		{"JSON without key", `Texts json: column "json" is not a suffix`, good, data.Options{Texts: "json"}},
		{"key without JSON", `Texts txt:a: column "txt:a" is not a suffix`, good, data.Options{Texts: "txt:a"}},
		{"twice", "Texts txt,.TXT: column txt is there twice", good, data.Options{Texts: "txt,.TXT"}},
		{"pictures in JSON", "Images json:a: column json:a cannot hold pictures", good, data.Options{Images: "json:a"}},
		{"both", "Images png,txt: column txt cannot hold both", good, data.Options{Images: "png,txt"}},
		{"classes", "Split seen: not available in ", good, data.Options{Split: data.Seen}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, filepath.Join(t.TempDir(), "birds.tar"), test.content)
			_, err := open(path, test.o)
			var field *fault.FieldError
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), "webdataset: ") && !errors.As(err, &field) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error is %v, want one with %q", err, test.want)
			}
		})
	}
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "nowhere.tar")} {
		if _, err := List(path, data.Options{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want one that names %s", err, path)
		}
	}
}

func TestOddities(t *testing.T) {
	good := pack(t, "1.txt", "text", "1.png", photo(t, 1), "2.png", photo(t, 2))
	for _, test := range []struct {
		name, want string
		content    []byte
	}{
		{"joined", "has data after its end mark", slices.Concat(good, good)},
		{"joined and packed", "has data after its end mark", zip(t, slices.Concat(good, good))},
		{"no end mark", "has no end mark", good[:len(good)-1024]},
	} {
		d, err := open(write(t, filepath.Join(t.TempDir(), "birds.tar"), test.content), data.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if report := d.Report.String(); d.Len() != 2 || !strings.Contains(report, test.want) {
			t.Errorf("%s: %d pictures, report lacks %q:\n%s", test.name, d.Len(), test.want, report)
		}
	}

	// A link, which may lead anywhere, and a picture that would not fit into memory.
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "1.txt", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"},
		{Name: "../../2.png", Mode: 0o644, Size: maxPicture + 1},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.CopyN(w, zeros{}, maxPicture+1); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := open(write(t, filepath.Join(t.TempDir(), "large.tar"), zip(t, b.Bytes())), data.Options{})
	if err == nil || !strings.Contains(err.Error(), "2.png: not an image we can decode (64.0 MB, more than the 64 we read)") {
		t.Errorf("error is %v, want one that names the size", err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// FuzzList reads any bytes as an archive: reading ends, with an error or with pictures left out.
func FuzzList(f *testing.F) {
	good := birds(f)
	f.Add(good)
	f.Add(zip(f, good))
	f.Add(good[:1000])
	f.Add(slices.Concat(good, good))
	for _, name := range []string{"birds.tar.zst", "birds.tar.xz", "birds.tar.bz2", "birds.tar.lz4", "sparse.tar"} {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "fuzz.tar")
	allocated := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		metrics.Read(allocated)
		before, start := allocated[0].Value.Uint64(), time.Now()
		if _, err := open(path, data.Options{}); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of several lines: %v", err)
		}
		metrics.Read(allocated)
		// The windows of the decoders, twice as an archive is read twice, and what it unpacks to.
		if took := allocated[0].Value.Uint64() - before; took > 4*maxWindow+2*spare+2*maxUnpacked*uint64(len(content)) {
			t.Errorf("%d bytes took %d bytes", len(content), took)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%d bytes took %v", len(content), took)
		}
	})
}
