package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A cache file holds the decoded pictures of one source under one set of options, and their captions: magic, length of the
// JSON header (4 bytes, little-endian), header, pixels, CRC-32C of all before. Its name is a hash of everything that the
// pixels depend on, so a changed photo gives another file.
const (
	cacheMagic  = "bestiary pictures 2\n"
	cacheSuffix = ".pictures"
	cacheKeep   = 30 * 24 * time.Hour // files that are not used for longer are removed
)

type cache struct {
	path    string // "" if there is none
	picture int    // bytes of a picture
	items   int
	texts   bool // the source has captions
}

type cacheHeader struct {
	Items    int       `json:"items"`
	Picture  int       `json:"picture"`
	Failed   []failed  `json:"failed"`
	Captions *captions `json:"captions,omitempty"`
}

// newCache returns the cache of a source; its path is "" if the cache is off.
func newCache(s Source, o Options) cache {
	folder := o.Cache
	if folder == "" {
		if base, err := os.UserCacheDir(); err == nil {
			folder = filepath.Join(base, "bestiary")
		}
	}
	if folder == "" || folder == NoCache {
		return cache{}
	}
	abs, err := filepath.Abs(s.Path)
	if err != nil {
		return cache{}
	}
	key := sha256.New()
	fmt.Fprintf(key, "%s%q %q %d %d %q %t\n", cacheMagic, s.Layout, abs, o.Size, o.Channels, o.Resize, s.Texts != nil)
	for _, item := range s.Items {
		fmt.Fprintf(key, "%q %q\n", item.Name, item.Stamp)
	}
	name := hex.EncodeToString(key.Sum(nil)[:16]) + cacheSuffix
	return cache{filepath.Join(folder, name), o.picture(), len(s.Items), s.Texts != nil}
}

// load reads the cache file. It returns false if there is none or it is damaged; the pictures are then decoded again.
func (c cache) load() (decoded, bool) {
	f, err := os.Open(c.path)
	if err != nil {
		return decoded{}, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return decoded{}, false
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	r := io.TeeReader(f, sum)
	start := make([]byte, len(cacheMagic)+4)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(cacheMagic)]) != cacheMagic {
		return decoded{}, false
	}
	length := int64(binary.LittleEndian.Uint32(start[len(cacheMagic):]))
	if want := int64(len(start)) + length + int64(c.items)*int64(c.picture) + 4; info.Size() != want {
		return decoded{}, false
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return decoded{}, false
	}
	var header cacheHeader
	if json.Unmarshal(text, &header) != nil || header.Items != c.items || header.Picture != c.picture {
		return decoded{}, false
	}
	if c.texts != (header.Captions != nil) || c.texts && len(header.Captions.Of) != c.items {
		return decoded{}, false
	}
	d := decoded{make([]uint8, c.items*c.picture), header.Failed, header.Captions}
	if _, err := io.ReadFull(r, d.pixels); err != nil {
		return decoded{}, false
	}
	want := sum.Sum32()
	var got uint32
	if binary.Read(f, binary.LittleEndian, &got) != nil || got != want {
		return decoded{}, false
	}
	now := time.Now()
	os.Chtimes(c.path, now, now) // used today; if this fails, the pictures are decoded again in a month
	return d, true
}

// store writes a temporary file and renames it, so that a reader never sees half a cache file.
func (c cache) store(d decoded) (err error) {
	if c.path == "" {
		return nil
	}
	folder := filepath.Dir(c.path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	prune(folder)
	f, err := os.CreateTemp(folder, "*.tmp"+cacheSuffix)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	header, err := json.Marshal(cacheHeader{c.items, c.picture, d.failed, d.captions})
	if err != nil {
		return err
	}
	if len(header) > math.MaxUint32 {
		return fmt.Errorf("%d GB of captions are too many", len(header)>>30)
	}
	var sum hash.Hash32 = crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := io.MultiWriter(f, sum)
	start := binary.LittleEndian.AppendUint32([]byte(cacheMagic), uint32(len(header)))
	for _, part := range [][]byte{slices.Concat(start, header), d.pixels} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if err := binary.Write(f, binary.LittleEndian, sum.Sum32()); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.path)
}

// prune removes cache files that were not used for cacheKeep.
func prune(folder string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*"+cacheSuffix))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > cacheKeep {
			os.Remove(file)
		}
	}
}
