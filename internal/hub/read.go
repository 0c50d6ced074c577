package hub

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/models"
	"github.com/bestiary-ml/bestiary/tensor"
	"github.com/bestiary-ml/bestiary/tokenizer"
)

// Folder is the content of a folder.
type Folder struct {
	Dir   string
	Kinds []string // of its models, in the order of the registry

	config    *config
	tensors   map[string][]safetensors.Tensor // by kind
	tokenizer *tokenizer.Tokenizer            // nil: none
}

// Read reads a folder, or that of one of its files. It opens each model on the device, so what is damaged is an error here.
func Read(path string, d *tensor.Device) (*Folder, error) {
	f := &Folder{Dir: folderOf(path), tensors: map[string][]safetensors.Tensor{}}
	var err error
	if f.config, err = readConfig(f.Dir); err != nil {
		return nil, err
	}
	for _, info := range models.All() {
		if f.config.Models[info.Name] != nil {
			f.Kinds = append(f.Kinds, info.Name)
		}
	}
	if err := f.readWeights(); err != nil {
		return nil, err
	}
	if err := f.readTokenizer(); err != nil {
		return nil, err
	}
	return f, f.try(d)
}

// readWeights distributes the tensors over the models.
func (f *Folder) readWeights() error {
	path := filepath.Join(f.Dir, weightsName)
	file, err := safetensors.Read(path)
	if err != nil {
		return err
	}
	for _, name := range file.Names() {
		kind, own, ok := strings.Cut(name, ".")
		if !ok || !slices.Contains(f.Kinds, kind) {
			return fault.Damaged(path, "has %.80q, which belongs to no model of %s; download both files again", name, configName)
		}
		t, err := file.Tensor(name)
		if err != nil {
			return err
		}
		part := *t
		part.Name = own
		f.tensors[kind] = append(f.tensors[kind], part)
	}
	for _, kind := range f.Kinds {
		if f.tensors[kind] == nil {
			return fault.Damaged(path, "has no weights of the %s in %s; download both files again", kind, configName)
		}
	}
	return nil
}

func (f *Folder) readTokenizer() (err error) {
	path := filepath.Join(f.Dir, tokenizerName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f.tokenizer, err = tokenizer.Open(path, tokenizer.Options{})
	return err
}

// try writes the models to a run that is thrown away, and opens them.
func (f *Folder) try(d *tensor.Device) error {
	dir, err := os.MkdirTemp("", "bestiary-import-")
	if err != nil {
		return fmt.Errorf("%s: can't be tried (%w); free some disk space in the folder for temporary files", f.Dir, err)
	}
	defer os.RemoveAll(dir)
	r, err := run.Create(dir)
	if err != nil {
		return err
	}
	c, err := r.Begin()
	if err == nil {
		if err = f.Fill(c); err != nil {
			c.Abort()
		}
	}
	if err == nil {
		err = c.Commit()
	}
	for i := 0; err == nil && i < len(f.Kinds); i++ {
		_, err = models.Open(dir, f.Kinds[i], d)
	}
	var memory *fault.OutOfMemory
	if err == nil || errors.As(err, &memory) {
		return err
	}
	return fault.Damaged(f.Dir, "%s", strings.ReplaceAll(err.Error(), dir, f.Dir))
}

// Fill adds the models, the data and the tokenizer to a commit.
func (f *Folder) Fill(c *run.Commit) error {
	for _, kind := range f.Kinds {
		if err := c.SetConfig(kind, f.config.Models[kind]); err != nil {
			return err
		}
		if options := f.config.Options[kind]; options != nil {
			if err := c.SetOptions(kind, options); err != nil {
				return err
			}
		}
		if err := c.SaveWeights(kind, f.tensors[kind], map[string]string{"imported": "Hugging Face folder " + f.Dir}); err != nil {
			return err
		}
	}
	if f.config.Data != nil {
		if err := c.SetData(f.config.Data); err != nil {
			return err
		}
	}
	if f.tokenizer != nil {
		return c.SetTokenizer(f.tokenizer, filepath.Join(f.Dir, tokenizerName), models.CaptionReaders()...)
	}
	return nil
}

// Parameters returns the number of values in the weights of a model.
func (f *Folder) Parameters(kind string) (n int) {
	for _, t := range f.tensors[kind] {
		n += t.Len()
	}
	return n
}
