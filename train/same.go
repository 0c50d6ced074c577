package train

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/nn"
)

// facts are what the ranks of a training must have in common.
func (t *Task[B]) facts(c Config, o Options) map[string]string {
	facts := describe(t, c)
	delete(facts, "device")
	facts[modelFact], facts[precisionFact] = t.Model, nn.Params(t.Module)[0].Tensor.Device().Precision()
	facts["version"], facts["resume"] = version(), fmt.Sprint(o.Resume)
	facts["shard"], facts["reduce"] = string(o.Shard), string(o.Reduce)
	facts[weightsFact] = "checksum " + nn.Checksum(t.Module)
	if state, err := t.Source.State(); err == nil {
		facts[positionFact] = string(state)
	}
	return facts
}

// version returns what distinguishes builds of the program.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" || s.Key == "vcs.modified" {
			text += " " + s.Value
		}
	}
	return text
}

// same returns an error if the ranks don't describe the same training. facts are what this rank has, by name. Ranks that differ in several
// facts name the same one, and the version and the model before what follows from them, settings before the weights.
func (r *Ranks) same(ctx context.Context, facts map[string]string) error {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		fmt.Fprintf(&b, "%s\x00%s\x00", name, facts[name])
	}
	all, err := r.texts(ctx, b.String())
	if err != nil {
		return err
	}
	lead := parse(all[0])
	names := slices.SortedFunc(maps.Keys(lead), func(a, b string) int { return cmp.Or(consequence(a)-consequence(b), strings.Compare(a, b)) })
	for rank, t := range all {
		own := parse(t)
		for _, name := range names {
			value, there := own[name]
			if !there || value == lead[name] {
				continue
			}
			remedy := "start all ranks with the same program, command and data"
			switch name {
			case weightsFact:
				remedy += ", and processors of different kinds with the same kernels"
			case precisionFact:
				remedy += ", and devices of different kinds with the highest precision"
			}
			return &agreed{fmt.Errorf("rank %d has %s for %s where rank 0 has %s; %s", rank, cmp.Or(value, "nothing"), name, cmp.Or(lead[name], "nothing"), remedy)}
		}
		if !maps.Equal(own, lead) {
			return &agreed{fmt.Errorf("rank %d trains with other settings than rank 0; start all ranks with the same program, command and data", rank)}
		}
	}
	return nil
}

// Facts that decide others, or that others decide.
const (
	commandFact   = "the command"
	modelFact     = "the model"
	precisionFact = "the precision of products"
	weightsFact   = "weights"
	positionFact  = "position in the data"
)

// consequence orders facts by how much they follow from others.
func consequence(fact string) int {
	switch fact {
	case "version", commandFact, modelFact:
		return 0
	case "parameters":
		return 2
	case weightsFact, positionFact:
		return 3
	}
	return 1
}

func parse(t string) map[string]string {
	facts := map[string]string{}
	fields := strings.Split(t, "\x00")
	for i := 0; i+1 < len(fields); i += 2 {
		facts[fields[i]] = fields[i+1]
	}
	return facts
}
