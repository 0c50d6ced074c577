package run

import (
	"bufio"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
)

// Commit collects changes of a run folder. None of them counts before Commit; then all of them do, whatever moment the
// process is killed at:
//
//  1. each file is written as NAME.next and synced,
//  2. manifest.json, which has the sizes and checksums, is replaced: the commit,
//  3. NAME.next is renamed to NAME.
//
// A reader takes NAME.next if it is what the manifest describes. The caller holds the lock of the folder if other
// processes may write to it.
type Commit struct {
	run     *Run
	old     *manifest
	files   map[string]entry
	log     *logEntry
	config  config // nil: not read yet
	changed bool   // config was changed
}

// Begin starts a commit. It first completes one that a killed process left.
func (r *Run) Begin() (*Commit, error) {
	m, err := r.readManifest()
	if err != nil {
		return nil, err
	}
	if err := r.finish(m, nil); err != nil {
		return nil, err
	}
	return &Commit{run: r, old: m, files: map[string]entry{}}, nil
}

// update makes changes and commits them.
func (r *Run) update(change func(c *Commit) error) error {
	c, err := r.Begin()
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		c.Abort()
		return err
	}
	return c.Commit()
}

// write writes the next content of a file; fill returns the checksum in its metadata, if it has one.
func (c *Commit) write(name string, fill func(w io.Writer) (content string, err error)) error {
	path := c.run.Path(name)
	e, err := writeNext(path, fill)
	if err != nil {
		_ = os.Remove(nextPath(path)) // it counts for nothing; the next commit removes it
		return atomicfile.Explain(path, err)
	}
	c.files[name] = e
	return nil
}

func writeNext(path string, fill func(w io.Writer) (content string, err error)) (e entry, err error) {
	f, err := atomicfile.Create(nextPath(path))
	if err != nil {
		return e, err
	}
	defer f.Close()
	if info, err := os.Stat(path); err == nil {
		if err := f.Chmod(info.Mode().Perm()); err != nil {
			return e, err
		}
	}
	sum := &counter{}
	w := bufio.NewWriterSize(f, 1<<16)
	if e.Content, err = fill(io.MultiWriter(w, sum)); err != nil {
		return e, err
	}
	if err := w.Flush(); err != nil {
		return e, err
	}
	e.Size, e.CRC = sum.size, sumText(sum.crc)
	if err := f.Sync(); err != nil {
		return e, err
	}
	return e, f.Close()
}

// counter computes size and checksum of what is written.
type counter struct {
	size int64
	crc  uint32
}

func (c *counter) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	c.crc = crc32.Update(c.crc, castagnoli, p)
	return len(p), nil
}

// Log records what metrics.jsonl holds. It must be synced.
func (c *Commit) Log(m *MetricsLog) {
	extent := m.at
	extent.Models = maps.Clone(extent.Models)
	c.log = &extent
}

// Abort drops the changes.
func (c *Commit) Abort() {
	for name := range c.files {
		_ = atomicfile.Remove(nextPath(c.run.Path(name))) // the next commit removes it otherwise
	}
	c.files = nil
}

// Commit makes the changes count.
func (c *Commit) Commit() error {
	if c.changed {
		if err := c.writeConfig(); err != nil {
			c.Abort()
			return err
		}
	}
	if len(c.files) == 0 && c.log == nil {
		return nil
	}
	m := &manifest{Format: format, Generation: generation(c.old) + 1, Files: map[string]entry{}}
	if c.old == nil {
		m.Files = c.run.adopt(c.files)
	} else {
		maps.Copy(m.Files, c.old.Files)
		m.Log = c.old.Log
	}
	maps.Copy(m.Files, c.files)
	for name := range m.Files { // files that were deleted on purpose, such as those of a model to train anew
		if _, written := c.files[name]; !written && !exists(c.run.Path(name)) {
			delete(m.Files, name)
		}
	}
	if c.log != nil {
		m.Log = c.log
	}
	err := c.syncDirs()
	if err == nil {
		err = m.write(c.run.Path(manifestName))
	}
	if err != nil && !atomicfile.Replaced(err) {
		c.Abort()
		return err
	}
	return errors.Join(err, c.run.finish(m, c.files))
}

// syncDirs makes the entries of the new files durable.
func (c *Commit) syncDirs() error {
	dirs := map[string]bool{}
	for name := range c.files {
		dirs[filepath.Dir(nextPath(c.run.Path(name)))] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := atomicfile.SyncDir(dir); err != nil {
			return atomicfile.Explain(c.run.Path(manifestName), err)
		}
	}
	return nil
}

// adopt describes the files of a run that has no manifest, for its first one.
func (r *Run) adopt(without map[string]entry) map[string]entry {
	files := map[string]entry{}
	for _, name := range r.committable() {
		if _, ok := without[name]; ok {
			continue
		}
		path := r.Path(name)
		if e, err := describe(path); err == nil {
			if strings.HasSuffix(name, weightsSuffix) {
				e.Content = ownChecksum(path)
			}
			files[name] = e
		}
	}
	return files
}

// committable returns the names of the files in the folder that a commit may have.
func (r *Run) committable() (names []string) {
	entries, _ := os.ReadDir(r.dir) // a folder that can't be read has none
	for _, e := range entries {
		if ownName(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// ownName reports whether commits may have a file of that name.
func ownName(name string) bool {
	if name == configName || name == tokenizerName {
		return true
	}
	model, ok := strings.CutSuffix(name, weightsSuffix)
	return ok && ValidName(strings.TrimSuffix(model, strings.TrimSuffix(stateSuffix, weightsSuffix)))
}

// finish renames the files of a commit, or of one whose process died, and removes next contents that no commit has. The
// contents of written files are known to be those of the manifest.
func (r *Run) finish(m *manifest, written map[string]entry) error {
	names := map[string]bool{}
	if m != nil {
		for name := range m.Files {
			names[name] = true
		}
	}
	entries, _ := os.ReadDir(r.dir)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), nextSuffix); ok && ownName(name) {
			names[name] = true
		}
	}
	dirs := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		path := r.Path(name)
		next := nextPath(path)
		if !exists(next) {
			continue
		}
		var e *entry
		if m != nil {
			if found, ok := m.Files[name]; ok {
				e = &found
			}
		}
		var err error
		if _, known := written[name]; known || e != nil && e.matches(next) {
			err = atomicfile.Rename(next, strings.TrimSuffix(next, nextSuffix))
		} else {
			err = atomicfile.Remove(next)
		}
		if err != nil {
			return atomicfile.Explain(path, err)
		}
		dirs[filepath.Dir(next)] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := atomicfile.SyncDir(dir); err != nil {
			return atomicfile.Explain(r.Path(manifestName), err)
		}
	}
	return nil
}
