package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// What a command may overwrite: a picture replaces an earlier picture of that name, but not one that the command reads;
// codes replace codes; weights replace a file with --force only.

// checkPNG refuses an --out that is no name of a PNG, can't be written, or is one of the inputs.
func checkPNG(out string, inputs ...string) error {
	if ext := strings.ToLower(filepath.Ext(out)); ext != ".png" {
		return usagef("--out %q: pictures are written as PNG; use a name that ends in .png", out)
	}
	return checkPicture(out, inputs...)
}

// checkPicture refuses an --out that can't be written or is one of the inputs; "" is no input.
func checkPicture(out string, inputs ...string) error {
	if err := checkWritable("--out", out); err != nil {
		return err
	}
	for _, in := range inputs {
		if in != "" && sameFile(in, out) {
			return usagef("--out %s: would overwrite %s, which the command reads; choose another name", out, in)
		}
	}
	return nil
}

// checkWritable refuses a file that can't be written before any work is done.
func checkWritable(flag, file string) error {
	if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
		return fmt.Errorf("%s %s: there is no folder %s; make it first", flag, file, filepath.Dir(file))
	}
	return atomicfile.Check(file)
}

// checkNew refuses a file of weights that exists, unless it is to be replaced.
func checkNew(flag, file string, force bool) error {
	if err := checkWritable(flag, file); err != nil {
		return err
	}
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && !force {
		return fmt.Errorf("%s: exists; give --force to replace it, or choose another name", file)
	}
	return nil
}

// checkCodes refuses a --codes that can't be written, or that exists and is no file of codes.
func checkCodes(file string) error {
	if err := checkWritable("--codes", file); err != nil {
		return err
	}
	f, _, err := regular.Open(file)
	var kind *regular.ErrKind
	if errors.Is(err, os.ErrNotExist) || errors.As(err, &kind) { // a pipe, such as /dev/stdout, holds nothing
		return nil
	}
	if err != nil {
		return fmt.Errorf("--codes %s: cannot be read (%w); choose another name", file, err)
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, int64(len(codesStart))))
	if err == nil && len(start) > 0 && !bytes.Equal(start, []byte(codesStart)) {
		return usagef("--codes %s: exists and holds no codes; choose another name", file)
	}
	return nil
}

// codesStart begins every file of codes.
const codesStart = `[{"prompt":`

// sameFile reports whether two paths lead to one existing file.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}
