package maskrcnn

import (
	"math"

	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/detect"
)

// Paste returns the mask of an object in a picture of that size: 1 where the probability is at least threshold. The probabilities are
// enlarged to the box between pixels, as torchvision's paste_masks_in_image does. The usual threshold is 0.5. It is an error if the size
// is none of a picture.
func (f Found) Paste(size Size, threshold float32) (mask.RLE, error) {
	side := int(math.Sqrt(float64(len(f.Probabilities))))
	if side == 0 {
		return mask.FromPart(nil, 0, 0, 0, 0, size.Width, size.Height)
	}
	// A border of zeros, and the box as much larger.
	padded := side + 2
	scale := float64(padded) / float64(side)
	x, y, width, height := f.Box.Center()
	x0, x1 := int(x-width/2*scale), int(x+width/2*scale)
	y0, y1 := int(y-height/2*scale), int(y+height/2*scale)
	columns, rows := max(x1-x0+1, 1), max(y1-y0+1, 1)
	at := func(i, j int) float32 {
		if i < 1 || i > side || j < 1 || j > side {
			return 0
		}
		return f.Probabilities[(i-1)*side+j-1]
	}
	// Only the part of the picture within the box can be covered.
	left, top := min(max(x0, 0), max(size.Width, 0)), min(max(y0, 0), max(size.Height, 0))
	wide, high := max(min(x1+1, size.Width)-left, 0), max(min(y1+1, size.Height)-top, 0)
	pixels := make([]uint8, wide*high)
	for row := top; row < top+high; row++ {
		i, down := halfway(row-y0, padded, rows)
		for column := left; column < left+wide; column++ {
			j, right := halfway(column-x0, padded, columns)
			upper := at(i, j)*(1-right) + at(i, min(j+1, padded-1))*right
			lower := at(min(i+1, padded-1), j)*(1-right) + at(min(i+1, padded-1), min(j+1, padded-1))*right
			if upper*(1-down)+lower*down >= threshold {
				pixels[(row-top)*wide+column-left] = 1
			}
		}
	}
	return mask.FromPart(pixels, left, top, wide, high, size.Width, size.Height)
}

// halfway returns the place of pixel i of n among from places, and the share of the next place.
func halfway(i, from, n int) (place int, share float32) {
	v := max((float32(i)+0.5)*float32(from)/float32(n)-0.5, 0)
	place = int(v)
	return place, v - float32(place)
}

// In returns an object of a picture that was resized as one of the picture as it was: the box is scaled from one size to the other and
// clipped.
func (f Found) In(resized, size Size) Found {
	x, y := float64(size.Width)/float64(resized.Width), float64(size.Height)/float64(resized.Height)
	f.Box = f.Box.Scale(x, y).Clip(float64(size.Width), float64(size.Height))
	return f
}

// Place returns the detections of a picture that was resized, in the picture as it was: boxes are scaled from one size to the other and
// clipped, and masks are pasted where the probability is 0.5 or more.
func Place(found []Found, resized, size Size) ([]detect.Detection, error) {
	all := make([]detect.Detection, len(found))
	for i, f := range found {
		f = f.In(resized, size)
		m, err := f.Paste(size, 0.5)
		if err != nil {
			return nil, err
		}
		all[i] = f.Detection
		all[i].Mask = &m
	}
	return all, nil
}
