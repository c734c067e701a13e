"""Convolution layers of the systems, as PyTorch names their sizes and as facies does."""

# name, axes, transposed, batch, channels in and out, size in, kernel, stride, padding, dilation,
# output padding
LAYERS = [
    ("deconv 5x5 /2, 64 to 64", 2, True, 8, 64, 64, 96, 5, 2, 2, 1, 1),
    ("deconv 5x5 /2, 256 to 128", 2, True, 8, 256, 128, 24, 5, 2, 2, 1, 1),
    ("deconv 5x5 /2, 64 to 32", 2, True, 8, 64, 32, 192, 5, 2, 2, 1, 1),
    ("conv 5x5, 32 to 32", 2, False, 2, 32, 32, 384, 5, 1, 2, 1, 0),
    ("conv 5x5 d2, 32 to 32", 2, False, 2, 32, 32, 384, 5, 1, 4, 2, 0),
    ("conv 5x5 d3, 32 to 32", 2, False, 2, 32, 32, 384, 5, 1, 6, 3, 0),
    ("conv 5x5 d4, 32 to 32", 2, False, 2, 32, 32, 384, 5, 1, 8, 4, 0),
    ("conv 5x5 d5, 32 to 32", 2, False, 2, 32, 32, 384, 5, 1, 10, 5, 0),
    ("conv 5x5 d5, 32 to 1", 2, False, 2, 32, 1, 384, 5, 1, 10, 5, 0),
    ("conv 9x9 /2, 64 to 128", 2, False, 8, 64, 128, 96, 9, 2, 4, 1, 0),
    ("conv 9x9 /2, 1 to 64", 2, False, 8, 1, 64, 384, 9, 2, 4, 1, 0),
    ("conv 4x4 /2, 64 to 128", 2, False, 16, 64, 128, 64, 4, 2, 1, 1, 0),
    ("conv 4x4 /2, 3 to 64", 2, False, 512, 3, 64, 64, 4, 2, 1, 1, 0),
    ("deconv 4^3 /2, 512 to 256", 3, True, 2, 512, 256, 6, 4, 2, 2, 1, 0),
    ("deconv 4^3 /2, 64 to 32", 3, True, 2, 64, 32, 18, 4, 2, 2, 1, 0),
    ("deconv 4^3 /2, 128 to 64", 3, True, 8, 128, 64, 18, 4, 2, 2, 1, 0),
    ("conv 3x3, 64 to 64", 2, False, 16, 64, 64, 64, 3, 1, 1, 1, 0),
    ("conv 3x3 d2, 64 to 64", 2, False, 16, 64, 64, 64, 3, 1, 2, 2, 0),
    ("conv 3x3 d4, 64 to 64", 2, False, 16, 64, 64, 64, 3, 1, 4, 4, 0),
    ("conv 3x3 d8, 64 to 64", 2, False, 16, 64, 64, 64, 3, 1, 8, 8, 0),
    ("conv 5x5, 4 to 64", 2, False, 4, 4, 64, 256, 5, 1, 2, 1, 0),
    ("conv 3^3, 32 to 32", 3, False, 2, 32, 32, 48, 3, 1, 1, 1, 0),
]
PASSES = ("forward", "data", "weights")


def size_out(layer):
    _, _, transposed, _, _, _, n, k, stride, pad, dilation, more = layer
    reach = dilation * (k - 1)
    if transposed:
        return (n - 1) * stride - 2 * pad + reach + more + 1
    return (n + 2 * pad - reach - 1) // stride + 1


def flops(layer):
    """Multiplications and additions of direct sums, those on padding too."""
    _, axes, transposed, batch, cin, cout, n, k = layer[:8]
    return 2.0 * batch * cin * cout * k**axes * (n if transposed else size_out(layer)) ** axes


def case(layer, which):
    """The op case of facies for a pass. A transposed convolution is the adjoint of the convolution
    of its output: small is on the strided side, large on the other."""
    _, axes, transposed, batch, cin, cout, n, k, stride, pad, dilation, more = layer
    m = size_out(layer)
    small, large = (n, m) if transposed else (m, n)
    csmall, clarge = (cin, cout) if transposed else (cout, cin)

    def dims(value, flat):
        return [flat] + [value] * 2 if axes == 2 else [value] * 3

    def shape(first, second, side):
        return "x".join(str(v) for v in [first, second] + dims(side, 1))

    def attribute(name, value, flat):
        return " %s=%s" % (name, ",".join(str(v) for v in dims(value, flat)))

    images = {"small": shape(batch, csmall, small), "large": shape(batch, clarge, large)}
    kernel = shape(csmall, clarge, k)
    common = (
        attribute("stride", stride, 1)
        + attribute("dilation", dilation, 1)
        + attribute("pad_lo", pad, 0)
        + attribute("pad_hi", pad - more, 0)
    )
    if which == "weights":
        size = attribute("size", k, 1)
        return "conv_dw in=%s,%s%s%s" % (images["large"], images["small"], common, size)
    if (which == "forward") == transposed:
        size = attribute("size", large, 1)
        return "conv_dx in=%s,%s%s%s" % (images["small"], kernel, common, size)
    return "conv in=%s,%s%s" % (images["large"], kernel, common)
