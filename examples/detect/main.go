// Command detect shows the detection API: it opens a run folder and finds the objects in a picture.
//
//	go run ./examples/detect runs/ssd photo.jpg
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/boxes"
	"github.com/bestiary-ml/bestiary/sample"
	"github.com/bestiary-ml/bestiary/tensor"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: detect RUN PICTURE")
	}
	if err := find(os.Stdout, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func find(out io.Writer, run, path string) error {
	device, err := tensor.OpenDevice("auto", tensor.DeviceOptions{})
	if err != nil {
		return err
	}
	defer device.Close()
	ctx := context.Background()
	detector, err := sample.OpenDetector(ctx, run, device)
	if err != nil {
		return err
	}
	picture, err := boxes.ReadUpright(path, data.Limits{})
	if err != nil {
		return err
	}
	found, err := detector.Detect(ctx, []*boxes.Image{picture})
	if err != nil {
		return err
	}
	for _, o := range found[0] { // by falling score
		if o.Score >= 0.5 {
			fmt.Fprintf(out, "%s %.2f at %.0f,%.0f to %.0f,%.0f\n", detector.Classes()[o.Class], o.Score, o.Box.X0, o.Box.Y0, o.Box.X1, o.Box.Y1)
		}
	}
	return nil
}
