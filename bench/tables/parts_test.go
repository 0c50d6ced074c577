package tables

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bestiary-ml/bestiary/data/table"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestPreprocessing compares POWER and GAS with what the code of MAF makes of tables of the same form: also the order of rows and
// the noise, which NumPy draws.
func TestPreprocessing(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][]struct {
		Rows, Columns int
		First, Last   []float64
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for name, want := range golden {
		p, err := loaders[name](filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		for k, got := range []*table.Table{p.Training, p.Validation, p.Test} {
			if got.Rows != want[k].Rows || len(got.Columns) != want[k].Columns {
				t.Fatalf("%s, part %d: %d rows of %d columns, want %d of %d", name, k, got.Rows, len(got.Columns), want[k].Rows, want[k].Columns)
			}
			for j, c := range got.Columns {
				if math.Abs(c.Numbers[0]-want[k].First[j]) > 1e-9 || math.Abs(c.Numbers[got.Rows-1]-want[k].Last[j]) > 1e-9 {
					t.Errorf("%s, part %d, column %d: %v and %v, want %v and %v", name, k, j, c.Numbers[0], c.Numbers[got.Rows-1], want[k].First[j], want[k].Last[j])
				}
			}
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// writeNPY writes rows as NumPy does.
func writeNPY(t *testing.T, path string, rows, columns int, f func(i, j int) float64) {
	t.Helper()
	header := fmt.Sprintf("{'descr': '<f8', 'fortran_order': False, 'shape': (%d, %d), }", rows, columns)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	text := []byte("\x93NUMPY\x01\x00")
	text = append(text, byte(len(header)), byte(len(header)>>8))
	text = append(text, header...)
	for i := range rows {
		for j := range columns {
			bits := math.Float64bits(f(i, j))
			for k := range 8 {
				text = append(text, byte(bits>>(8*k)))
			}
		}
	}
	write(t, path, string(text))
}

// TestLoaders reads tiny tables in the form of HEPMASS, MINIBOONE, BSDS300 and the digits.
func TestLoaders(t *testing.T) {
	dir, r := t.TempDir(), rand.New(rand.NewPCG(1, 1))
	line := func(class, extra string) string {
		return fmt.Sprintf("%s,%.4f,%d,%.4f%s\n", class, r.NormFloat64(), r.IntN(2), r.NormFloat64(), extra)
	}
	training, test := "# label,f0,f1,f2\n", "# label,f0,f1,f2,mass\n"
	for i := range 60 {
		training += line(fmt.Sprint(i%2, ".0"), "")
		test += line(fmt.Sprint(i%3%2, ".0"), ",1000")
	}
	write(t, filepath.Join(dir, "1000_train.csv"), training)
	write(t, filepath.Join(dir, "1000_test.csv"), test)
	p, err := Hepmass(dir)
	if err != nil {
		t.Fatal(err)
	}
	// f1 holds 0 and 1 only, so its least number occurs often.
	if len(p.Training.Columns) != 2 || p.Training.Rows != 27 || p.Validation.Rows != 3 || p.Test.Rows != 20 {
		t.Errorf("HEPMASS has %d columns, %d, %d and %d rows", len(p.Training.Columns), p.Training.Rows, p.Validation.Rows, p.Test.Rows)
	}
	writeNPY(t, filepath.Join(dir, "data.npy"), 40, 3, func(i, j int) float64 { return float64(i*(j+1)) + 0.5 })
	if p, err = Miniboone(dir); err != nil {
		t.Fatal(err)
	}
	if len(p.Training.Columns) != 3 || p.Training.Rows != 33 || p.Validation.Rows != 3 || p.Test.Rows != 4 {
		t.Errorf("MINIBOONE has %d columns, %d, %d and %d rows", len(p.Training.Columns), p.Training.Rows, p.Validation.Rows, p.Test.Rows)
	}
	if _, err := Power(dir); err == nil || !strings.Contains(err.Error(), "POWER has 8") {
		t.Errorf("POWER of three columns: %v", err)
	}
	if _, err := Gas(dir); err == nil || !strings.Contains(err.Error(), "ethylene_CO") {
		t.Errorf("GAS without its file: %v", err)
	}
	for k, name := range []string{"train", "validation", "test"} {
		writeNPY(t, filepath.Join(dir, name+".npy"), 10-k, 63, func(i, j int) float64 { return r.Float64() })
	}
	if p, err = BSDS300(dir); err != nil || p.Training.Rows != 10 || p.Validation.Rows != 9 || p.Test.Rows != 8 || len(p.Test.Columns) != 63 {
		t.Errorf("BSDS300: %v", err)
	}
	digits := ""
	for range 100 {
		for j := range 65 {
			v := r.IntN(17)
			if j == 0 || j == 64 {
				v = 0
			}
			digits += fmt.Sprint(v, ",")
		}
		digits = strings.TrimSuffix(digits, ",") + "\n"
	}
	write(t, filepath.Join(dir, "digits.csv"), digits)
	if p, err = Digits(filepath.Join(dir, "digits.csv")); err != nil || len(p.Training.Columns) != 63 || p.Training.Rows != 72 || p.Test.Rows != 20 {
		t.Errorf("digits: %v", err)
	}
}

// TestUCI reads a table with splits, measures it, and refuses damaged ones.
func TestUCI(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lines")
	r, data, first, second := rand.New(rand.NewPCG(2, 1)), "", "", ""
	for i := range 120 {
		x := r.NormFloat64()
		data += fmt.Sprintf(" %.4f %.4f %.4f\n", x, r.NormFloat64(), 3*x+0.1*r.NormFloat64())
		if i < 100 {
			first += fmt.Sprintf("%d.0\n", i)
		} else {
			second += fmt.Sprintf("%d\n", i)
		}
	}
	write(t, filepath.Join(dir, "data.txt"), data)
	write(t, filepath.Join(dir, "index_features.txt"), "0\n1\n")
	write(t, filepath.Join(dir, "index_target.txt"), "2\n")
	for k := range 2 {
		write(t, filepath.Join(dir, fmt.Sprintf("index_train_%d.txt", k)), first)
		write(t, filepath.Join(dir, fmt.Sprintf("index_test_%d.txt", k)), second)
	}
	u, err := OpenUCI(dir)
	if err != nil {
		t.Fatal(err)
	}
	training, test, err := u.Split(1)
	if err != nil || u.Splits != 2 || training.Rows != 100 || test.Rows != 20 || training.Line(99) != 100 || test.Line(0) != 101 {
		t.Errorf("%d splits, %d and %d rows: %v", u.Splits, training.Rows, test.Rows, err)
	}
	var out bytes.Buffer
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := Run(t.Context(), d, Options{Only: []string{"uci"}, Data: filepath.Dir(dir), Steps: 200, JSON: true}, &out); err != nil {
		t.Fatal(err)
	}
	var result UCIResult
	if err := json.Unmarshal(out.Bytes(), &result); err != nil || result.Table != "lines" || result.Splits != 2 || len(result.Each) != 2 {
		t.Errorf("%s: %v", out.String(), err)
	}
	// The noise has the log-likelihood −½·log(2πe·0.1²) = 0.88, a normal distribution without the features −2.5.
	if result.LogLikelihood < -1 || result.LogLikelihood > 1.3 {
		t.Errorf("test log-likelihood %v", result.LogLikelihood)
	}
	write(t, filepath.Join(dir, "index_test_1.txt"), "120\n")
	if _, _, err := u.Split(1); err == nil || !strings.Contains(err.Error(), "index_test_1.txt: line 1") {
		t.Errorf("a row beyond the table: %v", err)
	}
	write(t, filepath.Join(dir, "index_target.txt"), "1\n")
	if _, err := OpenUCI(dir); err == nil || !strings.Contains(err.Error(), "index_target.txt") {
		t.Errorf("a target among the features: %v", err)
	}
}
