// Package detect has what detectors share: measures of overlap and their losses, codes of boxes, non-maximum suppression,
// matching, default boxes and anchors. Names and values follow torchvision (torchvision.ops, models.detection._utils and
// models.detection.anchor_utils).
//
// Boxes are in corner form, [boxes.Box]. Of two boxes A and B, C is the smallest box around both:
//
//	IoU  = |A∩B| / |A∪B|
//	GIoU = IoU − |C∖(A∪B)| / |C|                     Rezatofighi et al., 2019
//	DIoU = IoU − d²/c²                               Zheng et al., 2020
//	CIoU = DIoU − αv,  v = 4/π²·(Δ atan(w/h))²,  α = v / (1 − IoU + v)
//
// d is the distance between the centres, and c the diagonal of C. [IoULoss] and its siblings are 1 minus these measures, on
// tensors with gradients.
//
// A detector has priors: default boxes ([DefaultBoxes], SSD) or anchors ([Anchors], Faster R-CNN). [Matcher] finds the
// object of each prior, [Coder] writes the object's box relative to its prior, and [NMS] removes duplicates from what is
// decoded; [NMSOn] does so on a GPU.
package detect
