package tables

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
)

// Toy is a distribution of rows with a known density and entropy.
type Toy struct {
	Name    string
	Columns int
	// Low and High are bounds of a square that holds all but 1e-6 of the probability, for two columns.
	Low, High float64

	draw       func(r *rand.Rand, row []float64)
	logDensity func(row []float64) float64
	entropy    func() float64
}

// Sample draws n rows [n, Columns].
func (t *Toy) Sample(n int, seed uint64) []float64 {
	r, rows := rand.New(rand.NewPCG(seed, 1)), make([]float64, n*t.Columns)
	for i := range n {
		t.draw(r, rows[i*t.Columns:][:t.Columns])
	}
	return rows
}

// LogDensity returns log p of a row in nats.
func (t *Toy) LogDensity(row []float64) float64 { return t.logDensity(row) }

// Entropy returns the differential entropy −∫ p log p in nats: by formula, or integrated numerically to 1e-4 or better, which
// takes up to a tenth of a second.
func (t *Toy) Entropy() float64 { return t.entropy() }

// constant is an entropy that is known.
func constant(nats float64) func() float64 { return func() float64 { return nats } }

// Toys returns all toys: eight Gaussians, checkerboard, rings, moons, spirals, and mixtures in 2, 8, 16 and 64 columns.
func Toys() []*Toy {
	all := []*Toy{gaussians(), checkerboard(), rings(), moons(), spirals()}
	for _, columns := range []int{2, 8, 16, 64} {
		all = append(all, mixture(columns))
	}
	return all
}

// gaussians are eight normal distributions on a circle, in the proportions of FFJORD (Grathwohl et al., 2019).
func gaussians() *Toy {
	points := make([][2]float64, 8)
	for k := range points {
		sin, cos := math.Sincos(math.Pi / 4 * float64(k))
		points[k] = [2]float64{4 * cos / math.Sqrt2, 4 * sin / math.Sqrt2}
	}
	return smeared("8gaussians", points, 0.5/math.Sqrt2)
}

// checkerboard is uniform on eight of the sixteen squares of side 2 in [−4, 4]²: its entropy is log 32.
func checkerboard() *Toy {
	return &Toy{Name: "checkerboard", Columns: 2, entropy: constant(math.Log(32)), Low: -4, High: 4,
		draw: func(r *rand.Rand, row []float64) {
			x, k := r.IntN(4), r.IntN(2)
			y := 2*k + x%2
			row[0], row[1] = 2*(float64(x)+r.Float64())-4, 2*(float64(y)+r.Float64())-4
		},
		logDensity: func(row []float64) float64 {
			x, y := math.Floor((row[0]+4)/2), math.Floor((row[1]+4)/2)
			if x < 0 || x > 3 || y < 0 || y > 3 || (int(x)+int(y))%2 == 1 {
				return math.Inf(-1)
			}
			return -math.Log(32)
		},
	}
}

// arc is the number of points that a curve consists of.
const arc = 2000

// rings are four circles with normal noise.
func rings() *Toy {
	var points [][2]float64
	for _, radius := range []float64{0.75, 1.5, 2.25, 3} {
		for i := range arc {
			sin, cos := math.Sincos(2 * math.Pi * (float64(i) + 0.5) / arc)
			points = append(points, [2]float64{radius * cos, radius * sin})
		}
	}
	return smeared("rings", points, 0.12)
}

// moons are two half circles with normal noise.
func moons() *Toy {
	var points [][2]float64
	for i := range arc {
		sin, cos := math.Sincos(math.Pi * (float64(i) + 0.5) / arc)
		points = append(points, [2]float64{2 * (cos - 0.5), 2 * (sin - 0.25)}, [2]float64{2 * (0.5 - cos), 2 * (0.25 - sin)})
	}
	return smeared("moons", points, 0.2)
}

// spirals are two arms with normal noise.
func spirals() *Toy {
	var points [][2]float64
	for i := range arc {
		angle := 3 * math.Pi * math.Sqrt((float64(i)+0.5)/arc)
		sin, cos := math.Sincos(angle)
		x, y := -cos*angle/3, sin*angle/3
		points = append(points, [2]float64{x, y}, [2]float64{-x, -y})
	}
	return smeared("spirals", points, 0.12)
}

// smeared is the mixture of equal normal distributions with standard deviation sigma around points, which lie closer together than
// sigma if they stand for a curve.
func smeared(name string, points [][2]float64, sigma float64) *Toy {
	t := &Toy{Name: name, Columns: 2}
	for _, p := range points {
		t.High = max(t.High, math.Abs(p[0])+6*sigma, math.Abs(p[1])+6*sigma)
	}
	t.Low = -t.High
	scale := -math.Log(2*math.Pi*sigma*sigma) - math.Log(float64(len(points)))
	t.draw = func(r *rand.Rand, row []float64) {
		p := points[r.IntN(len(points))]
		row[0], row[1] = p[0]+sigma*r.NormFloat64(), p[1]+sigma*r.NormFloat64()
	}
	t.logDensity = func(row []float64) float64 {
		nearest := math.Inf(1)
		for _, p := range points {
			nearest = min(nearest, squared(row, p))
		}
		sum := 0.0
		for _, p := range points {
			if far := squared(row, p) - nearest; far < 80*sigma*sigma {
				sum += math.Exp(-far / (2 * sigma * sigma))
			}
		}
		return math.Log(sum) - nearest/(2*sigma*sigma) + scale
	}
	t.entropy = sync.OnceValue(func() float64 { return smearedEntropy(points, sigma, t.High) })
	return t
}

