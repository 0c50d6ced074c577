//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package data

import (
	"os"

	"github.com/bestiary-ml/bestiary/internal/regular"
	"golang.org/x/sys/unix"
)

// lockFile locks a file until it is closed. Where the file system has no locks, nothing happens.
func lockFile(f *os.File) { _ = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) }

// abandoned reports whether no process holds the lock of a temporary file.
func abandoned(path string) bool {
	f, _, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
}
