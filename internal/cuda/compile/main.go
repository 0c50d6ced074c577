//go:build linux

// Compile compiles the kernels, internal/cuda/*.cu, to PTX in internal/cuda/kernels. It needs NVIDIA's NVRTC library and
// nothing else; scripts/kernels fetches NVRTC and runs this program. By hand:
//
//	python3 -m venv nvrtc && nvrtc/bin/pip install nvidia-cuda-nvrtc-cu11==11.8.89
//	go run ./internal/cuda/compile -nvrtc nvrtc/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.11.2
//
// PTX states the version of its language, and a driver refuses PTX of a newer version than its own. NVRTC 11.8 writes a
// version that every driver since CUDA 11.8 accepts, so the checked-in kernels are compiled with it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
)

func main() {
	library := flag.String("nvrtc", "libnvrtc.so", "the NVRTC library: a path, or a name that the loader finds")
	t := task{}
	flag.StringVar(&t.folder, "sources", "internal/cuda", "folder of the .cu files")
	flag.StringVar(&t.to, "to", "internal/cuda/kernels", "folder of the compiled files")
	flag.StringVar(&t.arch, "arch", "compute_80", "lowest architecture that runs the kernels")
	check := flag.Bool("check", false, "write nothing; compile all files and compare the results with the compiled files")
	stamp := flag.Bool("stamp", false, "keep the PTX of files whose sources changed but compile to the same; write the new header only")
	flag.Parse()
	do := t.compile
	switch {
	case *check:
		do = t.compare
	case *stamp:
		do = t.stamp
	case flag.NArg() == 0:
		do = t.update
	}
	if err := t.each(*library, flag.Args(), do); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// task is a run of this program.
type task struct {
	*compiler
	folder, to, arch string
}

// each calls do for the named .cu files, or for all of them. header is the header that the file gets if it is compiled now.
func (t *task) each(library string, names []string, do func(name, header string) error) (err error) {
	if t.compiler, err = openCompiler(library); err != nil {
		return err
	}
	if len(names) == 0 {
		paths, err := filepath.Glob(filepath.Join(t.folder, "*.cu"))
		if err != nil {
			return err
		}
		for _, path := range paths {
			names = append(names, filepath.Base(path))
		}
	}
	for _, name := range names {
		sources, err := ptx.Sources(os.DirFS(t.folder), name)
		if err != nil {
			return err
		}
		if err := do(name, ptx.Header(t.version+" for "+t.arch, sources)); err != nil {
			return err
		}
	}
	return nil
}

// update compiles a file if its PTX is missing or was compiled from other sources.
func (t *task) update(name, header string) error {
	if old, err := os.ReadFile(t.compiled(name)); err == nil && strings.HasPrefix(string(old), header) {
		return nil
	}
	return t.compile(name, header)
}

// compile compiles a file.
func (t *task) compile(name, header string) error {
	text, err := t.ptx(name)
	if err != nil {
		return err
	}
	return t.write(name, header+text)
}

// compare compiles a file, and fails if the result differs from the compiled file.
func (t *task) compare(name, header string) error {
	old, err := t.unchanged(name)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(old, header) {
		return fmt.Errorf("%s was compiled from another %s or with another compiler; run scripts/kernels", t.compiled(name), name)
	}
	return nil
}

// stamp writes the header of a compiled file anew and keeps its PTX. It fails if the sources compile to something else.
func (t *task) stamp(name, header string) error {
	old, err := t.unchanged(name)
	if err != nil || strings.HasPrefix(old, header) {
		return err
	}
	return t.write(name, header+ptx.Body(old))
}

// unchanged compiles a file, and returns the compiled file. It is an error if the two differ.
func (t *task) unchanged(name string) (old string, err error) {
	text, err := t.ptx(name)
	if err != nil {
		return "", err
	}
	there, err := os.ReadFile(t.compiled(name))
	if err != nil {
		return "", err
	}
	if err := ptx.Alike(text, string(there)); err != nil {
		return "", fmt.Errorf("%s isn't the result of compiling %s: %w; run scripts/kernels", t.compiled(name), name, err)
	}
	return string(there), nil
}

// compiled is the path of the PTX of a .cu file.
func (t *task) compiled(name string) string {
	return filepath.Join(t.to, strings.TrimSuffix(name, ".cu")+".ptx")
}

func (t *task) write(name, text string) error {
	if err := os.WriteFile(t.compiled(name), []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Println("wrote", t.compiled(name))
	return nil
}

// ptx returns the PTX of a .cu file.
func (t *task) ptx(name string) (string, error) {
	source, err := os.ReadFile(filepath.Join(t.folder, name))
	if err != nil {
		return "", err
	}
	return t.translate(name, string(source), "--gpu-architecture="+t.arch, "--std=c++17", "--include-path="+t.folder)
}
