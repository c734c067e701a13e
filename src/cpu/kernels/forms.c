/* forms.c: the transforms of minimal filtering.
 *
 * Points (infinity always the last): 3: 0, 1; 4: 1, -1, 0; 5: 1, -1, 0, 1/2; 6: 1, -1, 0, 1/2, -2;
 * 8: 1, -1, 1/2, -1/2, 2, -2, 0. Row p of A is 1, a_p, a_p^2 ..; of G the same over prod (a_p -
 * a_q), q != p; of B' the coefficients of prod (x - a_q). Infinity's rows of A and G are 0 .. 0 1,
 * of B' those of prod (x - a_q) over all q. Rows of points a and -a share their even and odd parts.
 */
#include "cpu/kernels/forms.h"

typedef struct matrix {
    float even[3][FCS_TILE_POINTS], odd[3][FCS_TILE_POINTS]; /* rows even + odd, even - odd */
    float single[4][FCS_TILE_POINTS];                        /* then these */
} matrix;

static const matrix in_3 = {.single = {{-1, 1, 0}, {0, 1, 0}, {0, -1, 1}}};
static const matrix in_4 = {
    .even = {{0, 0, 1, 0}}, .odd = {{0, 1, 0, 0}}, .single = {{-1, 0, 1, 0}, {0, -1, 0, 1}}};
static const matrix in_5 = {
    .even = {{0, 0, -0.5F, 1, 0}},
    .odd = {{0, -0.5F, 1, 0, 0}},
    .single = {{0.5F, -1, -0.5F, 1, 0}, {0, -1, 0, 1, 0}, {0, 0.5F, -1, -0.5F, 1}}};
static const matrix in_6 = {.even = {{0, 0, -1, 1.5F, 1, 0}},
                            .odd = {{0, -1, 1.5F, 1, 0, 0}},
                            .single = {{1, -1.5F, -2, 1.5F, 1, 0},
                                       {0, -2, -1, 2, 1, 0},
                                       {0, 0.5F, -1, -0.5F, 1, 0},
                                       {0, 1, -1.5F, -2, 1.5F, 1}}};
static const matrix in_8 = {
    .even = {{0, 0, 1, 0, -4.25F, 0, 1, 0},
             {0, 0, 4, 0, -5, 0, 1, 0},
             {0, 0, 0.25F, 0, -1.25F, 0, 1, 0}},
    .odd = {{0, 1, 0, -4.25F, 0, 1, 0, 0},
            {0, 2, 0, -2.5F, 0, 0.5F, 0, 0},
            {0, 0.5F, 0, -2.5F, 0, 2, 0, 0}},
    .single = {{-1, 0, 5.25F, 0, -5.25F, 0, 1, 0}, {0, -1, 0, 5.25F, 0, -5.25F, 0, 1}}};
static const matrix out_2_2 = {.single = {{1, 0}, {1, 1}, {0, 1}}};
static const matrix out_3_2 = {
    .even = {{1, 0, 1}}, .odd = {{0, 1, 0}}, .single = {{1, 0, 0}, {0, 0, 1}}};
static const matrix out_4_2 = {.even = {{1, 0, 1, 0}},
                               .odd = {{0, 1, 0, 1}},
                               .single = {{1, 0, 0, 0}, {1, 0.5F, 0.25F, 0.125F}, {0, 0, 0, 1}}};
static const matrix out_2_3 = {.even = {{1, 0}}, .odd = {{0, 1}}, .single = {{1, 0}, {0, 1}}};
static const matrix out_4_3 = {
    .even = {{1, 0, 1, 0}},
    .odd = {{0, 1, 0, 1}},
    .single = {{1, 0, 0, 0}, {1, 0.5F, 0.25F, 0.125F}, {1, -2, 4, -8}, {0, 0, 0, 1}}};
static const matrix out_3_4 = {.even = {{1, 0, 1}},
                               .odd = {{0, 1, 0}},
                               .single = {{1, 0, 0}, {1, 0.5F, 0.25F}, {1, -2, 4}, {0, 0, 1}}};
static const matrix out_2_5 = {
    .even = {{1, 0}}, .odd = {{0, 1}}, .single = {{1, 0}, {1, 0.5F}, {1, -2}, {0, 1}}};
static const matrix out_4_5 = {.even = {{1, 0, 1, 0}, {1, 0, 0.25F, 0}, {1, 0, 4, 0}},
                               .odd = {{0, 1, 0, 1}, {0, 0.5F, 0, 0.125F}, {0, 2, 0, 8}},
                               .single = {{1, 0, 0, 0}, {0, 0, 0, 1}}};
static const matrix weights_2_2 = {.single = {{-1, 0}, {1, 1}, {0, 1}}};
static const matrix weights_3_2 = {
    .even = {{0.5F, 0}}, .odd = {{0, 0.5F}}, .single = {{-1, 0}, {0, 1}}};
static const matrix weights_4_2 = {.even = {{1.F / 3, 2.F / 3}},
                                   .odd = {{2.F / 3, 1.F / 3}},
                                   .single = {{2, 0}, {-8.F / 3, -4.F / 3}, {0, 1}}};
