// Package ssd is the Single Shot MultiBox Detector (Liu et al., 2016). A network makes feature maps of falling size. At each place of
// map k there are default boxes, the priors ([detect.DefaultBoxes]); a 3×3 convolution predicts for each prior the logits of the
// classes and of the background, and four numbers that move and resize it ([detect.Coder]).
//
// With the backbone "vgg16" a model is torchvision's ssd300_vgg16, and its parameters have the names of that state dict. Other
// backbones are those of package backbone, with feature maps at strides 8, 16 and 32, and "small", a residual network for
// pictures of 96 to 160 pixels that is trained from random weights within minutes. Extra layers make the smaller maps.
//
// The loss of a batch with M matched priors is
//
//	L = (Σ cross-entropy of matched priors and hard negatives + Σ regression loss of matched priors) / max(M, 1)
//
// A prior is matched to an object if their IoU is at least 0.5, or if it is the best prior of the object. Hard negatives are the
// priors of the background with the largest loss, three for each matched prior of the picture.
//
//	m, err := ssd.New(d, ssd.VOC("small", 128, 3), tensor.NewGenerator(1))
//	found := m.Detect(x) // of pictures [N, 128, 128, 3] in [−1, 1]; boxes are shares of the sides
package ssd
