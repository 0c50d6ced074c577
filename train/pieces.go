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
		r.each(b, func(at, first, last int) {
			all = append(all, piece{param: b.params[at], from: first - b.offsets[at], n: last - first})
		})
	}
	return all
}

// each calls f for each parameter of a bucket of which this rank updates elements: its place in b.params, and the elements [first, last)
// of the bucket.
func (r *reducer) each(b *bucket, f func(at, first, last int)) {
	from, to := r.part(b)
	for at, i := range b.params {
		first, last := max(from, b.offsets[at]), min(to, b.offsets[at]+r.params[i].Tensor.Len())
		if first < last {
			f(at, first, last)
		}
	}
}

// data returns the elements of piece j.
func (g *gradients) data(j int) kernel.Buffer {
	p := g.pieces[j]
	if r := g.reducer; r != nil && r.of[p.param].away {
		b := r.of[p.param]
		from, _ := r.part(b)
		return b.home.Slice(b.offsets[r.at[p.param]]+p.from-from, p.n)
	}
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

// reduce makes the optimizer use the sums of a reducer; nil: there are no other ranks. With shards, it updates the pieces of this rank
// only.
func (g *gradients) reduce(r *reducer) {
	if g.reducer = r; g.divided() {
		g.pieces = r.pieces()
	}
}

// divided reports whether other ranks update pieces, too.
func (g *gradients) divided() bool { return g.reducer != nil && g.reducer.shard.divides() }

// zeros returns zeros for each piece: the shape is that of the parameter if the piece is all of it.
func (g *gradients) zeros() (all []*tensor.Tensor) {
	for _, p := range g.pieces {
		if g.divided() {
			all = append(all, g.stateDevice.Zeros(p.n))
		} else {
			all = append(all, g.stateDevice.Zeros(g.params[p.param].Tensor.Shape()...))
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
	if leads {
		all = make([]safetensors.Tensor, len(g.params))
	}
	err = g.reducer.gather(func(j int, to kernel.Buffer) { g.send(to, of[j]) }, func(i int, whole kernel.Buffer) {
		if !leads {
			return
		}
		p := g.params[i]
		t := g.device.Zeros(p.Tensor.Shape()...)
		engine.Kernels(g.device).Copy(kernel.Contiguous(whole.Len), engine.Data(t), whole)
		all[i] = weights.SaveAs(p, prefix+p.Path, t)
	})
	return all, err
}

// send copies what an optimizer keeps of a piece to the memory of the device.
func (g *gradients) send(to kernel.Buffer, kept *tensor.Tensor) {
	if g.stateDevice != g.device {
		engine.Kernels(g.device).Upload(to, kept.Values())
		return
	}
	engine.Kernels(g.device).Copy(kernel.Contiguous(to.Len), to, engine.Data(kept))
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
			whole, last = g.stateDevice.Zeros(param.Tensor.Shape()...), p.param
			if err := weights.LoadFrom(param, f, prefix+param.Path, whole); err != nil {
				return err
			}
		}
		engine.Kernels(g.stateDevice).Copy(kernel.Contiguous(p.n), engine.Data(of[j]), engine.Data(whole).Slice(p.from, p.n))
	}
	return nil
}

// gather all-gathers the pieces of each parameter, which put copies, and calls got with the whole. got must not keep the buffer.
func (r *reducer) gather(put func(j int, to kernel.Buffer), got func(param int, whole kernel.Buffer)) error {
	ctx, cancel := r.ranks.within()
	defer cancel()
	j := 0
	for _, b := range r.buckets {
		all := r.sums.flat(engine.Take(r.device, b.length))
		r.each(b, func(_, first, last int) {
			put(j, all.data.Slice(first, last-first))
			j++
		})
		if err := r.sums.allGather(ctx, all).Wait(); err != nil { // the operation may still use the memory
			return r.ranks.late(err, r.ranks.timeout)
		}
		for at, i := range b.params {
			got(i, all.data.Slice(b.offsets[at], r.params[i].Tensor.Len()))
		}
		engine.Give(r.device, all.data)
	}
	return nil
}

// spread sends the elements of the parameters that this rank has updated to the others, and takes theirs.
func (r *reducer) spread(data func(j int) kernel.Buffer) error {
	put := func(j int, to kernel.Buffer) {
		engine.Kernels(r.device).Copy(kernel.Contiguous(to.Len), to, data(j))
	}
	return r.gather(put, func(param int, whole kernel.Buffer) {
		engine.Kernels(r.device).Copy(kernel.Contiguous(whole.Len), engine.Data(r.params[param].Tensor), whole)
	})
}
