package table_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/bestiary-ml/bestiary/data/table"
)

// What the columns of a table hold is found out.
func ExampleRead() {
	dir, err := os.MkdirTemp("", "table")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pets.csv")
	text := "kind,weight,share of day asleep,heading,legs\ncat,4.25,0.6,90,4\ndog,NA,0.5,270,4\ncat,3.75,0.7,10,3\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		log.Fatal(err)
	}
	t, err := table.Read(path, table.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range t.Columns {
		fmt.Println(c.Name, c.Kind, c.Missing)
	}
	fmt.Println(t.Rows, "rows,", t.Dropped, "left out")
	// Output:
	// kind category 0
	// weight continuous 1
	// share of day asleep unit 0
	// heading angle 0
	// legs integer 0
	// 2 rows, 1 left out
}