static const matrix weights_2_3 = {
    .even = {{0.5F, 0, 0.5F}}, .odd = {{0, 0.5F, 0}}, .single = {{-1, 0, 0}, {0, 0, 1}}};
static const matrix weights_4_3 = {
    .even = {{0, 1.F / 3, 0}},
    .odd = {{1.F / 3, 0, 1.F / 3}},
    .single = {
        {1, 0, 0}, {-16.F / 15, -8.F / 15, -4.F / 15}, {1.F / 15, -2.F / 15, 4.F / 15}, {0, 0, 1}}};
static const matrix weights_3_4 = {.even = {{0, 1.F / 3, 0, 1.F / 3}},
                                   .odd = {{1.F / 3, 0, 1.F / 3, 0}},
                                   .single = {{1, 0, 0, 0},
                                              {-16.F / 15, -8.F / 15, -4.F / 15, -2.F / 15},
                                              {1.F / 15, -2.F / 15, 4.F / 15, -8.F / 15},
                                              {0, 0, 0, 1}}};
static const matrix weights_2_5 = {
    .even = {{0, 1.F / 3, 0, 1.F / 3, 0}},
    .odd = {{1.F / 3, 0, 1.F / 3, 0, 1.F / 3}},
    .single = {{1, 0, 0, 0, 0},
               {-16.F / 15, -8.F / 15, -4.F / 15, -2.F / 15, -1.F / 15},
               {1.F / 15, -2.F / 15, 4.F / 15, -8.F / 15, 16.F / 15},
               {0, 0, 0, 0, 1}}};
static const matrix weights_4_5 = {.even = {{-2.F / 9, 0, -2.F / 9, 0, -2.F / 9},
                                            {32.F / 45, 0, 8.F / 45, 0, 2.F / 45},
                                            {1.F / 90, 0, 2.F / 45, 0, 8.F / 45}},
                                   .odd = {{0, -2.F / 9, 0, -2.F / 9, 0},
                                           {0, 16.F / 45, 0, 4.F / 45, 0},
                                           {0, 1.F / 45, 0, 4.F / 45, 0}},
                                   .single = {{-1, 0, 0, 0, 0}, {0, 0, 0, 0, 1}}};

/* sum += c * x, c a constant. */
FCS_INLINE void add(fcs_vf *sum, bool *begun, float c, fcs_vf x)
{
    bool zero = !(c < 0 || c > 0);
    if (zero)
        return;
    *sum = *begun ? *sum + c * x : c * x;
    *begun = true;
}

/* The sum of c[i] x[i], highest i first (its constant is mostly 1). */
FCS_INLINE fcs_vf dot(const float *c, const fcs_vf *x, const int n)
{
    fcs_vf sum = {0};
    bool begun = false;
    FCS_UNROLL
    for (int i = n - 1; i >= 0; i--)
        add(&sum, &begun, c[i], x[i]);
    return sum;
}

/* y = M x: `columns` elements to 2 * pairs + singles. */
FCS_INLINE void expand(const matrix *m, const int pairs, const int singles, const int columns,
                       const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                       int64_t y_step, int64_t lines)
{
    for (; lines > 0; lines--, x += x_line, y += y_line) {
        fcs_vf v[FCS_TILE_POINTS];
        FCS_UNROLL
        for (int i = 0; i < columns; i++)
            v[i] = fcs_vload(x + i * x_step);
        FCS_UNROLL
        for (int p = 0; p < pairs; p++) {
            fcs_vf even = dot(m->even[p], v, columns), odd = dot(m->odd[p], v, columns);
            fcs_vstore(y + 2 * p * y_step, even + odd);
            fcs_vstore(y + (2 * p + 1) * y_step, even - odd);
        }
        FCS_UNROLL
        for (int s = 0; s < singles; s++)
            fcs_vstore(y + (2 * pairs + s) * y_step, dot(m->single[s], v, columns));
    }
}

/* y = M' x: 2 * pairs + singles elements to `columns`. */
FCS_INLINE void contract(const matrix *m, const int pairs, const int singles, const int columns,
                         const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                         int64_t y_step, int64_t lines)
{
    for (; lines > 0; lines--, x += x_line, y += y_line) {
        fcs_vf sum[3], difference[3], single[4];
        FCS_UNROLL
        for (int p = 0; p < pairs; p++) {
            fcs_vf a = fcs_vload(x + 2 * p * x_step), b = fcs_vload(x + (2 * p + 1) * x_step);
            sum[p] = a + b;
            difference[p] = a - b;
        }
        FCS_UNROLL
        for (int s = 0; s < singles; s++)
            single[s] = fcs_vload(x + (2 * pairs + s) * x_step);
        FCS_UNROLL
        for (int i = 0; i < columns; i++) {
            fcs_vf r = {0};
            bool begun = false;
            FCS_UNROLL
            for (int s = 0; s < singles; s++)
                add(&r, &begun, m->single[s][i], single[s]);
            FCS_UNROLL
            for (int p = 0; p < pairs; p++) {
                add(&r, &begun, m->even[p][i], sum[p]);
                add(&r, &begun, m->odd[p][i], difference[p]);
            }
            fcs_vstore(y + i * y_step, r);
        }
    }
}

