package openai

import (
	"fmt"
	"net/http"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// event is an event of a stream.
type event struct {
	Type         string `json:"type"`
	B64          string `json:"b64_json"`
	Index        *int   `json:"partial_image_index,omitempty"`
	Created      int64  `json:"created_at"`
	Size         string `json:"size"`
	Quality      string `json:"quality"`
	Background   string `json:"background"`
	OutputFormat string `json:"output_format"`
	Usage        *usage `json:"usage,omitempty"`
}

// usage counts nothing: nobody pays. Clients expect it.
type usage struct {
	Total   int `json:"total_tokens"`
	Input   int `json:"input_tokens"`
	Output  int `json:"output_tokens"`
	Details struct {
		Text  int `json:"text_tokens"`
		Image int `json:"image_tokens"`
	} `json:"input_tokens_details"`
}

// stream answers with events. The header is sent once the job is accepted, so that a refusal has its status.
func (a *API) stream(w http.ResponseWriter, r *http.Request, ask work.Request, f form) error {
	var events *wire.Events
	sent := 0
	send := func(kind string, p jobs.Picture, index *int) error {
		encoded, side, err := f.picture(p.PNG)
		if err != nil {
			return err
		}
		e := event{Type: kind, B64: encoded, Index: index, Created: time.Now().Unix(), Size: fmt.Sprintf("%dx%d", side, side), Quality: "auto", Background: "auto", OutputFormat: "png"}
		if f.jpeg {
			e.OutputFormat = "jpeg"
		}
		if index == nil {
			e.Usage = &usage{}
		}
		return events.Send(kind, e)
	}
	v, err := a.Desk.Do(r.Context(), ask, func(v jobs.View) error {
		if events == nil && (v.Err == nil || v.State == jobs.Done) {
			events = wire.NewEvents(w)
		}
		for ; sent < v.Drawn; sent++ {
			at := len(v.Recent) - (v.Drawn - sent)
			if at < 0 || v.Err != nil {
				continue
			}
			for _, p := range v.Recent[at] {
				if err := send("image_generation.partial_image", p, &sent); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		for _, p := range v.Result.Pictures {
			if err = send("image_generation.completed", p, nil); err != nil {
				break
			}
		}
		return nil
	}
	if events == nil {
		return renamed(err)
	}
	_ = events.Send("error", struct { // a client that is gone
		Type string `json:"type"`
		errorObject
	}{"error", errorOf(problem.Of(err))})
	return nil
}
