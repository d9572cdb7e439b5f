"""The fused kernels (model/fused) beside PyTorch's own modules in float64: outputs, running statistics and every gradient, under each
instruction set that this processor has.

usage: fused_layers.py LIBRARY, built from tests/model/fused_probe.cpp. Exit status 77 (skipped) without PyTorch.
"""
import ctypes
import sys

try:
    import numpy
    import torch
except ImportError:
    print("skipped: PyTorch is not installed; cluster/bootstrap.sh test brings it")
    sys.exit(77)

TOLERANCE = 1e-5  # norm of the difference over the norm
library = ctypes.CDLL(sys.argv[1])
functional = torch.nn.functional
failures = 0


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def relative(ours, truth):
    ours, truth = numpy.asarray(ours, numpy.float64), numpy.asarray(truth, numpy.float64)
    return numpy.linalg.norm(ours - truth) / max(numpy.linalg.norm(truth), 1e-12)


def check(what, ours, truth):
    global failures
    difference = relative(ours, truth)
    if not difference < TOLERANCE:
        failures += 1
        print(f"{what}: differs by {difference:.2e}")


def drawn(random, shapes):
    """Weights of a size as at a start, gains around 1, biases around 0: name -> array."""
    values = {}
    for name, shape in shapes.items():
        value = random.normal(size=shape) * (0.3 if len(shape) == 1 else 1 / numpy.sqrt(numpy.prod(shape[1:])))
        values[name] = (value + 1 if name.endswith("gain") else value).astype(numpy.float32)
    return values


def flat(values):
    return numpy.concatenate([value.ravel() for value in values.values()])


def whole_gradient(tensors):
    return numpy.concatenate([tensor.grad.numpy().ravel() for tensor in tensors.values()])


