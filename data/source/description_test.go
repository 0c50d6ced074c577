package source

import (
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data"
)

// TestRelativePath opens the pictures of a run from another folder than the one in which their path was given.
func TestRelativePath(t *testing.T) {
	home, away := t.TempDir(), t.TempDir()
	folder := filepath.Join(home, "zoo", "cat")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(folder, "1.png"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 3, 3))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(home)
	d := data.Description{Path: "zoo", From: data.GivenIn("zoo"), Size: 4}
	if data.GivenIn(filepath.Join(home, "zoo")) != "" {
		t.Error("an absolute path needs no folder")
	}
	o := data.Options{Cache: data.NoCache}
	for _, in := range []string{home, away} {
		t.Chdir(in)
		if opened, err := OpenDescription(d, o); err != nil || opened.Len() != 1 {
			t.Errorf("in %s: %v", in, err)
		}
	}
	// The pictures are moved to where the command runs.
	if err := os.Rename(filepath.Join(home, "zoo"), filepath.Join(away, "zoo")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDescription(d, o); err != nil {
		t.Error(err)
	}
	t.Chdir(home)
	_, err = OpenDescription(d, o)
	if err == nil || !strings.Contains(err.Error(), "neither in "+d.From+", where the run was trained on it, nor in the current folder") {
		t.Errorf("error is %v", err)
	}
	d = data.Description{Path: filepath.Join(home, "gone\x1b[31m")}
	if _, err := OpenDescription(d, o); err == nil || !strings.Contains(err.Error(), `gone\x1b[31m: cannot be found, and the run was trained on it`) {
		t.Errorf("error is %v", err)
	}
	if path, err := Find(data.Description{Path: "birds:1:9"}); path != "birds:1:9" || err != nil {
		t.Errorf("%s, %v", path, err)
	}
}

// TestOtherArchives names the tool that unpacks them.
func TestOtherArchives(t *testing.T) {
	for content, want := range map[string]string{"PK\x03\x04....": "but zip, which unzip unpacks", "7z\xbc\xaf\x27\x1c": "7z x", "text": "neither parquet nor tar; give"} {
		path := filepath.Join(t.TempDir(), "birds.data")
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, data.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	if _, err := Open("/dev/null", data.Options{}); err == nil || !strings.Contains(err.Error(), "a pipe or a device") {
		t.Errorf("error is %v", err)
	}
}
