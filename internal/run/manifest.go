package run

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

const (
	manifestName = "manifest.json"
	nextSuffix   = ".next" // of a file that is written but not committed, or committed but not renamed
)

// manifest is manifest.json: what the files of the run hold since the last commit.
type manifest struct {
	Format     int              `json:"format"`
	Generation int              `json:"generation"` // number of commits
	Files      map[string]entry `json:"files"`
	Log        *logEntry        `json:"log,omitempty"`
}

// entry describes a committed file.
type entry struct {
	Size    int64  `json:"size"`
	CRC     string `json:"crc32c"`
	Content string `json:"content,omitempty"` // checksum in the file's own metadata, which reading it verifies
}

// logEntry describes the committed beginning of metrics.jsonl. Lines that follow belong to no checkpoint yet.
type logEntry struct {
	Size   int64                `json:"size"`
	CRC    string               `json:"crc32c"`
	Models map[string]logExtent `json:"models"`
}

// logExtent is what the log holds of a model.
type logExtent struct {
	Lines int `json:"lines"`
	Last  int `json:"last"` // step
}

// sealed is the form of the manifest on disk. The checksum covers the compact JSON of the manifest.
type sealed struct {
	Manifest json.RawMessage `json:"manifest"`
	CRC      string          `json:"crc32c"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumText(sum uint32) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}

// readManifest returns nil if the run has none: it is new, or an older program wrote it.
func (r *Run) readManifest() (*manifest, error) {
	path := r.Path(manifestName)
	text, err := regular.ReadFile(path, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: can't be read (%w); check that you may read it", path, cause(err))
	}
	damaged := func(what string) error {
		return &Changed{Path: path, What: "is damaged (" + what + ")", Remedy: "restore it from a copy"}
	}
	var s sealed
	var compact bytes.Buffer
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, damaged("it is not JSON")
	}
	if json.Compact(&compact, s.Manifest) != nil || sumText(crc32.Checksum(compact.Bytes(), castagnoli)) != s.CRC {
		return nil, damaged("its checksum doesn't match")
	}
	m := &manifest{}
	if err := json.Unmarshal(s.Manifest, m); err != nil {
		return nil, damaged("it can't be understood")
	}
	if again, err := seal(compact.Bytes()); err != nil || !bytes.Equal(again, text) {
		return nil, damaged("it isn't as it was written")
	}
	if m.Format > format {
		return nil, fmt.Errorf("%s: was written by a newer bestiary (format %d, this one reads up to %d); update bestiary to use it",
			path, m.Format, format)
	}
	if m.Files == nil {
		m.Files = map[string]entry{}
	}
	return m, nil
}

// write replaces the manifest: the commit.
func (m *manifest) write(path string) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	text, err := seal(raw)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, text)
}

// seal returns the bytes of the file for the compact JSON of a manifest.
func seal(raw []byte) ([]byte, error) {
	text, err := json.MarshalIndent(sealed{raw, sumText(crc32.Checksum(raw, castagnoli))}, "", "  ")
	return append(text, '\n'), err
}

// nextPath returns the path of a file's next content. It is in the folder of the target of a symbolic link, so that it
// can be renamed.
func nextPath(path string) string { return atomicfile.Follow(path) + nextSuffix }

// locate returns the path of a file's committed content: that of the file, or of its next content if a process died
// between the commit and the rename. e is nil for a file that no commit has.
func (r *Run) locate(m *manifest, name string) (path string, e *entry) {
	path = r.Path(name)
	if m == nil {
		return path, nil
	}
	found, ok := m.Files[name]
	if !ok {
		return path, nil
	}
	if next := nextPath(path); found.matches(next) {
		return next, &found
	}
	return path, &found
}

// matches reports whether a file has the content of the entry. It reads the whole file if the size is right.
func (e *entry) matches(path string) bool {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != e.Size {
		return false
	}
	got, err := describe(path)
	return err == nil && got.CRC == e.CRC
}

// describe reads a whole file. Content is not set.
func describe(path string) (entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return entry{}, err
	}
	defer f.Close()
	sum := crc32.New(castagnoli)
	n, err := io.CopyBuffer(sum, f, make([]byte, 1<<18))
	return entry{Size: n, CRC: sumText(sum.Sum32())}, err
}

// ownChecksum returns the checksum in the metadata of a safetensors file, "" if it has none. It reads the header only.
func ownChecksum(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	in := bufio.NewReader(f)
	var length [8]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return ""
	}
	n := binary.LittleEndian.Uint64(length[:])
	if n > 100_000_000 {
		return ""
	}
	var header struct {
		Metadata map[string]string `json:"__metadata__"`
	}
	if json.NewDecoder(io.LimitReader(in, int64(n))).Decode(&header) != nil {
		return ""
	}
	return header.Metadata[safetensors.ChecksumKey]
}

// settled calls read, which may find a mixture of two generations while another process commits, until the generation is
// the same before and after, or read succeeds.
func (r *Run) settled(read func(m *manifest) error) error {
	for try, calm := 0, 0; ; try++ {
		m, err := r.readManifest()
		if err != nil {
			return err
		}
		err = read(m)
		if err == nil || try == 20 {
			return err
		}
		now, again := r.readManifest()
		if again != nil {
			return err
		}
		if generation(now) != generation(m) || r.renaming(now) {
			continue
		}
		// The file may have got its name between two looks at it.
		var differs *Changed
		if calm++; calm == 2 || !errors.As(err, &differs) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

// renaming reports whether a process may be renaming files after a commit.
func (r *Run) renaming(m *manifest) bool {
	if m == nil {
		return false
	}
	for name := range m.Files {
		if exists(nextPath(r.Path(name))) {
			return true
		}
	}
	return false
}

func generation(m *manifest) int {
	if m == nil {
		return 0
	}
	return m.Generation
}

// Changed is the error for a file that is not what the last commit left. Whoever made the change on purpose may accept
// it, see [Accept].
type Changed struct {
	Path   string
	What   string // "has changed since it was saved"
	Remedy string // "restore it from a copy"
}

// Error implements error.
func (e *Changed) Error() string {
	return fmt.Sprintf("%s: %s; %s, or accept the files as they are", e.Path, e.What, e.Remedy)
}

// RunFolder returns the path of the run.
func (e *Changed) RunFolder() string { return filepath.Dir(e.Path) }

// Unwrap makes it a [*fault.DamagedFile].
func (e *Changed) Unwrap() error {
	return &fault.DamagedFile{Path: e.Path, Problem: e.What + "; " + e.Remedy}
}

func changed(path string) error {
	return &Changed{Path: path, What: "has changed since the run was saved", Remedy: "restore it from a copy"}
}
