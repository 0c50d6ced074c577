//go:build linux

// Compile compiles internal/cuda/kernels/*.cu to PTX. It needs NVIDIA's NVRTC library and nothing else; scripts/kernels fetches that and
// calls it. By hand:
//
//	python3 -m venv nvrtc && nvrtc/bin/pip install nvidia-cuda-nvrtc-cu11==11.8.89
//	go run ./internal/cuda/compile -nvrtc nvrtc/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib/libnvrtc.so.11.2
//
// PTX carries the version of its language, and a driver refuses a newer one than it knows. NVRTC 11.8 writes a version
// that every driver since CUDA 11.8 takes, so kernels that are checked in are compiled with it.
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
	folder := flag.String("kernels", "internal/cuda/kernels", "folder of the kernels")
	arch := flag.String("arch", "compute_80", "lowest architecture that runs them")
	check := flag.Bool("check", false, "write nothing, but compare what all would compile to with what is there")
	flag.Parse()
	do := compile
	switch {
	case *check:
		do = compare
	case flag.NArg() == 0:
		do = update
	}
	if err := each(*library, *folder, *arch, flag.Args(), do); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// each does something with the files of folder that are named, or with all; header is that of a file compiled now.
func each(library, folder, arch string, names []string, do func(c *compiler, folder, arch, name, header string) error) error {
	compiler, err := openCompiler(library)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if names, err = sources(folder); err != nil {
			return err
		}
	}
	for _, name := range names {
		header, err := headerOf(compiler, folder, arch, name)
		if err != nil {
			return err
		}
		if err := do(compiler, folder, arch, name, header); err != nil {
			return err
		}
	}
	return nil
}

// update compiles a file whose PTX is missing or of other sources.
func update(c *compiler, folder, arch, name, header string) error {
	if old, err := os.ReadFile(compiledName(folder, name)); err == nil && strings.HasPrefix(string(old), header) {
		return nil
	}
	return compile(c, folder, arch, name, header)
}

// compile compiles a file.
func compile(c *compiler, folder, arch, name, header string) error {
	text, err := compiled(c, folder, arch, name)
	if err != nil {
		return err
	}
	to := compiledName(folder, name)
	if err := os.WriteFile(to, []byte(header+text), 0o644); err != nil {
		return err
	}
	fmt.Println("compiled", to)
	return nil
}

// compare compiles a file, and fails if the PTX that is there is something else.
func compare(c *compiler, folder, arch, name, header string) error {
	text, err := compiled(c, folder, arch, name)
	if err != nil {
		return err
	}
	there, err := os.ReadFile(compiledName(folder, name))
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(there), header) {
		return fmt.Errorf("%s was compiled from another %s, or by another compiler; compile it again", compiledName(folder, name), name)
	}
	if err := ptx.Alike(text, string(there)); err != nil {
		return fmt.Errorf("%s isn't what %s gives: %w; compile it again", compiledName(folder, name), name, err)
	}
	return nil
}

// sources lists the files of kernels.
func sources(folder string) (names []string, err error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.cu"))
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names, err
}

func compiledName(folder, name string) string {
	return filepath.Join(folder, strings.TrimSuffix(name, ".cu")+".ptx")
}

// headerOf says what a file is compiled from, and by what.
func headerOf(c *compiler, folder, arch, name string) (string, error) {
	of, err := ptx.Sources(os.DirFS(folder), name)
	if err != nil {
		return "", err
	}
	return ptx.Header(c.version+" for "+arch, of), nil
}

func compiled(c *compiler, folder, arch, name string) (string, error) {
	source, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return "", err
	}
	return c.compile(name, string(source), "--gpu-architecture="+arch, "--std=c++17", "--include-path="+folder)
}
