package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/upload"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
	"github.com/bestiary-ml/bestiary/internal/studio/work"
)

// detect finds objects in the picture that is the body, and answers when it has. Several pictures are a job of kind "detect".
func (a *API) detect(w http.ResponseWriter, r *http.Request) error {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "image/") {
		return problem.New(http.StatusUnsupportedMediaType, "the body must be a picture, with its type, such as image/jpeg, as Content-Type")
	}
	if err := wire.Plain(r); err != nil {
		return err
	}
	least, err := minScore(r.URL.Query())
	if err != nil {
		return err
	}
	file, err := wire.Body(w, r, upload.MaxPicture)
	if err != nil {
		return err
	}
	v, err := a.Desk.Do(r.Context(), work.Request{Kind: "detect", Run: r.PathValue("run"), Pictures: [][]byte{file}, MinScore: least, Body: true}, nil)
	return answer(w, v.Result.Values, err)
}

// minScore returns the least score of a query, nil if there is none. Another parameter is an error: a misspelt one must not be without
// effect.
func minScore(q url.Values) (*float64, error) {
	for name := range q {
		if name != "min_score" && name != "token" {
			return nil, problem.Wrong(name, "is no parameter of this route; it has min_score")
		}
	}
	if !q.Has("min_score") {
		return nil, nil
	}
	v, err := strconv.ParseFloat(q.Get("min_score"), 64)
	if err != nil {
		v = 0 // which isn't allowed
	}
	return &v, work.CheckMinScore(v)
}
