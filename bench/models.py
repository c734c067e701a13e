"""The nets of the bench-* recipes as a PyTorch user would write them, each with one training step.

A model has nets (by name, for counting parameters), step() and generate(). Batch sizes are the
recipes'; channels_last changes the memory layout of nets and images.
"""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations


def freeze(net, frozen):
    for p in net.parameters():
        p.requires_grad_(not frozen)


def adam(net, rate, betas, decay=0.0):
    return torch.optim.Adam(net.parameters(), lr=rate, betas=betas, weight_decay=decay)


class Adversarial:
    """Generator and discriminator in turn; the generator's step uses the same fakes."""

    def __init__(self, generator, discriminator, latent, real, optimizers, channels_last):
        self.nets = {"generator": generator, "discriminator": discriminator}
        if channels_last:
            generator.to(memory_format=torch.channels_last)
            discriminator.to(memory_format=torch.channels_last)
            real = real.contiguous(memory_format=torch.channels_last)
        self.latent, self.real = latent, real
        self.g, self.d = optimizers

    def step(self):
        generator, discriminator = self.nets["generator"], self.nets["discriminator"]
        fake = generator(self.latent())

        freeze(discriminator, False)
        self.d.zero_grad(set_to_none=True)
        logits = discriminator(self.real)
        F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)).backward()
        logits = discriminator(fake.detach())
        F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits)).backward()
        self.d.step()

        freeze(discriminator, True)
        self.g.zero_grad(set_to_none=True)
        logits = discriminator(fake)
        F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)).backward()
        self.g.step()


# ---- the dilated spatial GAN, 32 channels in the dilated half


def dsgan_generator():
    layers, channels = [], 1
    for filters in (512, 256, 128, 64, 32):
        layers.append(nn.ConvTranspose2d(channels, filters, 5, stride=2, padding=2, output_padding=1))
        if filters != 64:
            layers.append(nn.BatchNorm2d(filters))
        layers.append(nn.ReLU(inplace=True))
        channels = filters
    for dilation in (1, 2, 3, 4):
        layers.append(nn.Conv2d(32, 32, 5, padding=2 * dilation, dilation=dilation))
        if dilation != 4:
            layers.append(nn.BatchNorm2d(32))
        layers.append(nn.ReLU(inplace=True))
    layers += [nn.Conv2d(32, 1, 5, padding=10, dilation=5), nn.Tanh()]
    return nn.Sequential(*layers)


def dsgan_discriminator():
    layers, channels = [], 1
    for filters in (64, 128, 256, 512, 1):
        layers.append(nn.Conv2d(channels, filters, 9, stride=2, padding=4))
        if filters in (128, 256, 512):
            layers.append(nn.BatchNorm2d(filters))
        if filters != 1:
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        channels = filters
    return nn.Sequential(*layers)


class Dsgan(Adversarial):
    batch, size = 8, "2500x2500"

    def __init__(self, batch, channels_last):
        g, d = dsgan_generator(), dsgan_discriminator()
        super().__init__(
            g,
            d,
            lambda: torch.rand(batch, 1, 12, 12) * 2 - 1,
            torch.sign(torch.randn(batch, 1, 384, 384)),
            (adam(g, 5e-4, (0.5, 0.999), 1e-5), adam(d, 5e-4, (0.5, 0.999), 1e-5)),
            channels_last,
        )

    def generate(self):
        return self.nets["generator"](torch.rand(1, 1, 79, 79) * 2 - 1)[:, :, :2500, :2500]


# ---- the 64 x 64 material GAN


def material_generator():
    return nn.Sequential(
        nn.Linear(32, 128 * 16 * 16),
        nn.Unflatten(1, (128, 16, 16)),
        nn.BatchNorm2d(128),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 128, 3, padding=1),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 3, padding=1),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 1, 3, padding=1),
        nn.Tanh(),
    )


