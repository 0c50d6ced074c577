package data

import (
	"math"
	"math/bits"
	"slices"
)

// Look is what NearDuplicates knows of a picture: how it looks from afar.
type Look struct {
	hash  uint64     // perceptual hash
	thumb [256]uint8 // grey, 16×16
}

// lookSide is the side of the grey picture whose frequencies are hashed.
const lookSide = 32

// cosines[k][i] is the k-th cosine of a discrete cosine transform of lookSide values.
var cosines = func() (table [9][lookSide]float64) {
	for k := range table {
		for i := range table[k] {
			table[k][i] = math.Cos(math.Pi * float64(k) * (float64(i) + 0.5) / lookSide)
		}
	}
	return table
}()

// Looks returns the look of each picture. Its hash is the perceptual hash of Zauner (2010, "Implementation and
// Benchmarking of Perceptual Image Hash Functions"): which of 8×8 low frequencies of a grey picture are above their
// median.
func (d *Dataset) Looks() []Look {
	all := make([]Look, d.Len())
	for i := range all {
		grey := d.grey(i, lookSide)
		all[i] = Look{hash: perceptualHash(grey)}
		for j, v := range d.grey(i, 16) {
			all[i].thumb[j] = uint8(v + 0.5)
		}
	}
	return all
}

// grey returns a picture in side×side shades from 0 to 255, each the mean of its part of the picture.
func (d *Dataset) grey(i, side int) []float64 {
	pixels, channels := d.Image(i), d.channels()
	out := make([]float64, side*side)
	for y := range side {
		top, bottom := y*d.Size/side, max(y*d.Size/side+1, (y+1)*d.Size/side)
		for x := range side {
			left, right := x*d.Size/side, max(x*d.Size/side+1, (x+1)*d.Size/side)
			sum := 0.0
			for v := top; v < bottom; v++ {
				for u := left; u < right; u++ {
					p := pixels[(v*d.Size+u)*channels:]
					sum += 0.299*float64(p[0]) + 0.587*float64(p[1]) + 0.114*float64(p[2]) // ITU-R BT.601
				}
			}
			out[y*side+x] = sum / float64((bottom-top)*(right-left))
		}
	}
	return out
}

func perceptualHash(grey []float64) (hash uint64) {
	var rows [8][lookSide]float64 // vertical frequencies 1 to 8 of each column
	for k := range rows {
		for x := range lookSide {
			for y := range lookSide {
				rows[k][x] += cosines[k+1][y] * grey[y*lookSide+x]
			}
		}
	}
	var values [64]float64
	for k := range rows {
		for l := range 8 {
			for x := range lookSide {
				values[8*k+l] += cosines[l+1][x] * rows[k][x]
			}
		}
	}
	sorted := values
	slices.Sort(sorted[:])
	median := (sorted[31] + sorted[32]) / 2
	for i, v := range values {
		if v > median {
			hash |= 1 << i
		}
	}
	return hash
}

// maxShade is the mean difference in shades, of 255, up to which pictures with near hashes count as near-duplicates.
const maxShade = 12

// near reports whether two pictures look alike.
func (l *Look) near(other *Look, distance int) bool {
	if bits.OnesCount64(l.hash^other.hash) > distance {
		return false
	}
	sum := 0
	for i, v := range l.thumb {
		sum += max(int(v), int(other.thumb[i])) - min(int(v), int(other.thumb[i]))
	}
	return sum <= maxShade*len(l.thumb)
}

// MaxLookDistance is the largest distance that NearDuplicates takes.
const MaxLookDistance = 12

// NearDuplicates returns groups of indices of pictures that look alike, such as copies of other sizes and qualities. Two
// pictures are alike if their hashes differ in at most distance of 64 bits, 0 to [MaxLookDistance], and their shades in 12
// of 255 on average; a group has all that are alike with any of its members. Groups are sorted by their first pictures.
func NearDuplicates(looks []Look, distance int) [][]int {
	distance = min(max(distance, 0), MaxLookDistance)
	parent := make([]int, len(looks))
	for i := range parent {
		parent[i] = i
	}
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	join := func(a, b int) {
		if a, b = root(a), root(b); a != b {
			parent[max(a, b)] = min(a, b)
		}
	}
	// Of hashes that differ in at most distance bits, one of distance+1 parts is the same.
	parts := distance + 1
	for part := range parts {
		low, high := 64*part/parts, 64*(part+1)/parts
		mask := ^uint64(0) >> (64 - (high - low)) << low
		buckets := map[uint64][]int{} // one picture of each group that has been found
		for i := range looks {
			key := looks[i].hash & mask
			found := false
			for _, j := range buckets[key] {
				if looks[i].near(&looks[j], distance) {
					join(i, j)
					found = found || looks[i].hash == looks[j].hash
				}
			}
			if !found {
				buckets[key] = append(buckets[key], i)
			}
		}
	}
	groups := map[int][]int{}
	for i := range looks {
		r := root(i)
		groups[r] = append(groups[r], i)
	}
	var all [][]int
	for i := range looks {
		if g := groups[i]; len(g) > 1 {
			all = append(all, g)
		}
	}
	return all
}
