/* chain.c: elementwise chains as generated kernels: loads, one line an op from its expression in
 * ops.def, stores. The text depends on the chain's structure only (which op on which register, how
 * inputs are broadcast); sizes and the ops' floats are arguments, so chains of one structure share
 * a program.
 *
 * Sums at a chain's end: the chain stores what is summed, sum.c adds it. What is summed as it came
 * in is added first, before a result may take an input's place. */
#include "opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

/* How an input is read. */
typedef enum mode {
    DENSE,   /* of the chain's shape */
    SCALAR,  /* one number */
    CHANNEL, /* one pixel: by channel */
    GENERAL  /* any other broadcast */
} mode;

typedef struct form {
    const fcs_cl *cl;
    const fcs_chain *chain;
    const fcs_value *values;
    int vector;
    int64_t cs;
    bool flat;        /* neither pixels nor channels are counted */
    bool coordinates; /* pixels are */
} form;

static const int pixel_dims[4] = {FCS_N, FCS_D, FCS_H, FCS_W};

static fcs_shape input_shape(const form *f, int i) { return f->values[f->chain->inputs[i]].shape; }

static bool splat(const form *f, int i)
{
    return input_shape(f, i).n[FCS_C] != f->chain->shape.n[FCS_C];
}

static mode mode_of(const form *f, int i)
{
    fcs_shape s = input_shape(f, i);
    if (fcs_shape_equal(s, f->chain->shape))
        return DENSE;
    if (fcs_shape_count(s) == 1)
        return SCALAR;
    return fcs_shape_count(s) == s.n[FCS_C] ? CHANNEL : GENERAL;
}

/* Whether a register or input (-1 - i) has zeros in its padding lanes; zero: per register. */
static bool has_zeros(const form *f, const bool *zero, int reg)
{
    return reg >= 0 ? zero[reg] : !splat(f, -1 - reg);
}

static bool padding_of(const form *f, int reg)
{
    bool zero[256] = {false};
    const fcs_chain *c = f->chain;
    if (f->cs == c->shape.n[FCS_C])
        return false;
    for (int k = 0; k < c->n_lanes && c->n_registers <= 256; k++) {
        bool all = c->lanes[k].op->preserves_zero > 0;
        for (int i = 0; i < c->lanes[k].n_in; i++)
            all = all && has_zeros(f, zero, c->lanes[k].in[i]);
        zero[c->lanes[k].out] = all;
    }
    return c->n_registers > 256 || !has_zeros(f, zero, reg);
}

/* A sum of what came in as it is stored needs no kernel of the chain's. */
static bool summed_at_once(const form *f, const fcs_chain_io *io)
{
    return io->sum && io->reg < 0 && mode_of(f, -1 - io->reg) == DENSE;
}

static form form_of(const fcs_cl *cl, const fcs_chain *chain, const fcs_value *values)
{
    form f = {.cl = cl, .chain = chain, .values = values, .flat = true};
    f.cs = fcs_channel_stride(chain->shape.n[FCS_C]);
    for (int i = 0; i < chain->n_inputs; i++) {
        mode m = mode_of(&f, i);
        f.flat = f.flat && (m == DENSE || m == SCALAR);
        f.coordinates = f.coordinates || m == GENERAL;
    }
    for (int o = 0; o < chain->n_outputs; o++)
        if (!summed_at_once(&f, &chain->outputs[o]))
            f.flat = f.flat && !padding_of(&f, chain->outputs[o].reg);
    f.vector = f.flat ? (cl->cpu ? 16 : 4) : fcs_cl_vector(cl, f.cs);
    return f;
}

/* ---- the text ---- */
static void add_name(fcs_text *t, int reg)
{
    if (reg >= 0)
        fcs_text_add(t, "r%d", reg);
    else
        fcs_text_add(t, "x%d", -1 - reg);
}

