//go:build unix

package trainings

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// detach keeps signals to the server, such as Ctrl-C, from the process.
func detach(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// hold gives a process a lock, which it holds until it ends, however it ends. The caller closes its own handle.
func hold(c *exec.Cmd, path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- the lock of a training, by its id
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	c.ExtraFiles = append(c.ExtraFiles, f)
	return f, nil
}

// held reports whether a process holds a lock.
func held(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // #nosec G304 -- the lock of a training, by its id
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

// interrupt asks a process to save and stop.
func interrupt(pid int) error { return syscall.Kill(pid, syscall.SIGINT) }
