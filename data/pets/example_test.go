package pets_test

import (
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/pets"
)

// The official layout, here with two photos, is listed by species or by breed.
func ExampleFolder() {
	root, err := os.MkdirTemp("", "pets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	for _, folder := range []string{"annotations", "images"} {
		if err := os.Mkdir(filepath.Join(root, folder), 0o755); err != nil {
			log.Fatal(err)
		}
	}
	list := "# NAME CLASS-ID SPECIES BREED-ID\nBengal_1 1 1 1\nbeagle_7 2 2 1\n"
	if err := os.WriteFile(filepath.Join(root, "annotations", "list.txt"), []byte(list), 0o644); err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"Bengal_1.jpg", "beagle_7.jpg"} {
		f, err := os.Create(filepath.Join(root, "images", name))
		if err != nil {
			log.Fatal(err)
		}
		if err := png.Encode(f, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil { // the format is recognised by content
			log.Fatal(err)
		}
		f.Close()
	}
	for _, labels := range []data.Labels{data.Species, data.Breed} {
		source, err := pets.Folder(root, data.Options{Labels: labels})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(labels, source.Classes)
		for _, item := range source.Items {
			fmt.Println(" ", item.Name, source.Classes[item.Label])
		}
	}
	// Output:
	// species [cat dog]
	//   images/Bengal_1.jpg cat
	//   images/beagle_7.jpg dog
	// breed [beagle Bengal]
	//   images/Bengal_1.jpg Bengal
	//   images/beagle_7.jpg beagle
}
