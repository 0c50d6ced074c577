package tasks

import (
	"cmp"

	"github.com/bestiary-ml/bestiary/dvae"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/train"
)

// reportWindow is the number of batches over which the use of codes is counted if none are revived.
const reportWindow = 100

// codebook is the part of the checkpoint about the use of codes.
type codebook struct {
	Usage   *dvae.Usage `json:"usage"`
	Revived int         `json:"revived"` // revived codes since the start
}

// newCodebook counts the use of that many codes, which are revived every that many steps; 0: never.
func newCodebook(codes, revive int) *codebook {
	return &codebook{Usage: dvae.NewUsage(codes, cmp.Or(revive, reportWindow))}
}

// add counts a batch, given the number of positions of each code, and adds what is reported to metrics.
func (c *codebook) add(counts []float32, m train.Metrics) {
	c.Usage.Add(counts)
	m["perplexity"], m["codes_used"], m["revived"] = c.Usage.Perplexity(), float64(c.Usage.Used()), float64(c.Revived)
}

// joint is the error of a training by several ranks with a setting that looks at the whole batch.
func joint(field string, value any) error {
	return fault.Field(field, value, "looks at the whole batch, of which each rank sees a share; set it to 0, or train in one process")
}

// reviving returns what is done after a step: every that many steps, codes that no picture of the window used are revived
// with a batch [N, S, S, C], at most half as many as are in use.
func (c *codebook) reviving(d *tensor.Device, every int, revive func(images *tensor.Tensor, dead []int) int) func(int, train.PictureBatch) {
	return func(step int, batch train.PictureBatch) {
		if step%every != 0 {
			return
		}
		if dead := c.Usage.Dead(); len(dead) > 0 {
			dead = dead[:min(len(dead), (c.Usage.Used()+1)/2)]
			s := d.Scratch()
			defer s.End()
			c.Revived += revive(batch.Tensor(d), dead)
			c.Usage.Reset()
		}
	}
}
