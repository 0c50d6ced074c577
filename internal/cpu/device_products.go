package cpu

import "github.com/bestiary-ml/bestiary/internal/kernel"

// Gemm implements kernel.Products.
func (d *Device[F]) Gemm(g kernel.Gemm, a, b, bias, c kernel.Buffer) {
	if c.Len == 0 {
		return
	}
	g.Batch = max(g.Batch, 1)
	if d.products != nil {
		d.products.gemm(g, f32(a), f32(b), f32(bias), f32(c))
		return
	}
	d.pool.Run(g.Batch*g.M, func(task, _ int) {
		gemmRow(g, task/g.M, task%g.M, floats[F](a), floats[F](b), floats[F](bias), floats[F](c))
	})
}

// FasterLinearGrad implements kernel.LinearGradients.
func (d *Device[F]) FasterLinearGrad(l kernel.LinearGrad) bool {
	return d.products != nil && d.products.fasterLinearGrad(l)
}

// LinearGrad implements kernel.LinearGradients.
func (d *Device[F]) LinearGrad(l kernel.LinearGrad, x, w, y, gy, gx, gw, gbias kernel.Buffer) {
	d.beforeActivation(l, y, gy, gbias)
	d.products.linearGrad(l, f32(x), f32(w), f32(gy), f32(gx), f32(gw))
}

// LinearGradStep implements kernel.LinearGradStepper.
func (d *Device[F]) LinearGradStep(l kernel.LinearGrad, a kernel.Adam, w kernel.AdamParam, x, y, gy, gx, gbias kernel.Buffer) {
	d.beforeActivation(l, y, gy, gbias)
	d.products.linearGradStep(l, a, w, f32(x), f32(gy), f32(gx))
}

// beforeActivation turns gy into the gradient before the activation, and sums its rows.
func (d *Device[F]) beforeActivation(l kernel.LinearGrad, y, gy, gbias kernel.Buffer) {
	switch {
	case !gbias.IsNil():
		d.ActivationBiasGrad(l.Act, l.Slope, l.Rows, l.Out, y, gy, gy, gbias)
	case l.Act != kernel.NoActivation:
		d.ActivationGrad(l.Act, l.Slope, y, gy, gy)
	}
}

// Conv2d implements kernel.Products.
func (d *Device[F]) Conv2d(c kernel.Conv, x, w, bias, y kernel.Buffer) {
	if y.Len == 0 {
		return
	}
	if d.products != nil {
		d.products.conv2d(c, f32(x), f32(w), f32(bias), f32(y))
		return
	}
	d.pool.Run(c.N*c.OH, func(task, _ int) {
		conv2dRow(c, task/c.OH, task%c.OH, floats[F](x), floats[F](w), floats[F](bias), floats[F](y))
	})
}

// Conv2dBackwardInput implements kernel.Products.
func (d *Device[F]) Conv2dBackwardInput(c kernel.Conv, gy, w, bias, gx kernel.Buffer) {
	if gx.Len == 0 {
		return
	}
	if d.products != nil {
		d.products.conv2dBackwardInput(c, f32(gy), f32(w), f32(bias), f32(gx))
		return
	}
	d.pool.Run(c.N, func(n, _ int) {
		conv2dBackwardInputImage(c, n, floats[F](gy), floats[F](w), floats[F](bias), floats[F](gx))
	})
}

// Conv2dBackwardWeight implements kernel.Products.
func (d *Device[F]) Conv2dBackwardWeight(c kernel.Conv, x, gy, gw kernel.Buffer) {
	if gy.Len == 0 {
		d.Fill(gw, 0)
		return
	}
	if d.products != nil {
		d.products.conv2dBackwardWeight(c, f32(x), f32(gy), f32(gw))
		return
	}
	d.pool.Run(c.KH*c.KW, func(tap, _ int) {
		conv2dBackwardWeightTap(c, tap/c.KW, tap%c.KW, floats[F](x), floats[F](gy), floats[F](gw))
	})
}
