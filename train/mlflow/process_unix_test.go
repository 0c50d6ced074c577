//go:build unix

package mlflow

import (
	"os/exec"
	"syscall"
)

// own gives a command a process group of its own, as a server starts workers.
func own(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// stop ends the group.
func stop(c *exec.Cmd) { _ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) }
