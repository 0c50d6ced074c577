//go:build unix

package run

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoFiles opens runs whose files are pipes or devices, or larger than any settings. None may hang or fill the memory.
func TestNoFiles(t *testing.T) {
	for _, name := range []string{configName, manifestName, metricsName} {
		for want, make := range map[string]func(path string) error{
			"named pipe": func(path string) error { return syscall.Mkfifo(path, 0o666) },
			"device":     func(path string) error { return os.Symlink("/dev/zero", path) },
			"more than the": func(path string) error {
				if err := os.WriteFile(path, nil, 0o666); err != nil {
					return err
				}
				return os.Truncate(path, 20<<30)
			},
		} {
			dir := t.TempDir()
			if name != configName {
				if err := os.WriteFile(filepath.Join(dir, configName), []byte(`{"format":1}`), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if err := make(filepath.Join(dir, name)); err != nil {
				t.Skip(err)
			}
			done := time.AfterFunc(20*time.Second, func() { panic(name + ", " + want + ": hangs") })
			r, err := Open(dir)
			if err == nil {
				_, err = r.Metrics("flow")
			}
			done.Stop()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v", name, want, err)
			}
		}
	}
}
