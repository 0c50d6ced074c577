"""Mask R-CNN of torchvision with the weights of bench/maskrcnn.go, and the same in ONNX Runtime."""

import contextlib
import os
import sys
import tempfile
import warnings

import torch

from backbones import ENDS

FOUND = 100  # objects in each picture


def split(workload):
    """The network and the side of the picture of maskrcnn/detect/NETWORK-SIDE."""
    net, _, size = workload.rpartition("/")[2].rpartition("-")
    return net, int(size)


def has(net):
    """Whether torchvision has the network."""
    from torchvision.models import list_models

    return net in list_models()


def body(net):
    """The backbone with a feature pyramid."""
    from torchvision.models import get_model
    from torchvision.models.detection.backbone_utils import BackboneWithFPN, resnet_fpn_backbone

    if net.startswith("res"):
        return resnet_fpn_backbone(backbone_name=net, weights=None, norm_layer=torch.nn.BatchNorm2d, trainable_layers=5)
    features, ends, widths, x = get_model(net, weights=None).features.eval(), ENDS[net], [], torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        for i, layer in enumerate(features[: ends[-1] + 1]):
            x = layer(x)
            if i in ends:
                widths.append(x.shape[1])
    return BackboneWithFPN(features, {str(end): str(i) for i, end in enumerate(ends)}, widths, 256)


def mask_rcnn(net, size):
    """A model of one class in evaluation mode. Layers that predict boxes and classes have weights of 0, and non-maximum suppression
    removes nothing: 1000 proposals and 100 objects, whose masks are not pasted into the picture."""
    from torchvision.models.detection import MaskRCNN

    model = MaskRCNN(
        body(net), num_classes=2, min_size=size, max_size=size, rpn_pre_nms_top_n_test=1000, rpn_post_nms_top_n_test=1000,
        rpn_nms_thresh=1.0, box_nms_thresh=1.0, box_score_thresh=0.05, box_detections_per_img=FOUND,
    ).eval()
    predictor = model.roi_heads.box_predictor
    with torch.no_grad():
        for layer in (model.rpn.head.bbox_pred, predictor.cls_score, predictor.bbox_pred):
            layer.weight.zero_()
            layer.bias.zero_()
    model.transform.postprocess = lambda found, *_: found
    return model


def parts(model):
    """Those that compute with layers. The others choose boxes and read maps."""
    return model.backbone, model.rpn.head, model.roi_heads.box_head, model.roi_heads.mask_head


def floats(forward):
    """A function with float32 results: choosing boxes and reading maps don't compute in others."""

    def cast(y):
        if isinstance(y, dict):
            return {key: cast(v) for key, v in y.items()}
        return [cast(v) for v in y] if isinstance(y, (list, tuple)) else y.float()

    return lambda *x: cast(forward(*x))


def session(model, x, threads):
    """The model in ONNX Runtime, exported by torch.onnx: a function without arguments that returns the masks of x."""
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        path = os.path.join(folder, "model.onnx")
        names = ["boxes", "labels", "scores", "masks"]
        torch.onnx.export(model, ([x],), path, opset_version=17, dynamo=False, output_names=names)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        runtime = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {runtime.get_inputs()[0].name: x.numpy()}
    return lambda: runtime.run(["masks"], feed)[0]


def checked(masks):
    if len(masks) != FOUND:
        raise RuntimeError(f"{len(masks)} objects, want {FOUND}")
    return masks
