package sampling

import (
	"fmt"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/internal/kernel"
	"github.com/bestiary-ml/bestiary/tensor"
)

// OnDevice says how tokens are sampled from logits on the device that computes them, so that the program needn't wait for
// each token. There is no nucleus sampling on a device.
type OnDevice struct {
	Temperature float64 // divides the logits; 0 is greedy: the first of the largest
	TopK        int     // samples among the k largest only; 0 allows all
	Twins       bool    // the second half of the rows has the logits without a caption, for Guidance
	Guidance    float64 // classifier-free guidance scale, with Twins: null + s·(logits − null)
}

// What [OnDevice.Draw] sets instead of a token, where a row of logits can't be sampled from.
const (
	DrawnNaN      = kernel.DrawnNaN      // a logit is NaN
	DrawnInfinite = kernel.DrawnInfinite // a logit is +∞
	DrawnNone     = kernel.DrawnNone     // all logits are −∞
)

// Available reports whether tokens can be sampled on d: on GPUs.
func Available(d *tensor.Device) bool { return engine.Decoding(d) != nil }

// Draw samples a token per row of logits [rows, …, V] or, with Twins, per row of their first half, by inverse-CDF sampling.
// It sets tokens, ints with one per row, where twins get the same. uniform, ints, has two words per sample, the higher
// first: a number u below 2⁵³, for the uniform number u·2⁻⁵³. The logits are overwritten. It panics if shapes don't match
// or sampling is not [Available].
func (o OnDevice) Draw(logits, uniform, tokens *tensor.Tensor) {
	n := logits.Dim(-1)
	rows := logits.Len() / max(1, n)
	d := kernel.Draw{Pictures: rows, Codes: n, Twins: o.Twins, Guidance: o.Guidance, Temperature: o.Temperature, TopK: o.TopK}
	if o.Twins {
		d.Pictures /= 2
	}
	if !uniform.IsInts() || !tokens.IsInts() || tokens.Len() != rows || uniform.Len() != 2*d.Pictures || o.Twins && rows%2 != 0 {
		panic(fmt.Sprintf("sampling: tokens %v from logits %v and numbers %v", tokens, logits, uniform))
	}
	engine.Decoding(logits.Device()).Draw(d, engine.Data(logits), engine.Data(uniform), engine.Data(tokens))
}
