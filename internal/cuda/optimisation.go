package cuda

import (
	"math"
	"slices"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// chunk is the number of elements of a block, for kernels over many vectors: CHUNK in optimisation.cu.
const chunk = 4096

// adamParam is AdamParam in optimisation.cu.
type adamParam struct {
	p, g, m, v uint64
	n          int
	decay      float64
}

// vector is Vector in optimisation.cu.
type vector struct {
	x uint64
	n int
}

// share is Share in optimisation.cu: chunk number chunk of entry number param.
type share struct{ param, chunk int32 }

// table is a list of vectors on the device, with the shares of the blocks. It is uploaded again only if it has changed.
type table[T comparable] struct {
	entries      []T
	next         []T // the list being made
	list, shares kernel.Buffer
	blocks       int
}

// set makes entries the table's list; size returns the number of elements of an entry.
func (t *table[T]) set(d *Device, entries []T, size func(T) int) {
	if slices.Equal(entries, t.entries) {
		return
	}
	t.entries = append(t.entries[:0], entries...)
	var shares []share
	for i, e := range entries {
		for c := range (size(e) + chunk - 1) / chunk {
			shares = append(shares, share{int32(i), int32(c)})
		}
	}
	d.Free(t.list)
	d.Free(t.shares)
	t.blocks = len(shares)
	t.list, t.shares = upload32(d, entries), upload32(d, shares)
}

// drop frees the list.
func (t *table[T]) drop(d *Device) {
	d.Free(t.list)
	d.Free(t.shares)
	*t = table[T]{}
}

// upload32 copies values to the device. The size of a value must be a multiple of four bytes.
func upload32[T any](d *Device, values []T) kernel.Buffer {
	n := len(values) * int(unsafe.Sizeof(*new(T))) / 4
	b := d.AllocInts(n)
	d.UploadInts(b, unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(values))), n))
	return b
}

// AdamStep implements kernel.Optimisation.
func (d *Device) AdamStep(a kernel.Adam, params []kernel.AdamParam) {
	t := &d.adam
	t.next = t.next[:0]
	for _, p := range params {
		if p.P.Len > 0 {
			t.next = append(t.next, adamParam{p.P.Addr, p.G.Addr, p.M.Addr, p.V.Addr, p.P.Len, p.WeightDecay})
		}
	}
	t.set(d, t.next, func(p adamParam) int { return p.n })
	correction1 := 1 - math.Pow(a.Beta1, float64(a.Step))
	correction2 := math.Sqrt(1 - math.Pow(a.Beta2, float64(a.Step)))
	d.launch(function{"optimisation", "adam"}, dim3{uint32(t.blocks), 1, 1}, dim3{threads, 1, 1}, 0,
		t.list, t.shares, a.LearningRate, flag(a.Decoupled), float32(a.LearningRate/correction1), float32(a.Beta1), float32(a.Beta2),
		float32(1-a.Beta1), float32(1-a.Beta2), float32(correction2), float32(a.Eps), float32(a.GradScale))
	d.flush() // a step ends here: the next step begins with a new segment, so that segments repeat
}

// SumSquares implements kernel.Optimisation. It waits for the GPU.
func (d *Device) SumSquares(xs []kernel.Buffer) float64 {
	t := &d.squares
	t.next = t.next[:0]
	for _, x := range xs {
		if x.Len > 0 {
			t.next = append(t.next, vector{x.Addr, x.Len})
		}
	}
	if len(t.next) == 0 {
		return 0
	}
	t.set(d, t.next, func(v vector) int { return v.n })
	partial, out := d.doubles("shares", t.blocks), d.doubles("sum of squares", 1)
	d.launch(function{"optimisation", "sum_squares"}, dim3{uint32(t.blocks), 1, 1}, dim3{threads, 1, 1}, 0, t.list, t.shares, partial)
	d.launch(function{"optimisation", "sum_shares"}, dim3{1, 1, 1}, dim3{threads, 1, 1}, 0, t.blocks, partial, out)
	var bits [2]int32
	d.DownloadInts(bits[:], out)
	return math.Float64frombits(uint64(uint32(bits[0])) | uint64(uint32(bits[1]))<<32)
}

// Lerp implements kernel.Optimisation.
func (d *Device) Lerp(w float64, x, y kernel.Buffer) {
	d.each(function{"optimisation", "lerp"}, y.Len, y.Len, float32(w), x, y)
}
