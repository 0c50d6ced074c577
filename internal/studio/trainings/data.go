package trainings

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Drawn are the data sets that the program draws itself. DrawnBoxes are those with boxes.
var (
	Drawn      = []string{"birds:1:2000", "drawn:1:2000"}
	DrawnBoxes = []string{"scenes:1:2000"}
)

// DataSets returns the names of what can be trained on: sub-folders of the server's folder of data, uploads, and what the
// program draws itself.
func (m *Manager) DataSets() []string {
	return slices.Concat(Drawn, DrawnBoxes, slices.Sorted(maps.Keys(m.dataFolders())))
}

// dataFolders returns folders by name.
func (m *Manager) dataFolders() map[string]string {
	found := map[string]string{}
	for prefix, dir := range map[string]string{"": m.data, "upload/": m.folder("data")} {
		if dir == "" {
			continue
		}
		entries, _ := os.ReadDir(dir) // a folder that can't be read has none
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), ".") {
				continue
			}
			if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && (info.IsDir() || strings.Contains(e.Name(), ".tar") || strings.HasSuffix(e.Name(), ".parquet")) {
				found[prefix+e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	return found
}

// dataPath returns the path of a data set by name. Paths are never made of what a client says.
func (m *Manager) dataPath(r Recipe, name string) (string, error) {
	switch {
	case name == "" && r.first() && r.Name != "demo":
		return "", problem.Wrong("data", "must name what to train on")
	case name != "" && r.Name == "demo":
		return "", problem.Wrong("data", "has no use for the demo, which draws its own; leave it out")
	case r.Boxes && slices.Contains(Drawn, name):
		return "", problem.Wrong("data", "must be pictures with boxes, such as %s, to train a detector", DrawnBoxes[0])
	case !r.Boxes && slices.Contains(DrawnBoxes, name):
		return "", problem.Wrong("data", "must be pictures of classes or with captions, such as %s; those of %s have boxes, for a detector", Drawn[0], name)
	case name == "" || slices.Contains(Drawn, name) || slices.Contains(DrawnBoxes, name):
		return name, nil
	}
	path, ok := m.dataFolders()[name]
	if !ok {
		return "", problem.Wrong("data", "must be a data set of the server")
	}
	whole, err := filepath.Abs(path)
	if err != nil {
		return "", problem.New(http.StatusInternalServerError, "the folder of the data can't be found")
	}
	return whole, nil
}

// Taken is the error for an upload whose name another one has.
func Taken(name string) error {
	return problem.Wrong("name", "must be new: there is an upload %q", name)
}

// UploadFolder returns the folder for an upload of that name, which must be new.
func (m *Manager) UploadFolder(name string) (string, error) {
	if !runName.MatchString(name) {
		return "", problem.Wrong("name", "%s", wantName)
	}
	dir := m.folder("data", name)
	if _, err := os.Lstat(dir); err == nil {
		return "", Taken(name)
	}
	return dir, os.MkdirAll(m.folder("data"), 0o700)
}
