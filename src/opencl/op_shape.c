/* op_shape.c: launches of the ops that move numbers (cl/shape.cl, cl/resample.cl, cl/maxpool.cl)
 * and of random numbers (cl/random.cl). */
#include "opencl/opencl.h"

#include "ops/ops.h"

/* Vectors stay within pixels: all of these are multiples of 16, or single floats move. */
static int vector_of(const fcs_cl *cl, const int64_t *counts, int n)
{
    for (int i = 0; i < n; i++)
        if (counts[i] % 16)
            return 1;
    return cl->cpu ? 16 : 4;
}

static void begin_move(fcs_cl_launches *to, const char *file, const char *kernel, int vector,
                       const fcs_cl_view *x, const fcs_cl_view *y, int64_t items)
{
    fcs_cl_begin(to, file, fcs_cl_vector_option(vector), NULL, kernel);
    fcs_cl_view_arg(to, x);
    fcs_cl_view_arg(to, y);
    fcs_cl_items_arg(to, items);
}

/* Whether the plan has the part lie where it belongs in the whole (graph/place.c). */
static bool lies_at(const fcs_cl_view *part, const fcs_cl_view *whole, const int64_t at[FCS_DIMS])
{
    const int64_t *n = whole->shape.n;
    int64_t pixel =
        ((at[FCS_N] * n[FCS_D] + at[FCS_D]) * n[FCS_H] + at[FCS_H]) * n[FCS_W] + at[FCS_W];
    return at[FCS_C] == 0 && part->cs == whole->cs && part->buffer == whole->buffer &&
           part->at == whole->at + pixel * whole->cs;
}

