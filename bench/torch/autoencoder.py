"""The pets autoencoder in plain PyTorch, with the sizes and layers of package autoencoder."""

from torch import nn

CHANNELS = [3, 64, 128, 256, 512, 512]
HIDDEN, EMBEDDING, DROPOUT = 1024, 256, 0.2
SMALLEST = 2  # height and width of a 64x64 picture after five halvings


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        features = CHANNELS[-1] * SMALLEST * SMALLEST
        down, up = [], []
        for a, b in zip(CHANNELS, CHANNELS[1:]):
            down += [nn.Conv2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, inplace=True)]
        backwards = CHANNELS[::-1]
        for a, b in zip(backwards[:-2], backwards[1:-1]):
            up += [nn.ConvTranspose2d(a, b, 4, 2, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]
        up += [nn.ConvTranspose2d(backwards[-2], backwards[-1], 4, 2, 1), nn.Tanh()]
        self.encoder, self.decoder = nn.Sequential(*down), nn.Sequential(*up)
        self.fc_encode = nn.Sequential(
            nn.Linear(features, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout(DROPOUT), nn.Linear(HIDDEN, EMBEDDING))
        self.fc_decode = nn.Sequential(
            nn.Linear(EMBEDDING, HIDDEN), nn.BatchNorm1d(HIDDEN), nn.ReLU(inplace=True), nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, features), nn.BatchNorm1d(features), nn.ReLU(inplace=True))
        for m in self.modules():  # DCGAN's initial weights
            if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
                nn.init.normal_(m.weight, 0, 0.02)
            elif isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.normal_(m.weight, 1, 0.02)

    def encode(self, x):  # [N, 3, 64, 64] to [N, 256]
        return self.fc_encode(self.encoder(x).flatten(1))

    def decode(self, z):  # [N, 256] to [N, 3, 64, 64]
        return self.decoder(self.fc_decode(z).view(-1, CHANNELS[-1], SMALLEST, SMALLEST))

    def forward(self, x):
        return self.decode(self.encode(x))
