//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package data

import (
	"os"
	"time"
)

// lockFile does nothing: these systems remove no file that is open.
func lockFile(*os.File) {}

// abandoned reports whether a temporary file is too old to be written still.
func abandoned(path string) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()) > time.Hour
}
