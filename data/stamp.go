package data

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"time"
)

// settled is the age from which the times of a file show a later change. A file that is written twice within the clock's
// resolution, which is 2 seconds on some file systems, may have the same times.
const settled = 3 * time.Second

// Stamp returns a text that changes whenever the content of a file may have changed: its size, its number, and the times of
// its last change and of the last change of its number's record, which no program can set. It is "" where these cannot
// show it: right after a change, and on systems without the latter time. Then the cache compares the content.
func Stamp(info fs.FileInfo) string {
	changed, number, ok := identity(info)
	if !ok || time.Since(changed) < settled || time.Since(info.ModTime()) < settled {
		return ""
	}
	return fmt.Sprintf("%d %d %d %s", info.Size(), info.ModTime().UnixNano(), changed.UnixNano(), number)
}

// contentHash returns half of the SHA-256 of an encoded picture.
func contentHash(encoded []byte) string {
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}
