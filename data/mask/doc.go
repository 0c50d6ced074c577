// Package mask has binary masks of objects in pictures: which pixels an object covers.
//
// A [Mask] is kept as its dataset has it, as polygons or as runs of pixels, follows the transforms of its picture
// ([Mask.Move]), and becomes pixels when they are needed ([Mask.RLE], [Mask.Within]).
//
// [RLE] is COCO's run-length encoding (Lin et al., 2014), with the numbers and strings of pycocotools: of pixels
// ([FromPixels]), polygons ([Polygon.RLE]), counts ([FromCounts]) and strings ([Parse]), with area, bounds, [Union],
// [Intersection] and [IoU].
//
// The first pixel covers the square from 0, 0 to 1, 1, as in package data/boxes.
package mask
