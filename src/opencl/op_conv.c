/* op_conv.c: launches of conv, conv_dx and conv_dw (cl/conv.cl). conv is one phase of a gather,
 * conv_dx one for each remainder of the stride (src/ops/axis.h); conv_dw adds over pixels. Images
 * that taps leave are first copied into zeros. */
#include "opencl/opencl.h"

#include "ops/axis.h"

enum { M = 6, PANEL = 16, MOST_PARTS = 64, D = 0, H = 1, W = 2 };

/* ---- images with room for every tap ---- */
typedef struct room {
    int64_t lo[3], hi[3]; /* pixels that taps reach before and behind the image */
    fcs_shape shape;      /* of the image with them */
    bool copy;            /* it is one */
} room;

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static void room_for(room *r, int d, const fcs_axis *a)
{
    if (!a->taps || !a->count)
        return;
    int64_t last = a->reach * (a->count - 1) + a->offset + a->spread * (a->taps - 1);
    r->lo[d] = largest(r->lo[d], -a->offset);
    r->hi[d] = largest(r->hi[d], last - (a->size - 1));
}

static void room_finish(room *r, fcs_shape image, bool always)
{
    r->shape = image;
    r->copy = always;
    for (int d = 0; d < 3; d++) {
        r->shape.n[FCS_D + d] += r->lo[d] + r->hi[d];
        r->copy = r->copy || r->lo[d] || r->hi[d];
    }
}

/* Vectors may be read beyond the last float. */
static size_t room_bytes(const room *r)
{
    return r->copy ? fcs_cl_lines((size_t)fcs_shape_floats(r->shape) * sizeof(float)) + 64 : 0;
}

/* The image to read: itself or its copy at the scratch's beginning. */
static fcs_cl_view room_emit(const fcs_cl_call *c, const room *r, const fcs_cl_view *image)
{
    const int64_t lead[FCS_DIMS] = {0, 0, r->lo[D], r->lo[H], r->lo[W]};
    if (!r->copy)
        return *image;
    fcs_cl_view v = c->scratch;
    v.shape = r->shape;
    v.cs = image->cs;
    fcs_cl_move_emit(c->to, &v, image, lead);
    return v;
}

/* Floats from one pixel to the next: sample, D, H, W. */
static void steps_of(const fcs_cl_view *v, int64_t step[4])
{
    step[3] = v->cs;
    for (int d = 2; d >= 0; d--)
        step[d] = step[d + 1] * v->shape.n[FCS_D + d];
}

/* ---- conv and conv_dx ---- */
typedef struct gather {
    bool adjoint;
    fcs_shape w, image;
    int64_t channels, outputs, panels, phases, classes[3];
    fcs_conv_dims dims[3];
    room room;
} gather;

static void phase_axes(const gather *g, int64_t i, fcs_axis axis[3])
{
    const int64_t r[3] = {i / (g->classes[H] * g->classes[W]), i / g->classes[W] % g->classes[H],
                          i % g->classes[W]};
    for (int d = 0; d < 3; d++)
        axis[d] = g->adjoint ? fcs_axis_adjoint(g->dims[d], r[d]) : fcs_axis_forward(g->dims[d]);
}

static gather gather_of(const fcs_apply_args *a, bool adjoint)
{
    gather g = {.adjoint = adjoint, .w = a->in[1], .image = a->in[0], .phases = 1};
    g.channels = g.w.n[adjoint ? FCS_N : FCS_C];
    g.outputs = g.w.n[adjoint ? FCS_C : FCS_N];
    g.panels = (g.outputs + PANEL - 1) / PANEL;
    for (int d = 0; d < 3; d++) {
        g.dims[d] = fcs_conv_dims_of(&a->attrs, adjoint ? a->out : a->in[0], g.w,
                                     adjoint ? a->in[0] : a->out, d);
        int64_t stride = g.dims[d].stride;
        g.classes[d] = !adjoint ? 1 : stride < g.dims[d].x ? stride : g.dims[d].x;
        g.phases *= g.classes[d];
    }
    for (int64_t i = 0; i < g.phases; i++) {
        fcs_axis axis[3];
        phase_axes(&g, i, axis);
        for (int d = 0; d < 3; d++)
            room_for(&g.room, d, &axis[d]);
    }
    room_finish(&g.room, g.image, false);
    return g;
}

static size_t gather_scratch(const fcs_apply_args *a, bool adjoint)
{
    gather g = gather_of(a, adjoint);
    int64_t taps = g.w.n[FCS_D] * g.w.n[FCS_H] * g.w.n[FCS_W];
    return room_bytes(&g.room) + (size_t)(taps * g.channels * g.panels * PANEL) * sizeof(float);
}

