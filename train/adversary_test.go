package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// opposed is a toy whose adversary, with batch norm, learns to tell its outputs from the sums that it is to learn, and a
// buffer that follows from the weights.
type opposed struct {
	*toy
	judge  *nn.Sequential
	sum    *tensor.Tensor // buffer, the first weight
	start  int
	made   *tensor.Tensor
	wanted *tensor.Tensor
	judged []int // calls of Loss in which the adversary was trained
	spoilt bool  // the adversary's loss is NaN
}

func newOpposed(seed uint64, start int) *opposed {
	d := openPortable()
	g := tensor.NewGenerator(seed).Fork("judge")
	return &opposed{
		toy: newToy(d, seed, 8, 16), start: start, sum: d.Zeros(1).Keep(),
		judge: nn.NewSequential(nn.NewLinear(d, 1, 8, true, g), nn.NewBatchNorm(d, 8, tensor.Activation{}), nn.ReLU, nn.NewLinear(d, 8, 1, true, g)),
	}
}

// Visit adds the buffer to the toy's parameters.
func (o *opposed) Visit(path string, f func(nn.Param)) {
	o.net.Visit(path, f)
	f(nn.Param{Path: nn.Join(path, "sum"), Tensor: o.sum})
}

func (o *opposed) SetTraining(on bool) { o.net.SetTraining(on) }

func (o *opposed) task() Task[RowBatch] {
	task, step := o.toy.task(), 0
	task.Module = o
	task.Before = func(s int) { step = s }
	loss := task.Loss
	task.Loss = func(batch RowBatch) (*tensor.Tensor, *Figures) {
		_, figures := loss(batch)
		x := o.device.From(batch.X, len(batch.X)/toyInputs, toyInputs)
		o.wanted = x.Sum(1).Reshape(-1, 1)
		made := o.net.Forward(x)
		o.made = made.Detach()
		total := made.MSELoss(o.wanted)
		if step >= o.start {
			for _, p := range nn.Trainable(o.judge) {
				p.Tensor.SetRequiresGrad(false)
				defer p.Tensor.SetRequiresGrad(true)
			}
			total = total.Sub(o.judge.Forward(made).Mean().Reshape(1).Scale(0.1))
		}
		return total, figures
	}
	task.Adversary = &Adversary[RowBatch]{
		Module: o.judge, Adam: AdamOptions{Beta1: 0.5, Beta2: 0.9, Eps: 1e-8}, LearningRate: 0.02, Start: o.start, Metrics: []string{"real"},
		Loss: func(batch RowBatch) (*tensor.Tensor, *Figures) {
			o.judged = append(o.judged, o.losses)
			real := o.judge.Forward(o.wanted).Mean().Reshape(1)
			loss := o.judge.Forward(o.made).Mean().Reshape(1).Sub(real)
			if o.spoilt {
				loss = loss.Scale(math.NaN())
			}
			return loss, &Figures{Tensors: []*tensor.Tensor{real}, Metrics: func(v [][]float32) Metrics { return Metrics{"real": float64(v[0][0])} }}
		},
	}
	task.Calibrate = func() error {
		o.dropout.Intn(10) // must not matter to the training
		o.sum.Set([]float32{nn.Params(o.net)[0].Tensor.Values()[0]})
		return nil
	}
	return task
}

// TestAdversaryResume interrupts a training with an adversary before and after the adversary's start, and compares it with
// one that went through.
func TestAdversaryResume(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"everything": func(*Config) {},
		"no average": func(c *Config) { c.EMA = 0 },
		"patience":   func(c *Config) { c.Patience = 9 },
		"followed":   func(c *Config) { c.Accumulate, c.Clip = 1, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			c := toyConfig(14)
			change(&c)
			straight, whole := newRun(t), newOpposed(1, 6)
			if _, err := Run(context.Background(), straight.Dir(), whole.task(), c, Options{}); err != nil {
				t.Fatal(err)
			}
			if n := len(whole.judged); n != 9*c.Accumulate || whole.judged[0] != 5*c.Accumulate+1 {
				t.Errorf("the adversary was trained on %d batches, the first is %d", n, whole.judged[0])
			}
			if got, want := whole.sum.Item(), nn.Params(whole.net)[0].Tensor.Values()[0]; float32(got) != want {
				t.Errorf("the buffer is %v, want %v, the first weight", got, want)
			}
			r := newRun(t)
			for _, stop := range []int{2, 5, 6, 10} {
				m, already := newOpposed(uint64(1+stop%2*7), 6), 0
				m.rows = newOpposed(1, 6).rows
				if r.HasState("toy") {
					already = stepOf(t, r)
				} else {
					m = newOpposed(1, 6)
				}
				_, err := Run(m.after((stop-already)*c.Accumulate), r.Dir(), m.task(), c, Options{Resume: already > 0})
				var interrupted *Interrupted
				if !errors.As(err, &interrupted) || interrupted.Step != stop {
					t.Fatalf("got %v, want an interruption after step %d", err, stop)
				}
			}
			m := newOpposed(5, 6)
			m.rows = newOpposed(1, 6).rows
			if _, err := Run(context.Background(), r.Dir(), m.task(), c, Options{Resume: true}); err != nil {
				t.Fatal(err)
			}
			sameRun(t, straight, r)
			same(t, whole.judge, m.judge)
			lines, err := r.Metrics("toy")
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				for _, name := range []string{"adversary", "real"} {
					if v, ok := l.Values[name]; !ok || (v != 0) != (l.Step >= 6) {
						t.Errorf("step %d: %s is %v, %t", l.Step, name, v, ok)
					}
				}
			}
			if _, err := Run(context.Background(), r.Dir(), m.toy.task(), c, Options{Resume: true}); err == nil {
				t.Error("resumed without the adversary")
			}
		})
	}
}

func TestAdversaryFails(t *testing.T) {
	c := toyConfig(14)
	m := newOpposed(1, 0)
	m.spoilt = true
	_, err := Run(context.Background(), newRun(t).Dir(), m.task(), c, Options{})
	fails(t, err, "step 1: the loss of the adversary is NaN")
	for words, change := range map[string]func(*Adversary[RowBatch]){
		"Adversary.Module":           func(a *Adversary[RowBatch]) { a.Module = nil },
		"Adversary.Loss":             func(a *Adversary[RowBatch]) { a.Loss = nil },
		"Adversary.LearningRate 0":   func(a *Adversary[RowBatch]) { a.LearningRate = 0 },
		"Adversary.Start -1":         func(a *Adversary[RowBatch]) { a.Start = -1 },
		"Adversary.LearningRate NaN": func(a *Adversary[RowBatch]) { a.LearningRate = math.NaN() },
	} {
		task := newOpposed(1, 0).task()
		change(task.Adversary)
		_, err := Run(context.Background(), newRun(t).Dir(), task, c, Options{})
		fails(t, err, words)
	}
	task := newOpposed(1, 0).task()
	task.Calibrate = func() error { return errors.New("no statistics") }
	r := newRun(t)
	_, err = Run(context.Background(), r.Dir(), task, c, Options{})
	fails(t, err, "no statistics")
	if r.HasWeights("toy") {
		t.Error("weights were saved without their buffers")
	}
}
