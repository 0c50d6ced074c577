package bench

import (
	"bytes"
	"os"
	"strconv"
)

// resetPeak sets the mark of the highest resident memory to what is resident now; false if the system refuses.
func resetPeak() bool {
	return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil
}

// peakBytes is the highest resident memory since resetPeak, residentBytes that of now; false if the system doesn't tell.
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

// loadAverage is the number of processes that wanted a processor in the last minute; false if the system doesn't tell.
func loadAverage() (float64, bool) {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0, false
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	load, err := strconv.ParseFloat(string(first), 64)
	return load, err == nil
}