func squared(row []float64, p [2]float64) float64 {
	x, y := row[0]-p[0], row[1]-p[1]
	return x*x + y*y
}

// smearedEntropy integrates −p log p on a grid with a third of sigma between its points. The trapezoidal rule converges
// exponentially for such smooth functions.
func smearedEntropy(points [][2]float64, sigma, reach float64) float64 {
	h := sigma / 3
	reach += 3 * sigma
	side := int(math.Ceil(2 * reach / h))
	grid := make([]float64, side*side)
	weight := 1 / (2 * math.Pi * sigma * sigma * float64(len(points)))
	near := int(math.Ceil(8 * sigma / h))
	for _, p := range points {
		ci, cj := int((p[0]+reach)/h), int((p[1]+reach)/h)
		for i := max(0, ci-near); i < min(side, ci+near); i++ {
			x := float64(i)*h - reach - p[0]
			ex := weight * math.Exp(-x*x/(2*sigma*sigma))
			for j := max(0, cj-near); j < min(side, cj+near); j++ {
				y := float64(j)*h - reach - p[1]
				grid[i*side+j] += ex * math.Exp(-y*y/(2*sigma*sigma))
			}
		}
	}
	entropy := 0.0
	for _, p := range grid {
		if p > 0 {
			entropy -= p * math.Log(p) * h * h
		}
	}
	return entropy
}

// mixture is a mixture of four normal distributions in any number of columns. Their centres are so far apart that they don't
// overlap, so the entropy is log 4 plus the mean of their entropies. Each has its own axes and standard deviations along them,
// from 0.3 to 1.
func mixture(columns int) *Toy {
	const parts, radius = 4, 8.0
	r := rand.New(rand.NewPCG(uint64(columns), 7))
	t := &Toy{Name: fmt.Sprint("mixture", columns), Columns: columns, Low: -radius - 6, High: radius + 6}
	entropy, centres, scales, axes := 0.0, make([][]float64, parts), make([][]float64, parts), make([][][]float64, parts)
	for k := range parts {
		centres[k], scales[k] = make([]float64, columns), make([]float64, columns)
		sin, cos := math.Sincos(math.Pi/4 + math.Pi/2*float64(k))
		centres[k][0], centres[k][1] = radius*cos, radius*sin
		logs := 0.0
		for j := range columns {
			scales[k][j] = math.Exp(math.Log(0.3) * r.Float64())
			logs += math.Log(scales[k][j])
		}
		for range 3 { // reflections, whose product is the matrix of axes
			v, length := make([]float64, columns), 0.0
			for j := range v {
				v[j] = r.NormFloat64()
				length += v[j] * v[j]
			}
			for j := range v {
				v[j] /= math.Sqrt(length)
			}
			axes[k] = append(axes[k], v)
		}
		entropy += (math.Log(parts) + 0.5*float64(columns)*math.Log(2*math.Pi*math.E) + logs) / parts
	}
	t.entropy = constant(entropy)
	t.draw = func(r *rand.Rand, row []float64) {
		k := r.IntN(parts)
		for j := range row {
			row[j] = scales[k][j] * r.NormFloat64()
		}
		for _, v := range axes[k] {
			reflect(row, v)
		}
		for j := range row {
			row[j] += centres[k][j]
		}
	}
	t.logDensity = func(row []float64) float64 {
		largest, logs := math.Inf(-1), make([]float64, parts)
		x := make([]float64, columns)
		for k := range parts {
			for j := range x {
				x[j] = row[j] - centres[k][j]
			}
			for i := len(axes[k]) - 1; i >= 0; i-- {
				reflect(x, axes[k][i])
			}
			l := -math.Log(parts) - 0.5*float64(columns)*math.Log(2*math.Pi)
			for j := range x {
				z := x[j] / scales[k][j]
				l -= 0.5*z*z + math.Log(scales[k][j])
			}
			logs[k], largest = l, max(largest, l)
		}
		sum := 0.0
		for _, l := range logs {
			sum += math.Exp(l - largest)
		}
		return largest + math.Log(sum)
	}
	return t
}

// reflect reflects x at the plane orthogonal to the unit vector v.
func reflect(x, v []float64) {
	dot := 0.0
	for j := range x {
		dot += x[j] * v[j]
	}
	for j := range x {
		x[j] -= 2 * dot * v[j]
	}
}
