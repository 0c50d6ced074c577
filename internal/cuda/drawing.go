package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// drawArguments is Drawing in drawing.cu.
type drawArguments struct {
	logits, uniform, codes  uint64
	temperature             float64
	pictures, n, twins, top int32
	guidance                float32
}

// Draw implements kernel.Decoding.
func (d *Device) Draw(s kernel.Draw, logits, uniform, codes kernel.Buffer) {
	p := &d.arguments.draw
	*p = drawArguments{
		logits: logits.Addr, uniform: uniform.Addr, codes: codes.Addr, temperature: s.Temperature,
		pictures: size32(s.Pictures), n: size32(s.Codes), twins: flag(s.Twins), top: int32(min(s.TopK, s.Codes)), guidance: float32(s.Guidance),
	}
	d.launch(function{"drawing", "draw"}, dim3{uint32(s.Pictures), 1, 1}, blockFor(s.Codes, 1024), 0, structArg(p))
}
