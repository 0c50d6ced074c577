package data

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestReportIsPrintable loads files whose names are made to harm a terminal.
func TestReportIsPrintable(t *testing.T) {
	root := t.TempDir()
	class := "cat\x1b[2J"
	write(t, filepath.Join(root, class, "good.png"), grey(t, 3))
	write(t, filepath.Join(root, class, "bad\x1b]0;owned\x07\u202egnp.jpg"), []byte("x"))
	write(t, filepath.Join(root, "loose\nfile"), []byte("x"))
	write(t, filepath.Join(root, "dog", "tagged.png"), []byte("x"))
	d := mustOpen(t, root, Options{Size: 4, Cache: NoCache})
	report := d.Report.String()
	if strings.ContainsAny(report, "\x1b\x07\u202e") || !strings.Contains(report, `cat\x1b[2J/bad\x1b]0;owned\a\u202egnp.jpg`) || !strings.Contains(report, `loose\nfile`) {
		t.Errorf("report:\n%q", report)
	}
	if !strings.Contains(report, "classes without a picture: 1: dog") {
		t.Errorf("report:\n%s", report)
	}
	for _, err := range []error{
		func() error { _, err := d.Class("cow"); return err }(),
		func() error { _, err := DecodeFile(filepath.Join(root, "no\x1b.png"), 4, 3, Squash); return err }(),
		func() error { _, err := open(filepath.Join(root, "no\x1b"), Options{}); return err }(),
		func() error { _, err := Pairs(filepath.Join(root, "no\x1b"), Options{}); return err }(),
	} {
		if err == nil || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), `\x1b`) {
			t.Errorf("error is %q", err)
		}
	}
	long := Note("left out", []string{strings.Repeat("x", 4096)}, 5)
	if len(long) > 300 {
		t.Errorf("a note of %d bytes", len(long))
	}
}
