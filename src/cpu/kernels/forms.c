/* forms.c: the transforms of minimal filtering.
 *
 * Points (infinity always the last): 3: 0, 1; 4: 1, -1, 0; 5: 1, -1, 0, 1/2; 6: 1, -1, 0, 1/2, -2,
 * of F(5,2), whose volumes would pass the bound with these, 3/4, -3/4, 3/2, -3/2, 0; 8: 1, -1, 1/2,
 * -1/2, 2, -2, 0. Row p of A is 1, a_p, a_p^2 ..; of G the same over prod (a_p - a_q), q != p; of
 * B' the coefficients of prod (x - a_q). Infinity's rows of A and G are 0 .. 0 1, of B' those of
 * prod (x - a_q) over all q. Rows of points a and -a share their even and odd parts.
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
static const matrix in_5_2 = {
    .even = {{0, 0, -2.25F, 0, 1, 0}, {0, 0, -0.5625F, 0, 1, 0}},
    .odd = {{0, -1.6875F, 0, 0.75F, 0, 0}, {0, -0.84375F, 0, 1.5F, 0, 0}},
    .single = {{1.265625F, 0, -2.8125F, 0, 1, 0}, {0, 1.265625F, 0, -2.8125F, 0, 1}}};
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
static const matrix out_5_2 = {.even = {{1, 0, 0.5625F, 0, 0.31640625F}, {1, 0, 2.25F, 0, 5.0625F}},
                               .odd = {{0, 0.75F, 0, 0.421875F, 0}, {0, 1.5F, 0, 3.375F, 0}},
                               .single = {{1, 0, 0, 0, 0}, {0, 0, 0, 0, 1}}};
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
static const matrix out_6_3 = {
    .even = {{1, 0, 1, 0, 1, 0}, {1, 0, 0.25F, 0, 0.0625F, 0}, {1, 0, 4, 0, 16, 0}},
    .odd = {{0, 1, 0, 1, 0, 1}, {0, 0.5F, 0, 0.125F, 0, 0.03125F}, {0, 2, 0, 8, 0, 32}},
    .single = {{1, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0, 1}}};
static const matrix weights_6_3 = {
    .even = {{-2.F / 9, 0, -2.F / 9}, {32.F / 45, 0, 8.F / 45}, {1.F / 90, 0, 2.F / 45}},
    .odd = {{0, -2.F / 9, 0}, {0, 16.F / 45, 0}, {0, 1.F / 45, 0}},
    .single = {{-1, 0, 0}, {0, 0, 1}}};
static const matrix weights_2_2 = {.single = {{-1, 0}, {1, 1}, {0, 1}}};
static const matrix weights_3_2 = {
    .even = {{0.5F, 0}}, .odd = {{0, 0.5F}}, .single = {{-1, 0}, {0, 1}}};
static const matrix weights_4_2 = {.even = {{1.F / 3, 2.F / 3}},
                                   .odd = {{2.F / 3, 1.F / 3}},
                                   .single = {{2, 0}, {-8.F / 3, -4.F / 3}, {0, 1}}};
static const matrix weights_5_2 = {.even = {{-128.F / 243, 0}, {32.F / 243, 0}},
                                   .odd = {{0, -32.F / 81}, {0, 16.F / 81}},
                                   .single = {{64.F / 81, 0}, {0, 1}}};
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

/* The sum of c[i] x[i], highest i first (its constant is mostly 1). Counters here and below are
 * unsigned: overflow checks of a sanitizer in what is unrolled keep clang busy for half an hour. */
FCS_INLINE fcs_vf dot(const float *c, const fcs_vf *x, const unsigned n)
{
    fcs_vf sum = {0};
    bool begun = false;
    FCS_UNROLL
    for (unsigned i = n; i > 0; i--)
        add(&sum, &begun, c[i - 1], x[i - 1]);
    return sum;
}

/* y = M x: `columns` elements to 2 * pairs + singles. */
FCS_INLINE void expand(const matrix *m, const unsigned pairs, const unsigned singles,
                       const unsigned columns, const fcs_vf *x, fcs_vf *y)
{
    FCS_UNROLL
    for (unsigned p = 0; p < pairs; p++) {
        fcs_vf even = dot(m->even[p], x, columns), odd = dot(m->odd[p], x, columns);
        y[2 * p] = even + odd;
        y[2 * p + 1] = even - odd;
    }
    FCS_UNROLL
    for (unsigned s = 0; s < singles; s++)
        y[2 * pairs + s] = dot(m->single[s], x, columns);
}

