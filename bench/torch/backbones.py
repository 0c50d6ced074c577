"""Backbones of torchvision, which return the outputs of the stages that detectors use, and its SSD."""

import torch

ENDS = {  # places in the sequence of layers that end a stage
    "vgg16": (8, 15, 22, 29),
    "mobilenet_v2": (3, 6, 13, 17),
    **{f"efficientnet_b{i}": (2, 3, 5, 7) for i in range(8)},
}


class Features(torch.nn.Module):
    """Features of a network in evaluation mode, for pictures [N, 3, S, S]."""

    def __init__(self, name):
        super().__init__()
        from torchvision.models import get_model

        net = get_model(name, weights=None)
        if name.startswith(("resnet", "resnext")):
            stem = torch.nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
            self.layers, self.ends = torch.nn.ModuleList([stem, net.layer1, net.layer2, net.layer3, net.layer4]), (1, 2, 3, 4)
        else:
            self.ends = ENDS[name]
            self.layers = net.features[: self.ends[-1] + 1]
        self.eval()

    def forward(self, x):
        stages = []
        for i, layer in enumerate(self.layers):
            x = layer(x)
            if i in self.ends:
                stages.append(x)
        return stages


def ssd300(classes):
    """SSD300 with random weights; classes are those of VOC, without the background."""
    from torchvision.models.detection import ssd300_vgg16

    return ssd300_vgg16(weights=None, weights_backbone=None, num_classes=classes + 1)


def targets(batch):
    """Three objects in each picture, as bench/detectors.go has them."""
    all = []
    for i in range(batch):
        boxes = [[20 + 10 * i + 60 * k, 80, 20 + 10 * i + 60 * k + 60 + 20 * k, 200] for k in range(3)]
        all.append({"boxes": torch.tensor(boxes, dtype=torch.float32), "labels": torch.tensor([(i + k) % 20 + 1 for k in range(3)])})
    return all
