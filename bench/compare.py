"""facies and PyTorch in turn on this machine, and their ratios; see run.sh.

Each measurement is taken from every program in one round before the next round begins, so that all
of them meet the same machine. Ratios are PyTorch's time over ours: above 1 we are faster.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import layers

HERE = os.path.dirname(os.path.abspath(__file__))
TUNED = (
    "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:"
    "glibc.malloc.trim_threshold=17179869184"
)
# name, keeps freed memory (glibc), memory layout
VARIANTS = (("default", False, False), ("tuned", True, False), ("channels-last", True, True))
# Settings that slow its libraries down, where a shell has them.
FOREIGN = ("OPENBLAS_", "MKL_", "OMP_", "DNNL_", "ONEDNN_", "GOTO_", "BLIS_")
STEPS = ("bench-dsgan", "bench-material", "bench-slicegan")
# What --batch sets.
BATCHES = {"bench-slicegan": ("batch", "generator_batch", "real_batch")}
GENERATE = (("bench-dsgan", "2500x2500"), ("bench-slicegan", "256x256x256"))


class Peer:
    """A PyTorch process of one variant that answers requests."""

    def __init__(self, options, variant):
        _, tuned, self.channels_last = variant
        env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
        env["OMP_NUM_THREADS"] = str(options.threads)
        if tuned:
            env["GLIBC_TUNABLES"] = TUNED
        self.process = subprocess.Popen(
            [options.python, os.path.join(HERE, "peer.py")],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self.ask(do="about", threads=options.threads)["version"]

    def ask(self, **request):
        request.setdefault("channels_last", self.channels_last)
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("bench: PyTorch ended without an answer to %s" % request)
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def installed(python):
    try:
        return subprocess.run([python, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def ours(options, *words):
    """The first row of a bench of facies."""
    command = [options.facies, "bench", *words, "--threads", str(options.threads), "--json", "-"]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode:
        raise SystemExit("bench: %s: %s" % (" ".join(command), run.stderr.strip()))
    return json.loads(run.stdout)[0]


def knows(options, recipe):
    run = subprocess.run([options.facies, "list", "recipes", "--json", "-"], stdout=subprocess.PIPE, text=True)
    return any(row["name"] == recipe for row in json.loads(run.stdout))


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def table(title, head, rows):
    widths = [max(len(str(row[i])) for row in [head] + rows) for i in range(len(head))]
    print("\n%s\n" % title)
    for row in [head, ["-" * w for w in widths]] + rows:
        cells = [str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |", flush=True)


def ratios(times, own):
    """Each variant's ratio, and that of the fastest."""
    each = ["%.2f" % (t / own) for t in times]
    return each + ["%.2f" % (min(times) / own)] if times else []


# ---- whole steps and generation: a fresh process each, so that memory is the model's own


def whole(options, what, name, words):
    """Rounds of ours and of each variant: rows of ours, and of each variant."""
    own, peers = [], [[] for _ in options.variants]
    for _ in range(options.rounds):
        own.append(ours(options, what, name, "--seconds", str(options.seconds), *words))
        for rows, variant in zip(peers, options.variants):
            peer = Peer(options, variant)
            rows.append(
                peer.ask(
                    do=what,
                    model=name,
                    batch=options.batch,
                    seconds=options.seconds,
                    least=options.least,
                )
            )
            peer.close()
    return own, peers


def whole_row(options, name, own, peers, flops):
    mine = median(own, "work_ms") * 1e-3
    times = [median(rows, "median") for rows in peers]
    row = [name, "%.1f" % (flops * 1e-9), "%.1f" % median(own, "done_gflop"), "%.0f" % (mine * 1e3)]
    row += ["%.0f" % (t * 1e3) for t in times] + ratios(times, mine)
    rate = flops * 1e-9 / mine
    row += ["%.0f" % rate, "%.2f" % (rate / median(own, "gemm_gflops")), "%.2f" % (rate / median(own, "peak_gflops"))]
    row.append("%.0f" % (median(own, "resident_bytes") / 1e6))
    row += ["%.0f" % (median(rows, "bytes") / 1e6) for rows in peers]
    return row


def whole_head(options):
    names = [v[0] for v in options.variants]
    head = ["", "GFLOP", "we do", "ours ms"] + ["%s ms" % n for n in names]
    head += ["ratio %s" % n for n in names] + (["ratio best"] if names else [])
    return head + ["GFLOP/s", "of GEMM", "of peak", "ours MB"] + ["%s MB" % n for n in names]


def steps(options):
    rows = []
    for name in STEPS:
        if options.only not in name:
            continue
        if not knows(options, name):
            print("%s: this facies has no such recipe, left out" % name)
            continue
        keys = BATCHES.get(name, ("batch",)) if options.batch else ()
        words = [word for key in keys for word in ("--set", "train.%s=%d" % (key, options.batch))]
        own, peers = whole(options, "step", name, words)
        flops = median(own, "gflop") * 1e9
        if options.variants:
            peer = Peer(options, VARIANTS[0])
            counted = peer.ask(do="step", model=name, batch=options.batch, count=True)
            peer.close()
            flops = counted["flops"] or flops
            check_parameters(options, name, counted["parameters"])
        rows.append(whole_row(options, name, own, peers, flops))
        print(" ".join(rows[-1]), file=sys.stderr)
    table("Training steps", whole_head(options), rows)


def check_parameters(options, recipe, counted):
    run = subprocess.run([options.facies, "show", recipe, "--json", "-"], stdout=subprocess.PIPE, text=True)
    for row in json.loads(run.stdout):
        if row["layer"] == "total" and row["parameters"] != counted[row["net"]]:
            raise SystemExit(
                "bench: %s has %d parameters in the %s, PyTorch's net %d: they are not the same"
                % (recipe, row["parameters"], row["net"], counted[row["net"]])
            )