/* y = M' x: 2 * pairs + singles elements to `columns`. */
FCS_INLINE void contract(const matrix *m, const unsigned pairs, const unsigned singles,
                         const unsigned columns, const fcs_vf *x, fcs_vf *y)
{
    fcs_vf sum[3], difference[3];
    FCS_UNROLL
    for (unsigned p = 0; p < pairs; p++) {
        sum[p] = x[2 * p] + x[2 * p + 1];
        difference[p] = x[2 * p] - x[2 * p + 1];
    }
    FCS_UNROLL
    for (unsigned i = 0; i < columns; i++) {
        fcs_vf r = {0};
        bool begun = false;
        FCS_UNROLL
        for (unsigned s = 0; s < singles; s++)
            add(&r, &begun, m->single[s][i], x[2 * pairs + s]);
        FCS_UNROLL
        for (unsigned p = 0; p < pairs; p++) {
            add(&r, &begun, m->even[p][i], sum[p]);
            add(&r, &begun, m->odd[p][i], difference[p]);
        }
        y[i] = r;
    }
}

FCS_INLINE void load_line(const unsigned n, const float *x, int64_t step, fcs_vf *v)
{
    FCS_UNROLL
    for (unsigned i = 0; i < n; i++)
        v[i] = fcs_vload(x + i * step);
}

/* Zeros for the elements that are not lo .. hi - 1. */
FCS_INLINE void load_inside(const unsigned n, const float *x, int64_t step, unsigned lo,
                            unsigned hi, fcs_vf *v)
{
    FCS_UNROLL
    for (unsigned i = 0; i < n; i++)
        v[i] = i >= lo && i < hi ? fcs_vload(x + i * step) : (fcs_vf){0};
}

/* A row of a cube, of which all may lie inside or nothing. */
FCS_INLINE void load_row(const unsigned n, const float *x, int64_t step, const fcs_inside *in,
                         unsigned plane, unsigned row, fcs_vf *v)
{
    bool some = plane >= in->lo[0] && plane < in->hi[0] && row >= in->lo[1] && row < in->hi[1];
    if (some && in->lo[2] == 0 && in->hi[2] == n)
        load_line(n, x, step, v);
    else
        load_inside(n, x, step, in->lo[2], some ? in->hi[2] : 0, v);
}

FCS_INLINE void store_line(const unsigned n, float *y, int64_t step, const fcs_vf *v)
{
    FCS_UNROLL
    for (unsigned i = 0; i < n; i++)
        fcs_vstore(y + i * step, v[i]);
}

FCS_INLINE void stream_line(const unsigned n, float *y, int64_t step, const fcs_vf *v)
{
    FCS_UNROLL
    for (unsigned i = 0; i < n; i++)
        fcs_vstream(y + i * step, v[i]);
}

/* name_line and name_plane of pass(v, w), which transforms `from` vectors v to `to` vectors w. */
#define STORED(name, pass, store, from, to)                                                        \
    static void name##_line(const float *x, int64_t x_line, int64_t x_step, float *y,              \
                            int64_t y_line, int64_t y_step, int64_t lines)                         \
    {                                                                                              \
        fcs_vf v[from], w[to];                                                                     \
        for (; lines > 0; lines--, x += x_line, y += y_line) {                                     \
            load_line(from, x, x_step, v);                                                         \
            pass(v, w);                                                                            \
            store(to, y, y_step, w);                                                               \
        }                                                                                          \
    }                                                                                              \
    static void name##_plane(const float *x, int64_t x_row, int64_t x_step, float *y,              \
                             int64_t y_row, int64_t y_step, int64_t vectors)                       \
    {                                                                                              \
        fcs_vf v[from], w[to], between[to][from];                                                  \
        for (; vectors > 0; vectors--, x += FCS_VLEN, y += FCS_VLEN) {                             \
            for (unsigned i = 0; i < from; i++) {                                                  \
                load_line(from, x + i * x_row, x_step, v);                                         \
                pass(v, w);                                                                        \
                FCS_UNROLL                                                                         \
                for (unsigned k = 0; k < to; k++)                                                  \
                    between[k][i] = w[k];                                                          \
            }                                                                                      \
            for (unsigned k = 0; k < to; k++) {                                                    \
                pass(between[k], w);                                                               \
                store(to, y + k * y_step, y_row, w);                                               \
            }                                                                                      \
        }                                                                                          \
    }
