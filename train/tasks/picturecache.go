package tasks

import (
	"sync"

	"github.com/bestiary-ml/bestiary/data/boxes"
)

// pictureCache keeps decoded pictures up to a number of bytes.
type pictureCache struct {
	mutex sync.Mutex
	kept  map[string]*boxes.Image
	left  int // bytes
}

// cachedBytes is the size of a pictureCache.
const cachedBytes = 1 << 30

func newPictureCache() *pictureCache {
	return &pictureCache{kept: map[string]*boxes.Image{}, left: cachedBytes}
}

// read returns a decoded picture, which must not be changed.
func (c *pictureCache) read(p boxes.Picture) (*boxes.Image, error) {
	c.mutex.Lock()
	m := c.kept[p.Name]
	c.mutex.Unlock()
	if m != nil {
		return m, nil
	}
	m, err := p.Read()
	if err != nil {
		return nil, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if size := len(m.Pixels); c.kept[p.Name] == nil && size <= c.left {
		c.kept[p.Name] = m
		c.left -= size
	}
	return m, nil
}

// each calls f(0) to f(n−1) in parallel and returns the error of the first that fails.
func each(n int, f func(i int) error) error {
	failures := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() { failures[i] = f(i) })
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}
