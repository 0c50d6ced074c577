package webdataset_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"image"
	"image/png"
	"log"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/webdataset"
)

// An archive with two samples, each with a picture and a caption in JSON, becomes a dataset with captions.
func ExampleList() {
	folder, err := os.MkdirTemp("", "webdataset")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	var picture, archive bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 8, 8))); err != nil {
		log.Fatal(err)
	}
	w := tar.NewWriter(&archive)
	for _, file := range []struct{ name, content string }{
		{"owl/1.png", picture.String()}, {"owl/1.json", `{"title": "an owl"}`},
		{"wren/2.png", picture.String()}, {"wren/2.json", `{"title": "a wren"}`},
	} {
		if err := w.WriteHeader(&tar.Header{Name: file.name, Mode: 0o644, Size: int64(len(file.content))}); err != nil {
			log.Fatal(err)
		}
		if _, err := w.Write([]byte(file.content)); err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(folder, "birds.tar")
	if err := os.WriteFile(path, archive.Bytes(), 0o644); err != nil {
		log.Fatal(err)
	}
	source, err := webdataset.List(path, data.Options{Texts: "json:title"})
	if err != nil {
		log.Fatal(err)
	}
	d, err := data.Load(source, data.Options{Size: 8, Cache: data.NoCache})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Classes, d.Names, d.Captions)
	// Output: [owl wren] [owl/1.png wren/2.png] [[an owl] [a wren]]
}