def attention(x, weights, name, heads):
    batch, tokens, width = x.shape
    parts = (x @ weights[name + ".in"].T + weights[name + ".in_bias"]).chunk(3, -1)
    query, key, value = (part.view(batch, tokens, heads, width // heads).transpose(1, 2) for part in parts)
    scores = torch.softmax(query @ key.transpose(-1, -2) / numpy.sqrt(width // heads), -1)
    return (scores @ value).transpose(1, 2).reshape(batch, tokens, width) @ weights[name + ".out"].T + weights[name + ".out_bias"]


def stdat(instruction_set, rows, steps, channels, temporal_heads, channel_heads, training):
    random = numpy.random.default_rng(rows + steps)
    shapes = {}
    for name, width in (("temporal", channels), ("channel", steps)):
        shapes |= {name + ".in": (3 * width, width), name + ".in_bias": (3 * width,), name + ".out": (width, width), name + ".out_bias": (width,)}
    shapes |= {"norm.gain": (channels,), "norm.bias": (channels,)}
    for kernel in (1, 3, 5):
        shapes |= {f"{kernel}.weight": (kernel, kernel), f"{kernel}.bias": (1,), f"{kernel}.gain": (1,), f"{kernel}.shift": (1,)}
    shapes |= {"last.gain": (channels,), "last.bias": (channels,)}
    values = drawn(random, shapes)
    parameters = flat(values)
    x, dy = (random.normal(size=(rows, steps, channels)).astype(numpy.float32) for _ in range(2))
    y, dx, gradients = numpy.zeros_like(x), numpy.zeros_like(x), numpy.zeros_like(parameters)
    running = numpy.array([0.1, 1.2, -0.1, 0.8, 0.2, 1.1], numpy.float32)
    means = [torch.tensor([v], dtype=torch.float64) for v in running[0::2]]
    variances = [torch.tensor([v], dtype=torch.float64) for v in running[1::2]]
    masks = numpy.ones((rows, 3, steps, channels), numpy.float32)
    threshold = round(0.1 * 2**32)
    sizes = (ctypes.c_long * 5)(rows, steps, channels, temporal_heads, channel_heads)
    library.stdat(instruction_set, sizes, training, ctypes.c_uint(threshold), ctypes.c_float(1 / (1 - threshold / 2**32)), pointer(x),
                  pointer(parameters), pointer(running), pointer(dy), pointer(y), pointer(dx), pointer(gradients), pointer(masks))

    weights = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}
    given = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    total = given + attention(given, weights, "temporal", temporal_heads)
    total = total + attention(given.transpose(1, 2), weights, "channel", channel_heads).transpose(1, 2)
    middle = functional.layer_norm(total, (channels,), weights["norm.gain"], weights["norm.bias"])
    image = middle.unsqueeze(1)
    for i, kernel in enumerate((1, 3, 5)):
        image = functional.conv2d(image, weights[f"{kernel}.weight"].view(1, 1, kernel, kernel), weights[f"{kernel}.bias"], padding=kernel // 2)
        image = functional.batch_norm(image, means[i], variances[i], weights[f"{kernel}.gain"], weights[f"{kernel}.shift"], bool(training))
        image = torch.relu(image * torch.tensor(masks[:, i : i + 1], dtype=torch.float64))
    expected = functional.layer_norm(middle + image.squeeze(1), (channels,), weights["last.gain"], weights["last.bias"])
    name = f"stdat {instruction_set}: {rows} rows, {steps} x {channels}, heads {temporal_heads} and {channel_heads}, training {training}"
    check(name + ", y", y, expected.detach().numpy())
    check(name + ", running", running, numpy.array([float(v) for pair in zip(means, variances) for v in pair]))
    if training:
        share = (masks > 0).mean()
        if not 0.8 < share < 0.97:
            check(name + f", share kept {share}", 0, 1)
        (expected * torch.tensor(dy, dtype=torch.float64)).sum().backward()
        check(name + ", dx", dx, given.grad.numpy())
        check(name + ", gradients", gradients, whole_gradient(weights))


def stem(instruction_set, rows, steps, channels, width, layers, kernel, stride, training):
    random = numpy.random.default_rng(rows + steps)
    shapes = {}
    for i in range(layers):
        shapes |= {f"{i}.weight": (width, channels if i == 0 else width, kernel), f"{i}.bias": (width,), f"{i}.gain": (width,), f"{i}.shift": (width,)}
    values = drawn(random, shapes)
    parameters = flat(values)
    x = random.normal(size=(rows, steps, channels)).astype(numpy.float32)
    running = numpy.concatenate([numpy.r_[numpy.full(width, 0.1), numpy.full(width, 1.2)] for _ in range(layers)]).astype(numpy.float32)
    weights = {name: torch.tensor(value, dtype=torch.float64, requires_grad=True) for name, value in values.items()}
    moments = [(torch.tensor(running[2 * i * width : (2 * i + 1) * width], dtype=torch.float64),
                torch.tensor(running[(2 * i + 1) * width : (2 * i + 2) * width], dtype=torch.float64)) for i in range(layers)]
    image = torch.tensor(x, dtype=torch.float64).transpose(1, 2)
    for i in range(layers):
        image = functional.conv1d(image, weights[f"{i}.weight"], weights[f"{i}.bias"], stride=stride, padding=kernel // 2)
        image = functional.gelu(functional.batch_norm(image, *moments[i], weights[f"{i}.gain"], weights[f"{i}.shift"], bool(training)))
    expected = image.transpose(1, 2)
    y, gradients = numpy.zeros(expected.shape, numpy.float32), numpy.zeros_like(parameters)
    dy = random.normal(size=y.shape).astype(numpy.float32)
    sizes = (ctypes.c_long * 7)(rows, steps, channels, width, layers, kernel, stride)
    library.stem(instruction_set, sizes, training, pointer(x), pointer(parameters), pointer(running), pointer(dy), pointer(y), pointer(gradients))
    name = f"stem {instruction_set}: {rows} rows, {steps} x {channels}, width {width}, layers {layers}, kernel {kernel}, stride {stride}, training {training}"
    check(name + ", y", y, expected.detach().numpy())
    check(name + ", running", running, numpy.concatenate([part.numpy() for pair in moments for part in pair]))
    if training:
        (expected * torch.tensor(dy, dtype=torch.float64)).sum().backward()
        check(name + ", gradients", gradients, whole_gradient(weights))


torch.set_num_threads(1)
count = library.instruction_sets()
if count == 0:
    print("skipped: this processor has none of sse4, avx2, avx512")
    sys.exit(77)
for each in range(count):
    for training in (1, 0):
        # Small batches: of a hundred thousand activations one lies so near 0 that float32 and float64 differ in its sign.
        for shape in ((5, 32, 32, 2, 2), (4, 128, 6, 3, 2), (7, 31, 9, 3, 1), (3, 16, 6, 6, 4), (3, 25, 32, 2, 5), (2, 8, 8, 8, 1),
                      (3, 125, 9, 3, 5), (3, 50, 5, 1, 2), (3, 100, 12, 6, 10)):
            stdat(each, *shape, training)
        for shape in ((64, 128, 6, 32, 2, 5, 2), (6, 50, 9, 20, 3, 7, 1), (3, 31, 3, 8, 1, 3, 3), (4, 24, 1, 5, 2, 1, 2)):
            stem(each, *shape, training)
print(f"{count} instruction sets, {failures} differences")
sys.exit(1 if failures else 0)
