// Package boxes reads pictures with the boxes of the objects in them: the training data of detectors.
//
// [Open] recognises a layout, and a function reads each:
//
//	VOC      Pascal VOC: VOCdevkit with VOC2007 and VOC2012, one of them, or any folder with XML files of that form
//	Pets     the head boxes of the Oxford-IIIT pets
//	CUB      the boxes of Caltech-UCSD Birds-200-2011
//	COCO     a JSON file of COCO's form and the pictures that it names
//	YOLO     images/ and labels/ with a text file a picture, or the text files beside the pictures
//	Scenes   drawn cats, dogs and birds, for demonstrations and tests: scenes:SEED:N
//
// Pictures are not decoded here; only their size is read. What is wrong with a dataset is in the [Report] of its [Set], with
// the file and the line: a picture is left out if its annotation cannot be read or if it is missing, a box if it is empty,
// inverted, outside of the picture or of an unknown class; a box that reaches beyond its picture is clipped. Pictures without
// boxes stay.
//
// Boxes are in pixels of the picture as it is stored, before an orientation in Exif data is applied.
package boxes
