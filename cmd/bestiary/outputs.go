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
// codes replace codes, and figures figures; weights replace a file with --force only.

// checkPNG refuses an --out that is no name of a PNG, can't be written, or is one of the inputs.
func checkPNG(out string, inputs ...string) error { return checkPNGOf("--out", out, inputs...) }

// checkPNGOf is checkPNG for the value of any flag.
func checkPNGOf(flag, out string, inputs ...string) error {
	if ext := strings.ToLower(filepath.Ext(out)); ext != ".png" {
		return usagef("%s %q: pictures are written as PNG; use a name that ends in .png", flag, out)
	}
	return checkPicture(flag, out, inputs...)
}

// checkPicture refuses a name of a picture that can't be written or is one of the inputs; "" is no input.
func checkPicture(flag, out string, inputs ...string) error {
	if err := checkWritable(flag, out); err != nil {
		return err
	}
	for _, in := range inputs {
		if in != "" && sameFile(in, out) {
			return usagef("%s %s: would overwrite %s, which the command reads; choose another name", flag, out, in)
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

// checkReplaces refuses a file that can't be written, or that exists and doesn't begin as what is written does.
func checkReplaces(flag, file, begins, what string) error {
	if err := checkWritable(flag, file); err != nil {
		return err
	}
	f, _, err := regular.Open(file)
	var kind *regular.ErrKind
	if errors.Is(err, os.ErrNotExist) || errors.As(err, &kind) { // a pipe, such as /dev/stdout, holds nothing
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s: cannot be read (%w); choose another name", flag, file, err)
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, int64(len(begins))))
	if err == nil && len(start) > 0 && !bytes.Equal(start, []byte(begins)) {
		return usagef("%s %s: exists and holds no %s; choose another name", flag, file, what)
	}
	return nil
}

// What files begin with.
const (
	codesStart   = `[{"prompt":`
	figuresStart = "{\n  \"runs\""
)

// sameFile reports whether two paths lead to one existing file.
func sameFile(a, b string) bool {
	one, err1 := os.Stat(a)
	two, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, two)
}