/* name_edge: name_plane of elements some of which are not to be read. */
#define EDGE(name, from, to)                                                                       \
    static void name##_edge(const float *x, int64_t x_row, int64_t x_step, const fcs_inside *in,   \
                            float *y, int64_t y_row, int64_t y_step, int64_t vectors)              \
    {                                                                                              \
        fcs_vf v[from], w[to], between[to][from];                                                  \
        for (; vectors > 0; vectors--, x += FCS_VLEN, y += FCS_VLEN) {                             \
            for (unsigned i = 0; i < from; i++) {                                                  \
                bool row = i >= in->lo[1] && i < in->hi[1];                                        \
                load_inside(from, x + i * x_row, x_step, in->lo[2], row ? in->hi[2] : 0, v);       \
                name(v, w);                                                                        \
                FCS_UNROLL                                                                         \
                for (unsigned k = 0; k < to; k++)                                                  \
                    between[k][i] = w[k];                                                          \
            }                                                                                      \
            for (unsigned k = 0; k < to; k++) {                                                    \
                name(between[k], w);                                                               \
                store_line(to, y + k * y_step, y_row, w);                                          \
            }                                                                                      \
        }                                                                                          \
    }
/* One vector of lanes of a cube: `load` puts row j of plane i into v. Strides are values of the
 * function's own: stores might change what pointers lead to. */
#define CUBE(pass, store, from, to, load)                                                          \
    do {                                                                                           \
        fcs_vf v[from], w[to], rows[to][from], planes[to][to][from];                               \
        for (unsigned i = 0; i < from; i++) {                                                      \
            FCS_UNROLL                                                                             \
            for (unsigned j = 0; j < from; j++) {                                                  \
                load;                                                                              \
                pass(v, w);                                                                        \
                FCS_UNROLL                                                                         \
                for (unsigned k = 0; k < to; k++)                                                  \
                    rows[k][j] = w[k];                                                             \
            }                                                                                      \
            FCS_UNROLL                                                                             \
            for (unsigned k = 0; k < to; k++) {                                                    \
                pass(rows[k], w);                                                                  \
                FCS_UNROLL                                                                         \
                for (unsigned l = 0; l < to; l++)                                                  \
                    planes[k][l][i] = w[l];                                                        \
            }                                                                                      \
        }                                                                                          \
        for (unsigned k = 0; k < to; k++)                                                          \
            for (unsigned l = 0; l < to; l++) {                                                    \
                pass(planes[k][l], w);                                                             \
                store(to, y + l * y1 + k * y2, y0, w);                                             \
            }                                                                                      \
    } while (0)
#define CUBE_STRIDES                                                                               \
    const int64_t x0 = xs[0], x1 = xs[1], x2 = xs[2], y0 = ys[0], y1 = ys[1], y2 = ys[2]
#define PLAIN_CUBE(name, pass, store, from, to)                                                    \
    static void name##_cube(const float *x, const int64_t xs[3], const fcs_inside *in, float *y,   \
                            const int64_t ys[3], int64_t vectors)                                  \
    {                                                                                              \
        CUBE_STRIDES;                                                                              \
        (void)in;                                                                                  \
        for (; vectors > 0; vectors--, x += FCS_VLEN, y += FCS_VLEN)                               \
            CUBE(pass, store, from, to, load_line(from, x + i * x0 + j * x1, x2, v));              \
    }
#define EDGE_CUBE(name, from, to)                                                                  \
    PLAIN_CUBE(name##_whole, name, store_line, from, to)                                           \
    static void name##_cube(const float *x, const int64_t xs[3], const fcs_inside *in, float *y,   \
                            const int64_t ys[3], int64_t vectors)                                  \
    {                                                                                              \
        CUBE_STRIDES;                                                                              \
        if (!in) {                                                                                 \
            name##_whole_cube(x, xs, in, y, ys, vectors);                                          \
            return;                                                                                \
        }                                                                                          \
        const fcs_inside box = *in;                                                                \
        for (; vectors > 0; vectors--, x += FCS_VLEN, y += FCS_VLEN)                               \
            CUBE(name, store_line, from, to,                                                       \
                 load_row(from, x + i * x0 + j * x1, x2, &box, i, j, v));                          \
    }
#define PASS(name, what, m, pairs, singles, columns, from, to)                                     \
    FCS_INLINE void name(const fcs_vf *v, fcs_vf *w) { what(&m, pairs, singles, columns, v, w); }  \
    STORED(name, name, store_line, from, to)
#define EXPAND(name, m, pairs, singles, columns)                                                   \
    PASS(name, expand, m, pairs, singles, columns, columns, 2 * pairs + singles)
#define CONTRACT(name, m, pairs, singles, columns)                                                 \
    PASS(name, contract, m, pairs, singles, columns, 2 * pairs + singles, columns)
