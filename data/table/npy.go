package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"codeberg.org/sbinet/npyio"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// readNPY reads a NumPy array of one or two dimensions. Its columns have numbers for names.
func readNPY(path string) (*raw, error) {
	content, err := regular.ReadFile(path, maxFile)
	if err != nil {
		return nil, err
	}
	// A header can't be longer than the file; the library would allocate what it claims.
	if len(content) > 12 && content[6] >= 2 && int64(binary.LittleEndian.Uint32(content[8:])) > int64(len(content)) {
		return nil, errors.New("is no NumPy array; save it with numpy.save")
	}
	r, err := npyio.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("is no NumPy array (%w); save it with numpy.save", err)
	}
	shape := r.Header.Descr.Shape
	rows, width := 0, 1
	switch len(shape) {
	case 1:
		rows = shape[0]
	case 2:
		rows, width = shape[0], shape[1]
	default:
		return nil, fmt.Errorf("has an array of %d dimensions; a table has two", len(shape))
	}
	if rows < 0 || width < 1 || width > MaxColumns || rows > MaxCells/width || rows*width > len(content) {
		return nil, fmt.Errorf("claims %d rows of %d columns in %d bytes; save it again", rows, width, len(content))
	}
	values, err := readNumbers(r, rows*width)
	if err != nil {
		return nil, err
	}
	out := &raw{}
	if out.names, err = uniqueNames(nil, width); err != nil {
		return nil, err
	}
	out.cells = make([]column, width)
	for j := range width {
		for i := range rows {
			at := i*width + j
			if r.Header.Descr.Fortran {
				at = j*rows + i
			}
			out.cells[j].numbers = append(out.cells[j].numbers, values[at])
		}
	}
	for i := range rows {
		out.lines = append(out.lines, i+1)
	}
	return out, nil
}

// readNumbers reads n numbers of any type.
func readNumbers(r *npyio.Reader, n int) ([]float64, error) {
	switch kind := r.Header.Descr.Type; kind {
	case "<f8", ">f8", "=f8":
		return readAs[float64](r, n)
	case "<f4", ">f4", "=f4":
		return readAs[float32](r, n)
	case "<i8", ">i8":
		return readAs[int64](r, n)
	case "<i4", ">i4":
		return readAs[int32](r, n)
	case "<i2", ">i2":
		return readAs[int16](r, n)
	case "|i1":
		return readAs[int8](r, n)
	case "|u1":
		return readAs[uint8](r, n)
	default:
		return nil, fmt.Errorf("holds elements of type %.20q; convert them with array.astype('float64')", kind)
	}
}

func readAs[T float64 | float32 | int64 | int32 | int16 | int8 | uint8](r *npyio.Reader, n int) ([]float64, error) {
	values := make([]T, n)
	if err := r.Read(&values); err != nil {
		return nil, fmt.Errorf("can't be read (%w); save it again", err)
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = float64(v)
	}
	return out, nil
}
