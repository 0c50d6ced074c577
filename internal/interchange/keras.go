package interchange

import (
	"fmt"
	"math"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
)

// kerasEps is what matterport's Mask_RCNN adds to variances: Keras's default.
const kerasEps = 1e-3

// kerasLayer is a convolution or a linear layer of Keras with a bias, and the constant batch normalization after it, which becomes part
// of its weights.
type kerasLayer struct {
	name, norm string // of the layers; norm may be ""
	path       string // of the layer here
	kernel     []int  // [KH, KW, in, out] of a convolution, [in, out] of a linear layer
	linear     bool   // it is a linear layer here
	columns    [][]term
}

// term is a column of outputs with a factor. A layer whose outputs have another order here has sums of terms for them.
type term struct {
	from   int
	factor float64
}

// weights returns the names and shapes of the weights.
func (l kerasLayer) weights() map[string][]int {
	out := l.kernel[len(l.kernel)-1]
	all := map[string][]int{l.name + "/kernel": l.kernel, l.name + "/bias": {out}}
	if l.norm != "" {
		for _, part := range []string{"gamma", "beta", "moving_mean", "moving_variance"} {
			all[l.norm+"/"+part] = []int{out}
		}
	}
	return all
}

// translate returns weight and bias in PyTorch's layout under the names that they have here.
func (l kerasLayer) translate(s *source) (weight, bias safetensors.Tensor, err error) {
	values := map[string][]float32{}
	for name := range l.weights() {
		t, err := s.load(name)
		if err != nil {
			return weight, bias, err
		}
		values[name] = t.F32
	}
	shape := l.kernel
	if len(shape) == 2 {
		shape = []int{1, 1, shape[0], shape[1]}
	}
	places, in, out := shape[0]*shape[1], shape[2], shape[3]
	scale, shift := make([]float64, out), make([]float64, out) // what batch normalization does to outputs
	for o, v := range values[l.name+"/bias"] {
		scale[o], shift[o] = 1, float64(v)
		if l.norm != "" {
			norm := func(part string) float64 { return float64(values[l.norm+"/"+part][o]) }
			variance := norm("moving_variance")
			if !(variance >= 0) {
				return weight, bias, fmt.Errorf("has %q with a variance of %v; copy or download it again", l.norm+"/moving_variance", variance)
			}
			scale[o] = norm("gamma") / math.Sqrt(variance+kerasEps)
			shift[o] = (float64(v)-norm("moving_mean"))*scale[o] + norm("beta")
		}
	}
	columns := l.columns
	if columns == nil {
		for o := range out {
			columns = append(columns, []term{{o, 1}})
		}
	}
	n := len(columns)
	weight = safetensors.Tensor{Name: l.path + ".weight", DType: safetensors.F32, Shape: []int{n, in, shape[0], shape[1]}, F32: make([]float32, n*in*places)}
	bias = safetensors.Tensor{Name: l.path + ".bias", DType: safetensors.F32, Shape: []int{n}, F32: make([]float32, n)}
	if l.linear {
		weight.Shape = []int{n, in * places}
	}
	kernel := values[l.name+"/kernel"] // [places, in, out]
	for c, terms := range columns {
		for i := range in {
			for p := range places {
				sum := 0.0
				for _, t := range terms {
					sum += float64(kernel[(p*in+i)*out+t.from]) * scale[t.from] * t.factor
				}
				weight.F32[(c*in+i)*places+p] = float32(sum) // [n, in, places]
			}
		}
		sum := 0.0
		for _, t := range terms {
			sum += shift[t.from] * t.factor
		}
		bias.F32[c] = float32(sum)
	}
	return weight, bias, nil
}
