package main

import (
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"text/template"
	"time"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/train"
)

// report holds the figures that report.md shows.
type report struct {
	Dir      string
	Seed     uint64
	Device   string
	Diverged []*train.HighLoss // trainings whose figures below mean nothing
	petsReport
	Birds birdsReport
}

//go:embed report.md.tmpl
var reportText string

func (r *report) write(path string) error {
	r.Dir = filepath.ToSlash(filepath.Dir(path))
	t, err := template.New("report").Funcs(template.FuncMap{
		"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
		"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	}).Parse(reportText)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return t.Execute(w, r) })
}
