package main

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// training returns a training step with Adam on the same inputs each time. GoMLX compiles the loss with its gradients once.
func training(backend compute.Backend, loss func(m *scope, inputs []*graph.Node) *graph.Node, inputs ...*tensors.Tensor) (func() error, error) {
	adam := optimizer.Adam().LearningRate(1e-3).WeightDecay(1e-5).Done()
	step, err := model.NewExec(backend, model.NewStore(), func(s *model.Scope, inputs []*graph.Node) *graph.Node {
		g := inputs[0].Graph()
		s.SetGraphParam(g, model.GraphParamIsTraining, true)
		l := loss(&scope{Scope: s, g: g, training: true}, inputs)
		adam.UpdateGraph(s, g, l)
		return l
	})
	if err != nil {
		return nil, err
	}
	arguments := make([]any, len(inputs))
	for i, t := range inputs {
		arguments[i] = t
	}
	return func() error {
		l, err := step.Exec1(arguments...)
		if err != nil {
			return err
		}
		if v := tensors.ToScalar[float32](l); math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("the loss is %v", v)
		}
		return l.FinalizeAll()
	}, nil
}

// scope creates the parameters of a model under numbered names.
type scope struct {
	*model.Scope
	g        *graph.Graph
	training bool
	made     int
}

func (m *scope) parameter(value any) *graph.Node {
	m.made++
	return m.VariableWithValue(fmt.Sprintf("parameter%d", m.made), value).NodeValue(m.g)
}

// weight returns a parameter with normally distributed initial values.
func (m *scope) weight(scale float64, shape ...int) *graph.Node {
	return m.parameter(scaled(scale, shape...))
}

// row returns a parameter that is broadcast over the batch, such as a bias.
func (m *scope) row(value float32, width int) *graph.Node {
	values := make([]float32, width)
	for i := range values {
		values[i] = value
	}
	return m.parameter(values)
}

func (m *scope) linear(x *graph.Node, in, out int) *graph.Node {
	return add(graph.MatMul(x, m.weight(1/math.Sqrt(3*float64(in)), in, out)), m.row(0, out))
}

// add adds a row to each row, multiply multiplies each row by it.
func add(x, row *graph.Node) *graph.Node { return graph.Add(x, graph.ExpandLeftToRank(row, x.Rank())) }
func multiply(x, row *graph.Node) *graph.Node {
	return graph.Mul(x, graph.ExpandLeftToRank(row, x.Rank()))
}