/* ---- pad and crop ---- */
void fcs_cl_move_emit(fcs_cl_launches *to, const fcs_cl_view *y, const fcs_cl_view *x,
                      const int64_t lead[FCS_DIMS])
{
    const int64_t counts[] = {y->cs, x->cs, lead[FCS_C] % 16};
    bool same = lead[FCS_C] == 0 && x->shape.n[FCS_C] == y->shape.n[FCS_C];
    int vector = same ? vector_of(to->cl, counts, 3) : 1;
    int64_t floats = fcs_shape_floats(y->shape);
    begin_move(to, "shape", "move", vector, x, y, floats / vector);
    fcs_cl_ints_arg(to, (int64_t[]){y->cs, same ? y->cs : y->shape.n[FCS_C]}, 2);
    fcs_cl_ints_arg(to, y->shape.n + FCS_D, 3);
    fcs_cl_int_arg(to, x->cs);
    fcs_cl_int_arg(to, x->shape.n[FCS_N]);
    fcs_cl_int_arg(to, same ? x->cs : x->shape.n[FCS_C]);
    fcs_cl_ints_arg(to, x->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(to, lead, FCS_DIMS);
    fcs_cl_items_end(to, floats / vector, 2 * (double)floats);
}

static void pad_emit(const fcs_cl_call *c)
{
    fcs_cl_move_emit(c->to, &c->out, &c->in[0], c->args->attrs.i);
}

static void crop_emit(const fcs_cl_call *c)
{
    int64_t lead[FCS_DIMS];
    if (lies_at(&c->out, &c->in[0], c->args->attrs.i))
        return;
    for (int d = 0; d < FCS_DIMS; d++)
        lead[d] = -c->args->attrs.i[d];
    fcs_cl_move_emit(c->to, &c->out, &c->in[0], lead);
}

const fcs_cl_op fcs_cl_op_pad = {.emit = pad_emit};
const fcs_cl_op fcs_cl_op_crop = {.emit = crop_emit};

/* ---- concat ---- */
static void place_input(const fcs_cl_call *c, int i, const int64_t at[FCS_DIMS])
{
    const fcs_cl_view *x = &c->in[i], *y = &c->out;
    int64_t channels = x->shape.n[FCS_C], end = at[FCS_C] + channels;
    bool last = end == y->shape.n[FCS_C]; /* writes the padding lanes too */
    int64_t width = last ? y->cs - at[FCS_C] : channels;
    const int64_t counts[] = {x->cs, y->cs, at[FCS_C], width, x->cs - width};
    int vector = vector_of(c->to->cl, counts, 5);
    int64_t pixels = fcs_shape_floats(x->shape) / x->cs, items = pixels * width / vector;
    begin_move(c->to, "shape", "place", vector, x, y, items);
    fcs_cl_ints_arg(c->to, (int64_t[]){x->cs, width, vector > 1 ? width : channels}, 3);
    fcs_cl_ints_arg(c->to, x->shape.n + FCS_D, 3);
    fcs_cl_int_arg(c->to, y->cs);
    fcs_cl_ints_arg(c->to, y->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(c->to, at, FCS_DIMS);
    fcs_cl_items_end(c->to, items, 2 * (double)(pixels * width));
}

static void concat_emit(const fcs_cl_call *c)
{
    int64_t at[FCS_DIMS] = {0}, axis = c->args->attrs.i[0];
    for (int i = 0; i < c->args->n_in; i++) {
        if (!lies_at(&c->in[i], &c->out, at))
            place_input(c, i, at);
        at[axis] += c->args->in[i].n[axis];
    }
}

const fcs_cl_op fcs_cl_op_concat = {.emit = concat_emit};

/* ---- reshape ---- */
static int64_t pixels_of(fcs_shape s) { return s.n[FCS_D] * s.n[FCS_H] * s.n[FCS_W]; }

static void reshape_emit(const fcs_cl_call *c)
{
    const fcs_cl_view *x = &c->in[0], *y = &c->out;
    int64_t floats = fcs_shape_floats(y->shape);
    begin_move(c->to, "shape", "reshape", 1, x, y, floats);
    fcs_cl_ints_arg(c->to, (int64_t[]){y->cs, y->shape.n[FCS_C], pixels_of(y->shape)}, 3);
    fcs_cl_ints_arg(c->to, (int64_t[]){x->cs, x->shape.n[FCS_C], pixels_of(x->shape)}, 3);
    fcs_cl_items_end(c->to, floats, 2 * (double)floats);
}

const fcs_cl_op fcs_cl_op_reshape = {.emit = reshape_emit};

/* ---- upsample and sum_pool, interpolate and its adjoint ---- */
static void resample_emit(const fcs_cl_call *c, const char *kernel)
{
    const fcs_cl_view *x = &c->in[0], *y = &c->out;
    int vector = fcs_cl_vector(c->to->cl, y->cs);
    int64_t items = fcs_shape_floats(y->shape) / vector;
    begin_move(c->to, "resample", kernel, vector, x, y, items);
    fcs_cl_int_arg(c->to, y->cs);
    fcs_cl_ints_arg(c->to, y->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(c->to, x->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(c->to, c->args->attrs.i + FCS_POOL_FACTOR, 3);
    fcs_cl_ints_arg(c->to, c->args->attrs.i + FCS_POOL_CROP_LO, 3);
    fcs_cl_items_end(c->to, items,
                     (double)(fcs_shape_floats(y->shape) + fcs_shape_floats(x->shape)));
}

static void upsample_emit(const fcs_cl_call *c) { resample_emit(c, "enlarge"); }

static void sum_pool_emit(const fcs_cl_call *c) { resample_emit(c, "sum_pool"); }

const fcs_cl_op fcs_cl_op_upsample = {.emit = upsample_emit};
const fcs_cl_op fcs_cl_op_sum_pool = {.emit = sum_pool_emit};

static void interpolate_emit(const fcs_cl_call *c) { resample_emit(c, "interpolate"); }

static void interpolate_dx_emit(const fcs_cl_call *c) { resample_emit(c, "interpolate_dx"); }

const fcs_cl_op fcs_cl_op_interpolate = {.emit = interpolate_emit};
const fcs_cl_op fcs_cl_op_interpolate_dx = {.emit = interpolate_dx_emit};

/* ---- max_pool and max_unpool: x, then what is gathered or added; sizes of the result and of the
 * other side ---- */
static void max_emit(const fcs_cl_call *c, const char *kernel, const fcs_cl_view *moved,
                     fcs_shape other)
{
    const fcs_cl_view *x = &c->in[0], *y = &c->out;
    const int64_t *a = c->args->attrs.i;
    int vector = fcs_cl_vector(c->to->cl, y->cs);
    int64_t items = fcs_shape_floats(y->shape) / vector;
    fcs_cl_begin(c->to, "maxpool", fcs_cl_vector_option(vector), NULL, kernel);
    fcs_cl_view_arg(c->to, x);
    fcs_cl_view_arg(c->to, moved);
    fcs_cl_view_arg(c->to, y);
    fcs_cl_items_arg(c->to, items);
    fcs_cl_int_arg(c->to, y->cs);
    fcs_cl_ints_arg(c->to, y->shape.n + FCS_D, 3);
    fcs_cl_ints_arg(c->to, other.n + FCS_D, 3);
    fcs_cl_ints_arg(c->to, a + FCS_MAX_KERNEL, 3);
    fcs_cl_ints_arg(c->to, a + FCS_MAX_STRIDE, 3);
    fcs_cl_ints_arg(c->to, a + FCS_MAX_PAD_LO, 3);
    fcs_cl_items_end(c->to, items,
                     (double)(fcs_shape_floats(y->shape) + 2 * fcs_shape_floats(x->shape)));
}

static void max_pool_emit(const fcs_cl_call *c)
{
    max_emit(c, "max_pool", &c->in[c->args->n_in - 1], c->in[0].shape);
}

static void max_unpool_emit(const fcs_cl_call *c)
{
    max_emit(c, "max_unpool", &c->in[1], c->in[1].shape);
}

const fcs_cl_op fcs_cl_op_max_pool = {.emit = max_pool_emit};
const fcs_cl_op fcs_cl_op_max_unpool = {.emit = max_unpool_emit};

/* ---- random numbers ---- */
static void random_emit(const fcs_cl_call *c, int normal)
{
    const fcs_cl_view *y = &c->out;
    int64_t floats = fcs_shape_floats(y->shape);
    fcs_cl_begin(c->to, "normal-table random", "-Dstatic=constant", NULL, "random");
    fcs_cl_view_arg(c->to, y);
    fcs_cl_items_arg(c->to, floats);
    fcs_cl_ints_arg(c->to, (int64_t[]){y->cs, y->shape.n[FCS_C], pixels_of(y->shape), normal}, 4);
    fcs_cl_uint_arg(c->to, c->stream);
    fcs_cl_random_arg(c->to);
    fcs_cl_items_end(c->to, floats, 8 * (double)floats);
}

static void uniform_emit(const fcs_cl_call *c) { random_emit(c, 0); }

static void normal_emit(const fcs_cl_call *c) { random_emit(c, 1); }

const fcs_cl_op fcs_cl_op_random_uniform = {.emit = uniform_emit};
const fcs_cl_op fcs_cl_op_random_normal = {.emit = normal_emit};

/* ---- read and constant: the plan places them, nothing is launched ---- */
static void nothing(const fcs_cl_call *c) { (void)c; }

const fcs_cl_op fcs_cl_op_read = {.emit = nothing};
const fcs_cl_op fcs_cl_op_constant = {.emit = nothing};
