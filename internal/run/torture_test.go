package run

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// The campaign: a process that saves checkpoints is stopped before every change it makes to the file system, every change
// fails once, the power is cut after every change, and every file is damaged. After each of them, the folder opens with
// what was reported as saved, or an error names what is damaged. "make torture" sets BESTIARY_TORTURE for the long form.

func torture() bool { return os.Getenv("BESTIARY_TORTURE") != "" }

// generationTensors are weights that depend on the generation in every byte.
func generationTensors(step int) []safetensors.Tensor {
	values := make([]float32, 3000)
	for i := range values {
		values[i] = float32(step*7919 + i)
	}
	return []safetensors.Tensor{{Name: "w", DType: safetensors.F32, Shape: []int{len(values)}, F32: values}}
}

// checkpoints is a small training: it logs and saves the steps after from up to to. reported gets each step whose save has
// succeeded.
func checkpoints(dir string, to int, reported func(step int)) (err error) {
	r, err := Create(dir)
	if err != nil {
		return err
	}
	lock, err := r.Lock()
	if err != nil {
		return err
	}
	defer lock.Unlock()
	from := 0
	if r.HasState("flow") {
		if from, err = savedStep(r); err != nil {
			return err
		}
	} else {
		err := r.update(func(c *Commit) error {
			return errors.Join(c.SetConfig("flow", settings{Width: 3}), c.SetTraining("flow", settings{Width: to}))
		})
		if err != nil {
			return err
		}
	}
	log, err := r.OpenMetrics("flow", from)
	if err != nil {
		return err
	}
	defer log.Close()
	for step := from + 1; step <= to; step++ {
		if err := log.Append(Line{"flow", step, map[string]float64{"loss": float64(step)}}); err != nil {
			return err
		}
		if err := log.Sync(); err != nil {
			return err
		}
		meta := map[string]string{"step": strconv.Itoa(step)}
		err := r.update(func(c *Commit) error {
			c.Log(log)
			if err := c.SaveWeights("flow", generationTensors(step), meta); err != nil {
				return err
			}
			return c.SaveState("flow", generationTensors(-step), meta)
		})
		if err != nil {
			return err
		}
		reported(step)
	}
	return nil
}

func savedStep(r *Run) (int, error) {
	f, err := r.LoadState("flow")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(f.Metadata["step"])
}

// whole checks that a folder has the checkpoint of a step that is at least the one reported last, with weights and state
// of the same step and all lines of the log, as a reader and as the next training see it. Then it continues to the end.
func whole(t *testing.T, what, dir string, reported, steps int) {
	t.Helper()
	hooked(nil, func() { checkWhole(t, what, dir, reported, steps) })
}

func checkWhole(t *testing.T, what, dir string, reported, steps int) {
	t.Helper()
	check := func(as string) {
		t.Helper()
		r, err := Open(dir)
		if err != nil {
			if reported > 0 {
				t.Errorf("%s, %s: %v", what, as, err)
			}
			return
		}
		if reported == 0 && !r.HasState("flow") {
			if r.HasWeights("flow") {
				t.Errorf("%s, %s: weights without a state", what, as)
			}
			return
		}
		step, err := savedStep(r)
		if err != nil || step < reported {
			t.Errorf("%s, %s: the state is of step %d, %v; step %d was reported", what, as, step, err, reported)
			return
		}
		w, err := r.ReadWeights("flow")
		if err != nil || w.Metadata["step"] != strconv.Itoa(step) {
			t.Errorf("%s, %s: the weights are those of %v, %v; the state is of step %d", what, as, w, err, step)
			return
		}
		lines, err := r.Metrics("flow")
		if err != nil || len(lines) < step || lines[step-1].Step != step {
			t.Errorf("%s, %s: %d lines of the log, %v; the state is of step %d", what, as, len(lines), err, step)
		}
		report, err := Verify(dir)
		if err != nil || len(report.Problems) > 0 {
			t.Errorf("%s, %s: %v %+v", what, as, err, report)
		}
	}
	check("read")
	r := &Run{dir}
	if exists(r.Path(configName)) {
		lock, err := r.Lock()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		lock.Unlock()
		check("recovered")
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), nextSuffix) || strings.HasSuffix(e.Name(), ".tmp") {
				t.Errorf("%s: %s is left", what, e.Name())
			}
		}
	}
	if err := checkpoints(dir, steps, func(int) {}); err != nil {
		t.Errorf("%s: the next training: %v", what, err)
		return
	}
	reported = steps
	check("continued")
}

