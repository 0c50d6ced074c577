package parquet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"
)

const rows = 40

// want returns the values of a row in testdata, as testdata/make.py computes them.
func want(i int) string {
	text, flag, picture := fmt.Sprintf("row %d", i%5), fmt.Sprint(i%3 == 0), fmt.Sprintf("%x", bytes.Repeat([]byte{byte(i)}, i%6))
	path := fmt.Sprintf("%d.jpg", i)
	if i%7 == 3 {
		text = "null"
	}
	if i%11 == 5 {
		flag = "null"
	}
	if i%13 == 1 {
		picture, path = "null", "null"
	}
	return strings.Join([]string{text, flag, fmt.Sprint(i*i - 9), fmt.Sprint((i - 20) * 1e15), fmt.Sprint(i), picture, path}, " ")
}

// table reads the columns of a file in testdata.
func table(path string) ([]string, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := make([][]string, f.Rows)
	for _, name := range []string{"text", "flag", "i32", "i64", "u8", "image.bytes", "image.path"} {
		c := f.Column(name)
		if c == nil {
			return nil, fmt.Errorf("no column %s, only %s", name, f.Names())
		}
		err := f.Read(c, func(row int, v Value) bool {
			text := fmt.Sprint(v.Int)
			switch {
			case v.Null:
				text = "null"
			case c.Kind == Boolean:
				text = fmt.Sprint(v.Int == 1)
			case name == "image.bytes":
				text = fmt.Sprintf("%x", v.Bytes)
			case c.Kind == Bytes:
				text = string(v.Bytes)
			}
			lines[row] = append(lines[row], text)
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]string, len(lines))
	for i, l := range lines {
		all[i] = strings.Join(l, " ")
	}
	return all, nil
}

var good = []string{"none", "snappy", "gzip", "brotli", "zstd", "lz4", "plain", "version2", "version2_dictionary", "delta"}

func TestRead(t *testing.T) {
	for _, name := range good {
		t.Run(name, func(t *testing.T) {
			got, err := table("testdata/" + name + ".parquet")
			if err != nil || len(got) != rows {
				t.Fatalf("%d rows, %v", len(got), err)
			}
			for i, line := range got {
				if line != want(i) {
					t.Errorf("row %d is %q, want %q", i, line, want(i))
				}
			}
		})
	}
	f, err := Open("testdata/none.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Metadata["huggingface"] != `{"info": {}}` {
		t.Errorf("metadata is %q", f.Metadata)
	}
	list := f.Column("list.list.element")
	if list == nil || !list.Repeated || f.Read(list, nil) == nil {
		t.Errorf("a list among %s: %+v", f.Names(), list)
	}
}

// TestOtherWriter reads what parquet-go has written: see writer.
func TestOtherWriter(t *testing.T) {
	type row struct {
		Text *string
		Flag bool
		N    int64
	}
	var all []row
	for i := range 500 {
		r := row{Flag: i%5 == 0, N: int64(i * i * i)}
		if i%3 > 0 {
			s := strings.Repeat("é", i%40)
			r.Text = &s
		}
		all = append(all, r)
	}
	f, err := Open("testdata/parquet-go.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := 0
	for name, check := range map[string]func(r row, v Value) bool{
		"text": func(r row, v Value) bool {
			return v.Null == (r.Text == nil) && (r.Text == nil || *r.Text == string(v.Bytes))
		},
		"flag": func(r row, v Value) bool { return !v.Null && r.Flag == (v.Int == 1) },
		"n":    func(r row, v Value) bool { return !v.Null && r.N == v.Int },
	} {
		err := f.Read(f.Column(name), func(row int, v Value) bool {
			if seen++; !check(all[row], v) {
				t.Errorf("%s of row %d is %+v", name, row, v)
			}
			return true
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if seen != 3*len(all) {
		t.Errorf("%d values", seen)
	}
}

// measure returns the error, memory and time of reading every column of a file.
func measure(path string) (allocated uint64, took time.Duration, err error) {
	before, start := allocatedBytes(), time.Now()
	f, err := Open(path)
	if err == nil {
		for i := range f.Columns {
			if f.Columns[i].Repeated {
				continue
			}
			err = f.Read(&f.Columns[i], func(int, Value) bool { return true })
			if err != nil {
				break
			}
		}
		f.Close()
	}
	return allocatedBytes() - before, time.Since(start), err
}

// allocatedBytes returns the bytes allocated so far. It is faster than runtime.ReadMemStats, which stops all goroutines.
func allocatedBytes() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

func TestBombs(t *testing.T) {
	for name, want := range map[string]string{
		"lz4-doubles": "", "bomb": "more than we allow", "many": "more rows than fit",
	} {
		path := "testdata/" + name + ".parquet"
		allocated, took, err := measure(path)
		if err == nil && want != "" || err != nil && (!strings.Contains(err.Error(), want) || !Damaged(err)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if allocated > 64<<20 || took > 5*time.Second {
			t.Errorf("%s: %d bytes in %v", name, allocated, took)
		}
	}
}

// TestEveryBit flips every bit of a file and cuts it off everywhere: reading ends soon, in little memory.
func TestEveryBit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.parquet")
	for _, name := range good {
		whole, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		step := 3
		if testing.Short() || name != "snappy" {
			step = 37
		}
		for at := 0; at < len(whole); at += step {
			bad := slices.Clone(whole)
			bad[at] ^= 1 << (at / step % 8)
			for _, content := range [][]byte{bad, whole[:at]} {
				if err := os.WriteFile(path, content, 0o644); err != nil {
					t.Fatal(err)
				}
				if allocated, took, err := measure(path); allocated > 300<<20 || took > 5*time.Second {
					t.Fatalf("%s, byte %d: %d bytes in %v (%v)", name, at, allocated, took, err)
				}
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range append(good, "lz4-doubles", "bomb") {
		b, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	path := filepath.Join(f.TempDir(), "f.parquet")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		// One page at a time: 16 MB or 256 times its size, and as much for the dictionary.
		if allocated, took, _ := measure(path); allocated > 1<<30+1024*uint64(len(b)) || took > 10*time.Second {
			t.Errorf("%d bytes take %d bytes and %v", len(b), allocated, took)
		}
	})
}
