// Package pages has the pages of the studio.
package pages

import (
	"net/http"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
)

// Pages are the pages.
type Pages struct {
	Library   *library.Library
	Trainings *trainings.Manager
	Version   string
}

// Register adds the routes to a mux.
func (p *Pages) Register(mux *http.ServeMux) {}
