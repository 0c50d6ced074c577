package train

import (
	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
	"github.com/bestiary-ml/bestiary/tensor"
)

// piece is a part of a parameter that this process updates: all of it or, where ranks divide the optimizer, the elements in its part
// of a bucket.
type piece struct{ param, from, n int }

// whole returns a piece for each parameter.
func (g *gradients) whole() (all []piece) {
	for i, p := range g.params {
		all = append(all, piece{param: i, n: p.Tensor.Len()})
	}
	return all
}

// pieces returns the pieces that this rank updates, bucket by bucket.
func (r *reducer) pieces() (all []piece) {
	for _, b := range r.buckets {
		from, to := r.part(b)
		for at, i := range b.params {
			first, last := max(from, b.offsets[at]), min(to, b.offsets[at]+r.params[i].Tensor.Len())
			if first < last {
				all = append(all, piece{param: i, from: first - b.offsets[at], n: last - first})
			}
		}
	}
	return all
}

// data returns the elements of piece j.
func (g *gradients) data(j int) kernel.Buffer {
	p := g.pieces[j]
	return engine.Data(g.params[p.param].Tensor).Slice(p.from, p.n)
}

// grad returns the gradient of piece j; ok is false if there is none.
func (g *gradients) grad(j int) (grad kernel.Buffer, ok bool) {
	p := g.pieces[j]
	if g.reducer != nil {
		return g.reducer.grad(p)
	}
	if own := g.params[p.param].Tensor.Grad(); own != nil {
		return engine.Data(own), true
	}
	return grad, false
}

// reduce makes the optimizer use the sums of a reducer. With shards, it updates the pieces of this rank only.
func (g *gradients) reduce(r *reducer) {
	g.reducer = r
	if r.shard.divides() {
		g.pieces = r.pieces()
	}
}

// divided reports whether other ranks update pieces, too.
func (g *gradients) divided() bool { return g.reducer != nil && g.reducer.shard.divides() }

// zeros returns zeros for each piece: the shape is that of the parameter if the piece is all of it.
func (g *gradients) zeros() (all []*tensor.Tensor) {
	for _, p := range g.pieces {
		if g.divided() {
			all = append(all, g.device.Zeros(p.n))
		} else {
			all = append(all, g.device.Zeros(g.params[p.param].Tensor.Shape()...))
		}
	}
	return all
}

// save returns copies of what an optimizer keeps of the pieces, as one tensor for each parameter, named behind a prefix by its path.
// Where ranks have pieces, all of them must call it; rank 0 gets the tensors.
func (g *gradients) save(prefix string, of []*tensor.Tensor) (all []safetensors.Tensor, err error) {
	if !g.divided() {
		for i, p := range g.params {
			all = append(all, weights.SaveAs(p, prefix+p.Path, of[i]))
		}
		return all, nil
	}
	leads := g.reducer.ranks.Rank() == 0
	whole, err := g.reducer.gather(leads, func(j int) kernel.Buffer { return engine.Data(of[j]) })
	if err != nil || !leads {
		return nil, err
	}
	for i, p := range g.params {
		all = append(all, weights.SaveAs(p, prefix+p.Path, g.device.From(whole[i], p.Tensor.Shape()...)))
	}
	return all, nil
}

// load restores what save returned.
func (g *gradients) load(f *safetensors.File, prefix string, of []*tensor.Tensor) error {
	if !g.divided() {
		for i, p := range g.params {
			if err := weights.LoadFrom(p, f, prefix+p.Path, of[i]); err != nil {
				return err
			}
		}
		return nil
	}
	var whole *tensor.Tensor
	last := -1
	for j, p := range g.pieces {
		param := g.params[p.param]
		if p.param != last {
			whole, last = g.device.Zeros(param.Tensor.Shape()...), p.param
			if err := weights.LoadFrom(param, f, prefix+param.Path, whole); err != nil {
				return err
			}
		}
		engine.Kernels(g.device).Copy(kernel.Contiguous(p.n), engine.Data(of[j]), engine.Data(whole).Slice(p.from, p.n))
	}
	return nil
}

// gather returns the elements of all parameters, of which each rank has its pieces. All ranks must call it; those that don't keep what
// they get have the memory of a bucket only.
func (r *reducer) gather(keep bool, of func(j int) kernel.Buffer) ([][]float32, error) {
	ctx, cancel := r.ranks.within()
	defer cancel()
	k, whole := engine.Kernels(r.device), make([][]float32, len(r.params))
	j := 0
	for _, b := range r.buckets {
		from, to := r.part(b)
		all := make([]float32, b.length)
		own := all[from:to]
		for at, i := range b.params {
			first, last := max(from, b.offsets[at]), min(to, b.offsets[at]+r.params[i].Tensor.Len())
			if first < last {
				k.Download(own[first-from:last-from], of(j))
				j++
			}
		}
		if err := r.ranks.group.AllGather(ctx, all, own).Wait(); err != nil {
			return nil, r.ranks.late(err)
		}
		for at, i := range b.params {
			if keep {
				whole[i] = all[b.offsets[at] : b.offsets[at]+r.params[i].Tensor.Len()]
			}
		}
	}
	return whole, nil
}

// spread sends the elements of the parameters that this rank has updated to the others, and takes theirs.
func (r *reducer) spread(data func(j int) kernel.Buffer) error {
	whole, err := r.gather(true, data)
	if err != nil {
		return err
	}
	for i, p := range r.params {
		engine.Kernels(r.device).Upload(engine.Data(p.Tensor), whole[i])
	}
	return nil
}
