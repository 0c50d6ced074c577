package vqgan

import (
	"math"

	"github.com/bestiary-ml/bestiary/internal/engine"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Augmentation is adaptive discriminator augmentation (Karras et al., 2020). The discriminator sees all pictures, real and
// made, changed at random: mirrored, rotated by right angles, moved, brighter or darker, with more or less contrast. Each
// change has the probability P. It grows while the discriminator knows the training pictures by heart: while
//
//	r = mean of sign(logits of real pictures)
//
// is above a target. The changes are differentiable, and the autoencoder is judged through them. Its fields are the state
// that a checkpoint needs, besides the generator.
type Augmentation struct {
	P       float64 `json:"p"`
	Signs   float64 `json:"signs"`   // sum of r over the batches since P changed
	Batches int     `json:"batches"` // since P changed
}

// Constants of the paper, but for the speed: it takes 500,000 pictures there, for trainings that are longer.
const (
	adaInterval   = 4       // batches between changes of P
	adaPictures   = 100_000 // pictures in which P goes from 0 to 1
	adaMove       = 0.125   // largest move, as a share of the side
	adaBrightness = 0.2     // standard deviation of what is added
	adaContrast   = 0.5     // standard deviation of log₂ of the factor
)

// Update counts a batch of n real pictures with these logits, and moves P towards the target.
func (a *Augmentation) Update(logits []float32, n int, target float64) {
	sum := 0.0
	for _, v := range logits {
		switch {
		case v > 0:
			sum++
		case v < 0:
			sum--
		}
	}
	a.Signs += sum / float64(max(1, len(logits)))
	if a.Batches++; a.Batches < adaInterval {
		return
	}
	change := float64(n*adaInterval) / adaPictures
	if a.Signs/adaInterval < target {
		change = -change
	}
	a.P, a.Signs, a.Batches = min(1, max(0, a.P+change)), 0, 0
}

// Apply changes pictures [N, S, S, C] at random.
func (a *Augmentation) Apply(x *tensor.Tensor, g *tensor.Generator) *tensor.Tensor {
	if a.P == 0 {
		return x
	}
	d, n, size, channels := x.Device(), x.Dim(0), x.Dim(1), x.Dim(3)
	from := make([]int32, 0, n*size*size)
	factors, terms := make([]float32, n), make([]float32, n)
	engine.Rows(g, n, func(i int) {
		v := a.draw(size, g)
		if i < 0 {
			return
		}
		factors[i], terms[i] = v.factor, v.term
		for row := range size {
			for column := range size {
				from = append(from, int32(i*size*size+v.source(row, column, size)))
			}
		}
	})
	y := x.Reshape(-1, channels).Gather(0, d.Ints(from)).Reshape(n, -1) // [N, S·S·C]
	y = y.Mul(d.From(factors, n, 1)).Add(d.From(terms, n, 1))
	return y.Reshape(n, size, size, channels)
}

// variation is how one picture is changed.
type variation struct {
	mirror       bool
	turns        int // by right angles
	down, right  int // moves
	factor, term float32
}

func (a *Augmentation) draw(size int, g *tensor.Generator) variation {
	v := variation{factor: 1}
	happens := func() bool { return uniform(g) < a.P }
	if happens() {
		v.mirror = uniform(g) < 0.5
	}
	if happens() {
		v.turns = g.Intn(4)
	}
	if most := int(adaMove * float64(size)); happens() && most > 0 {
		v.down, v.right = g.Intn(2*most+1)-most, g.Intn(2*most+1)-most
	}
	if happens() {
		v.term = float32(adaBrightness * normal(g))
	}
	if happens() {
		v.factor = float32(math.Exp2(adaContrast * normal(g)))
	}
	return v
}

// source returns the position that is shown at a row and a column, for pictures that are reflected at their edges.
func (v variation) source(row, column, size int) int {
	row, column = reflected(row-v.down, size), reflected(column-v.right, size)
	for range v.turns {
		row, column = column, size-1-row
	}
	if v.mirror {
		column = size - 1 - column
	}
	return row*size + column
}

func reflected(i, size int) int {
	switch {
	case i < 0:
		return -1 - i
	case i >= size:
		return 2*size - 1 - i
	}
	return i
}

// uniform draws from U[0, 1).
func uniform(g *tensor.Generator) float64 { return float64(g.Intn(1<<30)) / (1 << 30) }

// normal draws from N(0, 1) (Box & Muller, 1958).
func normal(g *tensor.Generator) float64 {
	radius := math.Sqrt(-2 * math.Log(1-uniform(g)))
	return radius * math.Cos(2*math.Pi*uniform(g))
}
