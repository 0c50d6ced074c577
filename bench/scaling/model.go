package scaling

// Model has the sizes of a transformer that continues sequences of tokens.
type Model struct {
	Name       string
	Dim        int  // width of the residual stream
	Depth      int  // blocks, each with attention and a feed-forward branch
	Inner      int  // width of all attention heads together
	Hidden     int  // width of the feed-forward branch
	Gated      bool // the feed-forward branch has three matrices instead of two
	Vocabulary int  // rows of the embedding of tokens
	Tokens     int  // of a sequence
	Tied       bool // the output layer shares the matrix of the embedding
}

// Models are the models that are predicted, the smallest first.
var Models = []Model{
	// The birds of docs/birds.md: 64 tokens of text, 16×16 codes of 512; the vocabulary of captions is rounded.
	{Name: "dalle 4.8M", Dim: 256, Depth: 4, Inner: 256, Hidden: 1024, Gated: true, Vocabulary: 640 + 512, Tokens: 64 + 256},
	// GPT-3 Small, XL and 6.7B of Brown et al., 2020, table 2.1, with GPT-2's vocabulary.
	{Name: "gpt 125M", Dim: 768, Depth: 12, Inner: 768, Hidden: 3072, Vocabulary: 50257, Tokens: 2048, Tied: true},
	{Name: "gpt 1.3B", Dim: 2048, Depth: 24, Inner: 2048, Hidden: 8192, Vocabulary: 50257, Tokens: 2048, Tied: true},
	{Name: "gpt 6.7B", Dim: 4096, Depth: 32, Inner: 4096, Hidden: 16384, Vocabulary: 50257, Tokens: 2048, Tied: true},
}

// layer is a part of a model whose weights are gathered together.
type layer struct {
	parameters float64
	weights    int     // index of the layer whose weights it uses: itself, or the embedding for a tied output layer
	forward    float64 // operations for a sequence
	backward   float64 // operations for a sequence, with those that compute activations again
}

// layers returns the embedding, the blocks and the output layer. Operations are those of matrix products, as Narayanan et al., 2021,
// count them: two for each weight and token, attention in full, blocks once more in the backward pass. Biases and norms are left out.
func (m Model) layers() []layer {
	dim, inner, hidden, tokens := float64(m.Dim), float64(m.Inner), float64(m.Hidden), float64(m.Tokens)
	matrices := 2.0
	if m.Gated {
		matrices = 3
	}
	embedding := dim * float64(m.Vocabulary)
	all := []layer{{parameters: embedding}}
	for i := range m.Depth {
		parameters := 4*dim*inner + matrices*dim*hidden
		forward := 2*parameters*tokens + 4*tokens*tokens*inner
		all = append(all, layer{parameters: parameters, weights: i + 1, forward: forward, backward: 3 * forward})
	}
	forward := 2 * embedding * tokens
	output := layer{parameters: embedding, weights: len(all), forward: forward, backward: 2 * forward}
	if m.Tied {
		output.parameters, output.weights = 0, 0
	}
	return append(all, output)
}

// Parameters is the number of weights of matrices.
func (m Model) Parameters() float64 {
	sum := 0.0
	for _, l := range m.layers() {
		sum += l.parameters
	}
	return sum
}
