/* op_conv.c: launches of conv, conv_dx and conv_dw (cl/conv.cl). conv is one phase of a gather,
 * conv_dx one for each remainder of the stride (src/ops/axis.h); conv_dw adds over pixels. Images
 * that taps leave are first copied into zeros. Which form a kernel takes depends on the number of
 * channels (tile.c). */
#include "opencl/opencl.h"

#include "ops/axis.h"

enum { PANEL = 16, MOST_PARTS = 64, D = 0, H = 1, W = 2 };

/* ---- images with room for every tap ---- */
typedef struct room {
    int64_t lo[3], hi[3]; /* pixels that taps reach before and behind the image */
    fcs_shape shape;      /* of the image with them */
    bool copy;            /* it is one */
} room;

static int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

/* Floats that are written of so many: whole lines where they end in one. */
static int64_t written_of(int64_t floats, int64_t step) { return step % PANEL ? floats : step; }

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
    const fcs_cl_tile *tile;
    bool adjoint, pack; /* the weights are packed */
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
        axis[d] = fcs_axis_phase(g->dims[d], g->adjoint, r[d]);
}

static gather gather_of(fcs_cl *cl, const fcs_apply_args *a, bool adjoint)
{
    gather g = {.adjoint = adjoint, .w = a->in[1], .image = a->in[0], .phases = 1};
    g.channels = g.w.n[adjoint ? FCS_N : FCS_C];
    g.outputs = g.w.n[adjoint ? FCS_C : FCS_N];
    g.panels = round_up(g.outputs, PANEL);
    /* Sums over channels need pixels that are whole lines. */
    bool lines = fcs_channel_stride(g.channels) % PANEL == 0;
    g.tile = fcs_cl_tile_for(cl, FCS_CL_CONV_FEW_OUT);
    if (g.outputs >= PANEL || (g.tile->style == FCS_CL_DOT && !lines))
        g.tile = fcs_cl_tile_for(cl, g.channels < PANEL ? FCS_CL_CONV_FEW_IN : FCS_CL_CONV);
    g.pack = adjoint || g.tile->style != FCS_CL_DOT; /* else they lie as sums over channels want */
    for (int d = 0; d < 3; d++) {
        g.dims[d] = fcs_conv_dims_of(&a->attrs, adjoint ? a->out : a->in[0], g.w,
                                     adjoint ? a->in[0] : a->out, d);
        g.classes[d] = fcs_axis_phases(g.dims[d], adjoint);
        g.phases *= g.classes[d];
    }
    for (int64_t i = 0; i < g.phases; i++) {
        fcs_axis axis[3];
        phase_axes(&g, i, axis);
        for (int d = 0; d < 3; d++)
            fcs_axis_room(&axis[d], &g.room.lo[d], &g.room.hi[d]);
    }
    room_finish(&g.room, g.image, false);
    return g;
}

/* Packed weights of so many taps. */
static size_t packed_bytes(const gather *g, int64_t taps)
{
    if (!g->pack)
        return 0;
    int64_t floats = g->tile->style == FCS_CL_DOT ? fcs_channel_stride(g->channels) * g->outputs
                                                  : g->channels * g->panels * PANEL;
    return fcs_cl_lines((size_t)(taps * floats) * sizeof(float));
}

static size_t gather_scratch(fcs_cl *cl, const fcs_apply_args *a, bool adjoint)
{
    gather g = gather_of(cl, a, adjoint);
    int64_t taps = g.w.n[FCS_D] * g.w.n[FCS_H] * g.w.n[FCS_W]; /* of all phases */
    return room_bytes(&g.room) + packed_bytes(&g, taps) + (size_t)g.phases * 64;
}

static void pack_emit(const fcs_cl_call *c, const gather *g, const fcs_axis axis[3],
                      const fcs_cl_view *packed)
{
    fcs_cl_launches *l = c->to;
    const fcs_cl_view *w = &c->in[1];
    int64_t taps = g->w.n[FCS_D] * g->w.n[FCS_H] * g->w.n[FCS_W], row = taps * w->cs;
    int64_t used = axis[D].taps * axis[H].taps * axis[W].taps, dot = g->tile->style == FCS_CL_DOT;
    int64_t step = fcs_channel_stride(g->channels);
    int64_t items = used * (dot ? step * g->outputs : g->panels * g->channels);
    fcs_cl_begin(l, "tile conv", g->tile->options, NULL, dot ? "pack_dot" : "pack");
    fcs_cl_view_arg(l, w);
    fcs_cl_view_arg(l, packed);
    fcs_cl_ints_arg(l, (int64_t[]){items, g->channels, dot ? step : g->outputs}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){g->adjoint ? row : 1, g->adjoint ? 1 : row, w->cs}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].taps, axis[H].taps, axis[W].taps}, 3);
    fcs_cl_ints_arg(l, g->w.n + FCS_H, 2);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].k0, axis[H].k0, axis[W].k0}, 3);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].dk, axis[H].dk, axis[W].dk}, 3);
    fcs_cl_end(l, items, 64, (double)(items * (dot ? 1 : PANEL) * 2));
}

