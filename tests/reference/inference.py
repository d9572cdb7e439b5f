"""Inference without torch (model/inference) beside the network written in PyTorch's own modules (stdual_x.py) in float64: logits and
embedding of every preset and ablation, under each instruction set that this processor has; and files that are none of its own.

usage: inference.py LIBRARY, built from tests/model/inference_probe.cpp. Exit status 77 (skipped) without PyTorch.
"""
import ctypes
import json
import pathlib
import sys
import tempfile

try:
    import numpy
    import torch
except ImportError:
    print("skipped: PyTorch is not installed; cluster/bootstrap.sh test brings it")
    sys.exit(77)
import safetensors_numpy
import stdual_x

TOLERANCE = 1e-5  # norm of the difference over the norm, or five times that of PyTorch in float32 where numbers are ill-conditioned
library = ctypes.CDLL(sys.argv[1])
for name in ("instruction_set", "model_config", "load"):
    getattr(library, name).restype = ctypes.c_char_p
SETS = [library.instruction_set(i).decode() for i in range(library.instruction_sets())]
FAITHFUL = {"asinh_knee": 0, "stem_layers": 0, "stdat_layers": 5, "temporal_heads": 3, "channel_heads": 8, "vector_hidden": 65536}
failures = cases = 0


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def failed(text):
    global failures
    failures += 1
    print(text)