static void pack_emit(const fcs_cl_call *c, const gather *g, const fcs_axis axis[3],
                      const fcs_cl_view *packed)
{
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *w = &c->in[1];
    int64_t taps = g->w.n[FCS_D] * g->w.n[FCS_H] * g->w.n[FCS_W], row = taps * w->cs;
    int64_t items = g->panels * axis[D].taps * axis[H].taps * axis[W].taps * g->channels;
    fcs_cl_begin(l, "conv", "-DFCS_V=16", NULL, "pack");
    fcs_cl_view_arg(l, w);
    fcs_cl_view_arg(l, packed);
    fcs_cl_ints_arg(l, (int64_t[]){items, g->channels, g->outputs}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){g->adjoint ? row : 1, g->adjoint ? 1 : row, w->cs}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].taps, axis[H].taps, axis[W].taps}, 3);
    fcs_cl_ints_arg(l, g->w.n + FCS_H, 2);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].k0, axis[H].k0, axis[W].k0}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].dk, axis[H].dk, axis[W].dk}, 3);
    fcs_cl_end(l, items, 64, (double)(items * PANEL * 2));
}

static void phase_emit(const fcs_cl_call *c, const gather *g, const fcs_axis axis[3],
                       const fcs_cl_view *image, const fcs_cl_view *packed)
{
    fcs_cl_launches *l = c->to;
    fcs_cl_view x = *image, y = c->out;
    int64_t in[4], out[4], run = g->channels, taps_w = axis[W].taps;
    steps_of(&x, in);
    steps_of(&y, out);
    for (int d = 0; d < 3; d++) {
        x.at += (axis[d].offset + g->room.lo[d]) * in[d + 1];
        y.at += axis[d].start * out[d + 1];
    }
    if (axis[W].spread == 1 && x.cs == g->channels) { /* taps that lie side by side are one */
        run *= taps_w;
        taps_w = 1;
    }
    int64_t blocks = (axis[W].count + M - 1) / M;
    int64_t items = blocks * axis[H].count * axis[D].count * y.shape.n[FCS_N] * g->panels;
    fcs_cl_begin(l, "conv", "-DFCS_V=16", NULL, "gather");
    fcs_cl_view_arg(l, &x);
    fcs_cl_view_arg(l, packed);
    fcs_cl_view_arg(l, &y);
    fcs_cl_ints_arg(l, (int64_t[]){items, axis[D].count, axis[H].count, axis[W].count}, 4);
    fcs_cl_int_arg(l, in[0]);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].reach * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].taps, axis[H].taps, taps_w}, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].spread * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){run, out[0]}, 2);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].step * out[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){g->outputs, y.cs}, 2);
    double products = (double)(items * M * PANEL) * (double)(axis[D].taps * axis[H].taps);
    fcs_cl_end(l, items, 1, products * (double)(taps_w * run) / 8);
}

static void gather_emit(const fcs_cl_call *c, bool adjoint)
{
    gather g = gather_of(c->args, adjoint);
    fcs_cl_view image = room_emit(c, &g.room, &c->in[0]);
    fcs_cl_view packed = fcs_cl_part(&c->scratch, room_bytes(&g.room));
    for (int64_t i = 0; i < g.phases; i++) {
        fcs_axis axis[3];
        phase_axes(&g, i, axis);
        int64_t taps = 1, count = 1;
        for (int d = 0; d < 3; d++) {
            taps *= axis[d].taps;
            count *= axis[d].count;
        }
        if (!taps) /* the phase's pixels are zero: no sum, but all are written */
            for (int d = 0; d < 3; d++)
                axis[d].taps = axis[d].offset = 0;
        if (taps)
            pack_emit(c, &g, axis, &packed);
        if (count)
            phase_emit(c, &g, axis, &image, &packed);
        packed =
            fcs_cl_part(&packed, (size_t)(g.panels * taps * g.channels * PANEL) * sizeof(float));
    }
}

static void conv_emit(const fcs_cl_call *c) { gather_emit(c, false); }

static void conv_dx_emit(const fcs_cl_call *c) { gather_emit(c, true); }

static size_t conv_scratch(const fcs_cl *cl, const fcs_apply_args *a)
{
    (void)cl;
    return gather_scratch(a, false);
}

static size_t conv_dx_scratch(const fcs_cl *cl, const fcs_apply_args *a)
{
    (void)cl;
    return gather_scratch(a, true);
}

const fcs_cl_op fcs_cl_op_conv = {.emit = conv_emit, .scratch = conv_scratch};
const fcs_cl_op fcs_cl_op_conv_dx = {.emit = conv_dx_emit, .scratch = conv_dx_scratch};

