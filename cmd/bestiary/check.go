package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/internal/printable"
	"github.com/spf13/cobra"
)

func newCheck() *cobra.Command {
	f := &checkFlags{}
	c := &cobra.Command{
		Use:   "check DATA",
		Short: "Check pictures before a training: classes, splits, files that are left out, near-duplicates",
		Long: `Read all pictures of a folder or archive as a training would, and report what it would see: the classes
and the sizes of the splits, files that can't be decoded and why, captions, and near-duplicates:
pictures that look alike, such as the same photo in two sizes. Near-duplicates in both splits make
held-out figures too good. Decoded pictures stay in the cache, so the training that follows starts
faster.

Two pictures are near-duplicates if their perceptual hashes differ in at most --distance of 64 bits
and their brightness hardly differs.`,
		Example: `  bestiary check oxford-pets
  bestiary check my-pictures/ --image-size 128 --distance 6
  bestiary check birds.tar --json`,
	}
	f.data = dataFlags{split: string(data.All)}
	c.Flags().IntVar(&f.size, "image-size", data.DefaultSize, "side to which pictures are decoded, as in the training")
	c.Flags().StringVar(&f.data.labels, "labels", "", "classes: species (the default; of a folder its sub-folders) or breed (of a folder the files' names without number)")
	c.Flags().StringVar(&f.data.images, "image-columns", "", "columns of a WebDataset with the pictures, in order of preference (default jpg,jpeg,png,gif,webp,bmp)")
	c.Flags().StringVar(&f.data.texts, "text-columns", "", "columns of a WebDataset with the captions, in order of preference (default txt,caption)")
	c.Flags().BoolVar(&f.data.noCache, "no-cache", false, "don't cache decoded pictures")
	c.Flags().IntVar(&f.distance, "distance", 4, fmt.Sprintf("bits, of 64, in which the hashes of near-duplicates may differ: 0 to %d", data.MaxLookDistance))
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("check takes the path of pictures; see %s --help", c.CommandPath())
		}
		if f.distance < 0 || f.distance > data.MaxLookDistance {
			return usagef("--distance %d: must be 0 to %d", f.distance, data.MaxLookDistance)
		}
		if f.size < 1 {
			return usagef("--image-size %d: must be 1 or more", f.size)
		}
		f.data.path = args[0]
		checked, err := f.check(c)
		if err != nil {
			return err
		}
		if f.json {
			out := json.NewEncoder(c.OutOrStdout())
			out.SetIndent("", "  ")
			return out.Encode(checked)
		}
		return checked.write(c.OutOrStdout())
	}
	return c
}

// checkFlags are the flags of check.
type checkFlags struct {
	data           dataFlags
	size, distance int
	json           bool
}

// checked is what check reports. The tags are the form of --json.
type checked struct {
	Data     string              `json:"data"`
	Source   string              `json:"source"` // layout and size
	Pictures int                 `json:"pictures"`
	Splits   []splitSize         `json:"splits"`
	Classes  []classSize         `json:"classes"`
	LeftOut  []data.Problem      `json:"left_out"`
	Captions *data.CaptionReport `json:"captions,omitempty"`
	Groups   []duplicates        `json:"near_duplicates"`
	Notes    []string            `json:"notes"`
	Advice   []string            `json:"advice"`
}

type splitSize struct {
	Split    string `json:"split"`
	Pictures int    `json:"pictures"`
}

type classSize struct {
	Class    string `json:"class"`
	Pictures []int  `json:"pictures"` // of each split
}

// duplicates is a group of pictures that look alike.
type duplicates struct {
	Pictures []string `json:"pictures"`
	Splits   []string `json:"splits"` // of each picture
	Across   bool     `json:"across_splits"`
}

// checkedSplits are the splits that every layout has.
var checkedSplits = []data.Split{data.Trainval, data.Test}

// check reads the pictures.
func (f *checkFlags) check(c *cobra.Command) (*checked, error) {
	report := &checked{Data: f.data.path, LeftOut: []data.Problem{}, Groups: []duplicates{}, Notes: []string{}, Advice: []string{}}
	all, err := f.data.read(c, f.size, data.All)
	if err != nil {
		return nil, err
	}
	split := map[string]data.Split{}
	sizes := map[data.Split]*data.Dataset{}
	for _, s := range checkedSplits {
		part, err := f.data.read(c, f.size, s)
		if err != nil { // a split without pictures is an error, but they were read
			part = &data.Dataset{}
		}
		sizes[s] = part
		for i := range part.Len() {
			split[part.Name(i)] = s
		}
		report.Splits = append(report.Splits, splitSize{string(s), part.Len()})
	}
	report.Source, report.Pictures = all.Report.Source, all.Len()
	for k, name := range all.Classes {
		size := classSize{Class: name}
		for _, s := range checkedSplits {
			n := 0
			if counts := sizes[s].Report.Counts; k < len(counts) {
				n = counts[k]
			}
			size.Pictures = append(size.Pictures, n)
		}
		report.Classes = append(report.Classes, size)
	}
	report.LeftOut = append(report.LeftOut, all.Report.LeftOut...)
	report.Notes = append(report.Notes, all.Report.Notes...)
	if all.Captions != nil {
		report.Captions = &all.Report.Captions
	}
	for _, group := range data.NearDuplicates(all.Looks(), f.distance) {
		var g duplicates
		for _, i := range group {
			g.Pictures = append(g.Pictures, all.Name(i))
			g.Splits = append(g.Splits, string(split[all.Name(i)]))
		}
		g.Across = slices.ContainsFunc(g.Splits, func(s string) bool { return s != g.Splits[0] })
		report.Groups = append(report.Groups, g)
	}
	report.advise(all)
	return report, nil
}