def shapes_of(config, shape):
    """name -> shape of every tensor that a trained network of one replica keeps."""
    sensors, d = shape["sensors"], config["sensor_width"]
    channels, steps = shape["channels"] * (2 if config["asinh_knee"] > 0 else 1), shape["steps"]
    shapes = {}

    def norm(name, slices, width, running=True):
        for part in ("weight", "bias") + (("running_mean", "running_variance") if running else ()):
            shapes[f"{name}.{part}"] = (slices, width)

    def attention(name, slices, width):
        shapes.update({f"{name}.in_weight": (slices, 3 * width, width), f"{name}.in_bias": (slices, 3 * width),
                       f"{name}.out_weight": (slices, width, width), f"{name}.out_bias": (slices, width)})

    def linear(name, slices, inputs, outputs):
        shapes.update({f"{name}.weight": (slices, outputs, inputs), f"{name}.bias": (slices, outputs)})

    for i in range(config["stem_layers"]):
        shapes[f"stem.{i}.convolution.weight"] = (sensors, config["stem_channels"], channels, config["stem_kernel"])
        shapes[f"stem.{i}.convolution.bias"] = (sensors, config["stem_channels"])
        norm(f"stem.{i}.norm", sensors, config["stem_channels"])
        channels, steps = config["stem_channels"], (steps - 1) // config["stem_stride"] + 1
    if config["stdat"]:
        if config["position"]:
            shapes.update({"position.mean": (sensors, config["gaussians"]), "position.log_sigma": (sensors, config["gaussians"]),
                           "position.embedding": (sensors, config["gaussians"], channels)})
        for i in range(config["stdat_layers"]):
            if config["temporal_attention"]:
                attention(f"stdat.{i}.temporal_attention", sensors, channels)
            if config["channel_attention"]:
                attention(f"stdat.{i}.channel_attention", sensors, steps)
            if config["temporal_attention"] or config["channel_attention"]:
                norm(f"stdat.{i}.attention_norm", sensors, channels, running=False)
            if config["convolution"]:
                for stage, kernel in enumerate((1, 3, 5)):
                    shapes[f"stdat.{i}.convolution.{stage}.weight"] = (sensors, 1, 1, kernel, kernel)
                    shapes[f"stdat.{i}.convolution.{stage}.bias"] = (sensors, 1)
                    norm(f"stdat.{i}.convolution.{stage}.norm", sensors, 1)
                norm(f"stdat.{i}.convolution_norm", sensors, channels, running=False)
    hidden = max(1, min(config["vector_hidden"], steps * channels // 2))
    linear("vector.hidden", sensors, steps * channels, hidden)
    linear("vector.output", sensors, hidden, d)
    if config["cross_sensor_attention"]:
        attention("cross_sensor_attention", 1, d)
        norm("cross_sensor_attention.norm", 1, d, running=False)
    linear("head.embedding", 1, sensors * d, config["embedding"])
    linear("head.classes", 1, config["embedding"], shape["classes"])
    return shapes


def drawn(shapes, config, shape, random):
    """Weights of a size as at a start, gains around 1, biases around 0, Gaussians over the steps."""
    arrays = {}
    for name, size in shapes.items():
        values = random.normal(size=size) * (0.3 if len(size) == 2 else 1 / numpy.sqrt(numpy.prod(size[2:])))
        if name.endswith(("norm.weight", "running_variance")):
            values = 1 + abs(values)
        if name == "position.mean":
            values = random.uniform(0, shape["steps"], size)
        if name == "position.log_sigma":
            values = numpy.log(config["gaussian_sigma"] * shape["steps"]) + values
        arrays[name] = values.astype(numpy.float32)
    return arrays


def relative(ours, truth):
    return numpy.linalg.norm(ours - truth) / numpy.linalg.norm(truth)


def compare(folder, name, changes, counts=(3,), **sizes):
    global cases
    shape = {"sensors": 2, "steps": 128, "channels": 3, "classes": 6, "sensor_channels": []} | sizes
    config = json.loads(library.model_config(json.dumps(changes).encode()))
    random = numpy.random.default_rng(len(name))
    arrays = drawn(shapes_of(config, shape), config, shape, random)
    path = pathlib.Path(folder) / "weights.safetensors"
    safetensors_numpy.write(path, arrays)
    truth = stdual_x.Network(stdual_x.Storage(arrays), config, shape, 0).double().eval()
    for count in counts:
        windows = random.normal(size=(count, shape["sensors"], shape["steps"], shape["channels"])).astype(numpy.float32)
        with torch.no_grad():
            logits, embedding, _ = truth(torch.from_numpy(windows).double())
            rounded = truth.float()(torch.from_numpy(windows))
            truth.double()
        for instruction_set in SETS:
            wrong = library.load(str(path).encode(), json.dumps(config).encode(), json.dumps(shape).encode(), instruction_set.encode())
            if wrong:
                failed(f"{name} {instruction_set}: {wrong.decode()}")
                continue
            ours, ours_embedding = numpy.zeros(logits.shape, numpy.float32), numpy.zeros(embedding.shape, numpy.float32)
            library.run(pointer(windows), ctypes.c_long(count), pointer(ours), pointer(ours_embedding))
            cases += 1
            for what, mine, right, theirs in (("logits", ours, logits, rounded[0]), ("embedding", ours_embedding, embedding, rounded[1])):
                difference, usual = relative(mine, right.numpy()), relative(theirs.numpy(), right.numpy())
                if not difference < max(TOLERANCE, 5 * usual):
                    failed(f"{name} {count} windows {instruction_set}: {what} differ by {difference:.2e}, PyTorch's float32 by {usual:.2e}")
    return arrays, config, shape


def refused(folder, what, arrays, config, shape, words):
    """Loading says what is wrong."""
    global cases
    cases += 1
    path = pathlib.Path(folder) / "wrong.safetensors"
    safetensors_numpy.write(path, arrays)
    said = library.load(str(path).encode(), json.dumps(config).encode(), json.dumps(shape).encode(), b"").decode()
    if words not in said:
        failed(f"{what}: said '{said}', expected '{words}' in it")


with tempfile.TemporaryDirectory() as folder:
    arrays, config, shape = compare(folder, "default", {}, counts=(1, 2, 15, 16, 17, 50))
    without = {name: array for name, array in arrays.items() if name != "stdat.1.convolution.2.norm.running_variance"}
    refused(folder, "a tensor is missing", without, config, shape, "stdat.1.convolution.2.norm.running_variance")
    refused(folder, "another size", arrays, config, shape | {"classes": 7}, "head.classes.weight' has 768 values, expected 896")
    refused(folder, "another type", arrays | {"x": numpy.zeros(3)}, config, shape, "tensor 'x' is F64")
    refused(folder, "planes", arrays, config | {"convolution_units": 2}, shape, "more than one plane in the convolution block")
    compare(folder, "faithful", FAITHFUL, counts=(1, 17))
    for part in ("temporal_attention", "channel_attention", "convolution", "position", "cross_sensor_attention", "stdat"):
        compare(folder, "without " + part, {part: False})
        compare(folder, "faithful without " + part, FAITHFUL | {part: False})
    compare(folder, "convolutions alone", {"temporal_attention": False, "channel_attention": False})
    compare(folder, "attend self", {"attend_self": True})
    compare(folder, "stem of one layer", {"stem_layers": 1, "channel_heads": 4})
    compare(folder, "no asinh", {"asinh_knee": 0})
    for sensors in (1, 3, 5, 7, 18):
        compare(folder, f"{sensors} sensors", {}, sensors=sensors)
    compare(folder, "unequal channels", {}, sensors=3, channels=9, sensor_channels=[9, 3, 6])
    compare(folder, "odd sizes", {"stem_channels": 10, "channel_heads": 1, "sensor_width": 12, "embedding": 7, "vector_hidden": 11},
            steps=50, channels=5, classes=3)
print(f"{cases} cases under {', '.join(SETS)}, {failures} failures")
sys.exit(failures > 0)
