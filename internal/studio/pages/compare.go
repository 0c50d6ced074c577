package pages

import (
	"net/http"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/studio/library"
	"github.com/bestiary-ml/bestiary/models"
)

// comparison is the content of the page that compares runs.
type comparison struct {
	Runs  []library.Run // that are compared
	All   []string      // names of all runs
	Kinds []compared
}

// compared are the models of one kind.
type compared struct {
	Title   string
	Name    string
	Runs    []string
	Series  []series
	Figures []tableRow
	Config  []tableRow
}

// series says which log a chart shows.
type series struct {
	Run   string `json:"run"`
	Model string `json:"model"`
}

// tableRow is a row of a table with a column for each run.
type tableRow struct {
	Name    string
	Values  []string
	Differs bool
}

// maxCompared is the number of runs that a chart has colours for.
const maxCompared = 6

func (p *Pages) compare(r *http.Request) (page, error) {
	c := comparison{All: p.Library.Names()}
	for _, name := range r.URL.Query()["run"] {
		about, err := p.Library.Get(name)
		if err != nil {
			return page{}, err
		}
		if len(c.Runs) < maxCompared && !slices.ContainsFunc(c.Runs, func(o library.Run) bool { return o.Name == name }) {
			c.Runs = append(c.Runs, about)
		}
	}
	for _, kind := range models.All() {
		if own := p.comparedOf(kind, c.Runs); len(own.Runs) > 0 && len(c.Runs) > 1 {
			c.Kinds = append(c.Kinds, own)
		}
	}
	return page{Template: "compare", Title: "Compare", Section: "runs", Script: "compare", Content: c}, nil
}

// comparedOf compares the models of a kind of several runs.
func (p *Pages) comparedOf(kind models.Info, runs []library.Run) compared {
	c := compared{Title: kind.Title, Name: kind.Name}
	var figures, settings [][]entry
	for _, r := range runs {
		i := slices.IndexFunc(r.Models, func(m library.Model) bool { return m.Name == kind.Name })
		if i < 0 {
			continue
		}
		m := r.Models[i]
		c.Runs = append(c.Runs, r.Name)
		if m.Step > 0 { // otherwise it has no log
			c.Series = append(c.Series, series{r.Name, kind.Name})
		}
		figures = append(figures, p.figures(r.Name, m))
		settings = append(settings, append(flatten(map[string]any{"training": m.Options}), flatten(map[string]any{"model": m.Config})...))
	}
	c.Figures, c.Config = table(figures), table(settings)
	return c
}

// figures returns the number of parameters and the last figures in the log of a model.
func (p *Pages) figures(run string, m library.Model) (all []entry) {
	if m.Parameters > 0 {
		all = append(all, entry{"parameters", count(m.Parameters)})
	}
	if m.Step > 0 {
		all = append(all, entry{"step", count(m.Step)})
	}
	lines, err := p.Library.Metrics(run, m.Name, maxLines)
	if err != nil {
		return all // an imported model has no log
	}
	last := map[string]float64{}
	for _, l := range lines {
		for name, v := range l.Values {
			last[name] = v
		}
	}
	var measured []entry
	for name, v := range last {
		measured = append(measured, entry{name, number(v)})
	}
	slices.SortFunc(measured, byImportance)
	return append(all, measured...)
}

// maxLines is the number of lines of a log that figures are taken from.
const maxLines = 1 << 30

// byImportance sorts held-out figures before others, and losses first among them.
func byImportance(a, b entry) int {
	rank := func(name string) string {
		switch {
		case name == "held_out.loss":
			return "0"
		case name == "loss":
			return "1"
		case len(name) > 9 && name[:9] == "held_out.":
			return "2" + name
		}
		return "3" + name
	}
	x, y := rank(a.Name), rank(b.Name)
	if x < y {
		return -1
	}
	return 1
}

// table puts lists of entries side by side: a row for each name, in the order of its first mention.
func table(columns [][]entry) (rows []tableRow) {
	for k, column := range columns {
		for _, e := range column {
			i := slices.IndexFunc(rows, func(r tableRow) bool { return r.Name == e.Name })
			if i < 0 {
				i = len(rows)
				rows = append(rows, tableRow{Name: e.Name, Values: make([]string, len(columns))})
			}
			rows[i].Values[k] = e.Value
		}
	}
	for i := range rows {
		rows[i].Differs = slices.ContainsFunc(rows[i].Values, func(v string) bool { return v != rows[i].Values[0] })
		rows[i].Name = phrase(rows[i].Name)
	}
	return rows
}
