package boxes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/cub"
	"github.com/bestiary-ml/bestiary/internal/printable"
)

// Open recognises the layout of a dataset and reads it: the layout of a JSON file is found by its keys, that of a folder by its files;
// "scenes:SEED:N" are drawn [Scenes].
func Open(root string, o Options) (s *Set, err error) {
	defer printable.Error(&err)
	defer func() {
		if err == nil && o.As != "" {
			s.merge(o.As)
		}
	}()
	if IsScenes(root) {
		return Scenes(root, o)
	}
	info, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read; check the path and its permissions", root)
	}
	if !info.IsDir() {
		if strings.EqualFold(filepath.Ext(root), ".json") {
			return openJSON(root, root, o)
		}
		return nil, fmt.Errorf("%s: is neither a folder nor a JSON file; give a dataset with boxes", root)
	}
	switch {
	case exists(root, "annotations", "xmls"), exists(root, "annotations", "trimaps"):
		return Pets(root, o)
	case cub.Is(root):
		return CUB(root, o)
	case exists(root, viaFile), exists(root, "train", viaFile):
		return VIA(root, o)
	case exists(root, "VOCdevkit"), exists(root, "VOC2007"), exists(root, "VOC2012"), exists(root, "Annotations"):
		return VOC(root, o)
	}
	if found, _ := filepath.Glob(filepath.Join(escapeGlob(root), "annotations", "*.json")); len(found) > 0 {
		return COCO(root, o)
	}
	files, err := data.Walk(root)
	if err != nil {
		return nil, err
	}
	xmls, texts, json, deeper := 0, 0, "", ""
	for _, f := range files {
		switch lower := strings.ToLower(f.Name); {
		case strings.HasSuffix(lower, ".xml"):
			xmls++
		case strings.HasSuffix(lower, ".json") && !strings.Contains(f.Name, "/"):
			json = f.Name
		case strings.HasSuffix(lower, ".json"):
			deeper = f.Name
		case f.IsText():
			texts++
		}
	}
	switch {
	case xmls > 0:
		return VOC(root, o)
	case json != "":
		return openJSON(root, filepath.Join(root, json), o)
	case deeper != "" && jsonLayout(filepath.Join(root, filepath.FromSlash(deeper))) == layoutLabelme:
		return Labelme(root, o)
	case texts > 0:
		return YOLO(root, o)
	}
	return nil, fmt.Errorf("%s: has no boxes; give a folder of Pascal VOC, COCO, YOLO, VIA, labelme, CUB or Oxford pets, or one with XML files", root)
}
