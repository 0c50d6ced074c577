package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCacheCommand(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"a.pictures", "b.pictures"} {
		if err := os.WriteFile(filepath.Join(folder, name), make([]byte, 3<<20), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"cache show", 0, "holds   2 datasets, 6 MB\nlimit   10 GB"},
		{"cache limit 1.5gb", 0, "holds   2 datasets, 6 MB\nlimit   1.5 GB"},
		{"cache limit 4MiB", 0, "holds   1 dataset, 3 MB\nlimit   4 MB"},
		{"cache show", 0, "limit   4 MB"},
		{"cache clear", 0, "removed 1 dataset, 3 MB"},
		{"cache show", 0, "holds   0 datasets, 0 B"},
		{"cache limit -1", 2, ""},
		{"cache limit lots", 2, "is not a size"},
		{"cache limit NaN", 2, "is not a size"},
		{"cache limit 1e300TB", 2, "is not a size"},
		{"cache limit", 2, "takes one size"},
		{"cache empty", 2, "no command"},
	} {
		var out, errs bytes.Buffer
		args := append(strings.Fields(test.args), "--folder", folder)
		if code := run(args, &out, &errs); code != test.code || !strings.Contains(out.String()+errs.String(), test.want) {
			t.Errorf("%s: exit code %d, %s%s", test.args, code, &out, &errs)
		}
	}
}
