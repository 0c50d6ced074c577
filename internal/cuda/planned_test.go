package cuda

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/bestiary-ml/bestiary/internal/cuda/ptx"
)

// TestPlannedKernels checks that the kernels of all plans exist, and that they take structs of the size of the Go structs. TestSharedStructs compares their fields.
func TestPlannedKernels(t *testing.T) {
	sizes := map[string]map[string]int{}
	for _, file := range []string{"small", "products", "products_tf32", "products_bfloat16", "convolution", "convolution_tf32", "convolution_bfloat16", "attention", "attention_tf32"} {
		text, err := compiled.ReadFile("kernels/" + file + ".ptx")
		if err != nil {
			t.Fatal(err)
		}
		entries, err := ptx.Entries(string(text))
		if err != nil {
			t.Fatal(err)
		}
		sizes[file] = map[string]int{}
		for _, e := range entries {
			sizes[file][e.Name] = e.Params[0]
		}
	}
	check := func(file, name string, size uintptr) {
		t.Helper()
		if got := sizes[file][name]; got != int(size) {
			t.Errorf("%s in %s.ptx takes %d bytes (0: it doesn't exist), the Go code passes %d", name, file, got, size)
		}
	}
	for _, a := range arithmetics {
		for _, s := range tileSizes {
			if s.tensor && !a.tensor {
				continue
			}
			size := tiling{m: s.m, n: s.n}
			check("products"+a.suffix, size.name("gemm_"+a.name), unsafe.Sizeof(productArguments{}))
			for _, kind := range []string{"forward", "backward_input", "backward_weight"} {
				check("convolution"+a.suffix, size.name("conv2d_"+kind+"_"+a.name), unsafe.Sizeof(convolutionArguments{}))
			}
		}
	}
	check("convolution", "conv2d_backward_input_narrow", unsafe.Sizeof(convolutionArguments{}))
	check("small", "gemm_small", unsafe.Sizeof(productArguments{}))
	check("small", "linear_grad", unsafe.Sizeof(layerArguments{}))
	check("products", "few_along", unsafe.Sizeof(skinnyArguments{}))
	check("products", "few_across", unsafe.Sizeof(skinnyArguments{}))
	for _, name := range []string{"attend", "attend_grad_queries", "attend_grad_keys"} {
		for width := 32; width <= widestHead; width *= 2 {
			check("attention", fmt.Sprintf("%s_exact_%d", name, width), unsafe.Sizeof(attentionArguments{}))
			check("attention_tf32", fmt.Sprintf("%s_tf32_%d", name, width), unsafe.Sizeof(attentionArguments{}))
		}
	}
	for _, name := range []string{"attend_rows", "attend_grad_query_rows", "attend_grad_key_rows", "attend_delta"} {
		check("attention", name, unsafe.Sizeof(attentionArguments{}))
	}
}
