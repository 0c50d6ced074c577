package api

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"strconv"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/sample/layout"
)

// animated is the kind of jobs whose pictures are the frames of an animation.
const animated = "interpolate"

// longestDelay bounds the time between two frames, in milliseconds.
const longestDelay = 10_000

// animation answers with the frames of a walk between two pictures as an animated GIF, there and back.
func (a *API) animation(w http.ResponseWriter, r *http.Request) error {
	j, err := a.find(r)
	if err != nil {
		return err
	}
	delay := 0
	if q := r.URL.Query(); q.Has("delay") {
		if delay, err = strconv.Atoi(q.Get("delay")); err != nil || delay < 20 || delay > longestDelay {
			return problem.Wrong("delay", "must be from 20 to %d milliseconds", longestDelay)
		}
	}
	v := j.View()
	switch {
	case v.Kind != animated:
		return problem.New(http.StatusNotFound, "jobs of kind %s have no animation, those of kind %s do", v.Kind, animated)
	case v.State != jobs.Done:
		return problem.New(http.StatusConflict, "the job has no animation: it is %s; ask for one when it is done", v.State)
	}
	var frames []*image.NRGBA
	for _, p := range v.Result.Pictures {
		frame, err := png.Decode(bytes.NewReader(p.PNG))
		if err != nil {
			return err
		}
		whole := image.NewNRGBA(image.Rectangle{Max: frame.Bounds().Size()})
		draw.Draw(whole, whole.Rect, frame, frame.Bounds().Min, draw.Src)
		frames = append(frames, whole)
	}
	a.animating.Lock() // one at a time: it takes processors and memory that jobs need
	defer a.animating.Unlock()
	if err := r.Context().Err(); err != nil {
		return err
	}
	var file bytes.Buffer
	if err := layout.EncodeGIF(&file, frames, layout.Animation{Delay: time.Duration(delay) * time.Millisecond, PingPong: true}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/gif")
	w.Header().Set("Cache-Control", "private, max-age=3600, immutable")
	_, _ = w.Write(file.Bytes()) // a client that is gone
	return nil
}
