package tensor

import "testing"

// float64Device opens a device with float64 elements.
func float64Device(t testing.TB) *Device {
	t.Helper()
	d, err := OpenDevice("cpu64", DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// mustPanic fails unless f panics.
func mustPanic(t testing.TB, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil {
			t.Fatalf("no panic")
		}
	}()
	f()
}
