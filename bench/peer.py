"""PyTorch's side of a comparison: answers one JSON request a line on standard input with one line.

  {"do": "about", "threads": 1}
  {"do": "layer", "layer": NUMBER, "pass": "forward|data|weights", "channels_last": false}
  {"do": "step|generate", "model": NAME, "batch": 0, "seconds": 10, "channels_last": false}

Times are best and median seconds. With one thread they are the processor's, which other programs
disturb less. Memory is the most that this process has had at once, so that a fresh process for a
model tells what the model needs.
"""

import json
import resource
import statistics
import sys
import time

import torch
from torch.utils.flop_counter import FlopCounterMode

import layers
from models import MODELS

MOST_CALLS, LEAST_CALLS = 101, 3


def clock():
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def measure(body, seconds, least=LEAST_CALLS):
    """Best and median seconds of a call; the first one, which allocates, is not counted."""
    body()
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or (time.perf_counter() < end and len(times) < MOST_CALLS):
        start = clock()
        body()
        times.append(clock() - start)
    return {"best": min(times), "median": statistics.median(times), "calls": len(times)}


def memory():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def about(request):
    torch.set_num_threads(request["threads"])
    return {"version": torch.__version__}


def layer(request):
    _, axes, transposed, batch, cin, cout, n, k, stride, pad, dilation, more = layers.LAYERS[
        request["layer"]
    ]
    m = layers.size_out(layers.LAYERS[request["layer"]])
    x = torch.randn(batch, cin, *[n] * axes)
    w = 0.05 * torch.randn(*((cin, cout) if transposed else (cout, cin)), *[k] * axes)
    gy = torch.randn(batch, cout, *[m] * axes)
    if request["channels_last"]:
        form = torch.channels_last if axes == 2 else torch.channels_last_3d
        x, w, gy = (v.contiguous(memory_format=form) for v in (x, w, gy))
    shape = ([stride] * axes, [pad] * axes, [dilation] * axes, transposed, [more] * axes, 1)
    mask = [request["pass"] == "data", request["pass"] == "weights", False]

    def body():
        if request["pass"] == "forward":
            return torch.ops.aten.convolution(x, w, None, *shape)
        return torch.ops.aten.convolution_backward(gy, x, w, None, *shape, mask)

    with torch.no_grad():
        return measure(body, request["seconds"])


def step(request):
    model = MODELS[request["model"]](
        request["batch"] or MODELS[request["model"]].batch, request["channels_last"]
    )
    if request.get("count"):
        flops = None
        try:
            with FlopCounterMode(display=False) as counter:
                model.step()
            flops = counter.get_total_flops()
        except RuntimeError as error:  # PyTorch 2.15's counter cannot follow gradients of gradients
            print("not counted by PyTorch: %s" % error, file=sys.stderr)
        parameters = {k: sum(p.numel() for p in n.parameters()) for k, n in model.nets.items()}
        return {"flops": flops, "parameters": parameters}
    answer = measure(model.step, request["seconds"], request.get("least", LEAST_CALLS))
    return answer | {"bytes": memory()}


def generate(request):
    model = MODELS[request["model"]](1, request["channels_last"])
    model.nets["generator"].eval()
    with torch.no_grad():
        answer = measure(model.generate, request["seconds"], request.get("least", LEAST_CALLS))
    return answer | {"bytes": memory()}


DO = {"about": about, "layer": layer, "step": step, "generate": generate}


def main():
    torch.manual_seed(1)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(DO[request["do"]](request)), flush=True)


if __name__ == "__main__":
    main()
