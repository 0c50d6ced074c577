//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"maps"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// taken returns the bytes that the driver has given to a device.
func taken(d *Device) int {
	available, total := new(uint64), new(uint64)
	d.must(cuMemGetInfo, uintptr(unsafe.Pointer(available)), uintptr(unsafe.Pointer(total)))
	return int(*total - *available)
}

// reserve returns regions of n elements.
func reserve(t *testing.T, d *Device, n ...int) (all []kernel.Region) {
	t.Helper()
	for _, n := range n {
		r, err := regions{d}.Reserve(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func restore(t *testing.T, r kernel.Region) {
	t.Helper()
	if err := r.Restore(); err != nil {
		t.Fatal(err)
	}
}

// caught returns the text of the panic of f.
func caught(f func()) (text string) {
	defer func() {
		if err, ok := recover().(error); ok {
			text = err.Error()
		}
	}()
	f()
	return ""
}

// TestRegions gives memory of regions back and takes it again, at the same addresses. The emulated GPU runs work as late as it may, and
// doesn't wait for it before memory is unmapped.
func TestRegions(t *testing.T) {
	const unit = 2 << 20 // bytes
	functions, _ := emulator.Another(1)
	d := another(t, functions, true)
	all := reserve(t, d, 1000, 2000, 600<<10) // of 1, 1 and 2 units
	a, b, c := all[0], all[1], all[2]
	if taken(d) != 0 || a.Data().Len != 1000 || c.Data().Len != 600<<10 {
		t.Errorf("reserved addresses take %d bytes", taken(d))
	}
	out := make([]float32, 1000)
	x := d.Alloc(1000)
	others := taken(d)
	expect := func(what string, units int) {
		t.Helper()
		if got := taken(d) - others; got != units*unit {
			t.Errorf("%s: %d bytes are taken, want %d units", what, got, units)
		}
	}
	restore(t, a)
	restore(t, a)
	expect("one region", 1)
	d.Fill(a.Data(), 3)
	d.copy(x.Addr, a.Data().Addr, 1000)
	for range 2 {
		if err := a.Release(); err != nil {
			t.Fatal(err)
		}
	}
	restore(t, b) // the kernels that use a have not run
	expect("released, and still in use", 2)
	d.Fill(b.Data(), 5)
	d.Download(out, x)
	if out[0] != 3 || out[999] != 3 {
		t.Errorf("a kernel before Release has read %v", out[0])
	}
	restore(t, c)
	if text := caught(func() { d.Download(out, a.Data()) }); !strings.Contains(text, "not allocated") {
		t.Errorf("memory that was given back is read: %q", text)
	}
	expect("of another size", 4) // one unit is idle
	if err := b.Release(); err != nil {
		t.Fatal(err)
	}
	d.Synchronize()
	restore(t, a)
	expect("the memory of another region", 4)
	if text := caught(func() { d.Download(out, a.Data()) }); !strings.Contains(text, "never written") {
		t.Errorf("memory that has come again is read: %q", text)
	}
	d.Fill(a.Data(), 7)
	if err := a.Release(); err != nil {
		t.Fatal(err)
	}
	restore(t, a) // before it was unmapped
	d.Download(out, a.Data())
	if out[500] != 7 {
		t.Errorf("element 500 is %v", out[500])
	}
	for _, r := range []kernel.Region{c, a} {
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
		d.Synchronize()
	}
	restore(t, b)
	if err := b.Release(); err != nil { // most is idle, and goes back to the driver
		t.Fatal(err)
	}
	expect("of regions that are released", 1)
	if peak := d.PeakBytes(); peak != 4096+3*unit {
		t.Errorf("a peak of %d bytes", peak)
	}
	for _, r := range all {
		if err := r.Free(); err != nil {
			t.Error(err)
		}
	}
	d.Free(x)
	regions{d}.Trim()
	if taken(d) != others-4096 || d.memory.held != 0 {
		t.Errorf("%d bytes are taken at the end, %d by the device", taken(d), d.memory.held)
	}
}

// TestRegionsLackMemory reuses released memory where the driver has none left.
func TestRegionsLackMemory(t *testing.T) {
	functions, _ := emulator.Another(1)
	d := another(t, functions, true)
	all := reserve(t, d, 160<<20, 160<<20, 400<<20) // 640, 640 and 1600 MiB, of 1 GiB
	x := d.Alloc(10)
	for range 2 {
		for _, r := range all[:2] {
			restore(t, r)
			d.Fill(r.Data().Slice(0, 10), 3)
			d.copy(x.Addr, r.Data().Addr, 10)
			if err := r.Release(); err != nil {
				t.Fatal(err)
			}
		}
	}
	d.Free(d.Alloc(150 << 20))
	restore(t, all[0])
	func() {
		defer func() {
			if _, ok := recover().(*fault.OutOfMemory); !ok {
				t.Error("1600 MiB of 1 GiB")
			}
		}()
		restore(t, all[2])
	}()
	for _, r := range all {
		if err := r.Free(); err != nil {
			t.Error(err)
		}
	}
}

// TestRegionsUnsupported has drivers without virtual memory management.
func TestRegionsUnsupported(t *testing.T) {
	functions := maps.Clone(emulator.Functions())
	delete(functions, "cuMemMap")
	d := another(t, functions, true)
	if err := (regions{d}).Available(); err == nil || err.Error() != "the NVIDIA driver at given functions has no cuMemMap" {
		t.Errorf("%v", err)
	}
	functions = maps.Clone(emulator.Functions())
	const processors = 4
	functions["cuDeviceGetAttribute"] = purego.NewCallback(func(value *int32, which, _ uintptr) uintptr {
		*value = map[uintptr]int32{attributeProcessors: processors, attributeMajor: 8, attributeSharedMemoryOptIn: 164 << 10}[which]
		return 0
	})
	d = another(t, functions, true)
	if _, err := (regions{d}).Reserve(1); err == nil || err.Error() != "the driver of Emulator has no virtual memory management" {
		t.Errorf("%v", err)
	}
	if err := (regions{another(t, emulator.Functions(), true)}).Available(); err != nil {
		t.Error(err)
	}
}

// TestMappedAgain computes with a region whose memory comes and goes, on the GPU to test: by kernels, and by the graph of a segment that
// was captured before.
func TestMappedAgain(t *testing.T) {
	d := deviceToTest(t)
	if err := (regions{d}).Available(); err != nil {
		t.Skip(err)
	}
	const n = 530_000 // two pages
	all := reserve(t, d, n, n, n)
	sum := d.Alloc(8)
	got := make([]float32, 8)
	before := d.Graphs()
	for turn := range 9 {
		r := all[turn%2]
		restore(t, r)
		first, last := r.Data().Slice(0, 4), r.Data().Slice(n-4, 4)
		d.Fill(first, float64(turn))
		d.Fill(last, float64(turn))
		d.flush()
		for i := range 4 { // a segment that is the same in every second turn
			d.copy(sum.Addr+uint64(4*i), first.Addr+uint64(4*i), 1)
			d.copy(sum.Addr+uint64(16+4*i), last.Addr+uint64(4*i), 1)
		}
		d.flush()
		if err := r.Release(); err != nil {
			t.Fatal(err)
		}
		if turn%3 == 2 {
			restore(t, all[2]) // with new contents
			d.Fill(all[2].Data().Slice(0, 4), -1)
			if err := all[2].Release(); err != nil {
				t.Fatal(err)
			}
		}
		d.Download(got, sum)
		for i, v := range got {
			if v != float32(turn) {
				t.Fatalf("turn %d: element %d is %v", turn, i, v)
			}
		}
	}
	if now := d.Graphs(); now.Off == nil && now.Launched == before.Launched {
		t.Error("no graph was launched")
	}
	for _, r := range all {
		if err := r.Free(); err != nil {
			t.Error(err)
		}
	}
}