static void add_parameters(fcs_text *t, const form *f)
{
    const fcs_chain *c = f->chain;
    fcs_text_add(t, "kernel void chain(int items, int block");
    if (!f->flat)
        fcs_text_add(t, ", int cv, int channels");
    if (f->coordinates)
        fcs_text_add(t, ", int size_d, int size_h, int size_w");
    for (int i = 0; i < c->n_inputs; i++) {
        fcs_text_add(t, ",\n    global const float *p%d, int p%d_at", i, i);
        if (mode_of(f, i) == GENERAL)
            fcs_text_add(t, ", int p%d_n, int p%d_d, int p%d_h, int p%d_w", i, i, i, i);
    }
    for (int o = 0; o < c->n_outputs; o++)
        if (!summed_at_once(f, &c->outputs[o]))
            fcs_text_add(t, ",\n    global float *y%d, int y%d_at", o, o);
    for (int k = 0; k < c->n_lanes; k++)
        if (c->lanes[k].op->n_attrs)
            fcs_text_add(t, ", float k%d_0, float k%d_1", k, k);
    fcs_text_add(t, ")\n{\n    FCS_ITEMS(i, items, block) {\n");
}

static void add_coordinates(fcs_text *t, const form *f)
{
    if (!f->flat)
        fcs_text_add(t, "        const int c = i %% cv * FCS_V;\n");
    if (f->coordinates)
        fcs_text_add(t, "        const int pixel = i / cv, w = pixel %% size_w, q = pixel / size_w,"
                        "\n            h = q %% size_h, s = q / size_h, d = s %% size_d, n = s / "
                        "size_d;\n");
}

static void add_input(fcs_text *t, const form *f, int i)
{
    fcs_text_add(t, "        const V x%d = ", i);
    switch (mode_of(f, i)) {
    case DENSE: fcs_text_add(t, "FCS_LOAD(p%d + p%d_at + i * FCS_V);\n", i, i); break;
    case SCALAR: fcs_text_add(t, "(V)(p%d[p%d_at]);\n", i, i); break;
    case CHANNEL: fcs_text_add(t, "FCS_LOAD(p%d + p%d_at + c);\n", i, i); break;
    case GENERAL:
        fcs_text_add(t,
                     splat(f, i) ? "(V)(p%d[p%d_at + n * p%d_n + d * p%d_d + h * p%d_h + w * "
                                   "p%d_w]);\n"
                                 : "FCS_LOAD(p%d + p%d_at + n * p%d_n + d * p%d_d + h * p%d_h + w "
                                   "* p%d_w + c);\n",
                     i, i, i, i, i, i);
        break;
    }
}

static void add_lane(fcs_text *t, const fcs_lane *lane, int k)
{
    static const char letters[3] = {'a', 'b', 'c'};
    fcs_text_add(t, "        { const V ");
    for (int i = 0; i < lane->n_in; i++) {
        fcs_text_add(t, "%s%c = ", i ? ", " : "", letters[i]);
        add_name(t, lane->in[i]);
    }
    if (lane->op->n_attrs)
        fcs_text_add(t, ", f0 = (V)(k%d_0), f1 = (V)(k%d_1)", k, k);
    fcs_text_add(t, "; r%d = %s; }\n", lane->out, fcs_cl_ops[fcs_op_index(lane->op)]->expression);
}

static void add_output(fcs_text *t, const form *f, int o)
{
    const fcs_chain_io *io = &f->chain->outputs[o];
    bool pad = padding_of(f, io->reg);
    fcs_text_add(t, "        FCS_STORE(%s", pad ? "fcs_first(" : "");
    add_name(t, io->reg);
    fcs_text_add(t, "%s, y%d + y%d_at + i * FCS_V);\n", pad ? ", channels - c)" : "", o, o);
}

