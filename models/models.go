// Package models is the registry of model kinds: their names, configurations and constructors, and the kinds that they
// need. It opens models from run folders:
//
//	vae, err := models.DVAE.Open("runs/birds", device) // *dvae.VAE
//
// Package train/tasks has the training of each kind. Programs register kinds of their own with [Register].
package models

import (
	"fmt"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/nn"
	"github.com/bestiary-ml/bestiary/tensor"
)

// Info describes a kind of model.
type Info struct {
	Name     string   // in run folders and on the command line: "flow"
	Title    string   // for people: "conditional flow"
	Needs    []string // names of kinds, of which a run must have one before this one is trained; nil: none
	Captions bool     // reads captions, so the run needs a tokenizer
	Codec    bool     // its models are a [Codec]
}

// Kind is a kind of model with configuration C, which encoding/json must be able to write and read, and type M.
type Kind[C any, M nn.Module] struct {
	Info
	// New makes a model with initial weights. It returns an error for a configuration that is not valid.
	New func(d *tensor.Device, c C, g *tensor.Generator) (M, error)
	// Facts returns what must agree with the other models of a run. It may be nil.
	Facts func(c C) Facts
}

// Facts are what must agree between the models of a run. 0 means that a model has none.
type Facts struct {
	Size, Channels int    // of the pictures that it reads or makes: side and channels
	TextTokens     int    // number of ids of the tokenizer that it reads
	Embedding      int    // dimension of the embeddings of pictures
	Classes        int    // of its condition
	Summary        string // for people: "captions of 80 tokens, depth 6, dim 256"
}

// entry is a registered kind without its type parameters.
type entry struct {
	info   Info
	config func(dir string) (any, error)
	open   func(dir string, d *tensor.Device) (nn.Module, error)
	load   func(dir string, d *tensor.Device) (nn.Module, error)
	is     func(m nn.Module) bool // m has the type of its models
	facts  func(config any) (Facts, error)
}

var table []entry

// Register adds a kind to the registry. Call it while the program is initialised. It panics if the name is taken or is not
// made of letters, digits, hyphens and underscores, or if its models are not what Info says.
func Register[C any, M nn.Module](k Kind[C, M]) *Kind[C, M] {
	if _, taken := Lookup(k.Name); taken || !run.ValidName(k.Name) {
		panic(fmt.Sprintf("models: the name %q is taken or not valid", k.Name))
	}
	var model M
	if _, ok := any(model).(Codec); k.Codec && !ok {
		panic(fmt.Sprintf("models: the models of %q are no Codec", k.Name))
	}
	kind := &k
	table = append(table, entry{
		info:   k.Info,
		config: func(dir string) (any, error) { return kind.Config(dir) },
		open:   func(dir string, d *tensor.Device) (nn.Module, error) { return kind.Open(dir, d) },
		load:   func(dir string, d *tensor.Device) (nn.Module, error) { return kind.Load(dir, d) },
		is:     func(m nn.Module) bool { _, ok := m.(M); return ok },
		facts:  kind.facts,
	})
	return kind
}

func (k *Kind[C, M]) facts(config any) (f Facts, err error) {
	c, ok := config.(C)
	switch {
	case !ok:
		return f, fmt.Errorf("models: a %s has a configuration of type %T, not %T", k.Name, c, config)
	case k.Facts == nil:
		return f, nil
	}
	return k.Facts(c), nil
}

// Describe returns the facts of the kind of that name with a configuration, which has the type that [Config] returns.
func Describe(name string, config any) (Facts, error) {
	e, err := lookup(name)
	if err != nil {
		return Facts{}, err
	}
	return e.facts(config)
}

// All returns the registered kinds in order of registration: a kind comes after those that it needs.
func All() []Info {
	all := make([]Info, len(table))
	for i, e := range table {
		all[i] = e.info
	}
	return all
}

// Lookup returns the kind of that name, and false if there is none.
func Lookup(name string) (Info, bool) {
	e, err := lookup(name)
	return e.info, err == nil
}

func lookup(name string) (entry, error) {
	i := slices.IndexFunc(table, func(e entry) bool { return e.info.Name == name })
	if i < 0 {
		return entry{}, fmt.Errorf("models: there is no kind %q; register it first", name)
	}
	return table[i], nil
}

// CaptionReaders returns the names of the kinds that read captions.
func CaptionReaders() (names []string) {
	for _, e := range table {
		if e.info.Captions {
			names = append(names, e.info.Name)
		}
	}
	return names
}

// Trained returns the names of the registered kinds of which a run folder has a trained or imported model.
func Trained(dir string) (names []string, err error) {
	r, err := run.Open(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range table {
		if r.HasWeights(e.info.Name) {
			names = append(names, e.info.Name)
		}
	}
	return names, nil
}

// Open opens the model of the kind of that name, see [Kind.Open].
func Open(dir, name string, d *tensor.Device) (nn.Module, error) {
	e, err := lookup(name)
	if err != nil {
		return nil, err
	}
	return e.open(dir, d)
}

// Config returns the configuration of the model of the kind of that name, see [Kind.Config].
func Config(dir, name string) (any, error) {
	e, err := lookup(name)
	if err != nil {
		return nil, err
	}
	return e.config(dir)
}
