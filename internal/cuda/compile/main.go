//go:build linux

// Compile compiles internal/cuda/kernels/*.cu to PTX. It needs NVIDIA's NVRTC library and nothing else:
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
	flag.Parse()
	if err := run(*library, *folder, *arch, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// run compiles the files of folder that are named, or all whose PTX is missing or of other sources.
func run(library, folder, arch string, names []string) error {
	compiler, err := openCompiler(library)
	if err != nil {
		return err
	}
	all := len(names) == 0
	if all {
		paths, err := filepath.Glob(filepath.Join(folder, "*.cu"))
		if err != nil {
			return err
		}
		for _, path := range paths {
			names = append(names, filepath.Base(path))
		}
	}
	for _, name := range names {
		sources, err := ptx.Sources(os.DirFS(folder), name)
		if err != nil {
			return err
		}
		header := ptx.Header(compiler.version+" for "+arch, sources)
		to := filepath.Join(folder, strings.TrimSuffix(name, ".cu")+".ptx")
		if old, err := os.ReadFile(to); all && err == nil && strings.HasPrefix(string(old), header) {
			continue
		}
		source, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		text, err := compiler.compile(name, string(source), "--gpu-architecture="+arch, "--std=c++17", "--include-path="+folder)
		if err != nil {
			return err
		}
		if err := os.WriteFile(to, []byte(header+text), 0o644); err != nil {
			return err
		}
		fmt.Println("compiled", to)
	}
	return nil
}
