package source_test

import (
	"fmt"
	"log"

	"github.com/bestiary-ml/bestiary/data"
	"github.com/bestiary-ml/bestiary/data/source"
)

// Open recognises the layout at a path. Here, the path names drawn cats and dogs.
func ExampleOpen() {
	d, err := source.Open(source.DrawnPets(1, 20), data.Options{Size: 32, Split: data.Trainval})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(d.Report)
	// Output:
	// drawn: 20 of seed 1 (trainval, 32×32): 20 pictures
	// classes: cat 10, dog 10
}

// The description in a run's config.json is enough to open its pictures again.
func ExampleOpenDescription() {
	description := data.Description{Path: source.DrawnBirds(1, 20), Split: "trainval", Size: 16, Classes: []string{"bird"}}
	training, err := source.OpenDescription(description, data.Options{})
	if err != nil {
		log.Fatal(err)
	}
	test, err := source.OpenDescription(description, data.Options{Split: data.Test})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(training.Len(), "to train on,", test.Len(), "to test with")
	fmt.Println(training.Captions[0][0])
	// Output:
	// 20 to train on, 4 to test with
	// a small brown bird with red wings and a blue bill
}
