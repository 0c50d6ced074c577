package scaling

// states returns the bytes of the weights, gradients and Adam moments on each GPU, by the number of parameters. Each stage
// of ZeRO divides one of them among the GPUs: 1 the moments, 2 also the gradients, 3 also the weights.
func states(parameters float64, stage, gpus int) (weights, gradients, moments float64) {
	weights, gradients, moments = weightBytes*parameters, gradientBytes*parameters, momentBytes*parameters
	n := float64(gpus)
	if stage >= 1 {
		moments /= n
	}
	if stage >= 2 {
		gradients /= n
	}
	if stage >= 3 {
		weights /= n
	}
	return weights, gradients, moments
}

// activations returns the bytes for a batch of sequences: the input of each block, what one block keeps while it is computed again
// (the branches' inputs and outputs, queries, keys, values, heads and hidden values), and the logits with their gradient.
func (m Model) activations(batch int) float64 {
	hidden := 2 * m.Hidden
	if m.Gated {
		hidden = 3 * m.Hidden
	}
	block := 4*m.Dim + 4*m.Inner + hidden
	return 4 * float64(batch*m.Tokens) * float64(m.Depth*m.Dim+block+2*m.Vocabulary)
}

// passing returns the bytes of whole gradients and weights that a GPU keeps for a while although they are divided: from stage 2 on a
// bucket of gradients, at stage 3 also the weights of two neighbouring layers, and those that the first and the last layer share.
func (m Model) passing(stage int, bucket float64) float64 {
	largest, blocks := 0.0, m.layers()
	for _, l := range blocks {
		largest = max(largest, l.parameters)
	}
	bytes := 0.0
	if stage >= 2 {
		bytes += bucket + gradientBytes*largest
	}
	if stage == 3 {
		bytes += weightBytes * 2 * largest
		if m.Tied {
			bytes += weightBytes * blocks[0].parameters
		}
	}
	return bytes
}

// memory returns the bytes that a GPU needs.
func (m Model) memory(stage, gpus, batch int, bucket float64) float64 {
	weights, gradients, moments := states(m.Parameters(), stage, gpus)
	return weights + gradients + moments + m.activations(batch) + m.passing(stage, bucket)
}
