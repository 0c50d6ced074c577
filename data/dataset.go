package data

import (
	"fmt"
	"hash/crc32"
)

// Dataset is N decoded pictures with their classes, in memory.
type Dataset struct {
	Size    int      // side S of the pictures
	Classes []string // names of the classes
	Labels  []int    // [N], index into Classes
	Names   []string // [N], where each picture came from, relative to the dataset's root
	Pixels  []uint8  // [N, S, S, 3], RGB
	Report  Report   // what was loaded and what was left out
}

// Len returns the number of pictures.
func (d *Dataset) Len() int { return len(d.Labels) }

// Image returns the pixels of picture i, [S, S, 3]; they are the dataset's own, not a copy.
func (d *Dataset) Image(i int) []uint8 {
	n := d.Size * d.Size * 3
	return d.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// Label returns the class of picture i, an index into Classes.
func (d *Dataset) Label(i int) int { return d.Labels[i] }

// Name returns where picture i came from.
func (d *Dataset) Name(i int) string { return d.Names[i] }

// Class returns the index of the class of that name, or an error that lists the classes.
func (d *Dataset) Class(name string) (int, error) {
	for i, c := range d.Classes {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("class %q does not exist; choose one of %s", name, join(d.Classes, 40))
}

// Fingerprint tells whether two datasets hold the same pictures and classes in the same order, as a resumed run must know.
func (d *Dataset) Fingerprint() string {
	table := crc32.MakeTable(crc32.Castagnoli)
	labels := crc32.Checksum(fmt.Append(nil, d.Size, d.Classes, d.Labels), table)
	return fmt.Sprintf("%d-%08x-%08x", d.Len(), labels, crc32.Checksum(d.Pixels, table))
}

// toFloat[v] is v scaled from [0, 255] to [-1, 1].
var toFloat = func() (table [256]float32) {
	for v := range table {
		table[v] = float32(v)/127.5 - 1
	}
	return table
}()

// Scale writes pixels to dst, scaled from [0, 255] to [-1, 1]. dst is as long as pixels.
func Scale(dst []float32, pixels []uint8) {
	dst = dst[:len(pixels)]
	for i, v := range pixels {
		dst[i] = toFloat[v]
	}
}

// scaleMirrored is Scale of an S×S picture seen in a mirror: column x becomes column S-1-x.
func scaleMirrored(dst []float32, pixels []uint8, size int) {
	row := size * 3
	for y := range size {
		from, to := pixels[y*row:(y+1)*row], dst[y*row:(y+1)*row]
		for i, j := 0, row-3; i < row; i, j = i+3, j-3 {
			to[j], to[j+1], to[j+2] = toFloat[from[i]], toFloat[from[i+1]], toFloat[from[i+2]]
		}
	}
}

// Where returns a copy of the pictures that keep chooses. Its report counts them, and repeats what was left out.
func (d *Dataset) Where(keep func(i int) bool) *Dataset {
	part := &Dataset{Size: d.Size, Classes: d.Classes, Report: d.Report}
	part.Report.Counts = make([]int, len(d.Classes))
	for i, label := range d.Labels {
		if keep(i) {
			part.Labels = append(part.Labels, label)
			part.Names = append(part.Names, d.Names[i])
			part.Pixels = append(part.Pixels, d.Image(i)...)
			part.Report.Counts[label]++
		}
	}
	return part
}
