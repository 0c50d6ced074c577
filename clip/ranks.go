package clip

import "github.com/bestiary-ml/bestiary/tensor"

// Ranks tells for each query how many candidates fit it at least as well as the one that it belongs to, not counting
// that: 0 is a hit, and (M−1)/2 the mean of chance. queries [N, Latent] and candidates [M, Latent] are embeddings;
// match has the candidate of each query, so several captions can belong to one picture.
func Ranks(queries, candidates *tensor.Tensor, match []int) []int {
	const chunk = 256 // queries at a time
	ranks := make([]int, 0, len(match))
	m := candidates.Dim(0)
	for from := 0; from < len(match); from += chunk {
		to := min(from+chunk, len(match))
		s := queries.Device().Scratch()
		scores := queries.Slice(0, from, to).MatMulT(candidates).Values()
		s.End()
		for i, own := range match[from:to] {
			row := scores[i*m : (i+1)*m]
			rank := -1 // for the candidate itself
			for _, score := range row {
				if !(score < row[own]) {
					rank++
				}
			}
			ranks = append(ranks, rank)
		}
	}
	return ranks
}

// Recall is the share of ranks below k: of queries whose candidate is among the k best.
func Recall(ranks []int, k int) float64 {
	hits := 0
	for _, r := range ranks {
		if r < k {
			hits++
		}
	}
	return float64(hits) / float64(max(1, len(ranks)))
}
