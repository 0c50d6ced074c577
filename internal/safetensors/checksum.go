package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// FormatVersion is the newest version of Bestiary's use of the format that this
// package reads, and the one it writes.
const FormatVersion = 1

// Keys that [Write] adds to the metadata. A value that the caller gives for
// them is replaced, so metadata that was read can be written back.
const (
	// VersionKey is the FormatVersion of the writer.
	VersionKey = "bestiary.format_version"
	// ChecksumKey is the SHA-256, in hexadecimal, of the whole file with the 64
	// digits of this value written as zeros. A program that rewrites such a
	// file must drop the two keys.
	ChecksumKey = "bestiary.sha256"
)

var noDigits = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// newHash starts a file's checksum with what precedes the data. header holds
// zeros for the checksum's digits.
func newHash(length [8]byte, header []byte) hash.Hash {
	h := sha256.New()
	h.Write(length[:])
	h.Write(header)
	return h
}

// checksumAt is the index in the header of the checksum's digits, -1 if there
// are none. Quotes inside a JSON string are escaped, so nothing else looks like it.
func checksumAt(header []byte, digits string) int {
	key := `"` + ChecksumKey + `":"`
	at := bytes.Index(header, []byte(key+digits+`"`))
	if at < 0 {
		return -1
	}
	return at + len(key)
}

// checkVersion refuses what a newer Bestiary has written.
func checkVersion(metadata map[string]string) error {
	text, ours := metadata[VersionKey]
	if !ours {
		return nil // another program's file
	}
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return fmt.Errorf("its format version %q is not a number", text)
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
