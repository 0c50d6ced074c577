package sdapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// used are the fields of a request that have a meaning here. Clients send many more; info lists those that were ignored.
var used = []string{"prompt", "batch_size", "n_iter", "seed", "cfg_scale", "steps", "override_settings", "send_images"}

func (a *API) draw(w http.ResponseWriter, r *http.Request) error {
	var all map[string]json.RawMessage
	if err := wire.JSON(w, r, &all); err != nil {
		return err
	}
	var q struct {
		Prompt    string                     `json:"prompt"`
		BatchSize *int                       `json:"batch_size"`
		Rounds    *int                       `json:"n_iter"`
		Seed      *int64                     `json:"seed"`
		Guidance  *float64                   `json:"cfg_scale"`
		Steps     int                        `json:"steps"`
		Send      *bool                      `json:"send_images"`
		Override  map[string]json.RawMessage `json:"override_settings"`
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, &q); err != nil {
		return err
	}
	n := 1
	for _, factor := range []struct {
		name  string
		value *int
	}{{"batch_size", q.BatchSize}, {"n_iter", q.Rounds}} {
		if factor.value == nil {
			continue
		}
		if *factor.value < 1 || *factor.value > work.MaxPictures {
			return problem.Wrong(factor.name, "must be from 1 to %d", work.MaxPictures)
		}
		n *= *factor.value
	}
	if n > work.MaxPictures {
		return problem.Wrong("batch_size", "times n_iter must be at most %d", work.MaxPictures)
	}
	ignored := []string{}
	for name := range all {
		if !slices.Contains(used, name) {
			ignored = append(ignored, name)
		}
	}
	model := ""
	for name, value := range q.Override {
		if name != "sd_model_checkpoint" {
			ignored = append(ignored, "override_settings."+name)
		} else if json.Unmarshal(value, &model) != nil {
			return problem.Wrong("override_settings."+name, "must be the name of a model")
		}
	}
	run, generator, _ := strings.Cut(model, ":")
	text := a.generators(run)
	if run == "" || len(text) == 0 {
		for _, name := range a.Desk.Library.Names() {
			if text = a.generators(name); len(text) > 0 && (run == "" || run == name) {
				run = name
				break
			}
		}
	}
	if len(text) == 0 {
		return problem.At(http.StatusNotFound, "override_settings.sd_model_checkpoint", "the server has no trained generator for prompts with that name")
	}
	if generator == "" {
		generator = text[0]
	}
	ask := work.Request{Kind: "generate", Run: run, Model: generator, Prompt: q.Prompt, Guidance: q.Guidance, Previews: 4, Truncate: true}
	if generator != "dalle" {
		ask.Steps = q.Steps
	} else if q.Steps != 0 {
		ignored = append(ignored, "steps")
	}
	seed := work.RandomSeed()
	if q.Seed != nil && *q.Seed >= 0 {
		seed = uint64(*q.Seed)
	}
	pictures, err := a.pictures(r.Context(), ask, seed, n)
	if err != nil {
		return renamed(err)
	}
	answer := struct {
		Images     []string                   `json:"images"`
		Parameters map[string]json.RawMessage `json:"parameters"`
		Info       string                     `json:"info"`
	}{Images: []string{}, Parameters: all}
	seeds := []uint64{}
	for _, p := range pictures {
		seeds = append(seeds, p.Seed)
		if q.Send == nil || *q.Send {
			answer.Images = append(answer.Images, base64.StdEncoding.EncodeToString(p.PNG))
		}
	}
	slices.Sort(ignored)
	info, err := json.Marshal(struct {
		Prompt  string   `json:"prompt"`
		Seed    uint64   `json:"seed"`
		Seeds   []uint64 `json:"all_seeds"`
		Model   string   `json:"sd_model_name"`
		Ignored []string `json:"ignored"` // fields of the request without a meaning here
	}{q.Prompt, seeds[0], seeds, run + ":" + generator, ignored})
	if err != nil {
		return err
	}
	answer.Info = string(info)
	wire.Answer(w, http.StatusOK, answer)
	return nil
}

// pictures draws n pictures, each with a seed of its own, as that interface does: a client can draw one of them again. The queue
// draws them together.
func (a *API) pictures(ctx context.Context, ask work.Request, seed uint64, n int) ([]jobs.Picture, error) {
	all := make([]jobs.Picture, n)
	group, ctx := errgroup.WithContext(ctx)
	for i := range n {
		own, one := ask, seed+uint64(i)
		own.Seed = &one
		group.Go(func() error {
			v, err := a.Desk.Do(ctx, own, nil)
			if err == nil {
				all[i] = v.Result.Pictures[0]
			}
			return err
		})
	}
	return all, group.Wait()
}

// renamed calls the fields of a job as the request does.
func renamed(err error) error {
	d := problem.Of(err)
	if d.Field != "guidance" {
		return err
	}
	return problem.Wrong("cfg_scale", "%s", strings.TrimPrefix(d.Detail, "guidance: "))
}