def material_discriminator():
    layers, channels = [], 1
    for filters in (16, 32, 64, 128):
        conv = nn.Conv2d(channels, filters, 3, stride=2, padding=1)
        layers += [parametrizations.spectral_norm(conv), nn.LeakyReLU(0.2, inplace=True)]
        layers.append(nn.Dropout2d(0.25))
        if filters != 16:
            layers.append(nn.BatchNorm2d(filters))
        channels = filters
    layers += [nn.Flatten(), parametrizations.spectral_norm(nn.Linear(128 * 4 * 4, 1))]
    return nn.Sequential(*layers)


class Material(Adversarial):
    batch, size = 64, "64x64"

    def __init__(self, batch, channels_last):
        g, d = material_generator(), material_discriminator()
        super().__init__(
            g,
            d,
            lambda: torch.randn(batch, 32),
            torch.sign(torch.randn(batch, 1, 64, 64)),
            (adam(g, 2e-4, (0.5, 0.999)), adam(d, 2e-4, (0.5, 0.999))),
            channels_last,
        )

    def generate(self):
        return self.nets["generator"](torch.randn(1, 32))


# ---- SliceGAN: one critic for the three directions, gradient penalty


class SliceGenerator(nn.Module):
    def __init__(self):
        super().__init__()
        layers, channels = [], 64
        for filters, padding in ((512, 2), (256, 2), (128, 2), (64, 2)):
            layers += [
                nn.ConvTranspose3d(channels, filters, 4, stride=2, padding=padding, bias=False),
                nn.BatchNorm3d(filters),
                nn.ReLU(inplace=True),
            ]
            channels = filters
        layers.append(nn.ConvTranspose3d(64, 3, 4, stride=2, padding=3, bias=False))
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return torch.softmax(self.layers(z), 1)


def slice_critic():
    layers, channels = [], 3
    for filters in (64, 128, 256, 512):
        layers += [nn.Conv2d(channels, filters, 4, stride=2, padding=1, bias=False), nn.ReLU()]
        channels = filters
    layers.append(nn.Conv2d(512, 1, 4, stride=2, bias=False))
    return nn.Sequential(*layers)


def slices_of(volume, axis):
    """All slices across an axis (2, 3 or 4) as a batch of images."""
    order = [0, axis, 1] + [a for a in (2, 3, 4) if a != axis]
    return volume.permute(order).flatten(0, 1)


def gradient_penalty(critic, real, fake):
    share = torch.rand(len(real), 1, 1, 1)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return 10 * ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


class Slicegan:
    """One critic step in each direction, then one generator step."""

    batch, size = 8, "256x256x256"

    def __init__(self, batch, channels_last):
        generator, critic = SliceGenerator(), slice_critic()
        if channels_last:
            generator.to(memory_format=torch.channels_last_3d)
            critic.to(memory_format=torch.channels_last)
        self.nets = {"generator": generator, "discriminator": critic}
        self.batch = batch
        self.g, self.d = adam(generator, 1e-4, (0.0, 0.9)), adam(critic, 1e-4, (0.0, 0.9))
        phases = torch.randint(0, 3, (batch, 64, 64))
        self.real = F.one_hot(phases, 3).permute(0, 3, 1, 2).float().contiguous()

    def step(self):
        generator, critic = self.nets["generator"], self.nets["discriminator"]
        freeze(critic, False)
        with torch.no_grad():
            volume = generator(torch.randn(self.batch, 64, 4, 4, 4))
        for axis in (2, 3, 4):
            self.d.zero_grad(set_to_none=True)
            fake = slices_of(volume, axis)
            loss = critic(fake).mean() - critic(self.real).mean()
            (loss + gradient_penalty(critic, self.real, fake[: self.batch])).backward()
            self.d.step()

        freeze(critic, True)
        self.g.zero_grad(set_to_none=True)
        volume = generator(torch.randn(self.batch, 64, 4, 4, 4))
        loss = -sum(critic(slices_of(volume, axis)).mean() for axis in (2, 3, 4))
        loss.backward()
        self.g.step()

    def generate(self):
        return self.nets["generator"](torch.randn(1, 64, 10, 10, 10))


MODELS = {"bench-dsgan": Dsgan, "bench-material": Material, "bench-slicegan": Slicegan}
