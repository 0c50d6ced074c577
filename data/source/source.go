// Package source opens a dataset in whichever of the known layouts a path holds.
package source

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/cub"
	"github.com/bestiary-ml/bestiary/data/pets"
	"github.com/bestiary-ml/bestiary/data/webdataset"
)

// known says what Open looks for, for its errors.
const known = "annotations/list.txt and images/ (the Oxford pets), a parquet file of them, CUB_200_2011 (birds), pictures and .txt files of the same names, " +
	"WebDataset .tar files, or one sub-folder of pictures a class"

// Open recognises the layout at a path and loads it:
//
//   - a parquet file: the pets as Hugging Face has them, see [pets.Parquet];
//   - a folder with annotations/list.txt and images/: the official pets, see [pets.Folder];
//   - CUB_200_2011 or a folder that holds it: the birds, see [cub.Folder];
//   - a .tar or .tar.gz, or a folder of them without sub-folders: pictures and captions as WebDataset has them, see [webdataset.List];
//   - a folder with, at any depth, a picture and a .txt file of its name: pictures with captions, see [data.Pairs];
//   - a folder without sub-folders: pictures of one class, without captions, see [data.Pairs];
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
	case !info.IsDir() && webdataset.Is(path):
		return webdataset.List(path, o)
	case !info.IsDir():
		return data.Source{}, fmt.Errorf("data: %s: is a file, and neither parquet nor tar; give a path that holds %s", path, known)
	case pets.Is(path):
		return pets.Folder(path, o)
	case cub.Is(path):
		return cub.Folder(path, o)
	case webdataset.Is(path): // not before the pets and birds, which may lie beside the archives that they came in
		return webdataset.List(path, o)
	case data.HasPairs(path):
		return data.Pairs(path, o)
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
		return data.Pairs(path, o)
	case folders == official:
		return data.Source{}, fmt.Errorf("data: %s: looks like the pets but has no annotations/list.txt; unpack annotations.tar.gz there", path)
	}
	return data.Folder(path, o)
}
