package openai

import (
	"net/http"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
)

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
		return modelObject{}, problem.At(http.StatusNotFound, "model", "the server has no trained generator yet")
	}
	return modelObject{}, problem.At(http.StatusNotFound, "model", "there is no model %q; the server has %s", name, strings.Join(names, ", "))
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
