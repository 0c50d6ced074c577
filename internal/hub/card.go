package hub

import (
	"bytes"
	_ "embed"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"gopkg.in/yaml.v3"
)

// Card is a model card.
type Card struct {
	Name     string
	License  string // an identifier of the Hub, such as "apache-2.0"
	Task     string // a pipeline tag of the Hub
	Summary  string // a sentence
	Tags     []string
	Dataset  Dataset
	Models   []Model
	Figures  []Figure
	Pictures []Picture
	Use      []string // command lines after the import
}

// Dataset is what the models were trained on.
type Dataset struct {
	ID, Name, Text string // identifier, name, description; "": unknown
}

// Model is a line about a model.
type Model struct {
	Kind, Title, Summary, Steps string
	Parameters                  int
}

// Figure is a measured value.
type Figure struct {
	Type  string // identifier of a metric: "mse", "fid"
	Name  string // for people
	Value float64
	Split string // of the data; may be ""
}

// metadata is the YAML at the top of the card.
type metadata struct {
	License  string   `yaml:"license"`
	Library  string   `yaml:"library_name"`
	Task     string   `yaml:"pipeline_tag,omitempty"`
	Tags     []string `yaml:"tags"`
	Datasets []string `yaml:"datasets,omitempty"`
	Metrics  []string `yaml:"metrics,omitempty"`
	Index    []index  `yaml:"model-index,omitempty"`
}

type index struct {
	Name    string   `yaml:"name"`
	Results []result `yaml:"results"`
}

type result struct {
	Task    named    `yaml:"task"`
	Dataset named    `yaml:"dataset"`
	Metrics []metric `yaml:"metrics"`
}

type named struct {
	Type  string `yaml:"type"`
	Name  string `yaml:"name"`
	Split string `yaml:"split,omitempty"`
}

type metric struct {
	Type  string `yaml:"type"`
	Value number `yaml:"value"`
	Name  string `yaml:"name"`
}

// number is written so that readers of YAML 1.1, such as PyYAML, see a number: 1.0e-07, as 1e-07 is a text to them.
type number float64

// MarshalYAML implements yaml.Marshaler.
func (n number) MarshalYAML() (any, error) {
	text := strconv.FormatFloat(float64(n), 'g', -1, 64)
	if before, exponent, ok := strings.Cut(text, "e"); ok && !strings.Contains(before, ".") {
		text = before + ".0e" + exponent
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: text}, nil
}

//go:embed card.md.tmpl
var cardText string

// render returns the text of the card.
func (c *Card) render() ([]byte, error) {
	m := metadata{License: c.License, Library: library, Task: c.Task, Tags: c.Tags}
	if c.Dataset.ID != "" {
		m.Datasets = []string{c.Dataset.ID}
	}
	var results []result
	for _, f := range c.Figures {
		if !slices.Contains(m.Metrics, f.Type) {
			m.Metrics = append(m.Metrics, f.Type)
		}
		i := slices.IndexFunc(results, func(r result) bool { return r.Dataset.Split == f.Split })
		if i < 0 {
			set := named{Type: c.Dataset.ID, Name: c.Dataset.Name, Split: f.Split}
			if set.Type == "" {
				set.Type, set.Name = "unknown", "unknown"
			}
			task := c.Task
			if task == "" {
				task = "other"
			}
			results = append(results, result{Task: named{Type: task, Name: strings.ReplaceAll(task, "-", " ")}, Dataset: set})
			i = len(results) - 1
		}
		results[i].Metrics = append(results[i].Metrics, metric{f.Type, number(f.Value), f.Name})
	}
	if results != nil {
		m.Index = []index{{c.Name, results}}
	}
	var b bytes.Buffer
	b.WriteString("---\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(m); err != nil {
		return nil, err
	}
	b.WriteString("---\n\n")
	t, err := template.New("card").Funcs(template.FuncMap{
		"figure": func(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) },
		"image":  Picture.name,
		"cell":   func(text string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text) },
	}).Parse(cardText)
	if err != nil {
		return nil, err
	}
	if err := t.Execute(&b, c); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// ID returns a text as an identifier of the Hub: small letters, digits and hyphens.
func ID(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(filepath.Base(filepath.ToSlash(text))) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
