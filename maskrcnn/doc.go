// Package maskrcnn is Mask R-CNN (He et al., 2017) with a feature pyramid (Lin et al., 2017). A backbone makes feature maps at
// strides 4 to 32; the pyramid makes of them maps P2 to P5 of the same width, and P6. Region proposals (Ren et al., 2015) are the
// anchors that look like objects, moved to them. Of each proposal, one head names the class and corrects the box, another draws
// a mask of 28×28 pixels.
//
// With the backbone "resnet50" a model is torchvision's maskrcnn_resnet50_fpn, and its parameters have the names of that state
// dict. Other backbones are those of package backbone. [Matterport] is the other program whose weights a model can have.
//
// The loss is the sum of five:
//
//	objectness      cross-entropy of sampled anchors, object or not
//	proposals       smooth L1 of the boxes of sampled anchors with an object
//	classification  cross-entropy of sampled proposals
//	boxes           smooth L1 of the boxes of sampled proposals with an object
//	masks           cross-entropy of the pixels of their masks
package maskrcnn