static void phase_emit(const fcs_cl_call *c, const gather *g, const fcs_axis axis[3],
                       const fcs_cl_view *image, const fcs_cl_view *weights)
{
    fcs_cl_launches *l = c->to;
    fcs_cl_view x = *image, y = c->out;
    bool dot = g->tile->style == FCS_CL_DOT;
    int64_t in[4], out[4], run = dot ? x.cs : g->channels, taps_w = axis[W].taps;
    steps_of(&x, in);
    steps_of(&y, out);
    for (int d = 0; d < 3; d++) {
        x.at += (axis[d].offset + g->room.lo[d]) * in[d + 1];
        y.at += axis[d].start * out[d + 1];
    }
    if (axis[W].spread == 1 && x.cs == run) { /* taps that lie side by side are one */
        run *= taps_w;
        taps_w = 1;
    }
    const fcs_cl_tile *t = g->tile;
    bool local = t->style == FCS_CL_LOCAL;
    int64_t samples = y.shape.n[FCS_N], rows = axis[H].count * axis[D].count * samples;
    int64_t written = written_of(g->outputs, y.cs), columns = round_up(written, t->n);
    int64_t items = columns * (local ? round_up(rows * axis[W].count, t->m)
                                     : rows * round_up(axis[W].count, t->m));
    fcs_cl_begin(l, "tile conv", t->options, NULL, "gather");
    fcs_cl_view_arg(l, &x);
    fcs_cl_view_arg(l, weights);
    fcs_cl_view_arg(l, &y);
    fcs_cl_ints_arg(l, (int64_t[]){items, samples}, 2);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].count, axis[H].count, axis[W].count, in[0]}, 4);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].reach * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){axis[D].taps, axis[H].taps, taps_w}, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].spread * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){run, out[0]}, 2);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, axis[d].step * out[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){g->outputs, written, y.cs % PANEL == 0}, 3);
    fcs_cl_int_arg(l, g->channels < PANEL ? columns : 1);
    double products = (double)(items * t->m * t->n) * (double)(axis[D].taps * axis[H].taps);
    fcs_cl_tile_end(l, t, items, products * (double)(taps_w * run) / 8);
}

static void gather_emit(const fcs_cl_call *c, bool adjoint)
{
    gather g = gather_of(c->to->cl, c->args, adjoint);
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
        if (taps && g.pack)
            pack_emit(c, &g, axis, &packed);
        if (count)
            phase_emit(c, &g, axis, &image, g.pack ? &packed : &c->in[1]);
        packed = fcs_cl_part(&packed, packed_bytes(&g, taps));
    }
}

static void conv_emit(const fcs_cl_call *c) { gather_emit(c, false); }

static void conv_dx_emit(const fcs_cl_call *c) { gather_emit(c, true); }

static size_t conv_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    return gather_scratch(cl, a, false);
}

static size_t conv_dx_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    return gather_scratch(cl, a, true);
}

const fcs_cl_op fcs_cl_op_conv = {.emit = conv_emit, .scratch = conv_scratch};
const fcs_cl_op fcs_cl_op_conv_dx = {.emit = conv_dx_emit, .scratch = conv_dx_scratch};

/* ---- conv_dw ---- */
/* Forms in registers read streams: panels of 16 channels of the image and of so many of gy as a
 * tile has rows, pixels side by side. A channel's pixels lie a power of two apart else, in few sets
 * of the caches. */
typedef struct slopes {
    const fcs_cl_tile *tile;
    bool few;     /* channels of the image, in registers: lanes run over gy's */
    int64_t m, n; /* channels of gy, floats of a tap that a tile has */
    fcs_axis axis[3];
    room room;
    int64_t channels, outputs, taps[3], run; /* taps along W that lie side by side are one run */
    bool panels, groups;                     /* image, gy are copied so */
    int64_t rows, share, parts, floats;
    int64_t written, items; /* floats of a tap; items of a part */
} slopes;

/* Parts for the device to be busy; in registers their pixels stay in a cache as well. Each part's
 * weights are written and added up, so none is short. */
