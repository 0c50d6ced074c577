package tensor

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/kernel"
)

// MatMul returns the matrix product t·u: [M, K]·[K, N] → [M, N], a batch [..., M, K]·[..., K, N] → [..., M, N] with equal leading
// dimensions, or [..., M, K]·[K, N] → [..., M, N] with one matrix for all.
func (t *Tensor) MatMul(u *Tensor) *Tensor { return t.matMul(u, false, false) }

// MatMulT returns t·uᵀ: MatMul with the last two dimensions of u swapped.
func (t *Tensor) MatMulT(u *Tensor) *Tensor { return t.matMul(u, false, true) }

// TMatMul returns tᵀ·u: MatMul with the last two dimensions of t swapped.
func (t *Tensor) TMatMul(u *Tensor) *Tensor { return t.matMul(u, true, false) }

func (t *Tensor) matMul(u *Tensor, transT, transU bool) *Tensor {
	if t.rank < 2 || u.rank < 2 {
		panic(fmt.Sprintf("tensor: MatMul of %v and %v", t, u))
	}
	g := kernel.Gemm{TransA: transT, TransB: transU, Batch: 1, LdA: t.Dim(-1), LdB: u.Dim(-1)}
	g.M, g.K, g.N = t.Dim(-2), t.Dim(-1), u.Dim(-1)
	inner := u.Dim(-2)
	if transT {
		g.M, g.K = g.K, g.M
	}
	if transU {
		g.N, inner = inner, g.N
	}
	batched := u.rank > 2
	var shape [kernel.MaxDims]int
	copy(shape[:], t.Shape())
	if batched {
		g.Batch = count(t.dims[:t.rank-2])
		g.StrideA, g.StrideB, g.StrideC = g.M*g.K, g.K*g.N, g.M*g.N
	} else if t.rank > 2 {
		if transT {
			panic(fmt.Sprintf("tensor: TMatMul of %v and one matrix %v", t, u))
		}
		g.M = count(t.dims[:t.rank-1])
	}
	if !batched {
		g.Constant = u.constant
	}
	if inner != g.K || batched && !slices.Equal(t.dims[:t.rank-2], u.dims[:u.rank-2]) {
		panic(fmt.Sprintf("tensor: MatMul of shapes %v and %v (transposed: %t, %t)", t.Shape(), u.Shape(), transT, transU))
	}
	shape[t.rank-2], shape[t.rank-1] = t.Dim(-2), g.N
	if transT {
		shape[t.rank-2] = t.Dim(-1)
	}
	g.LdC = g.N
	y := t.device.empty(shape[:t.rank]...)
	t.kernels().Gemm(g, t.data, u.data, kernel.Buffer{}, y.data)
	if t.device.recording(t, u) {
		t.device.record(func() {
			t.addGrad(func(dst kernel.Buffer) { gemmGradA(t.kernels(), g, y.grad, u.data, dst) })
			u.addGrad(func(dst kernel.Buffer) { gemmGradB(t.kernels(), g, t.data, y.grad, dst) })
		}, y)
	}
	return y
}

// gemmGradA computes the gradient of a product's first operand: gC·op(B)ᵀ, or its transpose if A is stored so.
func gemmGradA(k kernel.Device, g kernel.Gemm, gc, b, dst kernel.Buffer) {
	if g.TransA { // K×M = op(B)·gCᵀ
		k.Gemm(kernel.Gemm{
			M: g.K, N: g.M, K: g.N, TransA: g.TransB, TransB: true, LdA: g.LdB, LdB: g.LdC, LdC: g.LdA,
			Batch: g.Batch, StrideA: g.StrideB, StrideB: g.StrideC, StrideC: g.StrideA,
		}, b, gc, kernel.Buffer{}, dst)
		return
	}
	k.Gemm(kernel.Gemm{
		M: g.M, N: g.K, K: g.N, TransB: !g.TransB, LdA: g.LdC, LdB: g.LdB, LdC: g.LdA,
		Batch: g.Batch, StrideA: g.StrideC, StrideB: g.StrideB, StrideC: g.StrideA,
	}, gc, b, kernel.Buffer{}, dst)
}

// gemmGradB computes the gradient of a product's second operand: op(A)ᵀ·gC, or its transpose if B is stored so.
func gemmGradB(k kernel.Device, g kernel.Gemm, a, gc, dst kernel.Buffer) {
	if g.TransB { // N×K = gCᵀ·op(A)
		k.Gemm(kernel.Gemm{
			M: g.N, N: g.K, K: g.M, TransA: true, TransB: g.TransA, LdA: g.LdC, LdB: g.LdA, LdC: g.LdB,
			Batch: g.Batch, StrideA: g.StrideC, StrideB: g.StrideA, StrideC: g.StrideB,
		}, gc, a, kernel.Buffer{}, dst)
		return
	}
	k.Gemm(kernel.Gemm{
		M: g.K, N: g.N, K: g.M, TransA: !g.TransA, LdA: g.LdA, LdB: g.LdC, LdC: g.LdB,
		Batch: g.Batch, StrideA: g.StrideA, StrideB: g.StrideC, StrideC: g.StrideB,
	}, a, gc, kernel.Buffer{}, dst)
}

// optional returns t's storage, or the nil buffer for a nil tensor.
func (t *Tensor) optional() kernel.Buffer {
	if t == nil {
		return kernel.Buffer{}
	}
	return t.data
}
