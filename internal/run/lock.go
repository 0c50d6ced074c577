package run

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

const lockName = ".lock"

// errLocked is the error of lockFile when another process, or another part of this one, holds the lock.
var errLocked = errors.New("locked")

// Lock locks the folder for a training, until Unlock or the end of the process. The operating system keeps the lock, so a
// killed process doesn't leave one. The lock file stays: if Unlock deleted it, another process that has just opened it
// would lock a file that is gone.
//
// Lock completes what a killed process has left: it renames committed files and deletes temporary ones.
func (r *Run) Lock() (*Lock, error) {
	return r.lock(func() ([]string, error) { return r.recover() })
}

func (r *Run) lock(recover func() ([]string, error)) (*Lock, error) {
	path := r.Path(lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("%s: can't be locked for training (%w); choose a run folder that you may write to", r.dir, cause(err))
	}
	switch err := lockFile(f); {
	case errors.Is(err, errLocked):
		who := "another process"
		if pid, err := io.ReadAll(io.LimitReader(f, 20)); err == nil && len(pid) > 0 {
			who = "process " + strings.TrimSpace(string(pid))
		}
		f.Close()
		return nil, fmt.Errorf("%s: %s is training into this folder; wait until it is done, or choose another folder", r.dir, who)
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("%s: can't be locked for training (%w); choose a folder on a local disk", r.dir, err)
	}
	// The process id is only for the message above, so errors don't matter.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	l := &Lock{file: f}
	if l.Recovered, err = recover(); err != nil {
		f.Close()
		return nil, err
	}
	return l, nil
}

// Lock is a held lock.
type Lock struct {
	Recovered []string // what was done about the files of a killed process, in sentences; usually nothing
	file      *os.File
}

// Unlock releases the lock.
func (l *Lock) Unlock() { l.file.Close() }
