package detection

import (
	"github.com/bestiary-ml/bestiary/data/mask"
	"github.com/bestiary-ml/bestiary/fault"
)

// COCOMasks measures detections as [COCO] does, with the IoU and the areas of masks in the place of those of boxes: pycocotools
// with iouType segm. The area of an object is its Area, or that of its mask if that is 0.
//
// All objects and detections need a mask, and the masks of a picture its size: a [*fault.FieldError] otherwise. pycocotools takes
// the areas of detections from their boxes if a file of results has boxes beside the masks; here they are those of the masks.
func COCOMasks(pictures []Picture, classes []string) (COCOResult, error) {
	return coco(pictures, classes, maskOverlaps)
}

// bounded is a mask with the box around it, outside of which there is nothing to compare.
type bounded struct {
	mask.RLE
	x0, y0, x1, y1 int
}

func newBounded(m mask.RLE) bounded {
	b := bounded{RLE: m}
	b.x0, b.y0, b.x1, b.y1 = m.Bounds()
	return b
}

func (b bounded) apart(c bounded) bool {
	return min(b.x1, c.x1) <= max(b.x0, c.x0) || min(b.y1, c.y1) <= max(b.y0, c.y0)
}

// maskOverlaps is [overlaps] of masks.
func maskOverlaps(p Picture, c *candidates) error {
	objects := make([]bounded, len(c.objects))
	for j := range c.objects {
		o := &c.objects[j]
		if o.Mask == nil {
			return fault.Field("Objects", o.Box, "must have masks; read the dataset with its masks")
		}
		m, err := o.Mask.RLE(p.Width, p.Height)
		if err != nil {
			return fault.Field("Objects", o.Box, "must have masks of a picture of %d×%d pixels: %v", p.Width, p.Height, err)
		}
		objects[j] = newBounded(m)
		if o.Area <= 0 {
			o.Area = float64(m.Area())
		}
	}
	c.iou = make([][]float64, len(c.detections))
	c.areas = make([]float64, len(c.detections))
	for i, d := range c.detections {
		if d.Mask == nil {
			return fault.Field("Detections", d.Box, "must have masks; use a detector that predicts them")
		}
		if width, height := d.Mask.Size(); width != p.Width || height != p.Height {
			return fault.Field("Detections", d.Box, "must have masks of %d×%d pixels, the size of the picture, and not of %d×%d", p.Width, p.Height, width, height)
		}
		found := newBounded(*d.Mask)
		c.areas[i], c.iou[i] = float64(found.Area()), make([]float64, len(objects))
		for j, o := range objects {
			if found.apart(o) {
				continue
			}
			iou, err := mask.IoU(found.RLE, o.RLE, c.objects[j].Crowd)
			if err != nil {
				return err
			}
			c.iou[i][j] = iou
		}
	}
	return nil
}
