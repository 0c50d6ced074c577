//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"math/rand/v2"
	"testing"
)

// TestOverlaps compares the bits with their definition, computed in float32, for numbers of boxes around the size of a word and a
// threshold that IoUs are equal to.
func TestOverlaps(t *testing.T) {
	d, r := deviceToTest(t), rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 31, 32, 33, 100} {
		for _, threshold := range []float32{0, 0.25, 0.5, 1} {
			boxes := make([][5]float32, n)
			values := make([]float32, 0, 5*n)
			for i := range boxes {
				b := &boxes[i]
				b[0], b[1] = float32(r.IntN(8)), float32(r.IntN(8)) // of whole numbers, so that many IoUs are the threshold
				b[2], b[3], b[4] = b[0]+1+float32(r.IntN(8)), b[1]+1+float32(r.IntN(8)), float32(r.IntN(2))
				if i%2 == 1 {
					b[2], b[3] = b[2]+r.Float32(), b[3]+r.Float32()
				}
				values = append(values, b[:]...)
			}
			words := (n + 31) / 32
			in, bits, got := d.Alloc(len(values)), d.AllocInts(n*words), make([]int32, n*words)
			d.Upload(in, values)
			d.Overlaps(n, threshold, in, bits)
			d.DownloadInts(got, bits)
			set := 0
			for i := range n {
				for j := i + 1; j < n; j++ {
					want, have := overlap(boxes[i], boxes[j]) > threshold && boxes[i][4] == boxes[j][4], got[i*words+j/32]>>(j%32)&1 == 1
					if want != have {
						t.Errorf("%d boxes, threshold %v: bit %d of box %d is %t", n, threshold, j, i, have)
					}
					if want {
						set++
					}
				}
				for j := i / 32 * 32; j <= i; j++ {
					if got[i*words+j/32]>>(j%32)&1 == 1 {
						t.Errorf("%d boxes: bit %d of box %d is set", n, j, i)
					}
				}
			}
			if n > 31 && threshold < 1 && set == 0 {
				t.Errorf("%d boxes, threshold %v: nothing overlaps", n, threshold)
			}
			d.Free(in)
			d.Free(bits)
		}
	}
}

func overlap(a, b [5]float32) float32 {
	area := func(b [5]float32) float32 { return float32((b[2] - b[0]) * (b[3] - b[1])) }
	width, height := min(a[2], b[2])-max(a[0], b[0]), min(a[3], b[3])-max(a[1], b[1])
	inter := float32(max(width, 0) * max(height, 0))
	return inter / (float32(area(a)+area(b)) - inter)
}
