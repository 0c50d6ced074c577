// Package boxes reads pictures with the boxes and masks of the objects in them: the training data of detectors.
//
// [Open] recognises a layout, and a function reads each:
//
//	VOC      Pascal VOC: VOCdevkit with VOC2007 and VOC2012, one of them, or any folder with XML files of that form
//	Pets     the head boxes of the Oxford-IIIT pets
//	CUB      the boxes of Caltech-UCSD Birds-200-2011
//	COCO     a JSON file of COCO's form and the pictures that it names
//	VIA      polygons and other shapes of the VGG Image Annotator: via_region_data.json, also in train/ and val/
//	Labelme  polygons and other shapes of labelme: a JSON file a picture
//	YOLO     images/ and labels/ with a text file a picture, or the text files beside the pictures
//	Scenes   drawn cats, dogs and birds, for demonstrations and tests: scenes:SEED:N
//
// Pictures are not decoded here; only their size is read. What is wrong with a dataset is in the [Report] of its [Set], with
// the file and the line: a picture is left out if its annotation cannot be read or if it is missing, a box if it is empty,
// inverted, outside of the picture or of an unknown class; a box that reaches beyond its picture is clipped. Pictures without
// boxes stay.
//
// With [Options].Masks, the objects of COCO, VIA and labelme have masks, see package data/mask, and the objects of Pets are the
// animals of their trimaps. An object is left out if its mask covers no pixel of the picture, is of another size or cannot be
// read; of several polygons, those without an inside or outside of the picture are. Polygons that reach beyond the picture or
// cross themselves stay. All of it is in the report.
//
// Boxes are in pixels of the picture as it is stored, before an orientation in Exif data is applied.
package boxes
