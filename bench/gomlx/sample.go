package main

import (
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
)

// samplePets maps latents through the inverse flow and the decoder to 8-bit pictures.
func samplePets(n int) (func() error, error) {
	exec, err := model.NewExec(oneByOne, model.NewStore(), func(s *model.Scope, z, y *graph.Node) *graph.Node {
		m := &scope{Scope: s, g: z.Graph()}
		x := graph.ClipScalar(m.decode(m.inverse(z, y)), -1, 1)
		return graph.ConvertDType(graph.AddScalar(graph.MulScalar(graph.OnePlus(x), 127.5), 0.5), dtypes.Uint8)
	})
	if err != nil {
		return nil, err
	}
	z, y := normal(n, dim), oneHot(n)
	return func() error {
		pictures, err := exec.Exec1(z, y)
		if err != nil {
			return err
		}
		if err := tensors.ConstFlatData(pictures, func([]uint8) {}); err != nil {
			return err
		}
		return pictures.FinalizeAll()
	}, nil
}

// inverse maps latents to embeddings through the inverse flow.
func (m *scope) inverse(z, y *graph.Node) *graph.Node {
	mask := mask(m.g)
	for range layers {
		scale := graph.Sqrt(graph.AddScalar(m.row(1, dim), epsilon))
		z = add(multiply(graph.Sub(z, graph.ExpandAxes(m.row(0, dim), 0)), graph.Mul(graph.Exp(graph.Neg(m.row(0, dim))), scale)), m.row(0, dim))
		z = permuted(z)
		s, t := m.coupling(z, y, mask)
		z = graph.Mul(graph.Sub(z, t), graph.Exp(graph.Neg(s)))
	}
	return z
}
