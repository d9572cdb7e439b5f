"""STDual-X written plainly with PyTorch's own modules: the independent reference of tests/model.

It loops over replicas and sensors, and builds for each sensor the network of exactly its own channels; nothing is padded
or batched over sensors. `Storage` knows where the product keeps each number (model/encoder_shape.h): it loads a module's
parameters from there and puts gradients back.
"""
import numpy
import torch
from torch import nn


class Storage:
    """The product's tensors by name, and which module's parameter holds which of their entries."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.links = []

    def link(self, parameter, name, leading, *index):
        """`parameter` is entry [leading][index] of the product's tensor `name`."""
        where = (leading,) + (numpy.ix_(*index) if index else ())
        with torch.no_grad():
            values = torch.from_numpy(numpy.array(self.arrays[name][where]))
            parameter.copy_(values.reshape(parameter.shape))
        self.links.append((parameter, name, where))

    def link_layer(self, module, name, leading, *index):
        """A module's weight (at `index`) and bias (at the first of them)."""
        self.link(module.weight, name + ".weight", leading, *index)
        self.link(module.bias, name + ".bias", leading, *index[:1])

    def link_batch_norm(self, module, name, leading):
        self.link_layer(module, name, leading)
        self.link(module.running_mean, name + ".running_mean", leading)
        self.link(module.running_var, name + ".running_variance", leading)

    def collect(self):
        """-> gradients and present values in the product's layout; entries that no module holds have gradient 0."""
        gradients, values = {}, {}
        for parameter, name, where in self.links:
            value = values.setdefault(name, numpy.array(self.arrays[name], dtype=numpy.float64))
            value[where] = parameter.detach().numpy().reshape(value[where].shape)
            if isinstance(parameter, nn.Parameter):
                gradient = gradients.setdefault(name, numpy.zeros(self.arrays[name].shape))
                if parameter.grad is not None:
                    gradient[where] = parameter.grad.numpy().reshape(gradient[where].shape)
        return gradients, values