// hooked calls f with a hook. Nothing is really synced: the tests take the disk's part.
func hooked(hook func(atomicfile.Op) error, f func()) {
	before := atomicfile.Hook
	defer func() { atomicfile.Hook = before }()
	atomicfile.Hook = func(op atomicfile.Op) error {
		if hook != nil {
			if err := hook(op); err != nil {
				return err
			}
		}
		if op.Kind == atomicfile.OpSync || op.Kind == atomicfile.OpSyncDir {
			return atomicfile.ErrSkip
		}
		return nil
	}
	f()
}

var errKilled = errors.New("killed")

// countChanges returns the number of file changes of a training of the given length.
func countChanges(t *testing.T, steps int) (n int) {
	t.Helper()
	hooked(func(atomicfile.Op) error { n++; return nil }, func() {
		if err := checkpoints(filepath.Join(t.TempDir(), "runs", "a"), steps, func(int) {}); err != nil {
			t.Fatal(err)
		}
	})
	return n
}

// TestKillAtEveryChange stops a training before each of its changes, as a kill does: nothing after it happens, not even
// cleaning up. A write may be torn.
func TestKillAtEveryChange(t *testing.T) {
	const steps = 3
	total := countChanges(t, steps)
	for at := range total {
		for _, torn := range []bool{false, true} {
			dir := filepath.Join(t.TempDir(), "runs", "a")
			n, reported := 0, 0
			hooked(func(op atomicfile.Op) error {
				n++
				if n == at+1 && torn && op.Kind == atomicfile.OpWrite {
					f, err := os.OpenFile(op.Path, os.O_WRONLY|os.O_APPEND, 0)
					if err == nil {
						f.Write(op.Data[:len(op.Data)/2])
						f.Close()
					}
				}
				if n > at {
					return errKilled
				}
				return nil
			}, func() {
				if err := checkpoints(dir, steps, func(step int) { reported = step }); err == nil && at < total-1 {
					t.Errorf("killed at change %d, and no error", at)
				}
			})
			whole(t, fmt.Sprintf("killed at change %d of %d (torn %t)", at+1, total, torn), dir, reported, steps+1)
		}
	}
	t.Logf("%d kills", 2*total)
}

// TestEveryChangeFails makes each change fail once, with errors of a disk. What was reported before is there, and after a
// failure of the last step, the error says so.
func TestEveryChangeFails(t *testing.T) {
	const steps = 3
	total := countChanges(t, steps)
	kinds := map[atomicfile.OpKind]int{}
	checked := map[string]bool{} // what has been reported and is left
	for at := range total {
		for _, fault := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
			dir := filepath.Join(t.TempDir(), "runs", "a")
			n, reported := 0, 0
			var err error
			var failed atomicfile.Op
			hooked(func(op atomicfile.Op) error {
				if n++; n == at+1 {
					failed = op
					return fault
				}
				return nil
			}, func() { err = checkpoints(dir, steps, func(step int) { reported = step }) })
			what := fmt.Sprintf("%v of %s fails with %v (change %d of %d)", failed.Kind, filepath.Base(failed.Path), fault, at+1, total)
			kinds[failed.Kind]++
			if err == nil && failed.Kind != atomicfile.OpRemove {
				t.Errorf("%s: no error", what)
			}
			if err != nil && !errors.Is(err, fault) {
				t.Errorf("%s: the error hides its cause: %v", what, err)
			}
			if key := fmt.Sprintf("%d %q", reported, contents(t, dir)); !checked[key] {
				checked[key] = true
				whole(t, what, dir, reported, steps+1)
			}
		}
	}
	t.Logf("%d faults leave %d different runs: %v", 3*total, len(checked), kinds)
}

// contents returns the files and folders below a folder, if it is there, by their paths in it.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			all[path] = "a folder"
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

// disk replays recorded changes as a disk without power sees them: content that wasn't synced may be lost, and so may
// entries of a folder that wasn't synced.
type disk struct {
	names, durableNames map[string]*inode
}