// advise says what to do about what was found.
func (r *checked) advise(all *data.Dataset) {
	add := func(format string, args ...any) { r.Advice = append(r.Advice, fmt.Sprintf(format, args...)) }
	if n := len(r.LeftOut); n > 0 {
		add("%s can't be decoded and will be left out: replace or remove them", count(n, "picture"))
	}
	if ratio := all.Report.Imbalance(); ratio >= 1.5 {
		add("the largest class has %.1f times the pictures of the smallest: train with --balance", ratio)
	}
	if empty := all.Report.Empty(); len(empty) > 0 {
		add("%s without a picture: %s", count(len(empty), "class"), strings.Join(empty, ", "))
	}
	if r.Pictures < fewPictures {
		add("%s: a model will learn so few by heart", count(r.Pictures, "picture"))
	}
	copies, across := 0, 0
	for _, g := range r.Groups {
		copies += len(g.Pictures) - 1
		if g.Across {
			across++
		}
	}
	if copies > 0 {
		add("%s: remove them, or the model will draw these pictures more often than others", count(copies, "near-duplicate"))
	}
	if across > 0 {
		add("%s in both trainval and test: held-out figures will be too good", count(across, "near-duplicate group"))
	}
}

// Lists of the text are cut to this length; --json has everything.
const listed = 10

// write prints the report for a reader.
func (r *checked) write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\n", printable.Text(r.Source), count(r.Pictures, "picture"))
	table := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprint(table, "class\t")
	for _, s := range r.Splits {
		fmt.Fprintf(table, "%s\t", s.Split)
	}
	fmt.Fprintln(table)
	const most = 40
	for _, class := range r.Classes[:min(len(r.Classes), most)] {
		fmt.Fprintf(table, "%s\t", printable.Short(class.Class))
		for _, n := range class.Pictures {
			fmt.Fprintf(table, "%d\t", n)
		}
		fmt.Fprintln(table)
	}
	if n := len(r.Classes) - most; n > 0 {
		fmt.Fprintf(table, "and %d more\t\n", n)
	}
	fmt.Fprint(table, "all\t")
	for _, s := range r.Splits {
		fmt.Fprintf(table, "%d\t", s.Pictures)
	}
	fmt.Fprintln(table)
	if err := table.Flush(); err != nil {
		return err
	}
	section(&b, "left out", len(r.LeftOut), func(i int) string { return r.LeftOut[i].Name + ": " + r.LeftOut[i].Reason })
	if c := r.Captions; c != nil {
		fmt.Fprintf(&b, "\ncaptions: %d\n", c.Total)
		section(&b, "captions left out", len(c.LeftOut), func(i int) string { return c.LeftOut[i].Name + ": " + c.LeftOut[i].Reason })
		section(&b, "pictures without captions", len(c.Uncaptioned), func(i int) string { return c.Uncaptioned[i] })
	}
	section(&b, "near-duplicates", len(r.Groups), func(i int) string { return r.Groups[i].text() })
	section(&b, "notes", len(r.Notes), func(i int) string { return r.Notes[i] })
	section(&b, "advice", len(r.Advice), func(i int) string { return r.Advice[i] })
	if len(r.Advice) == 0 {
		b.WriteString("\nnothing to repair\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// text is a line about a group.
func (d *duplicates) text() string {
	const most = 4
	line := strings.Join(d.Pictures[:min(len(d.Pictures), most)], ", ")
	if n := len(d.Pictures) - most; n > 0 {
		line += fmt.Sprintf(" and %d more", n)
	}
	if d.Across {
		line += " (in both splits)"
	}
	return line
}

// section writes a heading and the first lines of a list; nothing if it is empty.
func section(b *strings.Builder, what string, n int, line func(i int) string) {
	if n == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s: %d\n", what, n)
	for i := range min(n, listed) {
		fmt.Fprintf(b, "  %s\n", printable.Text(line(i)))
	}
	if n > listed {
		fmt.Fprintf(b, "  and %d more; --json has them all\n", n-listed)
	}
}
