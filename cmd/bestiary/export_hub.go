package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/hub"
	"github.com/bestiary-ml/bestiary/internal/regular"
	runfolder "github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/spf13/cobra"
)

const hubFormat = "huggingface"

// hubFlags are the flags of export --format huggingface.
type hubFlags struct{ name, license, figures string }

func (h *hubFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&h.name, "name", "", "huggingface: name of the model (default: that of the --out folder)")
	c.Flags().StringVar(&h.license, "license", "", "huggingface: licence of the weights, such as apache-2.0 (default unknown)")
	c.Flags().StringVar(&h.figures, "figures", "", "huggingface: file with the output of bestiary eval, for the model card")
}

// refuse refuses these flags with another format.
func (h *hubFlags) refuse(c *cobra.Command) error {
	for _, flag := range []string{"name", "license", "figures"} {
		if c.Flags().Changed(flag) {
			return usagef("--%s: belongs to --format %s; give that, or leave this out", flag, hubFormat)
		}
	}
	return nil
}

// license identifiers of the Hub.
var licenseID = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]*$`)

// exportHub writes models of a run as a folder for the Hub.
func exportHub(c *cobra.Command, run, model, out string, h *hubFlags, force bool) error {
	if h.license != "" && !licenseID.MatchString(h.license) {
		return usagef("--license %q: must be an identifier of the Hub in small letters, such as apache-2.0, mit, cc-by-4.0 or other", h.license)
	}
	if err := checkFolder("--out", out); err != nil {
		return err
	}
	entries, _ := os.ReadDir(out) // there is none yet
	switch {
	case len(entries) == 0:
	case !hub.Is(out):
		return fmt.Errorf("--out %s: holds %s and is no exported folder; choose a new or an empty folder", out, entries[0].Name())
	case !force:
		return fmt.Errorf("%s: exists; give --force to replace its files, or choose another name", out)
	}
	figures, err := readFigures(h.figures)
	if err != nil {
		return err
	}
	r, err := runfolder.Open(run)
	if err != nil {
		return err
	}
	info, err := readInfo(run)
	if err != nil {
		return err
	}
	var kinds []string
	for _, m := range info.Models {
		if r.HasWeights(m.Name) && (model == "" || m.Name == model) {
			kinds = append(kinds, m.Name)
		}
	}
	if len(kinds) == 0 {
		if model != "" {
			return usagef("--model %s: the run has none; choose one of %s", model, strings.Join(r.Models(), ", "))
		}
		return fmt.Errorf("%s: has no trained models to export; train one first", run)
	}
	card := cardOf(r, info, kinds, h, out)
	card.Figures = append(card.Figures, figures...)
	files, err := hub.Write(out, r, kinds, card)
	if err != nil {
		return err
	}
	if h.license == "" {
		fmt.Fprintln(c.ErrOrStderr(), "the card says that the licence of the weights is unknown; choose one with --license, which depends on that of the data")
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), strings.Join(files, "\n"))
	return err
}

// tasksOfHub are the pipeline tags of the Hub by kinds, the first that an exported folder has counts.
var tasksOfHub = []struct {
	kinds    []string
	tag, use string
}{
	{[]string{models.DALLE.Name, models.MaskGIT.Name, models.Rectified.Name}, "text-to-image", `bestiary generate --run runs/imported "a small yellow bird"`},
	{[]string{models.Flow.Name, models.TarFlow.Name}, "unconditional-image-generation", "bestiary sample --run runs/imported"},
	{[]string{models.CLIP.Name}, "zero-shot-image-classification", "bestiary info runs/imported"},
	{[]string{models.Classifier.Name}, "image-classification", "bestiary eval --run OTHER --classifier runs/imported"},
	{[]string{models.SSD.Name}, "object-detection", "bestiary detect --run runs/imported PICTURE"},
	{[]string{models.MaskRCNN.Name}, "image-segmentation", "bestiary segment --run runs/imported PICTURE"},
	{[]string{models.Density.Name}, "other", "bestiary density --run runs/imported --data TABLE"},
	{nil, "image-to-image", "bestiary reconstruct --run runs/imported PICTURE"},
}

// cardOf describes models of a run.
func cardOf(r *runfolder.Run, info *runInfo, kinds []string, h *hubFlags, out string) *hub.Card {
	card := &hub.Card{Name: h.name, License: h.license, Tags: []string{"bestiary"}}
	if card.Name == "" {
		card.Name = filepath.Base(filepath.Clean(out))
	}
	if card.License == "" {
		card.License = "unknown"
	}
	for _, t := range tasksOfHub {
		if t.kinds == nil || slices.ContainsFunc(t.kinds, func(k string) bool { return slices.Contains(kinds, k) }) {
			card.Task, card.Use = t.tag, []string{t.use}
			break
		}
	}
	card.Tags = append(card.Tags, kinds...)
	what := "Models"
	if own := familyOf(kinds); own != nil {
		what = strings.ToUpper(own.what[:1]) + own.what[1:]
	}
	card.Summary = fmt.Sprintf("%s: %s.", what, strings.Join(kinds, ", "))
	if d := info.Data; d != nil {
		shown := *d
		shown.Path = filepath.Base(filepath.ToSlash(d.Path))
		card.Dataset.Name, card.Dataset.ID = shown.Path, hub.ID(shown.Path)
		card.Dataset.Text = strings.ToUpper(shown.text()[:1]) + shown.text()[1:] + "."
	}
	for _, m := range info.Models {
		if !slices.Contains(kinds, m.Name) {
			continue
		}
		card.Models = append(card.Models, hub.Model{Kind: m.Name, Title: m.Title, Summary: m.Summary, Steps: m.steps(), Parameters: m.Parameters})
		card.Figures = append(card.Figures, heldOutFigures(&m)...)
		if path := lastSamples(r, m.Name); path != "" {
			card.Pictures = append(card.Pictures, hub.Picture{Path: path, Caption: "Drawn by the " + m.Name + " at the end of its training"})
		}
	}
	return card
}

// heldOutFigures returns the figures of the last evaluation of a model's training.
func heldOutFigures(m *modelInfo) (all []hub.Figure) {
	var names []string
	for name, v := range m.HeldOut {
		if v != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		all = append(all, hub.Figure{Type: metricID(name), Name: m.Name + ": " + strings.ReplaceAll(name, "_", " "), Value: *m.HeldOut[name], Split: "held out in training"})
	}
	return all
}

// metricID returns the name of a figure as an identifier.
func metricID(name string) string { return strings.ReplaceAll(hub.ID(name), "-", "_") }

// lastSamples returns the path of the last samples of a model's training; "" if there are none.
func lastSamples(r *runfolder.Run, model string) string {
	found, _ := filepath.Glob(filepath.Join(globbed(r.Path("samples")), model+"-step-*.png"))
	if len(found) == 0 {
		return ""
	}
	slices.Sort(found)
	return found[len(found)-1]
}

// globbed escapes what has a meaning in patterns.
func globbed(path string) string {
	if filepath.Separator == '\\' {
		return path // where patterns have no escapes
	}
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(path, `\$0`)
}

// Limits of a file of figures.
const (
	maxFigureFile = 4 << 20
	maxFigures    = 60
)

// readFigures reads the numbers in the output of eval.
func readFigures(path string) (all []hub.Figure, err error) {
	if path == "" {
		return nil, nil
	}
	raw, err := regular.ReadFile(path, maxFigureFile)
	if err != nil {
		return nil, fmt.Errorf("--figures %s: can't be read (%w); name a file with the output of bestiary eval", path, err)
	}
	var v map[string]any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("--figures %s: is not the output of bestiary eval (%w); name a file that \"bestiary eval --run RUN > FILE\" wrote", path, err)
	}
	var add func(prefix string, v map[string]any)
	add = func(prefix string, v map[string]any) {
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			name := strings.TrimPrefix(prefix+" "+strings.ReplaceAll(key, "_", " "), " ")
			switch item := v[key].(type) {
			case float64:
				if !math.IsInf(item, 0) && len(all) < maxFigures {
					all = append(all, hub.Figure{Type: metricID(key), Name: name, Value: item, Split: "test"})
				}
			case map[string]any:
				add(name, item)
			}
		}
	}
	add("", v)
	if len(all) == 0 {
		return nil, fmt.Errorf("--figures %s: has no figures; name a file that \"bestiary eval --run RUN > FILE\" wrote", path)
	}
	return all, nil
}
