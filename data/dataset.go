package data

import (
	"fmt"
	"hash/crc32"
	"math"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/ram"
)

// Dataset is N decoded pictures in memory, with their classes and, where there are any, captions.
type Dataset struct {
	Size     int        // side S of the pictures
	Channels int        // C of the pictures, 3: RGB, which 0 means too; 4: RGBA with straight alpha
	Classes  []string   // names of the classes
	Labels   []int      // [N], indices into Classes
	Names    []string   // [N], where each picture came from, relative to the dataset's root; may be nil
	Captions [][]string // [N], the captions of each picture, some perhaps without; nil for a dataset without captions
	Pixels   []uint8    // [N, S, S, C]
	Report   Report     // what was loaded and what was left out
}

// Len returns the number of pictures.
func (d *Dataset) Len() int { return len(d.Labels) }

// channels returns C.
func (d *Dataset) channels() int { return max(d.Channels, 3) }

// picture returns the number of values in a picture.
func (d *Dataset) picture() int { return product(d.Size, d.Size, d.channels()) }

// check returns an error if the fields contradict each other.
func (d *Dataset) check() error {
	if d.Size < 1 {
		return fault.Field("Size", d.Size, "must be 1 or more")
	}
	if d.Channels != 0 {
		if err := checkChannels(d.Channels); err != nil {
			return err
		}
	}
	if want := product(d.Len(), d.picture()); len(d.Pixels) != want {
		return fmt.Errorf("data: %d bytes are not %d pictures of %d×%d×%d; give %d", len(d.Pixels), d.Len(), d.Size, d.Size, d.channels(), want)
	}
	if d.Captions != nil && len(d.Captions) != d.Len() {
		return fmt.Errorf("data: %d pictures have %d lists of captions; give one a picture", d.Len(), len(d.Captions))
	}
	return nil
}

// product multiplies sizes. An overflow gives the largest int, which is more than fits in memory.
func product(sizes ...int) int {
	p := 1
	for _, n := range sizes {
		if n > 0 && p > math.MaxInt/n {
			return math.MaxInt
		}
		p *= n
	}
	return p
}

// Image returns the pixels of picture i of [0, Len), [S, S, C]. They are the dataset's own, not a copy.
func (d *Dataset) Image(i int) []uint8 {
	n := d.picture()
	return d.Pixels[i*n : (i+1)*n : (i+1)*n]
}

// Label returns the class of picture i of [0, Len), an index into Classes.
func (d *Dataset) Label(i int) int { return d.Labels[i] }

// Name returns where picture i of [0, Len) came from; "" if the dataset has no Names.
func (d *Dataset) Name(i int) string {
	if d.Names == nil {
		return ""
	}
	return d.Names[i]
}

// Class returns the index of the class with a name, or an error that lists the classes.
func (d *Dataset) Class(name string) (int, error) {
	for i, c := range d.Classes {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("class %q does not exist; choose one of %s", name, join(d.Classes, 40))
}

// Fingerprint returns a checksum of the pictures, classes and captions, in their order: a resumed training checks that its
// data are the same.
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

// Scale writes pixels to dst, scaled from [0, 255] to [-1, 1]. dst is at least as long as pixels.
func Scale(dst []float32, pixels []uint8) {
	dst = dst[:len(pixels)]
	for i, v := range pixels {
		dst[i] = toFloat[v]
	}
}

// scaleMirrored is Scale of an S×S picture with column x moved to column S−1−x.
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

// Where returns a copy of the pictures for which keep is true. Its report counts them, and repeats what was left out when
// the dataset was loaded. Like an operation on tensors, it panics with a [*fault.OutOfMemory] if the copy does not fit in
// memory; see [fault.Catch].
func (d *Dataset) Where(keep func(i int) bool) *Dataset {
	var kept []int
	for i := range d.Labels {
		if keep(i) {
			kept = append(kept, i)
		}
	}
	size := product(len(kept), d.picture())
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
		part.Names = append(part.Names, d.Name(i))
		part.Pixels = append(part.Pixels, d.Image(i)...)
		if label := d.Labels[i]; label >= 0 && label < len(d.Classes) {
			part.Report.Counts[label]++
		}
	}
	return part
}

// WithClassCaptions returns d with the name of its class as the caption of each picture, with spaces for underscores.
// Models that read captions are then conditioned on classes. The pictures are shared with d.
func (d *Dataset) WithClassCaptions() *Dataset {
	named := *d
	named.Captions = make([][]string, d.Len())
	for i := range named.Captions {
		named.Captions[i] = []string{ClassCaption(d.Classes[d.Label(i)])}
	}
	return &named
}

// ClassCaption is the name of a class as a caption.
func ClassCaption(class string) string { return strings.ReplaceAll(class, "_", " ") }

// WithBreedCaptions returns d with two captions of each picture: its breed and class, such as "persian cat", and its class
// alone. The breed is the name of the picture without its number. The pictures are shared with d. The error is a
// [*fault.FieldError] for a picture that is not named after its breed.
func (d *Dataset) WithBreedCaptions() (*Dataset, error) {
	named := d.WithClassCaptions()
	for i, class := range named.Captions {
		breed := breedOf(d.Name(i))
		if breed == "" {
			return nil, fault.Field("BreedCaptions", true, "not available for %s, which is not named after its breed and a number, like persian_12.jpg; use ClassCaptions", d.Name(i))
		}
		named.Captions[i] = []string{strings.ReplaceAll(breed, "_", " ") + " " + class[0], class[0]}
	}
	return named, nil
}
