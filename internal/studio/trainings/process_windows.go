package trainings

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

// detach keeps signals to the server, such as Ctrl-C, from the process.
func detach(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
}

// hold makes the file of a lock. On Windows a process can't be given one, so held looks for the process instead.
func hold(_ *exec.Cmd, path string) (*os.File, error) { return os.Create(path) }

// held reports whether the process of a training is there.
func held(path string) bool {
	raw, err := os.ReadFile(strings.TrimSuffix(path, ".lock") + ".json")
	if err != nil || strings.Contains(string(raw), `"exit"`) {
		return false
	}
	_, rest, _ := strings.Cut(string(raw), `"pid": `)
	digits, _, _ := strings.Cut(rest, ",")
	pid, err := strconv.Atoi(strings.TrimSpace(digits))
	if err != nil {
		return false
	}
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

// interrupt asks a process to save and stop.
func interrupt(pid int) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(pid))
}
