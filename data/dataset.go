package data

import (
	"fmt"
	"hash/crc32"

	"github.com/bestiary-ml/bestiary/internal/ram"
)

// Dataset is N decoded pictures with their classes and, where there are any, captions, in memory.
type Dataset struct {
	Size     int        // side S of the pictures
	Channels int        // C of the pictures, 3: RGB, which 0 means too; 4: RGBA with straight alpha
	Classes  []string   // names of the classes
	Labels   []int      // [N], index into Classes
	Names    []string   // [N], where each picture came from, relative to the dataset's root
	Captions [][]string // [N], those of each picture, none for some; nil where there are no captions at all
	Pixels   []uint8    // [N, S, S, C]
	Report   Report     // what was loaded and what was left out
}

// Len returns the number of pictures.
func (d *Dataset) Len() int { return len(d.Labels) }

// channels returns C.
func (d *Dataset) channels() int { return max(d.Channels, 3) }

// picture returns how many values a picture has.
func (d *Dataset) picture() int { return d.Size * d.Size * d.channels() }

// Image returns the pixels of picture i, [S, S, C]; they are the dataset's own, not a copy.
func (d *Dataset) Image(i int) []uint8 {
	n := d.picture()
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

// Fingerprint tells whether two datasets hold the same pictures, classes and captions in the same order, as a resumed run must know.
func (d *Dataset) Fingerprint() string {
	table := crc32.MakeTable(crc32.Castagnoli)
	labels := crc32.Checksum(fmt.Append(nil, d.Size, d.Classes, d.Labels), table)
	print := fmt.Sprintf("%d-%08x-%08x", d.Len(), labels, crc32.Checksum(d.Pixels, table))
	if d.Captions == nil {
		return print
	}
	sum := crc32.New(table)
	for _, captions := range d.Captions {
		fmt.Fprintf(sum, "%q\n", captions)
	}
	return fmt.Sprintf("%s-%08x", print, sum.Sum32())
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
	row := len(pixels) / size
	channels := row / size
	for y := range size {
		from, to := pixels[y*row:(y+1)*row], dst[y*row:(y+1)*row]
		for i, j := 0, row-channels; i < row; i, j = i+channels, j-channels {
			for c := range channels {
				to[j+c] = toFloat[from[i+c]]
			}
		}
	}
}

// Where returns a copy of the pictures that keep chooses. Its report counts them, and repeats what was left out. Like an operation on tensors
// it panics with a *fault.OutOfMemory if there is no room for the copy.
func (d *Dataset) Where(keep func(i int) bool) *Dataset {
	var kept []int
	for i := range d.Labels {
		if keep(i) {
			kept = append(kept, i)
		}
	}
	size := len(kept) * d.picture()
	if err := ram.Check(fmt.Sprintf("data: a copy of %d pictures of %d×%d", len(kept), d.Size, d.Size), size); err != nil {
		panic(err)
	}
	part := &Dataset{Size: d.Size, Channels: d.Channels, Classes: d.Classes, Report: d.Report, Pixels: make([]uint8, 0, size)}
	part.Report.Counts = make([]int, len(d.Classes))
	if d.Captions != nil {
		part.Captions = [][]string{}
		part.Report.Captions.Total = 0
	}
	for _, i := range kept {
		if d.Captions != nil {
			part.Captions = append(part.Captions, d.Captions[i])
			part.Report.Captions.Total += len(d.Captions[i])
		}
		part.Labels = append(part.Labels, d.Labels[i])
		part.Names = append(part.Names, d.Names[i])
		part.Pixels = append(part.Pixels, d.Image(i)...)
		part.Report.Counts[d.Labels[i]]++
	}
	return part
}
