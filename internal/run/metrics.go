package run

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

const metricsName = "metrics.jsonl"

const crcField = `,"crc":"`

// MetricsLog appends to metrics.jsonl.
type MetricsLog struct {
	Notes []string // what OpenMetrics found and did, in sentences; usually nothing

	path string
	file *atomicfile.File
	sum  uint32
	at   logEntry // what the file holds; CRC is set by Sync
}

// OpenMetrics opens metrics.jsonl to append lines of a model. It first removes the model's lines after a step, which a
// killed process wrote after its last checkpoint, and moves damaged lines to metrics.jsonl.damaged. It compares the log
// with what the last commit recorded. The caller holds the folder's lock.
func (r *Run) OpenMetrics(model string, step int) (*MetricsLog, error) {
	path := r.Path(metricsName)
	text, err := regular.ReadFile(path, maxLog)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: can't be read (%w); check that you may read it", path, cause(err))
	}
	m, err := r.readManifest()
	if err != nil {
		return nil, err
	}
	log := scanLog(text, model, step)
	notes := log.notes(path, m)
	if len(log.damaged) > 0 {
		if err := setAside(path+damagedSuffix, log.damaged); err != nil {
			return nil, err
		}
	}
	if len(log.kept) != len(text) {
		if err := atomicfile.WriteBytes(path, log.kept); err != nil {
			return nil, err
		}
	}
	f, err := atomicfile.Append(path)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be written (%w); choose a run folder that you may write to", path, cause(err))
	}
	l := &MetricsLog{Notes: notes, path: path, file: f, sum: crc32.Checksum(log.kept, castagnoli), at: logEntry{Size: int64(len(log.kept)), Models: log.models}}
	if m != nil && m.Log != nil && !m.Log.begins(log.kept) { // otherwise the next process would report it again
		err = l.Sync()
		if err == nil {
			err = r.update(func(c *Commit) error { c.Log(l); return nil })
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
	return l, nil
}

const damagedSuffix = ".damaged"

// setAside appends damaged lines to a file.
func setAside(path string, lines []byte) error {
	f, err := atomicfile.Append(path)
	if err != nil {
		return atomicfile.Explain(path, err)
	}
	_, err = f.Write(lines)
	return atomicfile.Explain(path, cmp.Or(err, f.Sync(), f.Close()))
}

// begins reports whether the text begins with what the commit recorded.
func (e *logEntry) begins(text []byte) bool {
	return int64(len(text)) >= e.Size && sumText(crc32.Checksum(text[:e.Size], castagnoli)) == e.CRC
}

// scanned is what a log holds.
type scanned struct {
	kept, damaged []byte
	broken        int                  // damaged lines
	models        map[string]logExtent // of the kept lines
	found         map[string][]int     // steps of all sound lines
	taken         []int                // steps of the model's lines that are taken back
	model         string
	whole         []byte
}

// scanLog sorts the lines of a log: those to keep are all sound lines except the model's after the step.
func scanLog(text []byte, model string, step int) *scanned {
	s := &scanned{models: map[string]logExtent{}, found: map[string][]int{}, model: model, whole: text}
	for raw := range bytes.Lines(text) {
		l, ok := decodeLine(raw)
		if !ok {
			s.broken++
			s.damaged = append(s.damaged, raw...)
			continue
		}
		s.found[l.Model] = append(s.found[l.Model], l.Step)
		if l.Model == model && l.Step > step {
			s.taken = append(s.taken, l.Step)
			continue
		}
		s.kept = append(s.kept, raw...)
		s.models[l.Model] = logExtent{s.models[l.Model].Lines + 1, l.Step}
	}
	if n := len(s.damaged); n > 0 && s.damaged[n-1] != '\n' {
		s.damaged = append(s.damaged, '\n')
	}
	return s
}

// notes says what is wrong with the log and what is taken back.
func (s *scanned) notes(path string, m *manifest) (notes []string) {
	if s.broken > 0 {
		notes = append(notes, fmt.Sprintf("%s: damaged lines: %d; they are moved to %s%s", path, s.broken, metricsName, damagedSuffix))
	}
	notes = append(notes, s.lost(path, m)...)
	if n := len(s.taken); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: lines of the %s that are newer than its checkpoint are taken back: %d (steps %d to %d)", path, s.model, n, s.taken[0], s.taken[n-1]))
	}
	return notes
}

// lost compares the log with the last commit.
func (s *scanned) lost(path string, m *manifest) (notes []string) {
	if m == nil || m.Log == nil || m.Log.begins(s.whole) {
		return nil
	}
	for _, model := range slices.Sorted(maps.Keys(m.Log.Models)) {
		want := m.Log.Models[model]
		have, last := 0, 0
		for _, step := range s.found[model] {
			if step <= want.Last {
				have, last = have+1, step
			}
		}
		if have < want.Lines {
			notes = append(notes, fmt.Sprintf("%s: lines of the %s are lost: %d of the %d up to step %d; the last that is left is of step %d",
				path, model, want.Lines-have, want.Lines, want.Last, last))
		}
	}
	if len(notes) == 0 && s.broken == 0 {
		notes = append(notes, fmt.Sprintf("%s: has changed since the run was saved, though no line is missing", path))
	}
	return notes
}

// Append writes a line in a single write.
func (m *MetricsLog) Append(l Line) error {
	text, err := l.encode()
	if err != nil {
		return fmt.Errorf("%s: step %d can't be written: %w", m.path, l.Step, err)
	}
	if _, err := m.file.Write(text); err != nil {
		return fmt.Errorf("%s: can't be written (%w); free some disk space, then resume the training", m.path, cause(err))
	}
	m.sum = crc32.Update(m.sum, castagnoli, text)
	m.at.Size += int64(len(text))
	m.at.Models[l.Model] = logExtent{m.at.Models[l.Model].Lines + 1, l.Step}
	return nil
}

// Sync makes the lines durable. Call it before a commit that has them, see [Commit.Log].
func (m *MetricsLog) Sync() error {
	if err := m.file.Sync(); err != nil {
		return fmt.Errorf("%s: can't be synced to the disk (%w); check the disk, then resume the training", m.path, cause(err))
	}
	m.at.CRC = sumText(m.sum)
	return nil
}

// Close closes the file.
func (m *MetricsLog) Close() error { return m.file.Close() }

// Metrics reads the lines of a model in order. Damaged lines are skipped; [Run.OpenMetrics] and [Verify] report them.
func (r *Run) Metrics(model string) ([]Line, error) {
	path := r.Path(metricsName)
	text, err := regular.ReadFile(path, maxLog)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be read (%w); train a model first", path, cause(err))
	}
	var lines []Line
	for raw := range bytes.Lines(text) {
		if l, ok := decodeLine(raw); ok && l.Model == model {
			lines = append(lines, l)
		}
	}
	return lines, nil
}
