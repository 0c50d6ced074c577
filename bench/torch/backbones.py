"""Backbones of torchvision, which return the outputs of the stages that detectors use."""

import torch

ENDS = {  # places in the sequence of layers that end a stage
    "vgg16": (8, 15, 22, 29),
    "mobilenet_v2": (3, 6, 13, 17),
    "efficientnet_b0": (2, 3, 5, 7),
}


class Features(torch.nn.Module):
    """Features of a network in evaluation mode, for pictures [N, 3, S, S]."""

    def __init__(self, name):
        super().__init__()
        from torchvision.models import get_model

        net = get_model(name, weights=None)
        if name.startswith("resnet"):
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
