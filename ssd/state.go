package ssd

import (
	"strings"

	"github.com/bestiary-ml/bestiary/internal/safetensors"
	"github.com/bestiary-ml/bestiary/internal/weights"
)

// classHead begins the names of what predicts classes.
const classHead = "head.classification_head."

// Identify reports whether a file, a state dict of PyTorch or a safetensors file, holds a detector with the parameters of torchvision's
// ssd300_vgg16, and the number of its classes without the background. The error is that of reading the file.
func Identify(path string) (classes int, is bool, err error) {
	f, err := weights.ReadState(path)
	if err != nil {
		return 0, false, err
	}
	classes, is = classesOf(f)
	return classes, is, nil
}

// classesOf returns the number of classes by the first head of a ssd300_vgg16, which has four boxes a place.
func classesOf(f *safetensors.File) (classes int, is bool) {
	t, err := f.Tensor(classHead + "module_list.0.bias")
	if err != nil || !f.Has("backbone.scale_weight") || len(t.Shape) != 1 || t.Shape[0]%4 != 0 || t.Shape[0] < 8 {
		return 0, false
	}
	return t.Shape[0]/4 - 1, true
}

// LoadState sets the weights of m from a file with the same parameters: a state dict of torchvision's ssd300_vgg16, or the weights of
// another detector. Where the file has another number of classes, or with newClasses, the weights that predict classes stay as they
// are: the initial ones. It reports whether that is so. A file of another network is a [*fault.DamagedFile].
func (m *Model) LoadState(path string, newClasses bool) (fresh bool, err error) {
	f, err := weights.ReadState(path)
	if err != nil {
		return false, err
	}
	return weights.LoadBut(m, f, newClasses, func(path string) bool { return strings.HasPrefix(path, classHead) })
}
