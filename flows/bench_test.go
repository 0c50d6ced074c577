package flows_test

import (
	"fmt"
	"testing"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// adam is the optimizer without schedules and such, which are the business of package train.
type adam struct {
	k      kernel.Device
	params []nn.Param
	lists  []kernel.AdamParam
	kernel.Adam
}

func newAdam(d *tensor.Device, m nn.Module) *adam {
	a := &adam{k: engine.Kernels(d), params: nn.Trainable(m), Adam: kernel.Adam{
		LearningRate: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, GradScale: 1,
	}}
	for _, p := range a.params {
		a.lists = append(a.lists, kernel.AdamParam{
			P: engine.Data(p.Tensor), M: engine.Data(d.Zeros(p.Tensor.Len())), V: engine.Data(d.Zeros(p.Tensor.Len())), WeightDecay: 1e-5,
		})
	}
	return a
}

// step follows the gradients and forgets them.
func (a *adam) step() {
	a.Step++
	for i, p := range a.params {
		a.lists[i].G = engine.Data(p.Tensor.Grad())
		p.Tensor.ZeroGrad()
	}
	a.k.AdamStep(a.Adam, a.lists)
}

// BenchmarkRealNVPStep is the workloads realnvp/train/b32 and b256: loss, gradients and Adam of the reference's flow.
func BenchmarkRealNVPStep(b *testing.B) {
	for _, rows := range []int{32, 256} {
		b.Run(fmt.Sprintf("b%d", rows), func(b *testing.B) {
			d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 2})
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			g := tensor.NewGenerator(1)
			f, err := flows.NewRealNVP(d, flows.DefaultConfig(256, 2), g)
			if err != nil {
				b.Fatal(err)
			}
			x := g.Normal(d, rows, 256)
			labels := make([]int, rows)
			for i := range labels {
				labels[i] = i % 2
			}
			cond, err := flows.OneHot(d, labels, 2)
			if err != nil {
				b.Fatal(err)
			}
			optimizer := newAdam(d, f)
			step := func() {
				s := d.Record()
				f.NLL(x, cond).Backward()
				s.End()
				optimizer.step()
			}
			for range 3 {
				step()
			}
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// BenchmarkRealNVPSample is the flow's part of the workload pets/sample/64.
func BenchmarkRealNVPSample(b *testing.B) {
	d, err := tensor.OpenDevice("cpu", tensor.DeviceOptions{Threads: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	g := tensor.NewGenerator(1)
	f, err := flows.NewRealNVP(d, flows.DefaultConfig(256, 0), g)
	if err != nil {
		b.Fatal(err)
	}
	f.SetTraining(false)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := f.Sample(64, nil, 1, g); err != nil {
			b.Fatal(err)
		}
	}
}
