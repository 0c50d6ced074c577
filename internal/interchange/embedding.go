package interchange

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/flows"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/torchfile"
)

const (
	embeddingMean  = "emb_mean"
	embeddingStd   = "emb_std"
	classesSection = "classes"
)

// Embedding is what the notebook keeps beside a flow, in variables of its own: the statistics with which embeddings were
// standardized, embedding = Mean + Std·x for rows x of the flow, and the names of the classes in the order of the condition.
// The flow's log-density is that of x; the embedding's is less by Σ ln Std.
type Embedding struct {
	Mean, Std []float32 // [D]; [1] stands for the same value in all columns
	Classes   []string  // nil if unknown
}

// EmbeddingPath returns the path of a flow's Embedding beside its weights: "x.pt" has "x.emb.pt".
func EmbeddingPath(path string) string {
	ending := filepath.Ext(path)
	return strings.TrimSuffix(path, ending) + ".emb" + ending
}

// EmbeddingOf returns the statistics of a flow's Standardize; 0 and 1 if it has none.
func EmbeddingOf(f *flows.RealNVP, classes []string) *Embedding {
	e := &Embedding{Mean: fill(f.Config.Dim, 0), Std: fill(f.Config.Dim, 1), Classes: classes}
	for _, b := range f.Layers() {
		if s, ok := b.(*flows.Standardize); ok {
			e.Mean, e.Std = s.Mean.Values(), s.Std.Values()
		}
	}
	return e
}

// state returns the content of a file of e.
func (e *Embedding) state() (sections *torchfile.Dict, all []safetensors.Tensor) {
	sections = torchfile.NewDict()
	if len(e.Classes) > 0 {
		names := torchfile.List{}
		for _, name := range e.Classes {
			names = append(names, name)
		}
		sections.Set(classesSection, names)
	}
	return sections, []safetensors.Tensor{floats(embeddingMean, e.Mean), floats(embeddingStd, e.Std)}
}

// holdsEmbedding reports whether there are statistics of embeddings in the file.
func (s *source) holdsEmbedding() bool {
	_, mean := s.shape(embeddingMean)
	_, std := s.shape(embeddingStd)
	return mean || std
}

// embedding reads the statistics, each a vector, a row or a single number.
func (s *source) embedding() (*Embedding, error) {
	e := &Embedding{}
	for name, into := range map[string]*[]float32{embeddingMean: &e.Mean, embeddingStd: &e.Std} {
		t, err := s.load(name)
		if err != nil {
			return nil, err
		}
		if n := t.Len(); n == 0 || !slices.Equal(slices.DeleteFunc(slices.Clone(t.Shape), func(d int) bool { return d == 1 }), vectorShape(n)) {
			return nil, fmt.Errorf("has %q with shape %v instead of a number for each column; give the mean and standard deviation over all embeddings", name, t.Shape)
		}
		t.Shape = []int{t.Len()}
		if *into, _, err = safetensors.NewFile(s.path, []safetensors.Tensor{t}, nil).Float32(t.Name); err != nil {
			return nil, err
		}
		for _, v := range *into {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) || v <= 0 && name == embeddingStd {
				return nil, fmt.Errorf("has %v in %q; give the mean and standard deviation of the embeddings", v, name)
			}
		}
	}
	items, ok := s.values[classesSection].([]any)
	if v := s.values[classesSection]; v != nil && !ok {
		return nil, fmt.Errorf("has %.40q for its classes instead of a list of names; name a file that was exported with a flow", fmt.Sprint(v))
	}
	for _, item := range items {
		name, ok := item.(string)
		if !ok || name == "" || slices.Contains(e.Classes, name) {
			return nil, fmt.Errorf("has %.40q among its classes instead of names that differ; name a file that was exported with a flow", fmt.Sprint(item))
		}
		e.Classes = append(e.Classes, name)
	}
	return e, nil
}

// vectorShape is the shape [n] without sizes of 1.
func vectorShape(n int) []int {
	if n == 1 {
		return []int{}
	}
	return []int{n}
}

// SetEmbedding adds the statistics of embeddings to the flow of c, which has none of its own. The error says what doesn't fit.
func (c *Checkpoint) SetEmbedding(e *Embedding) error {
	dim := c.Flow.Dim
	wide := *e
	for _, v := range []*[]float32{&wide.Mean, &wide.Std} {
		if len(*v) == 1 {
			*v = fill(dim, (*v)[0])
		}
		if len(*v) != dim {
			return fmt.Errorf("its statistics are of embeddings of %d dimensions, and the flow of %s has %d; give those that belong to it", len(*v), c.Path, dim)
		}
	}
	if n := len(e.Classes); n > 0 && n != c.Flow.Classes {
		return fmt.Errorf("it names %d classes, and the flow of %s has %d; give the file that belongs to it", n, c.Path, c.Flow.Classes)
	}
	c.Embedding = &wide
	c.Flow.Standardize = !slices.Equal(wide.Mean, fill(dim, 0)) || !slices.Equal(wide.Std, fill(dim, 1))
	return nil
}
