package studio

import (
	"encoding/json"
	"testing"
)

// TestDescription expects the OpenAPI description to be JSON with the routes. Package clients validates it.
func TestDescription(t *testing.T) {
	s := serve(t, nil)
	code, raw, _ := s.call("GET", "/api/openapi.json", nil)
	var d struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(raw, &d); err != nil || code != 200 || d.Info.Version != "test" || d.Paths["/api/jobs"]["post"] == nil {
		t.Errorf("%d, %v", code, err)
	}
}
