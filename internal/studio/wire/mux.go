package wire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Mux registers handlers by their patterns, as [http.ServeMux] does.
type Mux interface {
	HandleFunc(pattern string, f func(http.ResponseWriter, *http.Request))
	Handler(r *http.Request) (f http.Handler, pattern string)
}

// NoRoute returns the error for a request that no route takes. It names the methods of the path in the header field Allow;
// if there are none, the error is unknown.
func NoRoute(mux Mux, w http.ResponseWriter, r *http.Request, unknown error) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = method
		_, pattern := mux.Handler(other)
		own, _, ok := strings.Cut(pattern, " ")
		if ok && (own == method || own == http.MethodGet && method == http.MethodHead) {
			allowed = append(allowed, method)
		}
	}
	if allowed == nil || slices.Contains(allowed, r.Method) {
		return unknown
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return problem.New(http.StatusMethodNotAllowed, "this route has no method %s; it has %s", r.Method, strings.Join(allowed, ", "))
}
