package cub_test

import (
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/cub"
)

// The official layout, here with two photos, becomes a dataset with captions.
func ExampleFolder() {
	root, err := os.MkdirTemp("", "cub")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(root)
	for name, text := range map[string]string{
		"CUB_200_2011/images.txt":             "1 001.Owl/Owl_1.png\n2 002.Wren/Wren_1.png\n",
		"CUB_200_2011/classes.txt":            "1 001.Owl\n2 002.Wren\n",
		"CUB_200_2011/image_class_labels.txt": "1 1\n2 2\n",
		"CUB_200_2011/train_test_split.txt":   "1 1\n2 0\n",
		"text_c10/001.Owl/Owl_1.txt":          "a large grey owl\n",
		"text_c10/002.Wren/Wren_1.txt":        "a small brown wren\n",
	} {
		if err := write(filepath.Join(root, name), text); err != nil {
			log.Fatal(err)
		}
	}
	for _, name := range []string{"001.Owl/Owl_1.png", "002.Wren/Wren_1.png"} {
		if err := write(filepath.Join(root, "CUB_200_2011/images", name), ""); err != nil {
			log.Fatal(err)
		}
	}
	for _, split := range []data.Split{data.Trainval, data.Test} {
		source, err := cub.Folder(root, data.Options{Split: split})
		if err != nil {
			log.Fatal(err)
		}
		d, err := data.Load(source, data.Options{Size: 8, Cache: data.NoCache})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(split, d.Names, d.Captions, d.Classes)
	}
	// Output:
	// trainval [001.Owl/Owl_1.png] [[a large grey owl]] [Owl Wren]
	// test [002.Wren/Wren_1.png] [[a small brown wren]] [Owl Wren]
}

// write writes a text, or a grey picture if the text is empty.
func write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if text == "" {
		return png.Encode(f, image.NewGray(image.Rect(0, 0, 8, 8)))
	}
	_, err = f.WriteString(text)
	return err
}
