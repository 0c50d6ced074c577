package upload

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/bestiary-ml/bestiary/internal/studio/problem"
)

// Bounds of an archive.
const (
	MaxArchive  = 2 << 30 // bytes, packed
	maxUnpacked = 8 << 30 // bytes, unpacked
	maxFile     = 256 << 20
	maxFiles    = 200_000
	maxParts    = 8   // of a path
	maxName     = 255 // bytes of a part, which file systems allow
)

// pictures are the extensions of pictures, and beside them those of other files that a training may need. Others are left out.
var (
	pictures = []string{".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"}
	beside   = []string{".txt", ".mat", ".xml", ".json"}
)

// Unpack unpacks a zip archive to a new folder, and returns the number of its files and of those that were left out. An
// archive with a path outside of the folder, a link, or too much in it is an error, and leaves nothing behind.
func Unpack(archive, dir string) (files, left int, err error) {
	z, err := zip.OpenReader(archive)
	if errors.Is(err, zip.ErrInsecurePath) && z != nil {
		z.Close()
		return 0, 0, problem.New(http.StatusBadRequest, "the archive has paths outside of it")
	}
	if err != nil {
		return 0, 0, problem.New(http.StatusBadRequest, "the file is not a zip archive that can be read")
	}
	defer z.Close()
	if len(z.File) > maxFiles {
		return 0, 0, problem.New(http.StatusBadRequest, "the archive has more than %d files", maxFiles)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return 0, 0, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, 0, err
	}
	defer root.Close()
	room, drawn := int64(maxUnpacked), 0
	for _, f := range z.File {
		name := strings.TrimSuffix(f.Name, "/")
		if err := checkEntry(f, name); err != nil {
			return 0, 0, err
		}
		if f.Mode().IsDir() {
			continue
		}
		extension := strings.ToLower(path.Ext(name))
		picture := slices.Contains(pictures, extension)
		if hidden(name) || !picture && !slices.Contains(beside, extension) {
			left++
			continue
		}
		if picture {
			drawn++
		}
		n, err := unpackFile(root, name, f, min(room, maxFile))
		if err != nil {
			return 0, 0, err
		}
		room -= n
		files++
	}
	if drawn == 0 {
		return 0, 0, problem.New(http.StatusBadRequest, "the archive has no pictures: files that end in %s, outside of hidden folders", strings.Join(pictures, ", "))
	}
	return files, left, nil
}

// checkEntry returns an error for an entry of an archive that no honest archive of pictures has.
func checkEntry(f *zip.File, name string) error {
	reason := ""
	switch {
	case strings.ContainsFunc(name, unicode.IsControl):
		reason = "names with control characters; rename these files"
	case strings.ContainsAny(name, `\:`):
		reason = `names with a colon or a backslash; rename these files`
	case !filepath.IsLocal(filepath.FromSlash(name)) || path.Clean(name) != name:
		reason = "paths outside of it"
	case f.Mode()&os.ModeSymlink != 0 || !f.Mode().IsRegular() && !f.Mode().IsDir():
		reason = "links or devices"
	case strings.Count(name, "/") >= maxParts:
		reason = fmt.Sprintf("folders more than %d deep", maxParts)
	case slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > maxName }):
		reason = fmt.Sprintf("names of more than %d bytes; rename these files", maxName)
	default:
		return nil
	}
	return problem.New(http.StatusBadRequest, "the archive has %s", reason)
}

// hidden reports whether a path has a part that file managers hide, as macOS adds to archives.
func hidden(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.HasPrefix(part, ".") || part == "__MACOSX" })
}

// unpackFile unpacks a file of at most that many bytes, whatever the archive says about its size.
func unpackFile(root *os.Root, name string, f *zip.File, most int64) (int64, error) {
	if parent := path.Dir(name); parent != "." {
		if err := root.MkdirAll(parent, 0o700); err != nil {
			return 0, problem.New(http.StatusBadRequest, "the archive has a file and a folder of the same name")
		}
	}
	from, err := f.Open()
	if err != nil {
		return 0, problem.New(http.StatusBadRequest, "the archive is damaged")
	}
	defer from.Close()
	to, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, problem.New(http.StatusBadRequest, "the archive has a file twice")
	}
	n, err := io.Copy(to, io.LimitReader(from, most+1))
	if closed := to.Close(); err == nil && closed != nil {
		return 0, closed
	}
	switch {
	case n > most:
		return 0, problem.New(http.StatusRequestEntityTooLarge, "the archive is too large when it is unpacked")
	case err != nil:
		return 0, problem.New(http.StatusBadRequest, "the archive is damaged")
	}
	return n, nil
}
