package bench

import (
	"bytes"
	"os"
	"strconv"
)

// resetPeak resets the high-water mark of the resident memory; false if the system refuses.
func resetPeak() bool {
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
}

// peakBytes is the highest resident memory since resetPeak, residentBytes the present one; false if unknown.
func peakBytes() (int64, bool)     { return statusBytes("VmHWM:") }
func residentBytes() (int64, bool) { return statusBytes("VmRSS:") }

// statusBytes reads a line of /proc/self/status, "VmHWM:     1234 kB".
func statusBytes(field string) (int64, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	for line := range bytes.Lines(status) {
		words := bytes.Fields(line)
		if len(words) == 3 && string(words[0]) == field {
			kB, err := strconv.ParseInt(string(words[1]), 10, 64)
			return kB * 1024, err == nil
		}
	}
	return 0, false
}

// loadAverage is the system's load average of the last minute; false if unknown.
func loadAverage() (float64, bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	load, err := strconv.ParseFloat(string(first), 64)
	return load, err == nil
}
