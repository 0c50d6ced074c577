// Package layout arranges pictures for people: labelled grids as PNG files, and animations as GIF files.
//
//	grid, err := layout.Grid(layout.Options{}, layout.Section{Title: "dog", Images: images})
//	…
//	err = layout.SavePNG("dogs.png", grid)
//
// Pictures are enlarged by whole factors only, so every pixel that a model made stays visible. The functions need no
// device and may be called from several goroutines.
package layout
