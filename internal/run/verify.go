package run

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// Report is the result of [Verify].
type Report struct {
	Generation int      // commits; 0: the run has no manifest
	Files      int      // files that were read whole
	Problems   []string // what is damaged or lost, in sentences
	Notes      []string // what the next training repairs without loss
}

// Verify reads all files of a run and compares them with the last commit and with their own checksums. It changes nothing.
// The error is that of a folder that is no run. Verify starts over if a training commits in the meantime.
func Verify(dir string) (report *Report, err error) {
	r := &Run{dir}
	for range 5 {
		before, _ := r.readManifest() // verify reports the error
		report, err = verify(dir)
		after, _ := r.readManifest()
		if err != nil || len(report.Problems) == 0 || generation(before) == generation(after) && !r.renaming(after) {
			break
		}
	}
	return report, err
}

func verify(dir string) (*Report, error) {
	r := &Run{dir}
	if !exists(r.Path(configName)) && !exists(r.Path(manifestName)) {
		_, err := r.readConfig()
		return nil, err
	}
	report := &Report{}
	bad := func(format string, args ...any) {
		report.Problems = append(report.Problems, fmt.Sprintf(format, args...))
	}
	note := func(format string, args ...any) { report.Notes = append(report.Notes, fmt.Sprintf(format, args...)) }
	m, err := r.readManifest()
	if err != nil {
		bad("%v", err)
	}
	if m == nil && err == nil {
		note("%s: there is none; an older program wrote the run, and the next training makes one", r.Path(manifestName))
	}
	report.Generation = generation(m)
	if _, err := r.readConfigOf(m); err != nil {
		bad("%v", err)
	}
	names := r.committable()
	if m != nil {
		for name := range m.Files {
			if path, _ := r.locate(m, name); strings.HasSuffix(path, nextSuffix) {
				note("%s: is committed and not renamed yet; the next training does it", path)
				if !exists(r.Path(name)) {
					names = append(names, name)
				}
			}
		}
	}
	damaged := map[string]error{}
	for _, name := range names {
		report.Files++
		if err := r.verifyFile(m, name); err != nil {
			damaged[name] = err
		}
	}
	if m != nil {
		for name := range m.Files {
			if path, _ := r.locate(m, name); !exists(path) {
				damaged[name] = fmt.Errorf("%s: is missing; restore it from a copy", path)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		bad("%v%s", damaged[name], r.otherwise(name, damaged))
	}
	if r.HasTokenizer() {
		report.Files++
		if _, err := r.LoadTokenizer(); err != nil {
			bad("%v", err)
		}
	}
	r.verifyLog(m, bad)
	r.strays(m, note)
	return report, nil
}

// otherwise returns the remedy for a damaged or missing file of a training whose other file is whole.
func (r *Run) otherwise(name string, damaged map[string]error) string {
	if damaged[configName] != nil {
		return ""
	}
	if model, ok := strings.CutSuffix(name, stateSuffix); ok {
		if weights := model + weightsSuffix; r.HasWeights(model) && damaged[weights] == nil {
			return fmt.Sprintf(", or move it to another folder and resume: the training then starts at step 0 from the weights of %s", weights)
		}
		return ""
	}
	model, ok := strings.CutSuffix(name, weightsSuffix)
	if state := model + stateSuffix; ok && r.HasState(model) && damaged[state] == nil {
		return fmt.Sprintf(", or resume the training, which writes it again from %s", state)
	}
	return ""
}

// verifyFile reads a whole file.
func (r *Run) verifyFile(m *manifest, name string) error {
	path, e := r.locate(m, name)
	if e != nil && name != configName { // which readConfig has compared
		if !e.matches(path) {
			got, err := describe(path)
			switch {
			case err != nil:
				return fmt.Errorf("%s: can't be read (%w); check the disk, and restore it from a copy", path, cause(err))
			case got.Size != e.Size:
				return fmt.Errorf("%s: has %d bytes instead of %d; restore it from a copy", path, got.Size, e.Size)
			}
			return fmt.Errorf("%s: its checksum is %s instead of %s, so some of it has changed; restore it from a copy", path, got.CRC, e.CRC)
		}
	}
	model, ok := strings.CutSuffix(name, weightsSuffix)
	if !ok {
		return nil
	}
	f, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	if state, ok := strings.CutSuffix(name, stateSuffix); ok {
		return checkKind(f, state, stateKind)
	}
	return checkKind(f, model, weightsKind)
}

func (r *Run) verifyLog(m *manifest, bad func(string, ...any)) {
	path := r.Path(metricsName)
	text, err := regular.ReadFile(path, maxLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		bad("%s: can't be read (%v); check that you may read it", path, cause(err))
		return
	}
	s := scanLog(text, "", 0)
	torn := 0
	if len(text) > 0 && text[len(text)-1] != '\n' && (m == nil || m.Log == nil || int64(len(text)) > m.Log.Size) {
		torn = 1 // the line that a killed process was writing
	}
	if n := s.broken - torn; n > 0 {
		bad("%s: damaged lines: %d; the next training moves them to %s%s", path, n, metricsName, damagedSuffix)
	}
	for _, lost := range s.lost(path, m) {
		bad("%s", lost)
	}
}

// strays notes what killed processes have left.
func (r *Run) strays(m *manifest, note func(string, ...any)) {
	entries, _ := os.ReadDir(r.dir)
	for _, e := range entries {
		name, next := strings.CutSuffix(e.Name(), nextSuffix)
		_, temp := atomicfile.IsTemp(e.Name())
		if next && ownName(name) {
			if path, _ := r.locate(m, name); path == r.Path(e.Name()) {
				continue
			}
		} else if !temp {
			continue
		}
		note("%s: is left of a process that was killed while it saved; the next training deletes it", r.Path(e.Name()))
	}
	if exists(r.Path(metricsName + damagedSuffix)) {
		note("%s: has damaged lines of an earlier time", r.Path(metricsName+damagedSuffix))
	}
}

// Accept makes the files of a run, as they are, its committed ones, after somebody has changed them on purpose. A file
// that contradicts its own checksum, or a tokenizer that can't be read, is an error. try is called with the files as they
// are accepted, and takes that back by an error. accepted names what was changed.
func Accept(dir string, try func() error) (accepted []string, err error) {
	r := &Run{dir}
	if _, err := r.readConfigOf(nil); err != nil {
		return nil, err
	}
	var m *manifest
	lock, err := r.lock(func() ([]string, error) {
		var damaged *Changed
		m, err = r.readManifest()
		if errors.As(err, &damaged) { // it is replaced
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return nil, r.finish(m, nil)
	})
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	for _, name := range r.committable() {
		if err := r.verifyFile(nil, name); err != nil {
			return nil, err
		}
	}
	now := &manifest{Format: format, Generation: generation(m) + 1, Files: r.adopt(nil)}
	for name, e := range now.Files {
		if m == nil || m.Files[name] != e {
			accepted = append(accepted, name)
		}
	}
	if m != nil {
		for name := range m.Files {
			if _, there := now.Files[name]; !there {
				accepted = append(accepted, name+" (missing)")
			}
		}
	}
	text, err := regular.ReadFile(r.Path(metricsName), maxLog)
	if err == nil {
		s := scanLog(text, "", 0)
		now.Log = &logEntry{Size: int64(len(text)), CRC: sumText(crc32.Checksum(text, castagnoli)), Models: s.models}
		if m == nil || m.Log == nil || !m.Log.begins(text) {
			accepted = append(accepted, metricsName)
		}
	}
	before, err := os.ReadFile(r.Path(manifestName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: can't be read (%w); check that you may read it", r.Path(manifestName), cause(err))
	}
	if err := now.write(r.Path(manifestName)); err != nil {
		return nil, err
	}
	if err = r.usable(try); err == nil {
		return accepted, nil
	}
	if before == nil {
		return nil, errors.Join(err, atomicfile.Remove(r.Path(manifestName)))
	}
	return nil, errors.Join(err, atomicfile.WriteBytes(r.Path(manifestName), before))
}

// usable opens the tokenizer and then calls try.
func (r *Run) usable(try func() error) error {
	if r.HasTokenizer() {
		if _, err := r.LoadTokenizer(); err != nil {
			return err
		}
	}
	return try()
}
