package train

import (
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/bestiary-ml/bestiary/internal/engine"
	_ "github.com/bestiary-ml/bestiary/internal/lighttest" // plots and syncs
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/google/go-cmp/cmp"
)

// toy is a small network with batch norm and dropout that learns the sum of its inputs.
type toy struct {
	device  *tensor.Device
	net     *nn.Sequential
	dropout *tensor.Generator
	rows    *Rows
	losses  int                         // calls of Loss
	spoil   func(call int, x []float32) // changes a batch before the model sees it
	heldOut func(call int) float64      // replaces the held-out loss
	evals   int
}

const toyInputs = 6

func toyRows() []float32 {
	d := engine.NewDevice(engine.Kernels(openPortable()))
	return tensor.NewGenerator(11).Normal(d, 50, toyInputs).Values()
}

func openPortable() *tensor.Device {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 1, Kernels: "portable"})
	if err != nil {
		panic(err)
	}
	return d
}

func newToy(d *tensor.Device, seed uint64, batch, width int) *toy {
	g := tensor.NewGenerator(seed)
	init, dropout := g.Fork("init"), g.Fork("dropout")
	rows, err := NewRows(toyRows(), toyInputs, nil, batch, false, seed)
	if err != nil {
		panic(err)
	}
	return &toy{
		device: d, dropout: dropout, rows: rows,
		net: nn.NewSequential(
			nn.NewLinear(d, toyInputs, width, true, init), nn.NewBatchNorm(d, width, tensor.Activation{}), nn.ReLU,
			nn.NewDropout(0.3, dropout), nn.NewLinear(d, width, 1, true, init)),
	}
}

func (m *toy) loss(x []float32) *tensor.Tensor {
	in := m.device.From(x, len(x)/toyInputs, toyInputs)
	return m.net.Forward(in).MSELoss(in.Sum(1))
}

func (m *toy) task() Task[RowBatch] {
	return Task[RowBatch]{
		Model: "toy", Module: m.net, Source: m.rows, Unit: "rows",
		Generators: map[string]*tensor.Generator{"dropout": m.dropout},
		Settings:   map[string]int{"inputs": toyInputs}, Data: "rows",
		Check: RowBatch.Check,
		Loss: func(batch RowBatch) (*tensor.Tensor, *Figures) {
			m.losses++
			if m.spoil != nil {
				m.spoil(m.losses, batch.X)
			}
			loss := m.loss(batch.X)
			return loss, &Figures{
				Tensors: []*tensor.Tensor{loss.Scale(2)},
				Metrics: func(values [][]float32) Metrics { return Metrics{"twice": float64(values[0][0])} },
			}
		},
		Evaluate: func() (Metrics, error) {
			m.evals++
			if m.heldOut != nil {
				return Metrics{"loss": m.heldOut(m.evals)}, nil
			}
			m.dropout.Intn(10) // must not matter to the training
			s := m.device.Scratch()
			defer s.End()
			return Metrics{"loss": m.loss(m.rows.x[:20*toyInputs]).Item()}, nil
		},
		Samples: func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			return errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, 2, 2))), f.Close())
		},
	}
}

// toyConfig uses everything that has a state.
func toyConfig(steps int) Config {
	c := DefaultConfig()
	c.Steps, c.Batch, c.Accumulate, c.LearningRate, c.Clip, c.EMA = steps, 8, 2, 0.01, 0.5, 0.9
	c.Schedule, c.DropEvery, c.Warmup = "plateau", 1, 3
	c.LogEvery, c.EvalEvery, c.SampleEvery, c.CheckpointEvery = 4, 3, 0, 5
	return c
}

func newRun(t testing.TB) *run.Run {
	t.Helper()
	r, err := run.Create(filepath.Join(t.TempDir(), "run"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// same compares all parameters and buffers to the bit.
func same(t *testing.T, a, b nn.Module) {
	t.Helper()
	if diff := cmp.Diff(weights.Of(a), weights.Of(b)); diff != "" {
		t.Errorf("the weights differ: %s", diff)
	}
}

// after returns a context that ends during the given call of Loss.
func (m *toy) after(calls int) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	m.spoil = func(call int, _ []float32) {
		if call == calls {
			cancel()
		}
	}
	return ctx
}