static char *text_of(const form *f)
{
    fcs_text t = {0};
    const fcs_chain *c = f->chain;
    add_parameters(&t, f);
    add_coordinates(&t, f);
    for (int i = 0; i < c->n_inputs; i++)
        add_input(&t, f, i);
    for (int r = 0; r < c->n_registers; r++)
        fcs_text_add(&t, "%s%s%d", r ? ", " : "        V ", "r", r);
    if (c->n_registers)
        fcs_text_add(&t, ";\n");
    for (int k = 0; k < c->n_lanes; k++)
        add_lane(&t, &c->lanes[k], k);
    for (int o = 0; o < c->n_outputs; o++)
        if (!summed_at_once(f, &c->outputs[o]))
            add_output(&t, f, o);
    fcs_text_add(&t, "    }\n}\n");
    if (!t.failed)
        return t.s;
    free(t.s);
    fcs_fail(&f->cl->ctx->error, FCS_FAILED, "out of memory");
    return NULL;
}

/* ---- launches ---- */
static void input_args(const fcs_cl_chain *c, const form *f, int i)
{
    fcs_cl_view v = c->view(c->owner, f->chain->inputs[i]);
    fcs_cl_view_arg(c->to, &v);
    if (mode_of(f, i) != GENERAL)
        return;
    int64_t steps[4], step = v.cs;
    for (int d = 3; d >= 0; d--) {
        int64_t n = v.shape.n[pixel_dims[d]];
        steps[d] = n == 1 ? 0 : step;
        step *= n;
    }
    fcs_cl_ints_arg(c->to, steps, 4);
}

/* stash[o]: where output o goes that is summed afterwards. */
static void launch_kernel(const fcs_cl_chain *c, const form *f, const char *text,
                          const fcs_cl_view *stash)
{
    const fcs_chain *chain = f->chain;
    int64_t floats = fcs_shape_floats(chain->shape), items = (floats + f->vector - 1) / f->vector;
    fcs_cl_begin(c->to, NULL, fcs_cl_vector_option(f->vector), text, "chain");
    fcs_cl_items_arg(c->to, items);
    if (!f->flat)
        fcs_cl_ints_arg(c->to, (int64_t[]){f->cs / f->vector, chain->shape.n[FCS_C]}, 2);
    if (f->coordinates)
        fcs_cl_ints_arg(c->to, chain->shape.n + FCS_D, 3);
    for (int i = 0; i < chain->n_inputs; i++)
        input_args(c, f, i);
    for (int o = 0; o < chain->n_outputs; o++) {
        fcs_cl_view v =
            chain->outputs[o].sum ? stash[o] : c->view(c->owner, chain->outputs[o].value);
        if (!summed_at_once(f, &chain->outputs[o]))
            fcs_cl_view_arg(c->to, &v);
    }
    for (int k = 0; k < chain->n_lanes; k++)
        if (chain->lanes[k].op->n_attrs) {
            fcs_cl_float_arg(c->to, chain->lanes[k].attrs.f[0]);
            fcs_cl_float_arg(c->to, chain->lanes[k].attrs.f[1]);
        }
    fcs_cl_items_end(c->to, items,
                     (double)floats * (chain->n_inputs + chain->n_outputs + 0.2 * chain->n_lanes));
}

static void launch_sum(const fcs_cl_chain *c, const fcs_chain_io *io, const fcs_cl_view *x,
                       size_t sums)
{
    fcs_cl_view out = c->view(c->owner, io->value), rest = fcs_cl_part(&c->scratch, sums);
    fcs_cl_sum_emit(c->to, &out, x, &rest);
}

/* Scratch: what is summed afterwards, one behind the other, then room for one sum's parts. */
static size_t stash_bytes(const form *f)
{
    size_t bytes = 0;
    for (int o = 0; o < f->chain->n_outputs; o++)
        if (f->chain->outputs[o].sum && !summed_at_once(f, &f->chain->outputs[o]))
            bytes += fcs_cl_lines((size_t)fcs_shape_floats(f->chain->shape) * sizeof(float));
    return bytes;
}

