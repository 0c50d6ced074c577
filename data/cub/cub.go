// Package cub reads Caltech-UCSD Birds-200-2011 (Wah, Branson, Welinder, Perona and Belongie, 2011,
// https://www.vision.caltech.edu/datasets/cub_200_2011) with the captions of Reed, Akata, Lee and Schiele ("Learning deep
// representations of fine-grained visual descriptions", 2016, https://github.com/reedscot/cvpr2016).
//
// The official layout is CUB_200_2011/ with images/CLASS/NAME.jpg and four lists of two columns:
//
//	images.txt               image id, path below images/
//	classes.txt              class id, name
//	image_class_labels.txt   image id, class id
//	train_test_split.txt     image id, 1 for training or 0 for test
//
// If pictures are cut out by their boxes ([data.Boxes]), a fifth list of five columns is read:
//
//	bounding_boxes.txt       image id, x, y, width, height of the bird, in pixels
//
// The captions of a photo are in text_c10/CLASS/NAME.txt, ten of them, one a line. [Folder] says where text_c10 may be.
package cub

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

const layout = "birds"

// Is reports whether a folder is CUB_200_2011 or holds it.
func Is(root string) bool { return official(root) != "" }

// official returns the path of CUB_200_2011, or "" if it is not there.
func official(root string) string {
	for _, folder := range []string{root, filepath.Join(root, "CUB_200_2011")} {
		if exists(folder, "images.txt") && exists(folder, "images") {
			return folder
		}
	}
	return ""
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}

// textFolders are the places of text_c10 in the archives that hold it.
var textFolders = []string{"birds/text_c10", "cvpr2016_cub/text_c10", "text_c10"}

// captionFolder returns the path of text_c10, or the places where it could be.
func captionFolder(root, cub string) (found string, places []string) {
	above := []string{root, cub}
	if abs, err := filepath.Abs(cub); err == nil {
		above = append(above, filepath.Dir(abs)) // beside CUB_200_2011, also if root is CUB_200_2011 itself
	}
	for _, folder := range above {
		for _, name := range textFolders {
			place := filepath.Join(folder, filepath.FromSlash(name))
			if exists(place) {
				return place, nil
			}
			places = append(places, place)
		}
	}
	return "", places
}

// Folder lists the official layout. The root is CUB_200_2011 or the folder that holds it. The captions are in text_c10,
// birds/text_c10 or cvpr2016_cub/text_c10, in the root, in CUB_200_2011 or beside it.
//
// The classes are those of classes.txt without their numbers, in the same order for every split. The splits Trainval and
// Test are the official ones. Seen and Unseen have no class in common: the unseen classes are those of Reed's
// testclasses.txt (50 of 200) if that file is beside text_c10, otherwise those whose number is a multiple of four.
//
// Errors: a [*fault.FieldError] for options, [data.ErrNoCaptions], and a [*fault.DamagedFile] for a damaged list.
func Folder(root string, o data.Options) (s data.Source, err error) {
	defer printable.Error(&err)
	s = data.Source{Layout: layout, Path: root}
	o, err = o.ResolveFor(layout, root, data.UseClasses|data.UseBoxes)
	if err != nil {
		return s, err
	}
	cub := official(root)
	if cub == "" {
		return s, fmt.Errorf("%s: %s: has no CUB_200_2011/images.txt and images/; unpack CUB_200_2011.tgz there", layout, root)
	}
	texts, places := captionFolder(root, cub)
	if texts == "" && o.Captions {
		return s, fmt.Errorf("%s: %s: %w; unpack text_c10 at %s", layout, root, data.ErrNoCaptions, filepath.Clean(places[0]))
	}
	l, err := readLists(cub, o.Split)
	if err != nil {
		return s, err
	}
	s.Classes = l.classes
	var boxes map[int]data.Box
	if o.Resize != o.Resize.WithoutBoxes() {
		if !exists(cub, "bounding_boxes.txt") {
			return s, fault.Field("Resize", o.Resize, "needs %s, which is not there; unpack it from CUB_200_2011.tgz, or use squash or crop", filepath.Join(cub, "bounding_boxes.txt"))
		}
		if boxes, err = readBoxes(cub, l.photos); err != nil {
			return s, err
		}
	}
	heldOut, err := l.heldOut(o.Split, texts, &s)
	if err != nil {
		return s, err
	}
	files, err := data.Walk(filepath.Join(cub, "images"))
	if err != nil {
		return s, fmt.Errorf("%s: %w", layout, err)
	}
	captions, err := readCaptionNames(texts, &s)
	if err != nil {
		return s, err
	}
	there := map[string]data.File{}
	for _, f := range files {
		there[f.Name] = f
	}
	var paths, names, missing []string
	for _, p := range l.photos {
		f, ok := there[p.name]
		caption := captions[f.Stem()]
		delete(there, p.name)
		delete(captions, f.Stem())
		switch {
		case !ok:
			missing = append(missing, p.name)
		case o.Split.Has(heldOut(p)):
			s.Items = append(s.Items, data.Item{Name: p.name, Label: p.class, Stamp: data.Stamp(f.Info), Box: boxes[p.id]})
			paths = append(paths, filepath.Join(cub, "images", filepath.FromSlash(p.name)))
			names = append(names, caption.Name)
		}
	}
	s.AddNote("listed but not in images/", missing)
	s.AddNote("in images/ but not listed, left out", sorted(there))
	s.Orphans = sorted(captions)
	s.Read = data.Files(paths)
	if texts != "" {
		s.Texts = data.TextFiles(texts, names)
	} else {
		s.Notes = append(s.Notes, "no captions: text_c10 is not there")
	}
	if len(s.Items) == 0 {
		return s, fmt.Errorf("%s: %s: none of the photos listed for split %s is there; unpack CUB_200_2011.tgz again", layout, filepath.Join(cub, "images"), o.Split)
	}
	return s, nil
}

// readCaptionNames lists the files of captions by their name without suffix. Reed's archives also hold the captions in other
// encodings, which are left out.
func readCaptionNames(texts string, s *data.Source) (map[string]data.File, error) {
	captions := map[string]data.File{}
	if texts == "" {
		return captions, nil
	}
	files, err := data.Walk(texts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", layout, err)
	}
	var others []string
	for _, f := range files {
		if f.IsText() {
			captions[f.Stem()] = f
		} else {
			others = append(others, path.Join(filepath.Base(texts), f.Name))
		}
	}
	s.AddNote("in text_c10/ but no .txt file, left out", others)
	return captions, nil
}

// speciesOf removes the number of a class: 001.Black_footed_Albatross becomes Black_footed_Albatross.
func speciesOf(class string) string {
	if number, name, ok := strings.Cut(class, "."); ok && number != "" && name != "" && strings.Trim(number, "0123456789") == "" {
		return name
	}
	return class
}
