package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/regular"
)

// errNoArray is the error for a file that numpy.save didn't write.
var errNoArray = errors.New("is no NumPy array; save it with numpy.save")

// The entries of the header, which is a literal of a Python dictionary.
var (
	npyType    = regexp.MustCompile(`'descr': *'([<>|=]?)([a-z])(\d+)'`)
	npyFortran = regexp.MustCompile(`'fortran_order': *(True|False)`)
	npyShape   = regexp.MustCompile(`'shape': *\(([^)]*)\)`)
)

// npyNumbers decode an element of each type and its size.
var npyNumbers = map[string]func(b []byte, o binary.ByteOrder) float64{
	"f8": func(b []byte, o binary.ByteOrder) float64 { return math.Float64frombits(o.Uint64(b)) },
	"f4": func(b []byte, o binary.ByteOrder) float64 { return float64(math.Float32frombits(o.Uint32(b))) },
	"i8": func(b []byte, o binary.ByteOrder) float64 { return float64(int64(o.Uint64(b))) },
	"i4": func(b []byte, o binary.ByteOrder) float64 { return float64(int32(o.Uint32(b))) },
	"i2": func(b []byte, o binary.ByteOrder) float64 { return float64(int16(o.Uint16(b))) },
	"i1": func(b []byte, _ binary.ByteOrder) float64 { return float64(int8(b[0])) },
	"u8": func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint64(b)) },
	"u4": func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint32(b)) },
	"u2": func(b []byte, o binary.ByteOrder) float64 { return float64(o.Uint16(b)) },
	"u1": func(b []byte, _ binary.ByteOrder) float64 { return float64(b[0]) },
	"b1": func(b []byte, _ binary.ByteOrder) float64 { return float64(min(b[0], 1)) },
}

// readNPY reads a NumPy array of one or two dimensions: format versions 1 to 3 of NEP 1. Its columns have numbers for names.
func readNPY(path string) (*raw, error) {
	content, err := regular.ReadFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	header, elements, err := npyHeader(content)
	if err != nil {
		return nil, err
	}
	kind, fortran := npyType.FindSubmatch(header), npyFortran.FindSubmatch(header)
	if kind == nil || fortran == nil {
		return nil, fmt.Errorf("holds elements that are no numbers; convert them with array.astype('float64')")
	}
	decode := npyNumbers[string(kind[2])+string(kind[3])]
	if decode == nil {
		return nil, fmt.Errorf("holds elements of type %.20q; convert them with array.astype('float64')", kind[2:4])
	}
	rows, width, err := npyDimensions(header)
	if err != nil {
		return nil, err
	}
	size := int(kind[3][0] - '0')
	if rows*width*size > len(elements) { // both are at most MaxCells
		return nil, fmt.Errorf("claims %d rows of %d columns in %d bytes; save it again", rows, width, len(content))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if string(kind[1]) == ">" {
		order = binary.BigEndian
	}
	out := &raw{cells: make([]column, width)}
	if out.names, err = uniqueNames(nil, width); err != nil {
		return nil, err
	}
	for j := range width {
		numbers := make([]float64, rows)
		for i := range rows {
			at := i*width + j
			if string(fortran[1]) == "True" {
				at = j*rows + i
			}
			numbers[i] = decode(elements[at*size:], order)
		}
		out.cells[j].numbers = numbers
	}
	for i := range rows {
		out.lines = append(out.lines, i+1)
	}
	return out, nil
}

// npyHeader divides a file into its header and its elements.
func npyHeader(content []byte) (header, elements []byte, err error) {
	if len(content) < 12 || !bytes.HasPrefix(content, []byte("\x93NUMPY")) {
		return nil, nil, errNoArray
	}
	start, length := 10, uint64(binary.LittleEndian.Uint16(content[8:]))
	switch content[6] {
	case 1:
	case 2, 3:
		start, length = 12, uint64(binary.LittleEndian.Uint32(content[8:]))
	default:
		return nil, nil, fmt.Errorf("is a NumPy array of format version %d; save it with numpy.save", content[6])
	}
	if length > uint64(len(content)-start) {
		return nil, nil, errors.New("is cut off; save it again")
	}
	return content[start:][:length], content[start+int(length):], nil
}

// npyDimensions returns the rows and columns of an array.
func npyDimensions(header []byte) (rows, width int, err error) {
	shape := npyShape.FindSubmatch(header)
	if shape == nil {
		return 0, 0, errNoArray
	}
	var sizes []int
	for _, text := range strings.Split(string(shape[1]), ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return 0, 0, errNoArray
		}
		sizes = append(sizes, n)
	}
	switch len(sizes) {
	case 1:
		rows, width = sizes[0], 1
	case 2:
		rows, width = sizes[0], sizes[1]
	default:
		return 0, 0, fmt.Errorf("has an array of %d dimensions; a table has two", len(sizes))
	}
	switch {
	case width < 1 || width > MaxColumns:
		return 0, 0, fmt.Errorf("has %d columns, and 1 to %d can be modelled together; choose some", width, MaxColumns)
	case rows > MaxCells/width:
		return 0, 0, fmt.Errorf("has %d rows of %d columns, more than %d cells; choose fewer", rows, width, MaxCells)
	}
	return rows, width, nil
}
