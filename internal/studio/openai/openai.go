// Package openai answers the image routes of OpenAI's API as its clients expect.
package openai

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/internal/studio/jobs"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
	scale "golang.org/x/image/draw"
)

// API has the routes.
type API struct{ Desk *work.Desk }

// Register adds the routes to a mux.
func (a *API) Register(mux wire.Mux) {
	mux.HandleFunc("POST /v1/images/generations", a.handle(a.generate))
	mux.HandleFunc("GET /v1/models", a.handle(a.models))
	mux.HandleFunc("GET /v1/models/{model}", a.handle(a.model))
	mux.HandleFunc("/v1/", a.handle(func(w http.ResponseWriter, r *http.Request) error {
		return wire.NoRoute(mux, w, r, problem.New(http.StatusNotFound, "there is no such route; the server has /v1/images/generations and /v1/models"))
	}))
}

// handle answers errors.
func (a *API) handle(f func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			WriteError(w, err)
		}
	}
}

// WriteError answers with OpenAI's error object.
func WriteError(w http.ResponseWriter, err error) {
	d := problem.Of(err)
	problem.Header(w, d)
	wire.Answer(w, d.Status, errorOf(d))
}

type errorObject struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func errorOf(d problem.Details) errorObject {
	e := errorBody{Message: d.Detail, Type: "invalid_request_error"}
	code := ""
	switch {
	case d.Status == http.StatusTooManyRequests:
		e.Type, code = "rate_limit_error", "rate_limit_exceeded"
	case d.Status == http.StatusUnauthorized:
		code = "invalid_api_key"
	case d.Status == http.StatusNotFound:
		code = "not_found"
	case d.Status >= 500:
		e.Type = "server_error"
	}
	if d.Field != "" {
		e.Param = &d.Field
	}
	if code != "" {
		e.Code = &code
	}
	return errorObject{e}
}

// request is the body of a generation.
type request struct {
	Prompt            string  `json:"prompt"`
	Model             string  `json:"model"`
	N                 *int    `json:"n"`
	Size              string  `json:"size"`
	ResponseFormat    string  `json:"response_format"`
	OutputFormat      string  `json:"output_format"`
	OutputCompression *int    `json:"output_compression"`
	Stream            bool    `json:"stream"`
	PartialImages     *int    `json:"partial_images"`
	Quality           string  `json:"quality"`
	Style             string  `json:"style"`
	Background        string  `json:"background"`
	Moderation        string  `json:"moderation"`
	User              string  `json:"user"` // of the client's records, as the next one
	SafetyIdentifier  string  `json:"safety_identifier"`
	Seed              *uint64 `json:"seed"` // not OpenAI's: the same seed gives the same pictures
}

// form is how pictures are answered.
type form struct {
	side    int // in pixels; 0: the model's
	jpeg    bool
	quality int
	partial int
	n       int
	url     bool
}

func (q *request) form() (f form, err error) {
	f.n = 1
	if q.N != nil {
		if f.n = *q.N; f.n < 1 || f.n > 10 {
			return f, problem.Wrong("n", "must be from 1 to 10")
		}
	}
	if q.Prompt == "" {
		return f, problem.Wrong("prompt", "must say what to draw")
	}
	if q.Size != "" && q.Size != "auto" {
		width, height, _ := strings.Cut(q.Size, "x")
		w, err1 := strconv.Atoi(width)
		h, err2 := strconv.Atoi(height)
		if err1 != nil || err2 != nil || w != h || w < 16 || w > 2048 {
			return f, problem.Wrong("size", "must be auto or a square from 16x16 to 2048x2048, to which pictures are scaled")
		}
		f.side = w
	}
	switch q.ResponseFormat {
	case "", "b64_json":
	case "url":
		if f.url = true; q.Stream {
			return f, problem.Wrong("response_format", "must be b64_json with stream")
		}
	default:
		return f, problem.Wrong("response_format", "must be b64_json or url")
	}
	f.quality = 90
	switch q.OutputFormat {
	case "", "png":
		if q.OutputCompression != nil && *q.OutputCompression != 100 {
			return f, problem.Wrong("output_compression", "must be 100 for png")
		}
	case "jpeg":
		if f.jpeg = true; q.OutputCompression != nil {
			if f.quality = *q.OutputCompression; f.quality < 1 || f.quality > 100 {
				return f, problem.Wrong("output_compression", "must be from 1 to 100")
			}
		}
	default:
		return f, problem.Wrong("output_format", "must be png or jpeg")
	}
	if f.url && (f.jpeg || f.side != 0) {
		return f, problem.Wrong("response_format", "url has pictures as png in the model's size; set b64_json for others")
	}
	if q.PartialImages != nil {
		if f.partial = *q.PartialImages; f.partial < 0 || f.partial > 3 {
			return f, problem.Wrong("partial_images", "must be from 0 to 3")
		}
		if f.partial > 0 && !q.Stream {
			return f, problem.Wrong("partial_images", "needs stream")
		}
	}
	for _, fixed := range []struct {
		name, value string
		allowed     []string
	}{
		{"quality", q.Quality, []string{"", "auto", "standard"}}, {"style", q.Style, []string{""}},
		{"background", q.Background, []string{"", "auto", "opaque"}}, {"moderation", q.Moderation, []string{"", "auto", "low"}},
	} {
		if !slices.Contains(fixed.allowed, fixed.value) {
			return f, problem.Wrong(fixed.name, "must be left out: the server's models have no choice of it")
		}
	}
	return f, nil
}

