package boxes

import "github.com/bestiary-ml/bestiary/data"

// Picture is a picture with the objects in it.
type Picture struct {
	Name          string // relative to the dataset's root, with forward slashes
	Path          string // of its file
	ID            int64  // COCO's id; in other layouts its number in the dataset, from 1
	Width, Height int    // in pixels
	Objects       []Object

	limits data.Limits   // of Read
	draw   func() *Image // of a drawn picture, which has no file
}

// Set is a dataset of pictures with boxes.
type Set struct {
	Layout, Path string
	Classes      []string
	IDs          []int64 // COCO's ids of the classes; nil in other layouts
	Pictures     []Picture
	Report       Report
}

// Options say what to read. The zero value reads everything.
type Options struct {
	Split   data.Split  // part of the dataset
	Classes []string    // names in their order; nil: those of the dataset. Boxes of other classes are left out
	Years   string      // Pascal VOC only: "07", "12", "07+12" or "07++12"; "" means all that are there. See [VOC]
	Labels  data.Labels // pets only: Species or Breed
	Images  string      // COCO only: the folder of the pictures; "" means one beside the JSON file
	Masks   bool        // also the masks of the objects: COCO, VIA, labelme, pets and drawn scenes. Objects without one are left out
	As      string      // makes all classes, or those of Classes, one of this name; "": they stay
	Limits  data.Limits // of [Picture.Read]
}

// Limits of a dataset.
const (
	maxObjects    = 100_000   // of a picture
	maxAnnotation = 256 << 20 // bytes of the annotation of one picture
	maxJSON       = 4 << 30   // bytes of a JSON file
	maxDimension  = 1 << 20   // pixels of a side, and the largest coordinate
)

// merge makes the classes of a set one.
func (s *Set) merge(name string) {
	s.Classes, s.IDs = []string{name}, nil
	for _, p := range s.Pictures {
		for i := range p.Objects {
			p.Objects[i].Class = 0
		}
	}
}

// Boxes returns the number of objects.
func (s *Set) Boxes() int {
	n := 0
	for _, p := range s.Pictures {
		n += len(p.Objects)
	}
	return n
}

// Counts returns the number of objects of each class.
func (s *Set) Counts() []int {
	counts := make([]int, len(s.Classes))
	for _, p := range s.Pictures {
		for _, o := range p.Objects {
			counts[o.Class]++
		}
	}
	return counts
}
