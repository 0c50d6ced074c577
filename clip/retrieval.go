package clip

import "github.com/bestiary-ml/bestiary/tensor"

// Retrieve returns, for each query, how many other candidates are at least as similar to it as its own: 0 is a hit, and
// (M−1)/2 the mean by chance. queries [N, Latent] and candidates [M, Latent] are embeddings; match holds the index of
// each query's own candidate, so that several captions can belong to one picture.
func Retrieve(queries, candidates *tensor.Tensor, match []int) (better []int) {
	const chunk = 256 // queries at a time
	better = make([]int, 0, len(match))
	m := candidates.Dim(0)
	for from := 0; from < len(match); from += chunk {
		to := min(from+chunk, len(match))
		scores := similarities(queries.Slice(0, from, to), candidates)
		for i, own := range match[from:to] {
			row := scores[i*m : (i+1)*m]
			n := -1 // without the candidate itself
			for _, score := range row {
				if !(score < row[own]) {
					n++
				}
			}
			better = append(better, n)
		}
	}
	return better
}

// similarities returns the cosine similarities [N, M] of queries [N, Latent] and candidates [M, Latent].
func similarities(queries, candidates *tensor.Tensor) []float32 {
	s := queries.Device().Scratch()
	defer s.End()
	return queries.MatMulT(candidates).Values()
}

// Recall returns the share of queries whose own candidate is among the k most similar ones, given what Retrieve returned.
func Recall(better []int, k int) float64 {
	hits := 0
	for _, n := range better {
		if n < k {
			hits++
		}
	}
	return float64(hits) / float64(max(1, len(better)))
}
