package tables

import (
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
)

// Power loads POWER: rows in the order of NumPy's generator with seed 42, without the second and fourth column, with its uniform noise.
func Power(dir string) (*Parts, error) {
	path := filepath.Join(dir, "data.npy")
	m, _, err := readMatrix(path)
	if err != nil {
		return nil, err
	}
	if m.width != 8 {
		return nil, fault.Damaged(path, "has %d columns, and POWER has 8", m.width)
	}
	r := newTwister(42)
	order := r.shuffled(m.len())
	shuffled := &matrix{width: m.width}
	for _, i := range order {
		shuffled.rows = append(shuffled.rows, m.row(i)...)
	}
	m = shuffled.without(func(j int) bool { return j == 1 || j == 3 })
	noise := func(first, columns int, scale float64) {
		for i := range m.len() {
			for j := range columns {
				m.row(i)[first+j] += scale * r.float64()
			}
		}
	}
	noise(1, 1, 0.01) // voltage, drawn first
	noise(0, 1, 0.001)
	noise(2, 3, 1)
	return m.standardized(path)
}

// Miniboone loads MINIBOONE.
func Miniboone(dir string) (*Parts, error) {
	path := filepath.Join(dir, "data.npy")
	m, _, err := readMatrix(path)
	if err != nil {
		return nil, err
	}
	return m.standardized(path)
}

// Gas loads GAS: without time and concentrations, and without columns whose correlation with another is above 0.98.
func Gas(dir string) (*Parts, error) {
	path, err := either(dir, "ethylene_CO.csv", "ethylene_CO.parquet", "ethylene_CO.npy")
	if err != nil {
		return nil, err
	}
	m, names, err := readMatrix(path)
	if err != nil {
		return nil, err
	}
	m = m.without(func(j int) bool {
		name := strings.ToLower(names[j])
		return name == "time" || name == "meth" || name == "eth" || name == "co"
	})
	for {
		if m.width == 0 || m.len() < 2 {
			return nil, fault.Damaged(path, "has too few rows or columns; give the whole table")
		}
		mean, deviation := m.moments(1)
		standard := m.standardize(mean, deviation)
		remove := -1
		for j := 0; j < m.width && remove < 0; j++ {
			for k := range m.width {
				sum := 0.0
				for i := range m.len() {
					sum += standard.rows[i*m.width+j] * standard.rows[i*m.width+k]
				}
				if k != j && sum/float64(m.len()-1) > 0.98 {
					remove = j
					break
				}
			}
		}
		if remove < 0 {
			training, validation, test := standard.tenths()
			return parts(path, training, validation, test)
		}
		m = m.without(func(j int) bool { return j == remove })
	}
}

// Hepmass loads HEPMASS: the rows of class 1 without the class, and without columns whose least number occurs more than five times.
func Hepmass(dir string) (*Parts, error) {
	var read [2]*matrix
	for k, name := range []string{"1000_train.csv", "1000_test.csv"} {
		m, _, err := readMatrix(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		signal := &matrix{width: m.width}
		for i := range m.len() {
			if m.row(i)[0] == 1 {
				signal.rows = append(signal.rows, m.row(i)...)
			}
		}
		last := -1
		if k == 1 && m.width == read[0].width+2 {
			last = m.width - 1 // the file for the test has a further column
		}
		read[k] = signal.without(func(j int) bool { return j == 0 || j == last })
	}
	training, test := read[0], read[1]
	if training.len() < 2 || training.width != test.width {
		return nil, fault.Damaged(filepath.Join(dir, "1000_test.csv"), "doesn't have the columns of 1000_train.csv; download both again")
	}
	mean, deviation := training.moments(1)
	training, test = training.standardize(mean, deviation), test.standardize(mean, deviation)
	repeated := func(j int) bool {
		least, n := math.Inf(1), 0
		for i := range training.len() {
			switch v := training.rows[i*len(mean)+j]; {
			case v < least:
				least, n = v, 1
			case v == least:
				n++
			}
		}
		return n > 5
	}
	drop := make([]bool, len(mean))
	for j := range drop {
		drop[j] = repeated(j)
	}
	isDropped := func(j int) bool { return drop[j] }
	training, test = training.without(isDropped), test.without(isDropped)
	if training.width == 0 {
		return nil, fault.Damaged(filepath.Join(dir, "1000_train.csv"), "repeats the least number of each column; give the whole table")
	}
	fitted := training.len() - training.len()/10
	return parts(dir, training.slice(0, fitted), training.slice(fitted, training.len()), test)
}

// BSDS300 loads patches of BSDS300.
func BSDS300(dir string) (*Parts, error) {
	var read []*matrix
	for _, name := range []string{"train.npy", "validation.npy", "test.npy"} {
		m, _, err := readMatrix(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		read = append(read, m)
	}
	return parts(dir, read[0], read[1], read[2])
}

// either returns the first file that is there.
func either(dir string, names ...string) (string, error) {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return filepath.Join(dir, name), nil
		}
	}
	return "", fault.Damaged(dir, "has none of %s", strings.Join(names, ", "))
}

// Digits reads scikit-learn's digits, 64 whole numbers a row and perhaps the digit behind them, and leaves out pixels that are
// always the same. A fifth of the rows is for the test and a tenth of the others to validate.
func Digits(path string) (*Parts, error) {
	t, err := table.Read(path, table.Options{})
	if err != nil {
		return nil, err
	}
	if n := len(t.Columns); n != 64 && n != 65 {
		return nil, fault.Damaged(path, "has %d columns, and the digits have 64, or 65 with the digit itself", n)
	}
	training, test, err := t.Split(0.2, 1)
	if err != nil {
		return nil, err
	}
	training, validation, err := training.Split(0.1, 2)
	if err != nil {
		return nil, err
	}
	varied := make([]bool, len(t.Columns))
	for j := range 64 {
		varied[j] = !training.Columns[j].Constant()
	}
	for _, part := range []*table.Table{training, validation, test} {
		var kept []table.Column
		for j, c := range part.Columns {
			if varied[j] {
				c.Kind = table.Integer
				kept = append(kept, c)
			}
		}
		part.Columns = kept
	}
	return &Parts{training, validation, test}, nil
}
