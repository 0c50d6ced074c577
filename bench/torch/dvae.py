"""The discrete VAE in plain PyTorch, with the layers and the loss of package dvae. Samples of the Gumbel-softmax are relaxed
and there is no KL term, as in DALLE-pytorch's training script by default."""

from torch import einsum, nn
from torch.nn import functional as F

IMAGE_SIZE, CHANNELS, LAYERS, CODEBOOK_DIM, TEMPERATURE = 128, 3, 3, 512, 0.9


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 1))

    def forward(self, x):
        return x + self.net(x)


class DiscreteVAE(nn.Module):
    def __init__(self, codes, hidden, blocks):
        super().__init__()
        down, up, width = [], [], CHANNELS
        for _ in range(LAYERS):
            down.append(nn.Sequential(nn.Conv2d(width, hidden, 4, 2, 1), nn.ReLU()))
            up.append(nn.Sequential(nn.ConvTranspose2d(hidden, hidden, 4, 2, 1), nn.ReLU()))
            width = hidden
        self.codebook = nn.Embedding(codes, CODEBOOK_DIM)
        self.encoder = nn.Sequential(*down, *[Block(hidden) for _ in range(blocks)], nn.Conv2d(hidden, codes, 1))
        self.decoder = nn.Sequential(
            nn.Conv2d(CODEBOOK_DIM, hidden, 1), *[Block(hidden) for _ in range(blocks)], *up, nn.Conv2d(hidden, CHANNELS, 1))

    def loss(self, images):  # [N, 3, S, S] in [0, 1]
        images = (images - 0.5) / 0.5
        choice = F.gumbel_softmax(self.encoder(images), tau=TEMPERATURE, dim=1)
        mixed = einsum("bkhw,kd->bdhw", choice, self.codebook.weight)
        return F.mse_loss(self.decoder(mixed), images)