/* F(m, r) with the pairs and singles of its points. */
#define FORM(m, r, pairs, singles)                                                                 \
    CONTRACT(out_pass_##m##_##r, out_##m##_##r, pairs, singles, m)                                 \
    EXPAND(out_adjoint_##m##_##r, out_##m##_##r, pairs, singles, m)                                \
    EDGE(out_adjoint_##m##_##r, m, 2 * pairs + singles)                                            \
    EXPAND(weights_pass_##m##_##r, weights_##m##_##r, pairs, singles, r)                           \
    STORED(weights_far_##m##_##r, weights_pass_##m##_##r, stream_line, r, 2 * pairs + singles)     \
    CONTRACT(weights_adjoint_##m##_##r, weights_##m##_##r, pairs, singles, r)
/* Of cubes too, which have up to 256 points. */
#define CUBE_FORM(m, r, pairs, singles)                                                            \
    FORM(m, r, pairs, singles)                                                                     \
    PLAIN_CUBE(out_pass_##m##_##r, out_pass_##m##_##r, store_line, 2 * pairs + singles, m)         \
    EDGE_CUBE(out_adjoint_##m##_##r, m, 2 * pairs + singles)                                       \
    PLAIN_CUBE(weights_pass_##m##_##r, weights_pass_##m##_##r, store_line, r, 2 * pairs + singles) \
    PLAIN_CUBE(weights_far_##m##_##r, weights_pass_##m##_##r, stream_line, r, 2 * pairs + singles) \
    PLAIN_CUBE(weights_adjoint_##m##_##r, weights_adjoint_##m##_##r, store_line,                   \
               2 * pairs + singles, r)
#define IN(name, points, pairs, singles)                                                           \
    EXPAND(in_pass_##name, in_##name, pairs, singles, points)                                      \
    EDGE(in_pass_##name, points, points)
#define CUBE_IN(name, points, pairs, singles)                                                      \
    IN(name, points, pairs, singles)                                                               \
    EDGE_CUBE(in_pass_##name, points, points)
CUBE_IN(3, 3, 0, 3)
CUBE_IN(4, 4, 1, 2)
CUBE_IN(5, 5, 1, 3)
CUBE_IN(6, 6, 1, 4)
CUBE_IN(5_2, 6, 2, 2)
IN(8, 8, 3, 2)
CUBE_FORM(2, 2, 0, 3)
CUBE_FORM(3, 2, 1, 2)
CUBE_FORM(4, 2, 1, 3)
CUBE_FORM(5, 2, 2, 2)
CUBE_FORM(2, 3, 1, 2)
CUBE_FORM(4, 3, 1, 4)
CUBE_FORM(3, 4, 1, 4)
CUBE_FORM(2, 5, 1, 4)
FORM(4, 5, 3, 2)
FORM(6, 3, 3, 2)

typedef struct passes {
    fcs_pass *line;
    fcs_plane_pass *plane;
    fcs_edge_pass *edge;
    fcs_cube_pass *cube;
} passes;

#define CUBE_OF(name) name##_cube
#define NO_CUBE(name) NULL
#define BOTH(name, cube)                                                                           \
    {                                                                                              \
        name##_line, name##_plane, NULL, cube(name)                                                \
    }
#define ALL(name, cube)                                                                            \
    {                                                                                              \
        name##_line, name##_plane, name##_edge, cube(name)                                         \
    }
#define PASSES(m, r, in, cube)                                                                     \
    {                                                                                              \
        ALL(in_pass_##in, cube), BOTH(out_pass_##m##_##r, cube), ALL(out_adjoint_##m##_##r, cube), \
            BOTH(weights_pass_##m##_##r, cube), BOTH(weights_far_##m##_##r, cube),                 \
            BOTH(weights_adjoint_##m##_##r, cube)                                                  \
    }
/* In the order of fcs_forms, behind that of no form; each in that of fcs_transform_kind. */
static const passes all_passes[][FCS_TRANSFORMS] = {
    {{.line = NULL}},         PASSES(2, 2, 3, CUBE_OF),   PASSES(3, 2, 4, CUBE_OF),
    PASSES(4, 2, 5, CUBE_OF), PASSES(5, 2, 5_2, CUBE_OF), PASSES(2, 3, 4, CUBE_OF),
    PASSES(4, 3, 6, CUBE_OF), PASSES(3, 4, 6, CUBE_OF),   PASSES(2, 5, 6, CUBE_OF),
    PASSES(4, 5, 8, NO_CUBE), PASSES(6, 3, 8, NO_CUBE),
};

/* Only the last pass, D or the first behind it that has points, writes to y. */
static fcs_transform_kind pass_kind(fcs_transform_kind kind, bool last)
{
    return kind == FCS_TRANSFORM_WEIGHTS_FAR && !last ? FCS_TRANSFORM_WEIGHTS : kind;
}

fcs_transform FCS_SYM(transform_of)(const fcs_tiling t[3], fcs_transform_kind kind)
{
    fcs_transform r = {.plane = NULL};
    bool last = true;
    for (int i = 0; i < 3; i++) {
        int points = t[i].points, results = t[i].results, taps = t[i].taps;
        const int from[FCS_TRANSFORMS] = {points, points, results, taps, taps, points};
        const int to[FCS_TRANSFORMS] = {points, results, points, points, points, taps};
        r.n[i] = points;
        r.pass[i] = all_passes[t[i].form + 1][pass_kind(kind, last)].line;
        r.from[i] = from[kind];
        r.to[i] = to[kind];
        last = last && points == 1;
    }
    if (t[1].form == t[2].form) {
        const passes *p = &all_passes[t[1].form + 1][pass_kind(kind, t[0].points == 1)];
        r.plane = p->plane;
        r.edge = p->edge;
        if (t[0].form == t[1].form)
            r.cube = p->cube;
    }
    return r;
}

/* ---- nested ---- */

/* Along one axis: a line for each element of the two others. */
static void along(const fcs_transform *t, int axis, const int size[3], const float *x,
                  const int64_t xs[3], float *y, const int64_t ys[3])
{
    int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    for (int i = 0; i < size[a]; i++)
        t->pass[axis](x + i * xs[a], xs[b], xs[axis], y + i * ys[a], ys[b], ys[axis], size[b]);
}

/* Strides of sizes packed in a buffer, a vector per element. */
static void packed(const int size[3], int64_t s[3])
{
    s[2] = FCS_VLEN;
    s[1] = size[2] * FCS_VLEN;
    s[0] = size[1] * s[1];
}

/* One vector of lanes, axis after axis, W first; those of one point are left out. */
static void one_by_one(const fcs_transform *t, const float *x, const int64_t xs[3], float *y,
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
        packed(after, own);
        const int64_t *steps = left ? own : ys;
        along(t, axis, size, x, xs, to, steps);
        x = to;
        xs = steps;
        size[axis] = t->to[axis];
    }
}

static void one_plane(const fcs_transform *t, const float *x, const int64_t xs[3],
                      const fcs_inside *in, unsigned i, float *y, const int64_t ys[3],
                      int64_t vectors)
{
    static const fcs_inside none = {.hi = {0}};
    if (in)
        t->edge(x, xs[1], xs[2], i >= in->lo[0] && i < in->hi[0] ? in : &none, y, ys[1], ys[2],
                vectors);
    else
        t->plane(x, xs[1], xs[2], y, ys[1], ys[2], vectors);
}

/* The same with H and W in one pass. */
static void by_planes(const fcs_transform *t, const float *x, const int64_t xs[3],
                      const fcs_inside *in, float *y, const int64_t ys[3])
{
    float buffer[FCS_TILING_POINTS * FCS_VLEN];
    int64_t s[3];
    int size[3] = {t->from[0], t->to[1], t->to[2]};
    packed(size, s);
    for (unsigned i = 0; i < (unsigned)t->from[0]; i++)
        one_plane(t, x + i * xs[0], xs, in, i, buffer + i * s[0], s, 1);
    along(t, 0, size, buffer, s, y, ys);
}

void FCS_SYM(transform_inside)(const fcs_transform *t, const float *x, const int64_t xs[3],
                               const fcs_inside *in, float *y, const int64_t ys[3], int64_t vectors)
{
    if (t->plane && t->n[0] == 1) {
        one_plane(t, x, xs, in, 0, y, ys, vectors);
        return;
    }
    if (t->cube) {
        t->cube(x, xs, in, y, ys, vectors);
        return;
    }
    for (int64_t i = 0; i < vectors; i++, x += FCS_VLEN, y += FCS_VLEN) {
        if (t->plane)
            by_planes(t, x, xs, in, y, ys);
        else
            one_by_one(t, x, xs, y, ys);
    }
}

void FCS_SYM(transform)(const fcs_transform *t, const float *x, const int64_t xs[3], float *y,
                        const int64_t ys[3], int64_t vectors)
{
    FCS_SYM(transform_inside)(t, x, xs, NULL, y, ys, vectors);
}
