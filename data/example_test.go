package data_test

import (
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
)

// A folder with one sub-folder a class becomes a dataset.
func ExampleLoad() {
	root, err := os.MkdirTemp("", "newts")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	for name, grey := range map[string]uint8{"newt/a.png": 200, "newt/b.png": 220, "toad/c.png": 90} {
		if err := save(filepath.Join(root, name), grey); err != nil {
			log.Fatal(err)
		}
	}
	source, err := data.Folder(root, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	d, err := data.Load(source, data.Options{Size: 8, Cache: data.NoCache})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Len(), "pictures of", d.Classes)
	for i := range d.Len() {
		fmt.Println(d.Name(i), d.Classes[d.Label(i)], d.Image(i)[:3])
	}
	// Output:
	// 3 pictures of [newt toad]
	// newt/a.png newt [200 200 200]
	// newt/b.png newt [220 220 220]
	// toad/c.png toad [90 90 90]
}

// save writes a grey picture of 16×16 pixels.
func save(path string, grey uint8) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	picture := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range picture.Pix {
		picture.Pix[i] = grey
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return png.Encode(f, picture)
}

// A Loader makes shuffled batches, epoch after epoch. A saved position continues in the same place.
func ExampleLoader() {
	d := &data.Dataset{Size: 1, Classes: []string{"newt", "toad"}, Labels: []int{0, 0, 1, 1, 1}, Pixels: make([]uint8, 5*3)}
	l, err := data.NewLoader(d, data.LoaderOptions{Batch: 2, Seed: 7, Shuffle: true})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()
	for range l.Batches() {
		b := l.Next() // Pixels [N, 1, 1, 3]
		fmt.Println(b.Len(), b.Indices, b.Labels, len(b.Pixels))
	}
	saved := l.Position()
	first := fmt.Sprint(l.Next().Indices)
	if err := l.Seek(saved); err != nil {
		log.Fatal(err)
	}
	fmt.Println("epoch", saved.Epoch, first == fmt.Sprint(l.Next().Indices))
	// Output:
	// 2 [2 1] [1 0] 6
	// 2 [4 3] [1 1] 6
	// 1 [0] [0] 3
	// epoch 1 true
}

// A wrong option is an error that names the field.
func ExampleOptions_Resolve() {
	_, err := data.Options{Size: -3}.Resolve()
	fmt.Println(err)
	// Output: Size -3: must be 1 to 2048 pixels
}
