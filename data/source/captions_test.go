package source

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

func text(t testing.TB, content string, path ...string) {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// pack makes an archive of the files of a folder.
func pack(t testing.TB, folder string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.AddFS(os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOpenRecognisesCaptions(t *testing.T) {
	birds, pairs, archives := t.TempDir(), t.TempDir(), t.TempDir()
	picture(t, birds, "CUB_200_2011", "images", "001.Owl", "a.jpg")
	for file, content := range map[string]string{"images.txt": "1 001.Owl/a.jpg", "classes.txt": "1 001.Owl", "image_class_labels.txt": "1 1", "train_test_split.txt": "1 1"} {
		text(t, content, birds, "CUB_200_2011", file)
	}
	text(t, "an owl", birds, "text_c10", "001.Owl", "a.txt")
	picture(t, pairs, "Owl", "a.png")
	text(t, "an owl", pairs, "Owl", "a.txt")
	text(t, pack(t, pairs), archives, "Owl.tar")
	text(t, "left beside", birds, "CUB_200_2011.tgz")
	for path, layout := range map[string]string{
		birds: "birds", filepath.Join(birds, "CUB_200_2011"): "birds", pairs: "pairs", archives: "webdataset", filepath.Join(archives, "Owl.tar"): "webdataset",
	} {
		d, err := Open(path, data.Options{Cache: data.NoCache, Captions: true})
		if err != nil {
			t.Error(err)
			continue
		}
		report := d.Report.String()
		if !strings.HasPrefix(report, layout+": "+path) || !strings.Contains(report, "classes: Owl 1\ncaptions: 1, 1 a picture\n") || d.Captions[0][0] != "an owl" {
			t.Errorf("captions are %q, report is\n%s", d.Captions, report)
		}
	}
}

func TestOpenWithoutCaptions(t *testing.T) {
	folder := t.TempDir()
	picture(t, folder, "owl", "a.png")
	text(t, "nobody", folder, "owl", "b.txt")
	_, err := Open(folder, data.Options{Cache: data.NoCache, Captions: true})
	if err == nil || !strings.Contains(err.Error(), folder+": has no captions; give pictures with a .txt file") {
		t.Errorf("error is %v, want one that says what has captions", err)
	}
}
