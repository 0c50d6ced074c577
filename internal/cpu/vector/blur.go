package vector

import "github.com/bestiary-ml/bestiary/internal/kernel"

// blurWeights are the weights of rows 2i−1 … 2i+2 and columns 2j−1 … 2j+2 for the pixel at row i and column j.
var blurWeights = [4][4]float32{
	{1. / 64, 3. / 64, 3. / 64, 1. / 64},
	{3. / 64, 9. / 64, 9. / 64, 3. / 64},
	{3. / 64, 9. / 64, 9. / 64, 3. / 64},
	{1. / 64, 3. / 64, 3. / 64, 1. / 64},
}

// Blur implements kernel.Pictures.
func (d *Device) Blur(w kernel.Windows, x, y kernel.Buffer) {
	d.runWindows(windowsJob{Windows: w, small: f32(y), large: f32(x), row: (*windowsJob).blur})
}

// reflected is the position that stands for position i of n: −1 is 1, and n is n−2.
func reflected(i, n int) int {
	if i < 0 {
		return -i
	}
	if i >= n {
		return 2*n - 2 - i
	}
	return i
}

// blur sums four rows of four pixels for each pixel of the result. The four are side by side in memory except at the border.
func (j *windowsJob) blur(windows int) {
	rows, columns := j.H/2, j.W/2
	picture, i := windows/rows, windows%rows
	for column := range columns {
		y := j.smallPixel(j.small, windows, column)
		clear(y)
		inside := column > 0 && column < columns-1
		for a := range blurWeights {
			weights, x := &blurWeights[a], j.large[(picture*j.H+reflected(2*i-1+a, j.H))*j.W*j.C:][:j.W*j.C]
			if inside {
				j.simd.AddRows(weights, x[(2*column-1)*j.C:], j.C, y)
				continue
			}
			for b, weight := range weights {
				j.simd.AddScaled(weight, row(x, reflected(2*column-1+b, j.W), j.C), y)
			}
		}
	}
}

// BlurGrad implements kernel.Pictures.
func (d *Device) BlurGrad(w kernel.Windows, gy, gx kernel.Buffer) {
	d.runWindows(windowsJob{Windows: w, small: f32(gy), large: f32(gx), row: (*windowsJob).blurGrad})
}

// blurSources returns the two positions of the result that position i of n contributes to, with their weights. The second weight is
// 0 where there is only one. The position next to the border is also its reflection.
func blurSources(i, n int) (at [2]int, weights [2]float32) {
	near := i / 2
	far := near - 1 + 2*(i%2)
	at, weights = [2]int{near, far}, [2]float32{3. / 8, 1. / 8}
	if far < 0 || far >= n/2 {
		at[1], weights[1] = near, 0
	}
	if i == 1 || i == n-2 {
		weights[0] = 4. / 8
	}
	return at, weights
}

// blurGrad computes the two rows of pixels of a row of windows.
func (j *windowsJob) blurGrad(windows int) {
	rows := j.H / 2
	picture, i := windows/rows, windows%rows
	for y := range 2 {
		down, across := blurSources(2*i+y, j.H)
		for x := range j.W {
			right, along := blurSources(x, j.W)
			gx := j.pixel(j.large, windows, x/2, y, x%2)
			j.simd.Unary[kernel.Scale](across[0]*along[0], j.smallPixel(j.small, picture*rows+down[0], right[0]), gx)
			for k := 1; k < 4; k++ {
				if weight := across[k/2] * along[k%2]; weight != 0 {
					j.simd.AddScaled(weight, j.smallPixel(j.small, picture*rows+down[k/2], right[k%2]), gx)
				}
			}
		}
	}
}