func (a *API) generate(w http.ResponseWriter, r *http.Request) error {
	var q request
	if err := wire.JSON(w, r, true, &q); err != nil {
		return err
	}
	f, err := q.form()
	if err != nil {
		return err
	}
	m, err := a.find(q.Model)
	if err != nil {
		return err
	}
	ask := work.Request{Kind: "generate", Run: m.run, Model: m.generator, Prompt: q.Prompt, N: f.n, Seed: q.Seed, Previews: f.partial}
	if m.flow {
		ask = work.Request{Kind: "sample", Run: m.run, Class: q.Prompt, N: f.n, Seed: q.Seed}
	}
	switch {
	case q.Stream:
		return a.stream(w, r, ask, f)
	case f.url:
		return a.links(w, r, ask)
	}
	v, err := a.Desk.Do(r.Context(), ask, nil)
	if err != nil {
		return renamed(err)
	}
	answer := images{Created: time.Now().Unix()}
	for _, p := range v.Result.Pictures {
		encoded, err := f.encode(p.PNG)
		if err != nil {
			return err
		}
		answer.Data = append(answer.Data, item{B64: encoded})
	}
	wire.Answer(w, http.StatusOK, answer)
	return nil
}

// renamed calls the class of a flow a prompt, as the request does.
func renamed(err error) error {
	if d := problem.Of(err); d.Field == "class" {
		return problem.Wrong("prompt", "names the class to draw, and %s", strings.TrimPrefix(d.Detail, "class: "))
	}
	return err
}

type images struct {
	Created int64  `json:"created"`
	Data    []item `json:"data"`
}

type item struct {
	B64 string `json:"b64_json,omitempty"`
	URL string `json:"url,omitempty"`
}

// links answers with addresses of the pictures, which are kept for a while.
func (a *API) links(w http.ResponseWriter, r *http.Request, ask work.Request) error {
	j, err := a.Desk.Submit(r.Context(), ask)
	if err != nil {
		return renamed(err)
	}
	var last jobs.View
	if err := j.Watch(r.Context(), func(v jobs.View) error { last = v; return nil }); err != nil {
		j.Cancel()
		return err
	}
	if last.Err != nil {
		return last.Err
	}
	answer := images{Created: time.Now().Unix()}
	for i := range last.Result.Pictures {
		answer.Data = append(answer.Data, item{URL: fmt.Sprintf("http://%s/api/jobs/%s/pictures/%d", r.Host, j.ID, i)})
	}
	wire.Answer(w, http.StatusOK, answer)
	return nil
}

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

// encode returns a picture in the form that is asked for, in base64.
func (f form) encode(file []byte) (string, error) {
	text, _, err := f.picture(file)
	return text, err
}

func (f form) picture(file []byte) (text string, side int, err error) {
	config, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", 0, err
	}
	if side = config.Width; !f.jpeg && (f.side == 0 || f.side == side) {
		return base64.StdEncoding.EncodeToString(file), side, nil
	}
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return "", 0, err
	}
	if f.side != 0 && f.side != side {
		side = f.side
		larger := image.NewNRGBA(image.Rect(0, 0, side, side))
		scale.CatmullRom.Scale(larger, larger.Bounds(), img, img.Bounds(), scale.Src, nil)
		img = larger
	}
	var b bytes.Buffer
	if f.jpeg {
		flat := image.NewRGBA(img.Bounds())
		draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
		draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
		err = jpeg.Encode(&b, flat, &jpeg.Options{Quality: f.quality})
	} else {
		err = png.Encode(&b, img)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), side, err
}

// modelObject is a model of the list.
type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`

	run, generator string
	flow           bool
}

// all lists the generators of all runs: "birds", and "birds:maskgit" where a run has several.
func (a *API) all() (list []modelObject) {
	for _, run := range a.Desk.Library.All() {
		if run.Problem != "" {
			continue
		}
		text, flows := a.Desk.Library.Generators(run.Name)
		add := func(id, generator string, flow bool) {
			list = append(list, modelObject{id, "model", run.Changed.Unix(), "bestiary", run.Name, generator, flow})
		}
		switch {
		case len(text) > 0:
			add(run.Name, text[0], false)
		case len(flows) == 1:
			add(run.Name, "", true)
		}
		if len(text) > 1 {
			for _, g := range text {
				add(run.Name+":"+g, g, false)
			}
		}
	}
	return list
}

// find returns the model of that name; "" is the first.
func (a *API) find(name string) (modelObject, error) {
	list := a.all()
	var names []string
	for _, m := range list {
		if m.ID == name || name == "" {
			return m, nil
		}
		names = append(names, m.ID)
	}
	if len(list) == 0 {
		return modelObject{}, problem.New(http.StatusNotFound, "the server has no trained generator yet")
	}
	return modelObject{}, problem.New(http.StatusNotFound, "there is no model %q; the server has %s", name, strings.Join(names, ", "))
}

func (a *API) models(w http.ResponseWriter, _ *http.Request) error {
	list := a.all()
	if list == nil {
		list = []modelObject{}
	}
	wire.Answer(w, http.StatusOK, struct {
		Object string        `json:"object"`
		Data   []modelObject `json:"data"`
	}{"list", list})
	return nil
}

func (a *API) model(w http.ResponseWriter, r *http.Request) error {
	m, err := a.find(r.PathValue("model"))
	if err != nil {
		return err
	}
	wire.Answer(w, http.StatusOK, m)
	return nil
}