static void cut(const fcs_cl *cl, slopes *s, int64_t width)
{
    bool stream = s->tile->style != FCS_CL_LOCAL;
    int64_t pixels = s->rows * width, cached = stream ? pixels / 1024 : 1;
    int64_t busy = round_up(cl->cpu ? 64 : stream ? 16384 : 256, s->items), most = pixels / 256;
    int64_t parts = largest(cached, busy < most ? busy : most);
    parts = parts > MOST_PARTS ? MOST_PARTS : parts > s->rows ? s->rows : largest(parts, 1);
    s->share = round_up(s->rows, parts);
    s->parts = round_up(s->rows, s->share);
}

static slopes slopes_of(fcs_cl *cl, const fcs_apply_args *a)
{
    slopes s = {.outputs = a->out.n[FCS_N], .floats = fcs_shape_floats(a->out)};
    fcs_shape x = a->in[0], y = a->in[1];
    int64_t cs = fcs_channel_stride(x.n[FCS_C]);
    s.channels = x.n[FCS_C];
    s.tile = fcs_cl_tile_for(cl, s.outputs < PANEL    ? FCS_CL_DW_FEW_OUT
                                 : s.channels < PANEL ? FCS_CL_DW_FEW_IN
                                                      : FCS_CL_DW);
    bool stream = s.tile->style != FCS_CL_LOCAL;
    s.few = stream && s.outputs >= PANEL && s.channels < PANEL;
    s.m = s.few ? s.tile->item_n : s.tile->style == FCS_CL_DOT ? 1 : s.tile->m;
    s.n = s.few ? s.tile->item_m : stream ? s.tile->item_n : s.tile->n;
    for (int d = 0; d < 3; d++) {
        s.axis[d] = fcs_axis_forward(fcs_conv_dims_of(&a->attrs, x, a->out, y, d));
        s.taps[d] = s.axis[d].taps;
        fcs_axis_room(&s.axis[d], &s.room.lo[d], &s.room.hi[d]);
    }
    s.panels = stream && cs > PANEL;
    room_finish(&s.room, x, s.panels || cs < PANEL || s.few);
    s.run = s.channels;
    if (s.axis[W].spread == 1 && cs == s.run && !s.panels) {
        s.run *= s.taps[W];
        s.taps[W] = 1;
    }
    int64_t taps = s.taps[D] * s.taps[H] * s.taps[W];
    s.rows = y.n[FCS_N] * y.n[FCS_D] * y.n[FCS_H];
    s.written = written_of(s.run, s.floats / s.outputs / taps);
    int64_t width = stream ? s.n : s.tile->item_n; /* of what is not shared by two taps */
    int64_t lanes = round_up(s.written, width) * width;
    s.items = round_up(s.outputs, s.m) * round_up(lanes * taps, s.n);
    /* A few reads of gy do not pay for its copy, where groups divide its pixels. */
    int64_t y_cs = fcs_channel_stride(s.outputs), reads = lanes / width * taps;
    s.groups = s.tile->style == FCS_CL_REGISTERS && !s.few &&
               !(y_cs % s.m == 0 && (y_cs == s.m || reads <= 16));
    cut(cl, &s, y.n[FCS_W]);
    return s;
}

static size_t groups_bytes(const slopes *s, fcs_shape y)
{
    int64_t pixels = fcs_shape_count(y) / s->outputs, m = s->tile->m;
    return !s->groups
               ? 0
               : fcs_cl_lines((size_t)(round_up(s->outputs, m) * m * pixels) * sizeof(float));
}

static size_t conv_dw_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    slopes s = slopes_of(cl, a);
    return room_bytes(&s.room) + groups_bytes(&s, a->in[1]) +
           (s.parts > 1 ? (size_t)(s.parts * s.floats) * sizeof(float) : 0);
}