static void emit(const fcs_cl_chain *c, const form *f, const char *text, fcs_cl_view *stash)
{
    const fcs_chain *chain = f->chain;
    size_t sums = stash_bytes(f), at = 0;
    bool kernel = false;
    for (int o = 0; o < chain->n_outputs; o++) {
        const fcs_chain_io *io = &chain->outputs[o];
        if (summed_at_once(f, io)) {
            fcs_cl_view x = c->view(c->owner, chain->inputs[-1 - io->reg]);
            launch_sum(c, io, &x, sums);
            continue;
        }
        kernel = true;
        if (!io->sum)
            continue;
        stash[o] = fcs_cl_part(&c->scratch, at);
        stash[o].shape = chain->shape;
        stash[o].cs = f->cs;
        at += fcs_cl_lines((size_t)fcs_shape_floats(chain->shape) * sizeof(float));
    }
    if (kernel)
        launch_kernel(c, f, text, stash);
    for (int o = 0; o < chain->n_outputs; o++)
        if (chain->outputs[o].sum && !summed_at_once(f, &chain->outputs[o]))
            launch_sum(c, &chain->outputs[o], &stash[o], sums);
}

void fcs_cl_chain_emit(const fcs_cl_chain *c)
{
    form f = form_of(c->to->cl, c->chain, c->values);
    char *text = text_of(&f);
    fcs_cl_view *stash =
        text ? fcs_alloc_array(&f.cl->ctx->error, (size_t)c->chain->n_outputs + 1, sizeof *stash)
             : NULL;
    if (stash)
        emit(c, &f, text, stash);
    else
        c->to->failed = true;
    free(stash);
    free(text);
}

size_t fcs_cl_chain_scratch(const fcs_cl *cl, const fcs_chain *chain, const fcs_value *values)
{
    form f = form_of(cl, chain, values);
    size_t most = 0;
    for (int o = 0; o < chain->n_outputs; o++) {
        size_t bytes =
            chain->outputs[o].sum
                ? fcs_cl_sum_scratch(cl, values[chain->outputs[o].value].shape, chain->shape)
                : 0;
        most = bytes > most ? bytes : most;
    }
    return stash_bytes(&f) + most;
}

/* ---- one op as a chain ---- */
typedef struct alone {
    fcs_chain chain;
    fcs_lane lane;
    fcs_chain_io output;
    int inputs[3];
    fcs_value values[4];
    const fcs_cl_call *call;
} alone;

static void make_alone(alone *x, const fcs_apply_args *a)
{
    *x = (alone){.inputs = {0, 1, 2}, .output = {.value = 3, .reg = -1}};
    x->chain = (fcs_chain){.shape = a->out,
                           .lanes = &x->lane,
                           .inputs = x->inputs,
                           .n_inputs = a->n_in,
                           .outputs = &x->output,
                           .n_outputs = 1};
    for (int i = 0; i < a->n_in; i++)
        x->values[i].shape = a->in[i];
    x->values[3].shape = a->out;
    if (a->op->kind != FCS_KIND_LANES) /* broadcast */
        return;
    x->lane = (fcs_lane){.op = a->op, .attrs = a->attrs, .n_in = a->n_in, .in = {-1, -2, -3}};
    x->output.reg = 0;
    x->chain.n_lanes = x->chain.n_registers = 1;
}

static fcs_cl_view alone_view(const void *owner, int value)
{
    const fcs_cl_call *call = ((const alone *)owner)->call;
    return value == 3 ? call->out : call->in[value];
}

void fcs_cl_chain_apply(const fcs_cl_call *c)
{
    alone x;
    make_alone(&x, c->args);
    x.call = c;
    fcs_cl_chain_emit(&(fcs_cl_chain){&x.chain, x.values, alone_view, &x, c->scratch, c->to});
}

size_t fcs_cl_chain_apply_scratch(fcs_cl *cl, const fcs_apply_args *a)
{
    alone x;
    make_alone(&x, a);
    return fcs_cl_chain_scratch(cl, &x.chain, x.values);
}

const fcs_cl_op fcs_cl_op_broadcast = {.emit = fcs_cl_chain_apply,
                                       .scratch = fcs_cl_chain_apply_scratch};