def attention(storage, name, leading, real, width, heads):
    """nn.MultiheadAttention of `real` channels, kept in tensors `width` wide, each head's places at the start of its block."""
    module = nn.MultiheadAttention(real, heads, batch_first=True)
    places = [i for i in range(width) if i % (width // heads) < real // heads]
    rows = [part * width + place for part in range(3) for place in places]
    storage.link(module.in_proj_weight, name + ".in_weight", leading, rows, range(real))
    storage.link(module.in_proj_bias, name + ".in_bias", leading, rows)
    storage.link(module.out_proj.weight, name + ".out_weight", leading, range(real), places)
    storage.link(module.out_proj.bias, name + ".out_bias", leading, range(real))
    return module


class Position(nn.Module):
    def __init__(self, storage, config, leading, channels):
        super().__init__()
        self.mean = nn.Parameter(torch.empty(config["gaussians"]))
        self.log_sigma = nn.Parameter(torch.empty(config["gaussians"]))
        self.embedding = nn.Parameter(torch.empty(config["gaussians"], channels))
        storage.link(self.mean, "position.mean", leading)
        storage.link(self.log_sigma, "position.log_sigma", leading)
        storage.link(self.embedding, "position.embedding", leading, range(config["gaussians"]), range(channels))

    def forward(self, x):  # [B, L, c]
        rows = []
        for step in range(x.shape[1]):
            sigma = torch.exp(self.log_sigma)
            weight = torch.softmax(-((step - self.mean) ** 2) / (2 * sigma**2) - torch.log(sigma), 0)
            rows.append(weight @ self.embedding)
        return x + torch.stack(rows)


class Stdat(nn.Module):
    def __init__(self, storage, name, config, leading, steps, real, channels):
        super().__init__()
        self.temporal = self.channel = self.convolution = None
        if config["temporal_attention"]:
            self.temporal = attention(storage, name + ".temporal_attention", leading, real, channels, config["temporal_heads"])
        if config["channel_attention"]:
            self.channel = attention(storage, name + ".channel_attention", leading, steps, steps, config["channel_heads"])
        if self.temporal or self.channel:
            self.attention_norm = nn.LayerNorm(real)
            storage.link_layer(self.attention_norm, name + ".attention_norm", leading, range(real))
        if config["convolution"]:
            planes = [1, config["convolution_units"], config["convolution_units"], 1]
            stages = []
            for i in range(3):
                convolution = nn.Conv2d(planes[i], planes[i + 1], 2 * i + 1, padding=i)
                norm = nn.BatchNorm2d(planes[i + 1])
                storage.link_layer(convolution, f"{name}.convolution.{i}", leading)
                storage.link_batch_norm(norm, f"{name}.convolution.{i}.norm", leading)
                stages += [convolution, norm, nn.ReLU()]  # dropout is tested by itself
            self.convolution = nn.Sequential(*stages)
            self.convolution_norm = nn.LayerNorm(real)
            storage.link_layer(self.convolution_norm, name + ".convolution_norm", leading, range(real))

    def forward(self, x):  # [B, L, c]
        total = x
        if self.temporal:
            total = total + self.temporal(x, x, x, need_weights=False)[0]
        if self.channel:
            turned = x.transpose(1, 2)
            total = total + self.channel(turned, turned, turned, need_weights=False)[0].transpose(1, 2)
        if self.temporal or self.channel:
            total = self.attention_norm(total)
        if self.convolution:
            total = self.convolution_norm(total + self.convolution(total.unsqueeze(1)).squeeze(1))
        return total


SENSOR_PARTS = ("stem", "position", "stdat", "vector")


class Sensor(nn.Module):
    """All that one sensor of one replica has for itself: window [B, L, c] -> vector [B, d]."""

    def __init__(self, storage, config, shape, leading, own):
        super().__init__()
        self.config = config
        derived = 2 if config["asinh_knee"] > 0 else 1
        real, channels, steps = derived * own, derived * shape["channels"], shape["steps"]
        self.stem, self.position, self.stdat = nn.Sequential(), nn.Identity(), nn.Sequential()
        for i in range(config["stem_layers"]):
            kernel = config["stem_kernel"]
            convolution = nn.Conv1d(real, config["stem_channels"], kernel, config["stem_stride"], kernel // 2)
            norm = nn.BatchNorm1d(config["stem_channels"])
            storage.link_layer(convolution, f"stem.{i}.convolution", leading, range(config["stem_channels"]), range(real), range(kernel))
            storage.link_batch_norm(norm, f"stem.{i}.norm", leading)
            self.stem.extend([convolution, norm, nn.GELU()])
            real = channels = config["stem_channels"]
            steps = (steps + 2 * (kernel // 2) - kernel) // config["stem_stride"] + 1
        if config["stdat"]:
            if config["position"]:
                self.position = Position(storage, config, leading, real)
            for i in range(config["stdat_layers"]):
                self.stdat.append(Stdat(storage, f"stdat.{i}", config, leading, steps, real, channels))
        self.real = (derived * own, real)
        flattened = [step * channels + channel for step in range(steps) for channel in range(real)]
        hidden = max(1, min(config["vector_hidden"], len(flattened) // 2))
        self.hidden = nn.Linear(len(flattened), hidden)
        self.output = nn.Linear(hidden, config["sensor_width"])
        storage.link_layer(self.hidden, "vector.hidden", leading, range(hidden), flattened)
        storage.link_layer(self.output, "vector.output", leading, range(config["sensor_width"]), range(hidden))

    def run_stem(self, x):
        return self.stem(x.transpose(1, 2)).transpose(1, 2)

    def vector(self, x):
        vector = self.output(torch.relu(self.hidden(x.flatten(1))))
        return torch.relu(vector) if self.config["stdat"] else vector

    def part(self, name):
        return {"stem": self.run_stem, "position": self.position, "stdat": self.stdat, "vector": self.vector}[name]

    def part_channels(self, name):
        """Real channels that go into a part and come out of it."""
        return {"stem": self.real, "vector": (self.real[1], None)}.get(name, (self.real[1], self.real[1]))

    def forward(self, x):
        if self.config["asinh_knee"] > 0:
            x = torch.cat([x, torch.asinh((x - x.mean(1, keepdim=True)) / self.config["asinh_knee"]) / 3], 2)
        return self.vector(self.stdat(self.position(self.run_stem(x))))


class Network(nn.Module):
    """One replica: windows [B, S, L, C] -> logits, embedding, attention or None."""

    def __init__(self, storage, config, shape, replica):
        super().__init__()
        count, width = shape["sensors"], config["sensor_width"]
        self.config = config
        self.own = shape["sensor_channels"] or [shape["channels"]] * count
        self.sensors = nn.ModuleList(Sensor(storage, config, shape, replica * count + s, self.own[s]) for s in range(count))
        self.cross = None
        if config["cross_sensor_attention"]:
            self.cross = attention(storage, "cross_sensor_attention", replica, width, width, config["cross_sensor_heads"])
            self.norm = nn.LayerNorm(width)
            storage.link_layer(self.norm, "cross_sensor_attention.norm", replica)
        self.embed = nn.Linear(count * width, config["embedding"])
        self.classify = nn.Linear(config["embedding"], shape["classes"])
        storage.link_layer(self.embed, "head.embedding", replica)
        storage.link_layer(self.classify, "head.classes", replica)

    def forward(self, windows):
        z = torch.stack([sensor(windows[:, s, :, : self.own[s]]) for s, sensor in enumerate(self.sensors)], 1)
        e, weights = self.cross_sensor_attention(z)
        embedding = self.embedding(e.flatten(1))
        return self.classify(embedding), embedding, weights

    def cross_sensor_attention(self, z):  # [B, S, d] -> the same, weights
        if not self.cross:
            return z, None
        hidden = None
        if z.shape[1] > 1 and not self.config["attend_self"]:
            hidden = torch.eye(z.shape[1], dtype=torch.bool)
        attended, weights = self.cross(z, z, z, attn_mask=hidden, average_attn_weights=False)
        return self.norm(z + attended), weights

    def embedding(self, joined):
        return nn.functional.gelu(self.embed(joined))

    def part(self, name):
        return {"cross_sensor_attention": lambda z: self.cross_sensor_attention(z)[0], "head": lambda x: self.classify(self.embedding(x))}[name]

    def part_channels(self, name):
        return (None, None)


def triplet(embedding, labels, margin):
    """Batch-hard triplet loss (Hermans et al. 2017) by plain loops over anchors and candidates."""
    unit = nn.functional.normalize(embedding, dim=1)
    count = len(labels)

    def distance(a, b):
        return torch.sqrt(torch.clamp(((unit[a] - unit[b]) ** 2).sum(), min=1e-12))

    terms = []
    for anchor in range(count):
        positives = [distance(anchor, other) for other in range(count) if other != anchor and labels[other] == labels[anchor]]
        negatives = [distance(anchor, other) for other in range(count) if labels[other] != labels[anchor]]
        if positives and negatives:
            farthest, nearest = positives[0], negatives[0]
            for candidate in positives[1:]:
                if candidate.item() > farthest.item():
                    farthest = candidate
            for candidate in negatives[1:]:
                if candidate.item() < nearest.item():
                    nearest = candidate
            terms.append(torch.relu(margin + farthest - nearest))
    return torch.stack(terms).mean() if terms else embedding.sum() * 0
