package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"runtime/debug"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// compact returns JSON without the space between its tokens.
func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// modelSum returns the checksum of a model's configuration, "" if there is none.
func (r *Run) modelSum(c config, model string) string {
	entries, err := r.entries(c, modelsSection)
	if err != nil || entries[model] == nil {
		return ""
	}
	sum := sha256.Sum256(compact(entries[model]))
	return hex.EncodeToString(sum[:])
}

// entries returns the entries of a section by model.
func (r *Run) entries(c config, section string) (config, error) {
	entries := config{}
	if raw, ok := c[section]; ok {
		if err := json.Unmarshal(raw, &entries); err != nil || entries == nil {
			return nil, fault.Damaged(r.Path(configName), "the section %q is not an object; restore the file from a copy", section)
		}
	}
	return entries, nil
}

// decode reads a section. A field that into doesn't have is an error: a misspelt setting must not be ignored.
func (r *Run) decode(raw json.RawMessage, name string, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Damaged(r.Path(configName), "the section %q can't be understood (%v); correct it", name, err)
	}
	return nil
}

func (r *Run) put(c config, name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%s: the section %q cannot be written: %w", r.Path(configName), name, err)
	}
	c[name] = raw
	return nil
}

// readConfig reads config.json and checks that it is the one that was committed.
func (r *Run) readConfig() (c config, err error) {
	err = r.settled(func(m *manifest) error {
		c, err = r.readConfigOf(m)
		return err
	})
	return c, err
}

func (r *Run) readConfigOf(m *manifest) (config, error) {
	path, e := r.locate(m, configName)
	raw, err := regular.ReadFile(path, maxSettings)
	path = r.Path(configName)
	if errors.Is(err, fs.ErrNotExist) {
		switch {
		case e != nil:
			return nil, &Changed{Path: path, What: "is missing", Remedy: "restore it from a copy"}
		case exists(r.dir):
			return nil, fmt.Errorf("%s: there is no run folder here (%s is missing); name the folder of a training", r.dir, configName)
		}
		return nil, fmt.Errorf("%s: there is no such run folder; check the path, or train a model there first", r.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read (%w); check that you may read it", path, cause(err))
	}
	c := config{}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fault.Damaged(path, "is not a JSON object (%v); restore the file from a copy", err)
	}
	version := 0
	if err := json.Unmarshal(c["format"], &version); err != nil || version < 1 {
		return nil, fault.Damaged(path, "its \"format\" is not a version number; restore the file from a copy")
	}
	if version > format {
		return nil, fmt.Errorf("%s: was written by a newer bestiary (format %d, this one reads up to %d); update bestiary to use it",
			path, version, format)
	}
	if e != nil && (e.Size != int64(len(raw)) || e.CRC != sumText(crc32.Checksum(raw, castagnoli))) {
		return nil, changed(path)
	}
	return c, nil
}

// encodeConfig returns the bytes of config.json.
func (r *Run) encodeConfig(c config) ([]byte, error) {
	if err := r.put(c, "format", format); err != nil {
		return nil, err
	}
	if err := r.put(c, "program", Program()); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be written: %w", r.Path(configName), err)
	}
	return append(text, '\n'), nil
}

// Program returns the name and version of this program, which files record.
func Program() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return "bestiary " + info.Main.Version
	}
	return "bestiary (unknown version)"
}