type inode struct{ content, synced []byte }

func (d *disk) apply(op atomicfile.Op) {
	switch op.Kind {
	case atomicfile.OpCreate:
		d.names[op.Path] = &inode{}
	case atomicfile.OpAppend:
		if d.names[op.Path] == nil {
			d.names[op.Path] = &inode{}
		}
	case atomicfile.OpWrite:
		f := d.names[op.Path]
		f.content = append(slices.Clone(f.content), op.Data...)
	case atomicfile.OpSync:
		f := d.names[op.Path]
		f.synced = f.content
	case atomicfile.OpRename:
		d.names[op.To] = d.names[op.Path]
		delete(d.names, op.Path)
	case atomicfile.OpRemove:
		delete(d.names, op.Path)
	case atomicfile.OpSyncDir:
		for name := range d.durableNames {
			if filepath.Dir(name) == op.Path && d.names[name] == nil {
				delete(d.durableNames, name)
			}
		}
		for name, f := range d.names {
			if filepath.Dir(name) == op.Path {
				d.durableNames[name] = f
			}
		}
	}
}

// cut returns the contents of the files below a folder that a power cut may leave, by their paths in it: entries that were synced or all of
// them, and of each file the synced content, all of it, or a part of the rest.
func (d *disk) cut(from, entries, content string, random *rand.Rand) (left map[string]string) {
	names := d.names
	if entries == "synced" {
		names = d.durableNames
	}
	if entries == "some" { // each entry that is not synced by itself
		names = maps.Clone(d.durableNames)
		for _, name := range slices.Sorted(maps.Keys(d.names)) {
			if random.IntN(2) == 0 {
				names[name] = d.names[name]
			}
		}
	}
	left = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		f := names[name]
		rel, err := filepath.Rel(from, name)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		text := f.synced
		switch {
		case content == "all":
			text = f.content
		case content == "part" && len(f.content) > len(f.synced):
			rest := f.content[len(f.synced):]
			text = append(slices.Clone(f.synced), rest[:random.IntN(len(rest)+1)]...)
			for i := len(f.synced) + random.IntN(len(text)-len(f.synced)+1); i < len(text); i++ {
				text[i] = 0 // a block that was allocated and not written
			}
		}
		left[rel] = string(text)
	}
	return left
}

