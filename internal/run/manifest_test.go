package run

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/weights"
)

// saved is a run with weights and state.
func saved(t *testing.T, width int, seed uint64) *Run {
	t.Helper()
	r := create(t)
	m := newModel(t, seed)
	if err := errors.Join(r.SetConfig("flow", settings{Width: width}), r.SaveWeights("flow", weights.Of(m), nil), r.SaveState("flow", weights.Of(m), nil)); err != nil {
		t.Fatal(err)
	}
	return r
}

func edit(t *testing.T, path, old, new string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%s has no %q, %v", path, old, err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o666); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestConfigIsBound changes a setting behind the back of the run: reading it fails until the change is accepted.
func TestConfigIsBound(t *testing.T) {
	r := saved(t, 64, 1)
	edit(t, r.Path(configName), `"width": 64`, `"width": 65`)
	var s settings
	for _, err := range []error{r.Config("flow", &s), r.SetData(1), func() error { _, err := Open(r.Dir()); return err }()} {
		fails(t, err, r.Path(configName), "has changed since the run was saved", "restore it from a copy, or accept")
		var damaged *fault.DamagedFile
		if !errors.As(err, &damaged) {
			t.Errorf("%v is no DamagedFile", err)
		}
	}
	if accepted, err := Accept(r.Dir(), func() error { return nil }); err != nil || len(accepted) != 1 || accepted[0] != configName {
		t.Fatal(accepted, err)
	}
	if err := r.Config("flow", &s); err != nil || s.Width != 65 {
		t.Error(s, err)
	}
	if _, err := r.LoadWeights("flow", newModel(t, 2)); err != nil { // though they were saved with the other setting
		t.Error(err)
	}
}

// TestFilesOfAnotherRun copies single files between runs.
func TestFilesOfAnotherRun(t *testing.T) {
	for _, manifests := range []bool{true, false} {
		a, b := saved(t, 64, 1), saved(t, 32, 2)
		if !manifests { // as an older program leaves them, or who copies everything but the manifest
			os.Remove(a.Path(manifestName))
		}
		word := map[bool]string{true: "is another file than the one that the run saved", false: "another configuration of the flow"}[manifests]
		copyFile(t, b.WeightsPath("flow"), a.WeightsPath("flow"))
		_, err := a.LoadWeights("flow", newModel(t, 3))
		fails(t, err, a.WeightsPath("flow"), word)
		copyFile(t, b.StatePath("flow"), a.StatePath("flow"))
		_, err = a.LoadState("flow")
		fails(t, err, a.StatePath("flow"), word)
		if _, err := Accept(a.Dir(), func() error { return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := a.LoadWeights("flow", newModel(t, 3)); err != nil {
			t.Error(err)
		}
	}
}

// TestRunsWithoutManifest opens a run of an older program, and adds to it.
func TestRunsWithoutManifest(t *testing.T) {
	r := saved(t, 64, 1)
	if err := os.Remove(r.Path(manifestName)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.LoadWeights("flow", newModel(t, 3)); err != nil {
		t.Error(err)
	}
	if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 || report.Files != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := r.SaveWeights("dvae", weights.Of(newModel(t, 1)), nil); err != nil {
		t.Fatal(err)
	}
	m, err := r.readManifest()
	if err != nil || len(m.Files) != 4 || m.Files["flow.safetensors"].Content == "" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestAcceptRefusesDamage expects Accept not to hide what contradicts its own checksum.
func TestAcceptRefusesDamage(t *testing.T) {
	r := saved(t, 64, 1)
	text, err := os.ReadFile(r.WeightsPath("flow"))
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-5] ^= 1
	if err := os.WriteFile(r.WeightsPath("flow"), text, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err = Accept(r.Dir(), func() error { return nil })
	fails(t, err, r.WeightsPath("flow"), "checksum")
}

// TestAcceptADamagedManifest writes it anew.
func TestAcceptADamagedManifest(t *testing.T) {
	r := saved(t, 64, 1)
	edit(t, r.Path(manifestName), `"generation": 3`, `"generation": 4`)
	_, err := r.Lock()
	fails(t, err, r.Path(manifestName), "damaged", "accept")
	if _, err := Accept(r.Dir(), func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestLinkedWeights saves weights through a symbolic link, which stays.
func TestLinkedWeights(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs symbolic links")
	}
	r := saved(t, 64, 1)
	elsewhere := filepath.Join(t.TempDir(), "flow.safetensors")
	if err := errors.Join(os.Rename(r.WeightsPath("flow"), elsewhere), os.Symlink(elsewhere, r.WeightsPath("flow"))); err != nil {
		t.Fatal(err)
	}
	if err := r.SaveWeights("flow", weights.Of(newModel(t, 9)), nil); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(r.WeightsPath("flow")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link became a file", err)
	}
	if report, err := Verify(r.Dir()); err != nil || len(report.Problems) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestTemporaryFilesAreRemoved leaves what killed processes leave, in the run and around it. What is not ours stays.
func TestTemporaryFilesAreRemoved(t *testing.T) {
	r := saved(t, 64, 1)
	ours := []string{".config.json-0123abcd.tmp", ".flow.safetensors-0123abcd.tmp", ".manifest.json-00000000.tmp", ".metrics.jsonl-ffffffff.tmp",
		".flow.loss.png-0123abcd.tmp", "samples/.flow-step-000500.png-0123abcd.tmp", "../.pets-0123abcd.tmp", "dvae.safetensors.next", "flow.state.safetensors.next"}
	others := []string{".x.png-0123abcd.tmp", "notes.next", ".config.json-0123abcX.tmp"}
	if err := os.Mkdir(r.Path("samples"), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, name := range append(ours, others...) {
		if err := os.WriteFile(r.Path(name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := r.Lock()
	if err != nil {
		t.Fatal(err)
	}
	lock.Unlock()
	if len(lock.Recovered) == 0 || !strings.Contains(strings.Join(lock.Recovered, "\n"), "7 temporary files") {
		t.Errorf("it said %q", lock.Recovered)
	}
	for _, name := range ours {
		if exists(r.Path(name)) {
			t.Errorf("%s is left", name)
		}
	}
	for _, name := range others {
		if !exists(r.Path(name)) {
			t.Errorf("%s is gone", name)
		}
	}
}

// TestReadersBesideAWriter reads a run without a lock while it is saved over and over.
func TestReadersBesideAWriter(t *testing.T) {
	r := saved(t, 64, 1)
	stop := make(chan bool)
	var group sync.WaitGroup
	group.Add(1)
	go func() {
		defer group.Done()
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			err := r.update(func(c *Commit) error {
				return errors.Join(c.SetData(i), c.SaveWeights("flow", generationTensors(i%2), nil), c.SaveState("flow", generationTensors(i%2), nil))
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	}()
	for range 300 {
		var s settings
		if err := r.Config("flow", &s); err != nil || s.Width != 64 {
			t.Error(s, err)
		}
		if _, err := r.ReadWeights("flow"); err != nil {
			t.Error(err)
		}
		if _, err := r.LoadState("flow"); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	group.Wait()
}
