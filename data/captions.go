package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/bestiary-ml/bestiary/internal/philox"
)

// MaxText is the largest size of the captions of one picture, in bytes.
const MaxText = 1 << 20

// Texts returns the captions of item i of a source as they are stored, one a line. The name is that of the file, for
// reports; it is empty if the item has no captions.
type Texts func(i int) (name string, text []byte, err error)

// TextFiles returns Texts that reads files below root. Item i has its captions in names[i], which is empty if it has none.
func TextFiles(root string, names []string) Texts {
	return func(i int) (string, []byte, error) {
		if i < 0 || i >= len(names) || names[i] == "" {
			return "", nil, nil
		}
		text, err := readFile(filepath.Join(root, filepath.FromSlash(names[i])), MaxText)
		return names[i], text, err
	}
}

// captions are the captions of a source's items and their problems.
type captions struct {
	Of      [][]string // by item
	Blank   []string
	LeftOut []Problem
}

// readCaptions reads the captions of all items; nil if the source has none.
func readCaptions(s Source) *captions {
	if s.Texts == nil {
		return nil
	}
	c := &captions{Of: make([][]string, len(s.Items))}
	read := map[string]int{} // by name, the first item: pictures may share a file of captions
	for i := range s.Items {
		name, text, err := s.Texts(i)
		if name == "" {
			continue
		}
		first, again := read[name]
		switch {
		case again:
			c.Of[i] = c.Of[first]
			continue
		case err != nil:
			c.LeftOut = append(c.LeftOut, Problem{name, err.Error()})
		default:
			c.Of[i] = c.lines(name, text)
		}
		read[name] = i
	}
	return c
}

// hash returns a hash of the captions and their problems; "" if there are none.
func (c *captions) hash() string {
	if c == nil {
		return ""
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%q %q %q", c.Of, c.Blank, c.LeftOut)
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// lines returns the captions in a text, one a line, see [DecodeText].
func (c *captions) lines(name string, text []byte) (lines []string) {
	text, err := DecodeText(text)
	if err != nil {
		c.LeftOut = append(c.LeftOut, Problem{name, err.Error()})
		return nil
	}
	for number := 1; len(text) > 0; number++ {
		var raw []byte
		raw, text, _ = bytes.Cut(text, []byte("\n"))
		line, where := trimCaption(string(raw)), fmt.Sprintf("%s:%d", name, number)
		switch {
		case !utf8.Valid(raw):
			c.LeftOut = append(c.LeftOut, Problem{where, "not valid UTF-8"})
		case !visible(line):
			c.Blank = append(c.Blank, where)
		case strings.ContainsRune(line, 0):
			c.LeftOut = append(c.LeftOut, Problem{where, "has a character NUL"})
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

// Choose returns the index of one of n captions of picture index, drawn uniformly for an epoch of a seed; −1 if n is 0.
// It depends on its arguments alone.
func Choose(seed uint64, epoch, index, n int) int {
	if n < 1 {
		return -1
	}
	w := philox.Words(seed, [4]uint32{uint32(index), captionPurpose, uint32(epoch)})
	choice, _ := bits.Mul64(uint64(w[0])<<32|uint64(w[1]), uint64(n))
	return int(choice)
}

// caption returns the caption of picture i in an epoch of a seed; "" if it has none.
func (d *Dataset) caption(seed uint64, epoch, i int) string {
	if d.Captions == nil || len(d.Captions[i]) == 0 {
		return ""
	}
	return d.Captions[i][Choose(seed, epoch, i, len(d.Captions[i]))]
}
