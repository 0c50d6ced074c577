package layout

import (
	"cmp"
	"image"
	"image/color"
	"slices"
)

// shade is a cell of the colour cube: all pixels with the same upper six bits in every channel.
type shade struct {
	count float64
	sum   [3]float64 // of the pixels' channels
}

func (s *shade) mean(c int) float64 { return s.sum[c] / s.count }

// box is a set of shades that share one colour of the palette.
type box struct {
	shades []shade
	spread float64 // squared error of the widest channel, over all pixels
	widest int
}

func newBox(shades []shade) box {
	b := box{shades: shades}
	for c := range 3 {
		var n, sum, squares float64
		for i := range shades {
			m := shades[i].mean(c)
			n += shades[i].count
			sum += shades[i].sum[c]
			squares += shades[i].count * m * m
		}
		if spread := squares - sum*sum/n; spread > b.spread {
			b.spread, b.widest = spread, c
		}
	}
	return b
}

// split halves the box at the mean of its widest channel.
func (b box) split() (box, box) {
	var n, sum float64
	for i := range b.shades {
		n += b.shades[i].count
		sum += b.shades[i].sum[b.widest]
	}
	slices.SortFunc(b.shades, func(x, y shade) int { return cmp.Compare(x.mean(b.widest), y.mean(b.widest)) })
	at := 1
	for at < len(b.shades)-1 && b.shades[at].mean(b.widest) < sum/n {
		at++
	}
	return newBox(b.shades[:at]), newBox(b.shades[at:])
}

func (b box) colour() color.Color {
	var n float64
	var sum [3]float64
	for i := range b.shades {
		n += b.shades[i].count
		for c := range 3 {
			sum[c] += b.shades[i].sum[c]
		}
	}
	return color.RGBA{uint8(sum[0]/n + 0.5), uint8(sum[1]/n + 0.5), uint8(sum[2]/n + 0.5), 255}
}

// adaptivePalette chooses at most size colours for opaque pictures by median cut (Heckbert, 1982). It splits the box with
// the largest squared error at its mean (Wan, Wong and Prusinkiewicz, 1988), which keeps rare but distinct colours.
func adaptivePalette(pictures []*image.NRGBA, size int) color.Palette {
	cube := make([]shade, 1<<18)
	for _, img := range pictures {
		b := img.Bounds()
		for y := b.Min.Y; y < b.Max.Y; y++ {
			row := img.Pix[img.PixOffset(b.Min.X, y):][:4*b.Dx()]
			for i := 0; i < len(row); i += 4 {
				s := &cube[int(row[i]>>2)<<12|int(row[i+1]>>2)<<6|int(row[i+2]>>2)]
				s.count++
				for c := range 3 {
					s.sum[c] += float64(row[i+c])
				}
			}
		}
	}
	boxes := []box{newBox(slices.DeleteFunc(cube, func(s shade) bool { return s.count == 0 }))}
	for len(boxes) < size {
		worst := 0
		for i := range boxes {
			if boxes[i].spread > boxes[worst].spread {
				worst = i
			}
		}
		if len(boxes[worst].shades) < 2 {
			break
		}
		a, b := boxes[worst].split()
		boxes[worst] = a
		boxes = append(boxes, b)
	}
	palette := make(color.Palette, len(boxes))
	for i, b := range boxes {
		palette[i] = b.colour()
	}
	return palette
}
