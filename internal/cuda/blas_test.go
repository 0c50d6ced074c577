//go:build linux && (amd64 || arm64) && !nocuda

package cuda

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// TestLibraryFolders checks the folders that are searched, the user's folders first.
func TestLibraryFolders(t *testing.T) {
	environment := t.TempDir()
	packages := filepath.Join(environment, "lib", "python3.12", "site-packages", "nvidia", "cublas", "lib")
	bin := filepath.Join(environment, "bin")
	for _, folder := range []string{packages, bin} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	t.Setenv("VIRTUAL_ENV", "")
	t.Setenv("BESTIARY_CUDA_LIBS", "/first"+string(os.PathListSeparator)+"/second")
	folders := libraryFolders()
	if !slices.Equal(folders[:3], []string{"/first", "/second", ""}) || !slices.Contains(folders, packages) {
		t.Errorf("folders: %q", folders)
	}
}

// TestLibrary compares cuBLAS's products with those of our own kernels. It skips if there is no cuBLAS.
func TestLibrary(t *testing.T) {
	d := deviceToTest(t)
	if d.library() == nil {
		t.Skip("no cuBLAS: " + d.Library())
	}
	t.Log(d.Library())
	rapid.Check(t, func(t *rapid.T) {
		a := newArena(t, d)
		defer a.free()
		setPrecision(t, d, rapid.SampledFrom([]kernel.Precision{kernel.Highest, kernel.High, kernel.Medium}).Draw(t, "precision"))
		g := kernel.Gemm{
			M: rapid.IntRange(1, 40).Draw(t, "M"), N: rapid.IntRange(1, 40).Draw(t, "N"), K: rapid.IntRange(1, 40).Draw(t, "K"),
			Batch: rapid.IntRange(1, 3).Draw(t, "batch"), TransA: rapid.Bool().Draw(t, "TransA"), TransB: rapid.Bool().Draw(t, "TransB"),
			Accumulate: rapid.Bool().Draw(t, "accumulate"), Slope: 0.25,
		}
		g.LdA, g.LdB, g.LdC = g.K+1, g.N+2, g.N+3
		if g.TransA {
			g.LdA = g.M + 1
		}
		if g.TransB {
			g.LdB = g.K + 2
		}
		g.StrideA, g.StrideB, g.StrideC = (g.M+g.K)*g.LdA, (g.K+g.N)*g.LdB, g.M*g.LdC
		left, right, c := a.numbers(g.Batch*g.StrideA), a.numbers(g.Batch*g.StrideB), a.numbers(g.Batch*g.StrideC)
		bias := kernel.Buffer{}
		if !g.Accumulate {
			bias, g.Act = a.gpus[a.numbers(g.N)], rapid.SampledFrom(gemmActivations).Draw(t, "activation")
		}
		again := a.place(a.contents[c])
		d.libraryGemm(g, a.gpus[left], a.gpus[right], bias, a.gpus[c])
		d.gemmTiles(g, d.planGemm(g), a.gpus[left], a.gpus[right], bias, a.gpus[again])
		got, want := make([]float32, len(a.contents[c])), make([]float32, len(a.contents[c]))
		d.Download(got, a.gpus[c])
		d.Download(want, a.gpus[again])
		tolerance := tolerances[d.Precision()] * (1 + math.Sqrt(float64(g.K)))
		for i := range got {
			if math.Abs(float64(got[i]-want[i])) > tolerance {
				t.Fatal(fmt.Sprintf("%v %+v: element %d is %g, our own kernels give %g", d.Precision(), g, i, got[i], want[i]))
			}
		}
	})
}