/* ---- conv_dw ---- */
typedef struct slopes {
    fcs_axis axis[3];
    room room;
    int64_t outputs, taps[3], run; /* taps along W that lie side by side are one run */
    int64_t rows, share, parts, floats;
    int64_t items; /* of a part */
} slopes;

static slopes slopes_of(const fcs_cl *cl, const fcs_apply_args *a)
{
    slopes s = {.outputs = a->out.n[FCS_N], .floats = fcs_shape_floats(a->out)};
    fcs_shape x = a->in[0], y = a->in[1];
    int64_t cs = fcs_channel_stride(x.n[FCS_C]);
    for (int d = 0; d < 3; d++) {
        s.axis[d] = fcs_axis_forward(fcs_conv_dims_of(&a->attrs, x, a->out, y, d));
        s.taps[d] = s.axis[d].taps;
        room_for(&s.room, d, &s.axis[d]);
    }
    room_finish(&s.room, x, cs < PANEL);
    s.run = x.n[FCS_C];
    if (s.axis[W].spread == 1 && cs == s.run) {
        s.run *= s.taps[W];
        s.taps[W] = 1;
    }
    s.rows = y.n[FCS_N] * y.n[FCS_D] * y.n[FCS_H];
    s.items =
        (s.run + PANEL - 1) / PANEL * ((s.outputs + M - 1) / M) * s.taps[D] * s.taps[H] * s.taps[W];
    /* Parts short enough for their rows to stay in a cache, and for the device to be busy. */
    int64_t row_floats = y.n[FCS_W] * (s.axis[W].reach * cs + fcs_channel_stride(y.n[FCS_C]));
    int64_t parts = s.rows * row_floats / (1 << 16) + 1;
    int64_t busy = ((cl->cpu ? 64 : 4096) + s.items - 1) / s.items;
    parts = largest(parts, busy);
    parts = parts > MOST_PARTS ? MOST_PARTS : parts > s.rows ? s.rows : parts;
    s.share = (s.rows + parts - 1) / parts;
    s.parts = (s.rows + s.share - 1) / s.share;
    return s;
}

static size_t conv_dw_scratch(const fcs_cl *cl, const fcs_apply_args *a)
{
    slopes s = slopes_of(cl, a);
    return room_bytes(&s.room) + (s.parts > 1 ? (size_t)(s.parts * s.floats) * sizeof(float) : 0);
}

static void slopes_emit(const fcs_cl_call *c, const slopes *s, const fcs_cl_view *image,
                        const fcs_cl_view *to)
{
    fcs_cl_launches *l = c->to;
    fcs_cl_view x = *image;
    const fcs_cl_view *y = &c->in[1];
    int64_t in[4], taps = s->taps[D] * s->taps[H] * s->taps[W];
    int64_t tap = s->floats / s->outputs / taps;
    steps_of(&x, in);
    for (int d = 0; d < 3; d++)
        x.at += (s->axis[d].offset + s->room.lo[d]) * in[d + 1];
    fcs_cl_begin(l, "conv", "-DFCS_V=16", NULL, "weights");
    fcs_cl_view_arg(l, &x);
    fcs_cl_view_arg(l, y);
    fcs_cl_view_arg(l, to);
    fcs_cl_ints_arg(l, (int64_t[]){s->items * s->parts, s->rows, s->share}, 3);
    fcs_cl_ints_arg(l, y->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(l, (int64_t[]){y->cs, s->outputs, in[0]}, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, s->axis[d].reach * in[d + 1]);
    fcs_cl_ints_arg(l, s->taps, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, s->axis[d].spread * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){s->run, taps * tap, tap, s->floats, tap % PANEL == 0}, 5);
    double pixels = (double)(s->rows * y->shape.n[FCS_W]);
    fcs_cl_end(l, s->items * s->parts, 1, pixels * (double)(s->items * M * PANEL) / 8);
}

static void conv_dw_emit(const fcs_cl_call *c)
{
    slopes s = slopes_of(c->to->cl, c->args);
    fcs_cl_view image = room_emit(c, &s.room, &c->in[0]);
    fcs_cl_view parts = fcs_cl_part(&c->scratch, room_bytes(&s.room));
    slopes_emit(c, &s, &image, s.parts > 1 ? &parts : &c->out);
    if (s.parts > 1)
        fcs_cl_add_parts(c->to, &c->out, &parts, s.floats, s.parts);
}

const fcs_cl_op fcs_cl_op_conv_dw = {.emit = conv_dw_emit, .scratch = conv_dw_scratch};
