package flows

import "github.com/bestiary-ml/bestiary/tensor"

// columns is an ascending list of columns to take out of rows.
type columns struct {
	list  []int
	index *tensor.Tensor // nil if the columns are adjacent
}

func newColumns(d *tensor.Device, list []int) columns {
	c := columns{list: list}
	if list[len(list)-1]-list[0] != len(list)-1 {
		c.index = intTensor(d, list)
	}
	return c
}

// of returns the columns of x [N, D] as [N, len(list)].
func (c columns) of(x *tensor.Tensor) *tensor.Tensor {
	if c.index == nil {
		return x.Slice(1, c.list[0], c.list[0]+len(c.list))
	}
	return x.Gather(1, c.index)
}

// split divides the columns of dim rows into those listed and the rest.
func split(d *tensor.Device, dim int, list []int) (listed, rest columns) {
	var others []int
	at := 0
	for column := range dim {
		if at < len(list) && list[at] == column {
			at++
		} else {
			others = append(others, column)
		}
	}
	if at != len(list) || len(list) == 0 || len(others) == 0 {
		panic("flows: a coupling's passive columns must be ascending, and neither none nor all")
	}
	return newColumns(d, list), newColumns(d, others)
}

// intTensor makes a tensor of indices that outlives the current step.
func intTensor(d *tensor.Device, list []int) *tensor.Tensor {
	narrow := make([]int32, len(list))
	for i, v := range list {
		narrow[i] = int32(v)
	}
	return d.Ints(narrow).Keep()
}