def generation(options):
    rows = []
    for name, size in GENERATE:
        if options.only in name and knows(options, name):
            own, peers = whole(options, "generate", name, ["--size", size])
            rows.append(whole_row(options, name + " " + size, own, peers, median(own, "gflop") * 1e9))
            print(" ".join(rows[-1]), file=sys.stderr)
    table("Generation", whole_head(options), rows)


# ---- layers


def our_layer(options, layer, which):
    case = layers.case(layer, which)
    row = ours(options, "ops", "--ops", case, "--seconds", str(options.layer_seconds))
    if abs(row["gflops"] * row["ms"] * 1e6 / layers.flops(layer) - 1) > 1e-6:
        raise SystemExit("bench: %s is not the work of %s" % (case, layer[0]))
    return row


def layer_tables(options):
    peers = [Peer(options, v) for v in options.variants]
    names = [v[0] for v in options.variants]
    head = ["layer", "pass", "GFLOP", "ours ms"] + ["%s ms" % n for n in names]
    head += ["ratio %s" % n for n in names] + (["ratio best"] if names else [])
    head += ["GFLOP/s", "of GEMM", "of peak"]
    rows = []
    for number, layer in enumerate(layers.LAYERS):
        if options.only not in layer[0]:
            continue
        for which in layers.PASSES:
            own, times = [], [[] for _ in peers]
            for _ in range(options.rounds):
                own.append(our_layer(options, layer, which))
                for peer, of in zip(peers, times):
                    request = {"do": "layer", "layer": number, "pass": which}
                    of.append(peer.ask(seconds=options.layer_seconds, **request)["best"])
            mine, best = min(row["best_ms"] for row in own) * 1e-3, [min(t) for t in times]
            flops = layers.flops(layer)
            rate = flops * 1e-9 / mine
            row = [layer[0], which, "%.2f" % (flops * 1e-9), "%.2f" % (mine * 1e3)]
            row += ["%.2f" % (t * 1e3) for t in best] + ratios(best, mine)
            row += ["%.0f" % rate, "%.2f" % (rate / median(own, "gemm_gflops")), "%.2f" % (rate / median(own, "peak_gflops"))]
            rows.append(row)
            print("%s, %s: %s" % (layer[0], which, " ".join(row[2:])), file=sys.stderr)
    for peer in peers:
        peer.close()
    table("Layers", head, rows)


# ---- the first pixel


def started(options):
    """The clock; with one thread the processor's of the programs started so far."""
    if options.threads > 1:
        return time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def first_pixel(options):
    """Seconds from starting the program until a small image lies in a file."""
    own, peers = [], []
    with tempfile.TemporaryDirectory() as folder:
        quiet = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([options.facies, "synth", "channels", "--size", "256x256", "-o", "ti.png"], **quiet)
        subprocess.run(
            [options.facies, "train", "dsgan-tiny", "--data", "ti.png", "-o", "run", "--steps", "1"], **quiet
        )
        small = "import torch, models; g = models.dsgan_generator().eval(); "
        small += "y = g(torch.rand(1, 1, 3, 3)); open('out', 'wb').write(bytes(y.detach().numpy()))"
        for _ in range(3 * options.rounds):
            start = started(options)
            words = ["generate", "run", "--size", "96x96", "-o", "out.png", "--threads", str(options.threads)]
            subprocess.run([options.facies, *words], **quiet)
            own.append(started(options) - start)
            if options.variants:
                start = started(options)
                env = dict(os.environ, PYTHONPATH=HERE)
                subprocess.run([options.python, "-c", small], env=env, **quiet)
                peers.append(started(options) - start)
    head, row = ["", "ours ms"], ["96x96 into a file", "%.0f" % (min(own) * 1e3)]
    if peers:
        head += ["PyTorch ms", "ratio"]
        row += ["%.0f" % (min(peers) * 1e3), "%.1f" % (min(peers) / min(own))]
    table("From the command to an image in a file (best)", head, [row])


PARTS = {"steps": steps, "layers": layer_tables, "generate": generation, "first": first_pixel}


def main():
    p = argparse.ArgumentParser(prog="bench/run.sh", description=__doc__.splitlines()[0])
    p.add_argument("parts", nargs="*", help="%s (all)" % ", ".join(PARTS))
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--batch", type=int, default=0, help="of steps (the recipe's)")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=10, help="a round of steps or images")
    p.add_argument("--least", type=int, default=3, help="PyTorch's calls in it, at least")
    p.add_argument("--layer-seconds", type=float, default=0.5, help="a round of a layer")
    p.add_argument("--only", default="", help="nets and layers whose name has this part")
    p.add_argument("--facies", default=os.environ.get("FACIES", "facies"))
    p.add_argument("--python", default=sys.executable, help="that has PyTorch")
    options = p.parse_args()
    for part in options.parts:
        if part not in PARTS:
            p.error("no part %s: give some of %s" % (part, ", ".join(PARTS)))
    if not shutil.which(options.facies):
        p.error("%s is not here: give the program with --facies FILE" % options.facies)
    options.facies = os.path.abspath(shutil.which(options.facies))
    options.variants = VARIANTS if installed(options.python) else ()
    if options.variants:
        peer = Peer(options, VARIANTS[0])
        print("PyTorch %s, %d thread(s)" % (peer.version, options.threads))
        peer.close()
    else:
        print("%s has no PyTorch (pip install torch): our side alone" % options.python)
    if options.threads == 1:
        print("times are the processor's")
    for part in options.parts or PARTS:
        PARTS[part](options)


if __name__ == "__main__":
    main()
