//go:build !unix

package mlflow

import "os/exec"

func own(*exec.Cmd) {}

func stop(c *exec.Cmd) { _ = c.Process.Kill() }
