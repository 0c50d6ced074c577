package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// FuzzFiles reads a run folder whose config.json, manifest.json or metrics.jsonl is any bytes. Readers must return, soon,
// with an error of one line or with a result.
func FuzzFiles(f *testing.F) {
	f.Add(uint8(0), []byte(`{"format":1,"models":{"flow":{"layers":4}},"training":{"flow":{"batch":8}},"data":{"path":"x"}}`))
	f.Add(uint8(0), []byte(`{"format":1,"models":[1],"data":null}`))
	f.Add(uint8(1), []byte(`{"format":1,"generation":3,"files":{"config.json":{"size":2,"crc32c":"00000000"}},"log":{"size":9}}`))
	f.Add(uint8(2), []byte("{\"model\":\"flow\",\"step\":1,\"loss\":0.5}\n{\"model\":\"flow\",\"step\":2,\"crc\":\"00000000\"}\n"))
	f.Add(uint8(2), []byte("{\"step\":1e99}\n\x00\n{"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, which uint8, content []byte) {
		began := time.Now()
		files := map[string]string{configName: `{"format":1,"models":{"flow":{}}}`}
		files[[]string{configName, manifestName, metricsName}[which%3]] = string(content)
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{manifestName, metricsName} { // of the input before
			if _, ok := files[name]; !ok {
				os.Remove(filepath.Join(dir, name))
			}
		}
		check := func(err error) {
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
		}
		r, err := Open(dir)
		check(err)
		if err != nil {
			return
		}
		var settings map[string]any
		check(r.Config("flow", &settings))
		check(r.Training("flow", &settings))
		check(r.Data(&settings))
		_, err = r.Metrics("flow")
		check(err)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v for %d bytes", took, len(content))
		}
	})
}
