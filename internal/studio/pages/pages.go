// Package pages has the pages of the studio. The server writes them from templates; scripts of this package alone, without
// others' libraries, draw what changes while a page is open: they use the native API and its events.
package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/internal/studio/problem"
	"github.com/bestiary-ml/bestiary/internal/studio/trainings"
	"github.com/bestiary-ml/bestiary/internal/studio/wire"
)

// Pages are the pages.
type Pages struct {
	Library   *library.Library
	Trainings *trainings.Manager
	Version   string
}

// Register adds the routes to a mux.
func (p *Pages) Register(mux wire.Mux) {
	for route, f := range map[string]func(r *http.Request) (page, error){
		"GET /{$}":        p.home,
		"GET /runs/{run}": p.card,
		"GET /compare":    p.compare,
		"GET /prompt":     p.prompt,
		"GET /sample":     p.sample,
		"GET /detect":     p.detect,
		"GET /train":      p.train,
		"GET /train/{id}": p.training,
	} {
		mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) { p.answer(w, r, f) })
	}
	mux.HandleFunc("GET /assets/{file}", p.asset)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { // what has no route
		p.answer(w, r, func(r *http.Request) (page, error) {
			return page{}, wire.NoRoute(mux, w, r, problem.New(http.StatusNotFound, "there is no such page"))
		})
	})
}

// page is what a template shows.
type page struct {
	Template string // name of its file
	Title    string
	Section  string // of the navigation
	Script   string // name of its module; "" for none
	Version  string
	Bare     bool // without the navigation
	Content  any
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

var templates = parse()

// parse returns the templates of the pages, each within the layout.
func parse() map[string]*template.Template {
	layout := template.Must(template.New("layout.html").Funcs(template.FuncMap{
		"json": func(v any) (string, error) {
			raw, err := json.Marshal(v)
			return string(raw), err
		},
		"dict":  dict,
		"join":  strings.Join,
		"count": count,
	}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err)
	}
	all := map[string]*template.Template{}
	for _, e := range entries {
		if name := e.Name(); name != "layout.html" && name != "parts.html" {
			all[strings.TrimSuffix(name, ".html")] = template.Must(template.Must(layout.Clone()).ParseFS(templateFiles, "templates/"+name))
		}
	}
	return all
}

// answer writes a page, or a page about an error. A client that doesn't read HTML gets problem details.
func (p *Pages) answer(w http.ResponseWriter, r *http.Request, f func(r *http.Request) (page, error)) {
	shown, err := f(r)
	if err != nil {
		p.Refuse(w, r, err)
		return
	}
	p.write(w, http.StatusOK, shown)
}

// Refuse writes a page about an error. A client that doesn't read HTML gets problem details.
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		problem.Write(w, err)
		return
	}
	d := problem.Of(err)
	problem.Header(w, d)
	p.write(w, d.Status, page{Template: "problem", Title: d.Title, Content: d})
}

// write writes a page.
func (p *Pages) write(w http.ResponseWriter, status int, shown page) {
	shown.Version = p.Version
	var b bytes.Buffer
	if err := templates[shown.Template].ExecuteTemplate(&b, "layout.html", shown); err != nil {
		problem.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a client that is gone
}

// asset answers with a script, the style or a picture. Browsers keep it, and ask each time whether it has changed.
func (p *Pages) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	raw, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		problem.Write(w, problem.New(http.StatusNotFound, "there is no such file"))
		return
	}
	sum := sha256.Sum256(raw)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	if path.Ext(name) == ".js" { // some systems say text/plain
		kind = "text/javascript; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	// #nosec G705 -- a file of the program
	_, _ = w.Write(raw) // a client that is gone
}
