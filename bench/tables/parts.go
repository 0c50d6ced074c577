package tables

import (
	"iter"
	"maps"
	"math"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/fault"
)

// Parts are the rows of a table to train on, to stop early by, and to test on.
type Parts struct{ Training, Validation, Test *table.Table }

// publishedParts are test log-likelihoods in nats: MAF of ten layers (Papamakarios et al., 2017, table 1), and neural spline flows
// of couplings and autoregressive ones (Durkan et al., 2019, table 1).
var publishedParts = map[string]map[string]float64{
	"power":     {"MAF": 0.24, "NSF-C": 0.64, "NSF-AR": 0.66},
	"gas":       {"MAF": 10.08, "NSF-C": 13.09, "NSF-AR": 13.09},
	"hepmass":   {"MAF": -17.73, "NSF-C": -14.75, "NSF-AR": -14.01},
	"miniboone": {"MAF": -12.24, "NSF-C": -9.67, "NSF-AR": -9.22},
	"bsds300":   {"MAF": 154.93, "NSF-C": 157.54, "NSF-AR": 157.31},
}

func keys(m map[string]float64) iter.Seq[string] { return maps.Keys(m) }

// loaders read the tables of Papamakarios et al. (2017), as their code prepares them. Each takes the folder of one table:
//
//	power      data.npy
//	gas        ethylene_CO.csv, .parquet or .npy: the columns of ethylene_CO.pickle
//	hepmass    1000_train.csv and 1000_test.csv
//	miniboone  data.npy
//	BSDS300    train.npy, validation.npy and test.npy: the arrays of BSDS300.hdf5
var loaders = map[string]func(dir string) (*Parts, error){
	"power": Power, "gas": Gas, "hepmass": Hepmass, "miniboone": Miniboone, "bsds300": BSDS300,
}

// matrix is rows of numbers.
type matrix struct {
	width int
	rows  []float64 // [N, width]
}

func (m *matrix) len() int                 { return len(m.rows) / m.width }
func (m *matrix) row(i int) []float64      { return m.rows[i*m.width:][:m.width] }
func (m *matrix) slice(lo, hi int) *matrix { return &matrix{m.width, m.rows[lo*m.width : hi*m.width]} }

// readMatrix reads a table of numbers and the names of its columns.
func readMatrix(path string) (*matrix, []string, error) {
	t, err := table.Read(path, table.Options{})
	if err != nil {
		return nil, nil, err
	}
	m, names := &matrix{len(t.Columns), make([]float64, t.Rows*len(t.Columns))}, []string(nil)
	for j, c := range t.Columns {
		if c.Kind == table.Category {
			return nil, nil, fault.Damaged(path, "column %q holds text; it must hold numbers", c.Name)
		}
		names = append(names, c.Name)
		for i, v := range c.Numbers {
			m.rows[i*m.width+j] = v
		}
	}
	return m, names, nil
}

// without removes columns.
func (m *matrix) without(drop func(j int) bool) *matrix {
	out := &matrix{}
	for j := range m.width {
		if !drop(j) {
			out.width++
		}
	}
	for i := range m.len() {
		for j, v := range m.row(i) {
			if !drop(j) {
				out.rows = append(out.rows, v)
			}
		}
	}
	return out
}

// moments returns mean and standard deviation of each column; the divisor of the variance is N − less.
func (m *matrix) moments(less int) (mean, deviation []float64) {
	mean, deviation = make([]float64, m.width), make([]float64, m.width)
	n := float64(m.len())
	for i := range m.len() {
		for j, v := range m.row(i) {
			mean[j] += v / n
		}
	}
	for i := range m.len() {
		for j, v := range m.row(i) {
			deviation[j] += (v - mean[j]) * (v - mean[j]) / (n - float64(less))
		}
	}
	for j := range deviation {
		deviation[j] = math.Sqrt(deviation[j])
	}
	return mean, deviation
}

// standardize returns the rows less mean, divided by deviation.
func (m *matrix) standardize(mean, deviation []float64) *matrix {
	out := &matrix{m.width, make([]float64, len(m.rows))}
	for i, v := range m.rows {
		out.rows[i] = (v - mean[i%m.width]) / deviation[i%m.width]
	}
	return out
}

// tenths takes the last tenth of the rows for the test, and the last tenth of the others to validate.
func (m *matrix) tenths() (training, validation, test *matrix) {
	n := m.len()
	rest := n - n/10
	fitted := rest - rest/10
	return m.slice(0, fitted), m.slice(fitted, rest), m.slice(rest, n)
}

// parts makes tables.
func parts(path string, training, validation, test *matrix) (*Parts, error) {
	names, kinds := continuous(training.width)
	p := &Parts{}
	for _, one := range []struct {
		m *matrix
		t **table.Table
	}{{training, &p.Training}, {validation, &p.Validation}, {test, &p.Test}} {
		if one.m.width != training.width {
			return nil, fault.Damaged(path, "has %d columns to train on and %d to validate or test; save the arrays again", training.width, one.m.width)
		}
		if one.m.len() == 0 {
			return nil, fault.Damaged(path, "has too few rows to train, validate and test; give the whole table")
		}
		var err error
		if *one.t, err = table.FromRows(path, names, one.m.rows, kinds); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// standardized is parts with the moments of the rows that are not tested.
func (m *matrix) standardized(path string) (*Parts, error) {
	training, validation, test := m.tenths()
	mean, deviation := m.slice(0, training.len()+validation.len()).moments(0)
	return parts(path, training.standardize(mean, deviation), validation.standardize(mean, deviation), test.standardize(mean, deviation))
}
