package openai

import (
	"net/http"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
)

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
	case d.Status == http.StatusNotFound && d.Field == "model":
		code = "model_not_found"
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

// renamed calls the class of a flow a prompt, as the request does.
func renamed(err error) error {
	switch d := problem.Of(err); {
	case d.Field == "class":
		return problem.Wrong("prompt", "names the class to draw, and %s", strings.TrimPrefix(d.Detail, "class: "))
	case d.Field == "prompt" && d.Status == http.StatusBadRequest: // there is no field to cut it
		return problem.Wrong("prompt", "%s", strings.TrimSuffix(strings.TrimPrefix(d.Detail, "prompt: "), " or set truncate"))
	}
	return err
}
