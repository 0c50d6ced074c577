package eval

import (
	"context"
	"fmt"

	"github.com/bestiary-ml/bestiary/classifier"
	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
)

// ClassifierFigures measure a classifier on held-out pictures.
type ClassifierFigures struct {
	Pictures     int                         `json:"pictures"`
	Loss         float64                     `json:"cross_entropy_nats"` // without label smoothing; of attributes the mean
	Accuracy     float64                     `json:"accuracy"`           // of attributes: share of right decisions
	MajorityRate float64                     `json:"majority_rate"`      // accuracy of always choosing what is most frequent
	Recall       map[string]float64          `json:"recall_by_class,omitempty"`
	Confusion    [][]int                     `json:"confusion,omitempty"` // [class][class that the classifier names]
	Classes      []string                    `json:"classes,omitempty"`   // in the order of Confusion
	Attributes   map[string]AttributeFigures `json:"attributes,omitempty"`
}

// AttributeFigures measure the decisions on one attribute.
type AttributeFigures struct {
	Share     float64 `json:"share"`     // of pictures that have it
	Precision float64 `json:"precision"` // share of right ones among the decisions for it; 0 without any
	Recall    float64 `json:"recall"`    // share of pictures with it that are found; 0 without any
}

// MeasureClassifier measures the classifier on pictures. Classes are matched by name; for attributes, the pictures need
// captions.
func MeasureClassifier(ctx context.Context, j *Judge, d *data.Dataset) (*ClassifierFigures, error) {
	if err := check(j, d); err != nil {
		return nil, err
	}
	c := j.Config()
	targets, err := TargetsOf(d, c)
	if err != nil {
		return nil, err
	}
	_, probabilities, err := j.Look(ctx, d.Pixels)
	if err != nil {
		return nil, err
	}
	if c.Attributes {
		return attributeFigures(c.Classes, targets, probabilities), nil
	}
	f := &ClassifierFigures{Pictures: d.Len(), Classes: c.Classes, Recall: map[string]float64{}, Confusion: make([][]int, len(c.Classes))}
	for i := range f.Confusion {
		f.Confusion[i] = make([]int, len(c.Classes))
	}
	for i, row := range probabilities {
		label := largest(targets[i*len(row) : (i+1)*len(row)])
		f.Confusion[label][largest(row)]++
		f.Loss -= logOf(row[label]) / float64(d.Len())
	}
	for label, row := range f.Confusion {
		total := 0
		for _, n := range row {
			total += n
		}
		if total > 0 {
			f.Recall[c.Classes[label]] = float64(row[label]) / float64(total)
		}
		f.Accuracy += float64(row[label]) / float64(d.Len())
		f.MajorityRate = max(f.MajorityRate, float64(total)/float64(d.Len()))
	}
	return f, nil
}

func attributeFigures(names []string, targets []float32, probabilities [][]float64) *ClassifierFigures {
	f := &ClassifierFigures{Pictures: len(probabilities), Attributes: map[string]AttributeFigures{}}
	n := float64(len(probabilities))
	for k, name := range names {
		has, named, both, right := 0.0, 0.0, 0.0, 0.0
		for i, row := range probabilities {
			target, decision := float64(targets[i*len(names)+k]), 0.0
			if row[k] > 0.5 {
				decision = 1
			}
			has, named, both = has+target, named+decision, both+target*decision
			if target == decision {
				right++
			}
			p := row[k]
			if target == 0 {
				p = 1 - p
			}
			f.Loss -= logOf(p) / n / float64(len(names))
		}
		f.Accuracy += right / n / float64(len(names))
		f.MajorityRate += max(has, n-has) / n / float64(len(names))
		f.Attributes[name] = AttributeFigures{Share: has / n, Precision: both / max(1, named), Recall: both / max(1, has)}
	}
	return f
}

// TargetsOf returns the targets [N, classes] of a classifier for pictures: one-hot classes, matched by name, or attributes
// of captions; see [classifier.AttributesOf].
func TargetsOf(d *data.Dataset, c classifier.Config) ([]float32, error) {
	targets := make([]float32, 0, d.Len()*len(c.Classes))
	if c.Attributes {
		if d.Captions == nil {
			return nil, fault.Field("Pictures", nil, "have no captions, in which the classifier looks for %s; give pictures with captions", listOf(c.Classes))
		}
		for _, captions := range d.Captions {
			targets = append(targets, classifier.AttributesOf(captions, c.Classes)...)
		}
		return targets, nil
	}
	translate, err := numbersOf(d.Classes, c.Classes)
	if err != nil {
		return nil, err
	}
	for i := range d.Len() {
		one := make([]float32, len(c.Classes))
		one[translate[d.Label(i)]] = 1
		targets = append(targets, one...)
	}
	return targets, nil
}

// numbersOf returns the index of each name among the known ones.
func numbersOf(names, known []string) ([]int, error) {
	index := map[string]int{}
	for i, name := range known {
		index[name] = i
	}
	all := make([]int, len(names))
	for i, name := range names {
		n, ok := index[name]
		if !ok {
			return nil, fault.Field("Pictures", nil, "have the class %q, but the classifier knows %s only; give pictures of these classes, or train a classifier on theirs", name, listOf(known))
		}
		all[i] = n
	}
	return all, nil
}

// listOf writes names with commas, at most ten of them.
func listOf(names []string) string {
	const most = 10
	text := ""
	for i, name := range names[:min(most, len(names))] {
		if i > 0 {
			text += ", "
		}
		text += name
	}
	if len(names) > most {
		text += fmt.Sprintf(" and %d more", len(names)-most)
	}
	return text
}
