// Package boxes has bounding boxes of objects in pictures.
package boxes
