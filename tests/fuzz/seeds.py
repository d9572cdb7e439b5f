"""Writes what the fuzz targets start from: seeds.py FOLDER makes FOLDER/<target>/*, of the shipped sweeps and of small files in our formats."""
import io
import json
import pathlib
import struct
import sys
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parents[2]


def cbor(value):
    """CBOR (RFC 8949) of what messages are made of."""
    def head(major, number):
        for bits, code in ((8, 24), (16, 25), (32, 26), (64, 27)):
            if number < 24:
                return bytes([major << 5 | number])
            if number < 1 << bits:
                return bytes([major << 5 | code]) + number.to_bytes(bits // 8, "big")
        raise ValueError(number)
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, float):
        return b"\xfb" + struct.pack(">d", value)
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(cbor(item) for item in value)
    return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value.items())


def safetensors(metadata):
    data = struct.pack("<6f", *range(6))
    header = json.dumps({"__metadata__": metadata, "a": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
                         "b": {"dtype": "I64", "shape": [1], "data_offsets": [16, 24]}}).encode()
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data


def zipped(members, method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def seeds():
    for path in sorted((SOURCE / "experiments/sweeps").glob("*.json")):
        yield "sweep", path.read_bytes()
    yield "sweep", (b'{"name": "all", "dataset": "watch", "preset": "faithful", "windows": {"steps": 128, "null_class": true}, "fixed": {"training": {"epochs": 3}}, '
                    b'"grid": {"training.learning_rate": [0.001, 0.01]}, "zip": {"model.stdat_layers": [1, 2], "training.batch_size": [16, 32]}, '
                    b'"random": {"samples": 2, "seed": 1, "distributions": {"training.weight_decay": {"kind": "log_uniform", "low": 1e-4, "high": 0.1}}}, '
                    b'"variants": ["stdual_x", {"name": "two", "base": "without_csa", "set": {"training.epochs": 2}, "ranks": 2, "folds": [0]}], '
                    b'"protocols": [{"kind": "leave_persons_out", "folds": 3}, {"kind": "official", "validation_groups": [[1], [3]], "open_test": false}], '
                    b'"folds": [0], "seeds": [1, 2], "conditions": ["clean", {"kind": "noise", "amounts": [10], "seeds": [1]}], "resources": {"threads": 1}}')
    csv = b"person,set,label,ax,ay,p\n" + b"".join(f"1,s,a,{i},0.5,{i}\n".encode() for i in range(8)) + b'2,t,"b",1e3,,NaN\n2,t,rest,-4,5.5,6\n'
    manifest = (b'{"name": "own", "rate": 10, "files": ["data.csv"], "time_column": "p", "sensors": [{"name": "w", "columns": ["ax", "ay"], '
                b'"files": ["data.csv"], "rate": 10}, {"name": "v", "columns": ["ax"], "kinds": ["gyroscope"]}], "recording_column": "set", "classes": ["a", "b"], '
                b'"none_labels": ["rest"], "windows": {"steps": 4, "stride": 2, "label_threshold": 0.6}, "official_test_people": [2]}')
    yield "manifest", csv
    yield "manifest", manifest + b"\0" + csv
    members = {"a.txt": " 1.0e+00 2.0\n" * 20, "folder/b.txt": "x" * 300, "c.bin": "no"}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        inner = zipped(members, method)
        yield "archive", inner
        yield "archive", zipped({"inner.zip": inner, "../escape.txt": "out", "._a.txt": "mac"}, method)
    report = {"run_id": "r", "attempt": 1, "epoch": 2, "train_loss": 0.5, "validation_loss": None, "windows": 64, "state_hash_before": "a", "state_hash_after": "b"}
    yield "checkpoint", safetensors({"format": "stdualx checkpoint", "run_id": "r", "report": json.dumps(report), "history": json.dumps([report]), "progress": "{}"})
    yield "checkpoint", safetensors({})
    yield "message", cbor({"type": "epoch", **{key: 1.5 if value is None else value for key, value in report.items()}})
    yield "message", cbor({"type": "evaluation", "run_id": "r", "attempt": 1, "condition": "clean", "part": "test", "metrics": [{"name": "accuracy", "value": 0.5}],
                           "classes": 2, "confusion": [1, 0, 0, 1], "windows": [0, 1], "people": [1, 2], "labels": [0, 1], "predicted": [0, 1], "sensors": 1,
                           "attention": [{"person": 1, "label": 0, "windows": 2, "weights": [1.0]}]})
    yield "message", cbor({"type": "assign", "run_id": "r", "attempt": 2, "ranks": [1, 2], "index": 0, "run": {"dataset": "watch", "model": {"stdat_layers": 2}}})
    yield "message", cbor({"type": "end", "run_id": "r", "attempt": 1, "reason": "error", "detail": "why", "artifacts": [{"kind": "weights", "path": "p", "sha256": "s", "bytes": 5}]})
    yield "message", cbor({"type": "collective", "group_id": 1, "sequence": 2, "count": 3, "value_type": "float32"})


def main():
    for number, (target, content) in enumerate(seeds()):
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"seed-{number:02}").write_bytes(content)


if __name__ == "__main__":
    main()
