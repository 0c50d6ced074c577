// Package source opens a dataset in whichever of the known layouts a path holds.
package source

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/pets"
)

// known says what Open looks for, for its errors.
const known = "annotations/list.txt and images/ (the Oxford pets), a parquet file of them, or one sub-folder of pictures a class"

// Open recognises the layout at a path and loads it:
//
//   - a folder with annotations/list.txt and images/: the official pets, see [pets.Folder];
//   - a parquet file: the pets as Hugging Face has them, see [pets.Parquet];
//   - any other folder: one sub-folder a class, see [data.Folder].
func Open(path string, o data.Options) (*data.Dataset, error) {
	s, err := list(path, o)
	if err != nil {
		return nil, err
	}
	return data.Load(s, o)
}

func list(path string, o data.Options) (data.Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return data.Source{}, fmt.Errorf("data: %s: cannot be found; give a path that holds %s", path, known)
	}
	switch {
	case !info.IsDir() && pets.IsParquet(path):
		return pets.Parquet(path, o)
	case !info.IsDir():
		return data.Source{}, fmt.Errorf("data: %s: is a file and not parquet; give a path that holds %s", path, known)
	case pets.Is(path):
		return pets.Folder(path, o)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return data.Source{}, fmt.Errorf("data: %s: cannot be read; check its permissions", path)
	}
	if len(entries) == 0 {
		return data.Source{}, fmt.Errorf("data: %s: is empty; give a path that holds %s", path, known)
	}
	folders, official := 0, 0
	for _, e := range entries {
		if sub, err := os.Stat(filepath.Join(path, e.Name())); err == nil && sub.IsDir() {
			folders++
			if e.Name() == "images" || e.Name() == "annotations" {
				official++
			}
		}
	}
	switch {
	case folders == 0:
		return data.Source{}, fmt.Errorf("data: %s: has no sub-folders; give a path that holds %s", path, known)
	case folders == official:
		return data.Source{}, fmt.Errorf("data: %s: looks like the pets but has no annotations/list.txt; unpack annotations.tar.gz there", path)
	}
	return data.Folder(path, o)
}
