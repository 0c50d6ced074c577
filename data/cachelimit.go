package data

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bestiary-ml/bestiary/fault"
	"github.com/bestiary-ml/bestiary/internal/atomicfile"
	"github.com/bestiary-ml/bestiary/internal/regular"
)

// DefaultCacheLimit is the size in bytes that the cache of decoded pictures may have, unless [LimitCache] sets another.
const DefaultCacheLimit = 10 << 30

const (
	cacheKeep  = 30 * 24 * time.Hour // files that are not used for longer are removed
	limitFile  = "limit"             // holds the limit in bytes, as text
	tempPrefix = "new-"
	tempSuffix = ".tmp"
)

// CacheInfo describes the cache of decoded pictures.
type CacheInfo struct {
	Folder string
	Files  int   // one for each dataset, size and split
	Bytes  int64 // of the files
	Limit  int64 // of Bytes; when a new file needs room, those used longest ago are removed
}

// CacheUsage returns how much a cache holds. The folder is as in [Options].Cache; "" is that in the user's cache folder.
func CacheUsage(folder string) (CacheInfo, error) {
	folder, err := cacheFolder(folder)
	if err != nil {
		return CacheInfo{}, err
	}
	removeStale(folder)
	files, err := cacheFiles(folder)
	if err != nil {
		return CacheInfo{}, err
	}
	info := CacheInfo{Folder: folder, Limit: cacheLimit(folder)}
	for _, f := range files {
		info.Files++
		info.Bytes += f.size
	}
	return info, nil
}

// ClearCache removes the files of a cache, and returns what they were. The limit stays.
func ClearCache(folder string) (CacheInfo, error) {
	info, err := CacheUsage(folder)
	if err != nil {
		return info, err
	}
	return info, evict(info.Folder, "", 0)
}

// LimitCache sets the size in bytes that a cache may have, and removes files that were not used for longest until it does.
// 0 keeps nothing. It returns what is left. It is a [*fault.FieldError] if limit is negative.
func LimitCache(folder string, limit int64) (CacheInfo, error) {
	if limit < 0 {
		return CacheInfo{}, fault.Field("Limit", limit, "must be 0 or more bytes")
	}
	folder, err := cacheFolder(folder)
	if err != nil {
		return CacheInfo{}, err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return CacheInfo{}, fmt.Errorf("%s: cannot be made (%w); check its permissions", folder, withoutPath(err))
	}
	if err := atomicfile.WriteBytes(filepath.Join(folder, limitFile), []byte(strconv.FormatInt(limit, 10)+"\n")); err != nil {
		return CacheInfo{}, err
	}
	if err := evict(folder, "", limit); err != nil {
		return CacheInfo{}, err
	}
	return CacheUsage(folder)
}

// cacheFolder returns the folder of an Options.Cache, or an error if there is none.
func cacheFolder(folder string) (string, error) {
	switch folder {
	case NoCache:
		return "", errors.New("the cache is off")
	case "":
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("there is no folder for the cache (%w)", err)
		}
		return filepath.Join(base, "bestiary"), nil
	}
	return folder, nil
}

// cacheLimit returns the limit of a folder in bytes.
func cacheLimit(folder string) int64 {
	text, err := regular.ReadFile(filepath.Join(folder, limitFile), 1<<10)
	if err != nil {
		return DefaultCacheLimit
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit < 0 {
		return DefaultCacheLimit
	}
	return limit
}

type cacheFile struct {
	path string
	size int64
	used time.Time
}

// cacheFiles lists the files of a cache, the one used longest ago first.
func cacheFiles(folder string) ([]cacheFile, error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: cannot be read (%w); check its permissions", folder, withoutPath(err))
	}
	var files []cacheFile
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && strings.HasSuffix(e.Name(), cacheSuffix) {
			files = append(files, cacheFile{filepath.Join(folder, e.Name()), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b cacheFile) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.path, b.path)) })
	return files, nil
}

// makeRoom removes files until one of a size fits at a path, and those that were not used for cacheKeep.
func makeRoom(folder, path string, size int64) error {
	limit := cacheLimit(folder)
	if size > limit {
		return fmt.Errorf("they take %.1f GB and the cache is limited to %.1f GB; raise its limit to keep them", float64(size)/(1<<30), float64(limit)/(1<<30))
	}
	return evict(folder, path, limit-size)
}

// evict removes the files used longest ago until the others take at most limit bytes, and those that were not used for
// cacheKeep. The file at path, which is about to be replaced, does not count.
func evict(folder, path string, limit int64) error {
	files, err := cacheFiles(folder)
	if err != nil {
		return err
	}
	total := int64(0)
	for _, f := range files {
		if f.path != path {
			total += f.size
		}
	}
	for _, f := range files {
		if f.path == path || total <= limit && time.Since(f.used) <= cacheKeep {
			continue
		}
		if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: cannot be removed (%w); check the permissions of its folder", f.path, withoutPath(err))
		}
		total -= f.size
	}
	return nil
}

// createTemp makes a temporary file that is locked until it is closed, which a kill does too.
func createTemp(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, tempPrefix+"*"+tempSuffix)
	if err != nil {
		return nil, err
	}
	lockFile(f)
	return f, nil
}

// removeStale removes the temporary files of processes that were killed. Errors are ignored.
func removeStale(folder string) {
	names, _ := filepath.Glob(filepath.Join(folder, tempPrefix+"*"+tempSuffix))
	old, _ := filepath.Glob(filepath.Join(folder, "*.tmp*"+cacheSuffix)) // as earlier versions named them
	for _, name := range append(names, old...) {
		if abandoned(name) {
			os.Remove(name)
		}
	}
}
