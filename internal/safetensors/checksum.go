package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/printable"
)

// FormatVersion is the version of Bestiary's additions to the format that this package writes, and the newest that it reads.
const FormatVersion = 1

// Keys that [Write] adds to the metadata. It replaces their values, so metadata that was read can be written back. They are
// missing in [File].Metadata of a file that another program has saved again.
const (
	// VersionKey is the FormatVersion of the writer.
	VersionKey = "bestiary.format_version"
	// ChecksumKey is the SHA-256, in hexadecimal, of the whole file with zeros for the 64 digits of this value.
	ChecksumKey = "bestiary.sha256"
	// LayoutKey says that the header ends in more spaces than alignment needs. Another program that saves the file again
	// often carries the metadata along, and the checksum with it, but not the spaces. So the checksum counts only where the
	// spaces are, and a flipped bit does not remove them.
	LayoutKey = "bestiary.layout"
)

const (
	padded     = "padded" // the value of LayoutKey
	padding    = 32       // spaces
	leastSpace = 24       // of the last characters, as flipped bits may change some
)

// isPadded reports whether a header ends as [Write] ends it.
func isPadded(header []byte) bool {
	return bytes.Count(header[max(0, len(header)-padding):], []byte(" ")) >= leastSpace
}

// copied reports whether another program has saved a file of ours again: its metadata are ours, its header is not.
func copied(header []byte, metadata map[string]string) bool {
	return metadata[LayoutKey] == padded && !isPadded(header)
}

// checksummed returns the checksum that the file must have. ok is false if the file is another program's.
func checksummed(header []byte, metadata map[string]string) (want string, ok bool, err error) {
	want, ok = metadata[ChecksumKey]
	_, versioned := metadata[VersionKey]
	if !ok && isPadded(header) && (versioned || metadata[LayoutKey] != "") {
		return "", false, fmt.Errorf("its checksum is missing")
	}
	return want, ok, nil
}

var noDigits = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// newHash starts the checksum of a file with the part before the data. header has zeros for the digits of the checksum.
func newHash(length [8]byte, header []byte) hash.Hash {
	h := sha256.New()
	h.Write(length[:])
	h.Write(header)
	return h
}

// checksumAt returns the index of the checksum's digits in the header, −1 if there are none. Quotes in a JSON string are
// escaped, so no other text matches.
func checksumAt(header []byte, digits string) int {
	key := `"` + ChecksumKey + `":"`
	at := bytes.Index(header, []byte(key+digits+`"`))
	if at < 0 {
		return -1
	}
	return at + len(key)
}

// checkVersion returns an error for a file that a newer Bestiary wrote.
func checkVersion(metadata map[string]string) error {
	text, ours := metadata[VersionKey]
	if !ours {
		return nil // another program's file
	}
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return fmt.Errorf("its format version \"%s\" is not a number", printable.Short(text))
	}
	if version > FormatVersion {
		return &newerError{version}
	}
	if _, ok := metadata[ChecksumKey]; !ok {
		return fmt.Errorf("its checksum is missing")
	}
	return nil
}

type newerError struct{ version int }

func (e *newerError) Error() string {
	return fmt.Sprintf("it was written by a newer Bestiary (format %d, this one knows %d)", e.version, FormatVersion)
}
