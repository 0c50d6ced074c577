package work

import (
	"context"
	"net/http"
	"strconv"

	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/eval/detection"
	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
)

// Found is what a job of kind "detect" gives, in COCO's form.
type Found struct {
	Images     []Image     `json:"images"`
	Categories []Category  `json:"categories"` // the classes of the detector
	Detections []Detection `json:"detections"` // in the order of the pictures, those of a picture by falling score
}

// Image is a picture of a request.
type Image struct {
	ID     int64 `json:"id"` // its place in the request, from 1
	Width  int   `json:"width"`
	Height int   `json:"height"` // in pixels of the upright picture, as boxes are
}

// Category is a class of a detector.
type Category struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Detection is a result in COCO's form, with the name of its category.
type Detection struct {
	detection.Result
	Category string `json:"category"`
}

// usualScore is the least score of detections where a request has none.
const usualScore = 0.5

// detect makes a job that finds objects in pictures.
func (d *Desk) detect(b *library.Book, r *Request) (jobs.Task, error) {
	if b.Detector == nil {
		field := "kind"
		if r.Body { // which has no kind
			field = "run"
		}
		return jobs.Task{}, problem.At(http.StatusNotFound, field, "run %q has no detector", b.Name)
	}
	least := usualScore
	if r.MinScore != nil {
		least = *r.MinScore
	}
	if err := CheckMinScore(least); err != nil {
		return jobs.Task{}, err
	}
	if len(r.Pictures) == 0 || len(r.Pictures) > maxUploads {
		return jobs.Task{}, problem.Wrong("pictures", "must be from 1 to %d pictures", maxUploads)
	}
	encoded, largest := 0, 0
	for i, file := range r.Pictures {
		pixels, err := upload.Inspect(r.pictureField(i), file)
		if err != nil {
			return jobs.Task{}, err
		}
		encoded, largest = encoded+len(file), max(largest, pixels)
	}
	task := alone(len(r.Pictures), 0, func(ctx context.Context, j *jobs.Job) (jobs.Result, error) {
		found, err := find(ctx, j, b, r, least)
		return jobs.Result{Values: found}, err
	})
	const decoded = 12 // bytes of a pixel: as it is decoded, upright, and without transparency
	task.Bytes = encoded + decoded*largest + widest*b.Detector.Pixels(len(r.Pictures))
	return task, nil
}

// CheckMinScore returns an error for a least score that is not allowed.
func CheckMinScore(v float64) error {
	if !(v > 0 && v <= 1) {
		return problem.Wrong("min_score", "must be above 0 and at most 1")
	}
	return nil
}

// pictureField names a picture of a request.
func (r *Request) pictureField(i int) string {
	if r.Body {
		return "the body"
	}
	return "pictures[" + strconv.Itoa(i) + "]"
}

// find finds objects in pictures. It decodes one after the other, as a whole picture takes much memory.
func find(ctx context.Context, j *jobs.Job, b *library.Book, r *Request, least float64) (*Found, error) {
	classes, ids := b.Detector.Classes(), b.Detector.IDs()
	all := &Found{Detections: []Detection{}}
	for i, name := range classes {
		id := int64(i) + 1
		if ids != nil {
			id = ids[i]
		}
		all.Categories = append(all.Categories, Category{id, name})
	}
	for i, file := range r.Pictures {
		decoded, err := upload.Whole(r.pictureField(i), file)
		if err != nil {
			return nil, err
		}
		picture := boxes.NewImage(decoded)
		found, err := b.Detector.Detect(ctx, []*boxes.Image{picture})
		if err != nil {
			return nil, err
		}
		id := int64(i) + 1
		all.Images = append(all.Images, Image{id, picture.Width, picture.Height})
		for k, result := range detection.Results(id, ids, found[0]) {
			if result.Score >= least {
				all.Detections = append(all.Detections, Detection{result, classes[found[0][k].Class]})
			}
		}
		j.Progress(i+1, len(r.Pictures), nil)
	}
	return all, nil
}
