package cuda

import "github.com/bestiary-ml/bestiary/internal/kernel"

// drawGrid is the grid for n numbers, four a thread: Philox makes four at a time, and the first four may begin before the
// first number.
func drawGrid(n int) dim3 {
	if n == 0 {
		return dim3{}
	}
	return gridFor((n+6)/4, 1)
}

// Uniform implements kernel.Random.
func (d *Device) Uniform(key, offset uint64, y kernel.Buffer) {
	d.launch(function{"random", "uniform"}, drawGrid(y.Len), dim3{threads, 1, 1}, 0, key, offset, y.Len, y)
}

// Normal implements kernel.Random.
func (d *Device) Normal(key, offset uint64, y kernel.Buffer) {
	d.launch(function{"random", "normal"}, drawGrid(y.Len), dim3{threads, 1, 1}, 0, key, offset, y.Len, y)
}

// Dropout implements kernel.Random.
func (d *Device) Dropout(p float64, key, offset uint64, x, y kernel.Buffer) {
	d.launch(function{"random", "dropout"}, drawGrid(y.Len), dim3{threads, 1, 1}, 0,
		float32(p), float32(1/(1-p)), key, offset, y.Len, x, y)
}
