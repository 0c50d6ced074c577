package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestManualPages writes a page for each command that the help lists.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	succeeds(t, "man", dir)
	for _, c := range commands(newRoot()) {
		if c.Hidden || c.Name() == "bench" || strings.Contains(c.CommandPath(), "completion") {
			continue
		}
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil || !strings.Contains(string(page), ".SH SYNOPSIS") {
			t.Errorf("%s: %v", c.CommandPath(), err)
		}
	}
	if strings.Contains(succeeds(t, "--help"), "\n  man ") {
		t.Error("the help lists the command for packages")
	}
	fails(t, 1, []string{"nowhere: there is no such folder"}, "man", "nowhere")
}
