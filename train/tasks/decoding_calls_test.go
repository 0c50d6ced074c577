//go:build linux && (amd64 || arm64) && !nocuda

package tasks_test

import (
	"context"
	"maps"
	"testing"

	"github.com/ebitengine/purego"

	"github.com/bestiary-ml/bestiary/dalle"
	"github.com/bestiary-ml/bestiary/internal/cuda"
	"github.com/bestiary-ml/bestiary/internal/cuda/emulator"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/nn/sampling"
	"github.com/bestiary-ml/bestiary/tensor"
)

// TestDecodingCalls counts the launches for a code of a picture: five for each layer, one for the code's vector, one for the logits
// and one to sample the next code. The program waits once for each row of codes.
func TestDecodingCalls(t *testing.T) {
	functions, launches := maps.Clone(emulator.Functions()), 0
	withoutGraphs(functions) // so that all launches are counted
	launch, waits := functions["cuLaunchKernel"], countWaits(functions)
	functions["cuLaunchKernel"] = purego.NewCallback(func(f, gx, gy, gz, bx, by, bz, shared, stream, params, extra uintptr) uintptr {
		launches++
		r, _, _ := purego.SyscallN(launch, f, gx, gy, gz, bx, by, bz, shared, stream, params, extra)
		return r
	})
	gpu, err := cuda.OpenWith(functions)
	if err != nil {
		t.Fatal(err)
	}
	c := dalle.DefaultConfig()
	c.TextTokens, c.TextLen, c.ImageCodes, c.Height, c.Width = 8, 4, 8, 4, 3
	c.Transformer.Dim, c.Transformer.Depth, c.Transformer.Heads, c.Transformer.DimHead = 16, 3, 2, 8
	m, err := dalle.New(engine.NewDevice(gpu), c, tensor.NewGenerator(1))
	if err != nil {
		t.Fatal(err)
	}
	m.SetTraining(false)
	var launched, waited []int // after each row
	_, err = m.Generate(context.Background(), []dalle.Picture{{Text: []int32{3}, Random: tensor.NewGenerator(2)}}, sampling.Options{Temperature: 1, TopK: 4, Guidance: 3},
		func(int, [][]int32) { launched, waited = append(launched, launches), append(waited, *waits) })
	if err != nil {
		t.Fatal(err)
	}
	for row := 1; row < c.Height; row++ {
		if n, want := launched[row]-launched[row-1], c.Width*(5*c.Transformer.Depth+3); n != want {
			t.Errorf("%d launches for row %d, want %d", n, row, want)
		}
		if n := waited[row] - waited[row-1]; n != 1 {
			t.Errorf("%d waits in row %d, want 1", n, row)
		}
	}
}