/* x in panels of `width` channels in an image of so many pixels, behind `lead` zeros. */
static void panels_emit(const fcs_cl_call *c, const slopes *s, const fcs_cl_view *x,
                        const fcs_cl_view *to, fcs_shape shape, const int64_t lead[3],
                        int64_t width)
{
    fcs_cl_launches *l = c->to;
    int64_t channels = x->shape.n[FCS_C];
    int64_t panels = round_up(channels, width), pixels = fcs_shape_count(shape) / channels;
    int64_t bundle = l->cl->cpu ? panels : 1; /* a processor reads whole pixels */
    int64_t items = pixels / shape.n[FCS_W] * round_up(panels, bundle);
    fcs_cl_begin(l, "tile conv", s->tile->options, NULL, "panels");
    fcs_cl_view_arg(l, x);
    fcs_cl_view_arg(l, to);
    fcs_cl_items_arg(l, items);
    fcs_cl_int_arg(l, shape.n[FCS_N]);
    fcs_cl_ints_arg(l, shape.n + FCS_D, 3);
    fcs_cl_ints_arg(l, x->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(l, lead, 3);
    fcs_cl_ints_arg(l, (int64_t[]){x->cs, channels, width, bundle}, 4);
    fcs_cl_items_end(l, items, 2 * (double)(pixels * panels * width));
}

/* The image to read; *panel: floats from 16 of its channels to the next. */
static fcs_cl_view image_emit(const fcs_cl_call *c, const slopes *s, int64_t *panel)
{
    *panel = PANEL;
    if (!s->panels)
        return room_emit(c, &s->room, &c->in[0]);
    fcs_cl_view v = c->scratch;
    v.shape = s->room.shape;
    v.cs = PANEL;
    panels_emit(c, s, &c->in[0], &v, v.shape, s->room.lo, PANEL);
    *panel = fcs_shape_count(v.shape) / s->channels * PANEL;
    return v;
}

/* gy to read, at `to` where it is copied; steps: floats from a tile's rows to the next, and from a
 * pixel to the next. */
static fcs_cl_view groups_emit(const fcs_cl_call *c, const slopes *s, const fcs_cl_view *to,
                               int64_t steps[2])
{
    static const int64_t lead[3] = {0, 0, 0};
    const fcs_cl_view *y = &c->in[1];
    steps[0] = s->tile->style == FCS_CL_LOCAL ? s->tile->item_m : s->m;
    steps[1] = y->cs;
    if (!s->groups)
        return *y;
    steps[0] = fcs_shape_count(y->shape) / s->outputs * s->tile->m;
    steps[1] = s->tile->m;
    panels_emit(c, s, y, to, y->shape, lead, s->tile->m);
    return *to;
}

static void slopes_emit(const fcs_cl_call *c, const slopes *s, const fcs_cl_view *groups,
                        const fcs_cl_view *to)
{
    fcs_cl_launches *l = c->to;
    int64_t panel, steps[2], in[4], taps = s->taps[D] * s->taps[H] * s->taps[W];
    int64_t tap = s->floats / s->outputs / taps;
    const fcs_shape shape = c->in[1].shape;
    fcs_cl_view x = image_emit(c, s, &panel), y = groups_emit(c, s, groups, steps);
    steps_of(&x, in);
    for (int d = 0; d < 3; d++)
        x.at += (s->axis[d].offset + s->room.lo[d]) * in[d + 1];
    fcs_cl_begin(l, "tile conv", s->tile->options, NULL, s->few ? "weights_few" : "weights");
    fcs_cl_view_arg(l, &x);
    fcs_cl_view_arg(l, &y);
    fcs_cl_view_arg(l, to);
    fcs_cl_ints_arg(l, (int64_t[]){s->items * s->parts, s->rows, s->share}, 3);
    fcs_cl_ints_arg(l, shape.n + FCS_D, 3);
    fcs_cl_ints_arg(l, steps, 2);
    fcs_cl_ints_arg(l, (int64_t[]){s->outputs, panel, in[0]}, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, s->axis[d].reach * in[d + 1]);
    fcs_cl_ints_arg(l, s->taps, 3);
    for (int d = 0; d < 3; d++)
        fcs_cl_int_arg(l, s->axis[d].spread * in[d + 1]);
    fcs_cl_ints_arg(l, (int64_t[]){s->run, taps * tap, tap, s->floats}, 4);
    fcs_cl_ints_arg(l, (int64_t[]){s->written, tap % PANEL == 0}, 2);
    double products = (double)(s->items * s->m * s->n);
    fcs_cl_tile_end(l, s->tile, s->items * s->parts,
                    (double)(s->rows * shape.n[FCS_W]) * products / 8);
}

static void conv_dw_emit(const fcs_cl_call *c)
{
    slopes s = slopes_of(c->to->cl, c->args);
    fcs_cl_view groups = fcs_cl_part(&c->scratch, room_bytes(&s.room));
    fcs_cl_view parts = fcs_cl_part(&groups, groups_bytes(&s, c->in[1].shape));
    slopes_emit(c, &s, &groups, s.parts > 1 ? &parts : &c->out);
    if (s.parts > 1)
        fcs_cl_add_parts(c->to, &c->out, &parts, s.floats, s.parts);
}

const fcs_cl_op fcs_cl_op_conv_dw = {.emit = conv_dw_emit, .scratch = conv_dw_scratch};
