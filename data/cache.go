package data

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/bestiary-ml/bestiary/internal/regular"
)

// A cache file holds the decoded pictures of one source under one set of options: magic, length of the JSON header (4
// bytes, little-endian), header, pixels of the pictures that could be decoded, CRC-32C of all before. The header knows each
// picture by its name, stamp and content, so a picture that has changed is decoded again, and the others are not. What
// could not be read, for lack of permission or of memory, is not in the file and is tried again.
const (
	cacheMagic  = "bestiary pictures 3\n"
	cacheSuffix = ".pictures"
)

// cache is the cache file of a source.
type cache struct {
	path    string // "" if there is none
	picture int    // bytes of a picture
}

type cacheHeader struct {
	Picture  int           `json:"picture"` // bytes
	Items    []*cachedItem `json:"items"`
	Captions string        `json:"captions,omitempty"` // their hash: the captions are read again each time
}

type cachedItem struct {
	Name   string `json:"name"`
	Stamp  string `json:"stamp,omitempty"`
	Hash   string `json:"hash,omitempty"`   // of the encoded picture, see contentHash
	Reason string `json:"reason,omitempty"` // why it cannot be decoded; "" if it is in the pixels

	slot int // in the pixels
}

// newCache returns the cache of a source; its path is "" if the cache is off.
func newCache(s Source, o Options) cache {
	folder, err := cacheFolder(o.Cache)
	if err != nil {
		return cache{}
	}
	abs, err := filepath.Abs(s.Path)
	if err != nil {
		return cache{}
	}
	key := sha256.New()
	fmt.Fprintf(key, "%s%q %q %q %d %d %q\n", cacheMagic, s.Layout, abs, o.Split, o.Size, o.Channels, o.Resize)
	if _, boxed, _ := o.Resize.boxed(); boxed {
		if o.Resize.Run() == "" { // before, they were taken for boxes of the upright picture
			fmt.Fprintln(key, "boxes of the picture as it is stored")
		}
		for _, item := range s.Items {
			fmt.Fprintf(key, "%q %v\n", item.Name, item.Box)
		}
	}
	if o.Cutout != "" {
		fmt.Fprintf(key, "cut out, on %v\n", o.Cutout.Background())
		for _, item := range s.Items {
			if item.Mask != nil { // Load refuses a picture without
				fmt.Fprintf(key, "%q %v %x\n", item.Name, item.Mask.Box, item.Mask.Values)
			}
		}
	}
	return cache{filepath.Join(folder, hex.EncodeToString(key.Sum(nil)[:16])+cacheSuffix), o.picture()}
}

// load reads the cache file. It returns nil if there is none or it is damaged; the pictures are then decoded again.
func (c cache) load() *cached {
	if c.path == "" {
		return nil
	}
	removeStale(filepath.Dir(c.path))
	f, info, err := regular.Open(c.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	r := io.TeeReader(f, sum)
	start := make([]byte, len(cacheMagic)+4)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(cacheMagic)]) != cacheMagic {
		return nil
	}
	length := int64(binary.LittleEndian.Uint32(start[len(cacheMagic):]))
	rest := info.Size() - int64(len(start)) - length - 4
	if rest < 0 {
		return nil
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil
	}
	var header cacheHeader
	if json.Unmarshal(text, &header) != nil || header.Picture != c.picture {
		return nil
	}
	content := &cached{items: map[string]*cachedItem{}, picture: c.picture, captions: header.Captions}
	slots := int64(0)
	for _, item := range header.Items {
		if item == nil {
			return nil
		}
		content.items[item.Name] = item
		if item.Reason == "" {
			item.slot = int(slots)
			slots++
		}
	}
	if rest != slots*int64(c.picture) {
		return nil
	}
	content.pixels = make([]uint8, rest)
	if _, err := io.ReadFull(r, content.pixels); err != nil {
		return nil
	}
	want := sum.Sum32()
	var got uint32
	if binary.Read(f, binary.LittleEndian, &got) != nil || got != want {
		return nil
	}
	now := time.Now()
	os.Chtimes(c.path, now, now) // used today; if this fails, the pictures are decoded again in a month
	return content
}

// store writes a temporary file and renames it, so that a reader never sees half a cache file. Older files make place for
// it; see [LimitCache].
func (c cache) store(s Source, d decoded) (err error) {
	if c.path == "" {
		return nil
	}
	header := cacheHeader{Picture: c.picture, Captions: d.captions}
	gaps := d.failed
	for i, item := range s.Items {
		e := &cachedItem{Name: item.Name, Stamp: item.Stamp, Hash: d.hashes[i]}
		if len(gaps) > 0 && gaps[0].item == i {
			failure := gaps[0]
			if gaps = gaps[1:]; failure.again {
				continue
			}
			e.Reason = failure.reason
		}
		header.Items = append(header.Items, e)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	if len(text) > math.MaxUint32 {
		return fmt.Errorf("%d GB of names are too many", len(text)>>30)
	}
	start := binary.LittleEndian.AppendUint32([]byte(cacheMagic), uint32(len(text)))
	folder := filepath.Dir(c.path)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := makeRoom(folder, c.path, int64(len(start)+len(text)+len(d.pixels)+4)); err != nil {
		return err
	}
	f, err := createTemp(folder)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	w := io.MultiWriter(f, sum)
	for _, part := range [][]byte{start, text, d.pixels} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	if err := binary.Write(f, binary.LittleEndian, sum.Sum32()); err != nil {
		return err
	}
	// Renamed before it is closed: the lock keeps others from taking it for a killed process's.
	if err := os.Rename(f.Name(), c.path); err != nil {
		f.Close()
		return os.Rename(f.Name(), c.path) // Windows renames no open file
	}
	return f.Close()
}