#define PASS(name, what, m, pairs, singles, columns)                                               \
    static void name(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,     \
                     int64_t y_step, int64_t lines, int n)                                         \
    {                                                                                              \
        (void)n;                                                                                   \
        what(&m, pairs, singles, columns, x, x_line, x_step, y, y_line, y_step, lines);            \
    }
/* F(m, r) with its points, pairs and singles. */
#define FORM(m, r, points, pairs, singles)                                                         \
    PASS(out_pass_##m##_##r, contract, out_##m##_##r, pairs, singles, m)                           \
    PASS(out_adjoint_##m##_##r, expand, out_##m##_##r, pairs, singles, m)                          \
    PASS(weights_pass_##m##_##r, expand, weights_##m##_##r, pairs, singles, r)                     \
    PASS(weights_adjoint_##m##_##r, contract, weights_##m##_##r, pairs, singles, r)
PASS(in_pass_3, expand, in_3, 0, 3, 3)
PASS(in_pass_4, expand, in_4, 1, 2, 4)
PASS(in_pass_5, expand, in_5, 1, 3, 5)
PASS(in_pass_6, expand, in_6, 1, 4, 6)
PASS(in_pass_8, expand, in_8, 3, 2, 8)
FORM(2, 2, 3, 0, 3)
FORM(3, 2, 4, 1, 2)
FORM(4, 2, 5, 1, 3)
FORM(2, 3, 4, 1, 2)
FORM(4, 3, 6, 1, 4)
FORM(3, 4, 6, 1, 4)
FORM(2, 5, 6, 1, 4)
FORM(4, 5, 8, 3, 2)

/* ---- an axis without a form: as many products as taps, one result ---- */

static void copy_pass(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                      int64_t y_step, int64_t lines, int n)
{
    for (; lines > 0; lines--, x += x_line, y += y_line)
        for (int i = 0; i < n; i++)
            fcs_vstore(y + i * y_step, fcs_vload(x + i * x_step));
}

static void sum_pass(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                     int64_t y_step, int64_t lines, int n)
{
    (void)y_step;
    for (; lines > 0; lines--, x += x_line, y += y_line) {
        fcs_vf sum = fcs_vload(x);
        for (int i = 1; i < n; i++)
            sum += fcs_vload(x + i * x_step);
        fcs_vstore(y, sum);
    }
}

static void spread_pass(const float *x, int64_t x_line, int64_t x_step, float *y, int64_t y_line,
                        int64_t y_step, int64_t lines, int n)
{
    (void)x_step;
    for (; lines > 0; lines--, x += x_line, y += y_line)
        for (int i = 0; i < n; i++)
            fcs_vstore(y + i * y_step, fcs_vload(x));
}

#define PASSES(m, r, points)                                                                       \
    {                                                                                              \
        in_pass_##points, out_pass_##m##_##r, out_adjoint_##m##_##r, weights_pass_##m##_##r,       \
            weights_adjoint_##m##_##r                                                              \
    }
/* In the order of fcs_forms, behind that of no form. */
static const fcs_passes passes[] = {
    {copy_pass, sum_pass, spread_pass, copy_pass, copy_pass},
    PASSES(2, 2, 3),
    PASSES(3, 2, 4),
    PASSES(4, 2, 5),
    PASSES(2, 3, 4),
    PASSES(4, 3, 6),
    PASSES(3, 4, 6),
    PASSES(2, 5, 6),
    PASSES(4, 5, 8),
};

const fcs_passes *FCS_SYM(form_passes)(int form) { return &passes[form + 1]; }

/* ---- nested ---- */

/* Along one axis: a line for each element of the two others. */
static void along(const fcs_transform *t, int axis, const int size[3], const float *x,
                  const int64_t xs[3], float *y, const int64_t ys[3])
{
    int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    for (int i = 0; i < size[a]; i++)
        t->pass[axis](x + i * xs[a], xs[b], xs[axis], y + i * ys[a], ys[b], ys[axis], size[b],
                      t->n[axis]);
}

void FCS_SYM(transform)(const fcs_transform *t, const float *x, const int64_t xs[3], float *y,
                        const int64_t ys[3])
{
    float buffer[2][FCS_TILING_POINTS * FCS_VLEN];
    int64_t stride[2][3];
    int size[3], left = 0;
    for (int axis = 0; axis < 3; axis++) {
        size[axis] = t->from[axis];
        left += t->n[axis] > 1;
    }
    for (int axis = 2; axis >= 0; axis--) {
        if (t->n[axis] == 1)
            continue;
        float *to = --left ? buffer[left % 2] : y;
        int64_t *own = stride[left % 2];
        int after[3] = {size[0], size[1], size[2]};
        after[axis] = t->to[axis];
        own[2] = FCS_VLEN;
        own[1] = after[2] * FCS_VLEN;
        own[0] = after[1] * own[1];
        const int64_t *steps = left ? own : ys;
        along(t, axis, size, x, xs, to, steps);
        x = to;
        xs = steps;
        size[axis] = t->to[axis];
    }
}
