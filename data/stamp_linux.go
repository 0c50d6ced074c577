package data

import (
	"fmt"
	"io/fs"
	"syscall"
	"time"
)

// identity returns the time at which the record of a file last changed, and the file's number.
func identity(info fs.FileInfo) (changed time.Time, number string, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, "", false
	}
	return time.Unix(s.Ctim.Unix()), fmt.Sprintf("%d:%d", s.Dev, s.Ino), true
}
