package hub

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/finite"
	"github.com/bestiary-ml/bestiary/internal/run"
	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/models"
)

// attributes tells Git LFS which files to keep.
const attributes = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.png filter=lfs diff=lfs merge=lfs -text\n"

// Write writes models of a run, by their kinds, to a folder, which it makes, with a card. It returns the paths of the files.
// Weights that are not finite are an error, and nothing is written then.
func Write(dir string, r *run.Run, kinds []string, card *Card) (files []string, err error) {
	c, err := configOf(r, kinds)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, err
	}
	tensors, err := tensorsOf(r, kinds)
	if err != nil {
		return nil, err
	}
	readme, err := card.render()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("%s: can't be made (%w); choose a folder that you may write to", dir, err)
	}
	put := func(name string, content []byte) {
		if err == nil {
			path := filepath.Join(dir, name)
			err = atomicfile.WriteBytes(path, content)
			files = append(files, path)
		}
	}
	weights := filepath.Join(dir, weightsName)
	if err := safetensors.Write(weights, tensors, map[string]string{"format": "pt", "library_name": library}); err != nil {
		return nil, err
	}
	files = append(files, weights)
	put(configName, append(text, '\n'))
	put(cardName, readme)
	put(attributesName, []byte(attributes))
	if err != nil {
		return files, err
	}
	if r.HasTokenizer() && slices.ContainsFunc(kinds, readsCaptions) {
		t, err := r.LoadTokenizer()
		if err != nil {
			return files, err
		}
		text, err := t.JSON()
		if err != nil {
			return files, err
		}
		if put(tokenizerName, text); err != nil {
			return files, err
		}
	}
	for _, p := range card.Pictures {
		path, err := p.copyTo(dir)
		if err != nil {
			return files, err
		}
		files = append(files, path)
	}
	return files, err
}

// readsCaptions reports whether the models of a kind read captions.
func readsCaptions(kind string) bool {
	info, _ := models.Lookup(kind)
	return info.Captions
}

// tensorsOf returns the weights of models, each name below that of its kind.
func tensorsOf(r *run.Run, kinds []string) (all []safetensors.Tensor, err error) {
	var check finite.Check
	for _, kind := range kinds {
		file, err := r.ReadWeights(kind)
		if err != nil {
			return nil, err
		}
		for _, name := range file.Names() {
			t, err := file.Tensor(name)
			if err != nil {
				return nil, err
			}
			check.Add(kind+"."+name, t.F32)
			own := *t
			own.Name = kind + "." + name
			all = append(all, own)
		}
	}
	if problem := check.Problem(); problem != "" {
		return nil, fmt.Errorf("%s: can't be exported: %s", r.Dir(), problem)
	}
	return all, nil
}

// Picture is a picture of the card.
type Picture struct {
	Path    string // where it is now
	Caption string
}

// name returns the name of the picture in the folder, with forward slashes.
func (p Picture) name() string { return "images/" + filepath.Base(p.Path) }

// copyTo copies the picture into the folder of a card.
func (p Picture) copyTo(dir string) (string, error) {
	to := filepath.Join(dir, filepath.FromSlash(p.name()))
	if err := atomicfile.MkdirAll(filepath.Dir(to)); err != nil {
		return "", fmt.Errorf("%s: can't be made (%w); choose a folder that you may write to", filepath.Dir(to), err)
	}
	from, err := os.Open(p.Path)
	if err != nil {
		return "", fmt.Errorf("%s: can't be read (%w); check the run folder", p.Path, err)
	}
	defer from.Close()
	return to, atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}