// TestPowerCuts records a training, and replays it up to every change on a disk that loses what wasn't synced.
func TestPowerCuts(t *testing.T) {
	const steps = 3
	dir := filepath.Join(t.TempDir(), "runs", "a")
	var ops []atomicfile.Op
	reported := map[int]int{} // by number of changes
	last := 0
	hooked(func(op atomicfile.Op) error {
		op.Data = bytes.Clone(op.Data)
		ops = append(ops, op)
		reported[len(ops)] = last
		return nil
	}, func() {
		if err := checkpoints(dir, steps, func(step int) { last = step; reported[len(ops)] = step }); err != nil {
			t.Fatal(err)
		}
	})
	rounds := 1
	if torture() {
		rounds = 40
	}
	random := rand.New(rand.NewPCG(1, 2))
	cuts, base := 0, t.TempDir()
	checked := map[string]bool{} // what has been reported and is left
	for at := 1; at <= len(ops); at++ {
		if !torture() && at%2 == 0 && ops[at-1].Kind != atomicfile.OpRename {
			continue
		}
		d := &disk{map[string]*inode{}, map[string]*inode{}}
		for _, op := range ops[:at] {
			d.apply(op)
		}
		for _, entries := range []string{"synced", "all", "some"} {
			for _, content := range []string{"synced", "all", "part"} {
				n := 1
				if entries == "some" || content == "part" {
					n = rounds
				}
				for range n {
					to := filepath.Join(base, strconv.Itoa(cuts), "a")
					left := d.cut(dir, entries, content, random)
					cuts++
					key := fmt.Sprintf("%d %q", reported[at], left)
					if checked[key] {
						continue
					}
					checked[key] = true
					for name, text := range left {
						path := filepath.Join(to, name)
						if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text), 0o666)); err != nil {
							t.Fatal(err)
						}
					}
					whole(t, fmt.Sprintf("power cut after change %d of %d (entries %s, content %s)", at, len(ops), entries, content), to, reported[at], steps+1)
					if err := os.RemoveAll(filepath.Dir(to)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	t.Logf("%d power cuts leave %d different runs", cuts, len(checked))
}

// TestDamage flips bits of every file of a run and cuts it off, and expects Verify to name the file, and reading it to
// fail or to give what was saved.
func TestDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a")
	if err := checkpoints(dir, 3, func(int) {}); err != nil {
		t.Fatal(err)
	}
	flips, cuts := 40, 15
	if torture() {
		flips, cuts = 3000, 500
	}
	random := rand.New(rand.NewPCG(3, 4))
	r := &Run{dir}
	tried := 0
	for _, name := range []string{configName, manifestName, metricsName, "flow.safetensors", "flow.state.safetensors"} {
		path := r.Path(name)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range flips + cuts {
			damaged := bytes.Clone(content)
			what := ""
			if i < flips {
				at, bit := random.IntN(len(content)), random.IntN(8)
				damaged[at] ^= 1 << bit
				what = fmt.Sprintf("%s: bit %d of byte %d", name, bit, at)
			} else {
				damaged = damaged[:random.IntN(len(content))]
				what = fmt.Sprintf("%s: cut to %d of %d bytes", name, len(damaged), len(content))
			}
			if err := os.WriteFile(path, damaged, 0o666); err != nil {
				t.Fatal(err)
			}
			tried++
			report, err := Verify(dir)
			if err == nil && len(report.Problems) == 0 {
				t.Errorf("%s: Verify finds nothing", what)
			}
			if err == nil && len(report.Problems) > 0 && !strings.Contains(strings.Join(report.Problems, "\n"), name) {
				t.Errorf("%s: Verify doesn't name the file: %q", what, report.Problems)
			}
			var width settings
			if err := r.Config("flow", &width); err == nil && width.Width != 3 {
				t.Errorf("%s: the width is %d", what, width.Width)
			}
			if f, err := r.ReadWeights("flow"); err == nil {
				if v, err := f.Tensor("w"); err != nil || !slices.Equal(v.F32, generationTensors(3)[0].F32) {
					t.Errorf("%s: other weights", what)
				}
			}
			if lines, err := r.Metrics("flow"); err == nil {
				for _, l := range lines {
					if l.Values["loss"] != float64(l.Step) {
						t.Errorf("%s: line %+v", what, l)
					}
				}
			}
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flips and truncations", tried)
}

// TestKilledProcess lets a child kill itself before a chosen change, with the system's own kill, one after the other in the
// same folder until it has got through.
func TestKilledProcess(t *testing.T) {
	if dir := os.Getenv("RUN_TEST_KILL"); dir != "" {
		at, _ := strconv.Atoi(os.Getenv("RUN_TEST_KILL_AT"))
		n := 0
		hooked(func(atomicfile.Op) error {
			if n++; n == at {
				self, _ := os.FindProcess(os.Getpid())
				_ = self.Kill()
				select {} // until it arrives
			}
			return nil
		}, func() {
			if err := checkpoints(dir, 4, func(step int) { fmt.Println("saved", step) }); err != nil {
				t.Fatal(err)
			}
		})
		return
	}
	stride := 7
	if torture() {
		stride = 1
	}
	dir, reported, kills := filepath.Join(t.TempDir(), "runs", "a"), 0, 0
	for at := 1; at < 90; at += stride {
		child := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
		child.Env = append(os.Environ(), "RUN_TEST_KILL="+dir, "RUN_TEST_KILL_AT="+strconv.Itoa(at))
		out, err := child.Output()
		if err != nil {
			kills++
		}
		for line := range strings.Lines(string(out)) {
			fmt.Sscanf(line, "saved %d", &reported)
		}
		r := &Run{dir}
		if reported == 0 {
			continue
		}
		if step, err := savedStep(r); err != nil || step < reported {
			t.Fatalf("killed at change %d: the state is of step %d, %v; step %d was reported", at, step, err, reported)
		}
		if report, err := Verify(dir); err != nil || len(report.Problems) > 0 {
			t.Fatalf("killed at change %d: %+v, %v", at, report, err)
		}
	}
	whole(t, "after all kills", dir, reported, 5)
	t.Logf("%d kills", kills)
}
