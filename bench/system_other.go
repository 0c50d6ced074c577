//go:build !linux

package bench

func resetPeak() bool { return false }

func peakBytes() (int64, bool) { return 0, false }

func residentBytes() (int64, bool) { return 0, false }

func loadAverage() (float64, bool) { return 0, false }
