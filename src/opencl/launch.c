/* launch.c: launches: a kernel with its arguments and size, made once and queued again and again.
 *
 * Less than a second of work is queued at a time, and on what may drive a display a kernel of more
 * than a tenth is queued in pieces: some drivers kill what takes longer, and a user wants to stop.
 * How much that is is measured: work (floats moved and operations) by the time of the last wait. */
#include "opencl/opencl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const double queued_seconds = 0.3, kernel_seconds = 0.1, held_seconds = 0.02,
                    first_rate = 2e9;

/* ---- making ---- */
static fcs_cl_launch *current(fcs_cl_launches *l) { return &l->items[l->n - 1]; }

void fcs_cl_begin(fcs_cl_launches *l, const char *file, const char *options, const char *body,
                  const char *kernel)
{
    if (l->failed)
        return;
    l->failed = !fcs_grow(&l->cl->ctx->error, &l->items, &l->capacity, l->n + 1, sizeof *l->items);
    if (l->failed)
        return;
    cl_kernel k = fcs_cl_kernel(l->cl, file, options, body, kernel);
    l->items[l->n++] = (fcs_cl_launch){.kernel = k, .name = kernel, .random = -1};
    l->failed = k == NULL;
}

void fcs_cl_blast_launch(fcs_cl_launches *l, const fcs_cl_blast *p)
{
    fcs_error *e = &l->cl->ctx->error;
    if (l->failed ||
        (l->failed = !fcs_grow(e, &l->items, &l->capacity, l->n + 1, sizeof *l->items)))
        return;
    fcs_cl_launch *c = &l->items[l->n++];
    *c = (fcs_cl_launch){.name = "clblast",
                         .random = -1,
                         .work = (double)(p->rows * p->columns * p->k) / 8,
                         .blast = fcs_alloc(e, sizeof *p)};
    l->failed = c->blast == NULL;
    if (c->blast)
        *c->blast = *p;
}

static void argument(fcs_cl_launches *l, size_t size, const void *value)
{
    if (l->failed)
        return;
    fcs_cl_launch *c = current(l);
    cl_int code = clSetKernelArg(c->kernel, c->arguments, size, value);
    if (code != CL_SUCCESS) {
        fcs_cl_fail(l->cl, code, "kernel %s, argument %u", c->name, (unsigned)c->arguments);
        l->failed = true;
    }
    c->arguments++;
}

void fcs_cl_view_arg(fcs_cl_launches *l, const fcs_cl_view *v)
{
    argument(l, sizeof v->buffer, &v->buffer);
    fcs_cl_int_arg(l, v->at);
}

void fcs_cl_int_arg(fcs_cl_launches *l, int64_t i)
{
    cl_int value = (cl_int)i;
    if (!l->failed && value != i) {
        fcs_fail(&l->cl->ctx->error, FCS_FAILED,
                 "device %s: a size of %lld is more than kernels count, make tiles smaller",
                 l->cl->name, (long long)i);
        l->failed = true;
    }
    argument(l, sizeof value, &value);
}

void fcs_cl_ints_arg(fcs_cl_launches *l, const int64_t *i, int n)
{
    for (int k = 0; k < n; k++)
        fcs_cl_int_arg(l, i[k]);
}

void fcs_cl_uint_arg(fcs_cl_launches *l, uint32_t i)
{
    cl_uint value = i;
    argument(l, sizeof value, &value);
}

void fcs_cl_float_arg(fcs_cl_launches *l, double f)
{
    cl_float value = (cl_float)f;
    argument(l, sizeof value, &value);
}

void fcs_cl_random_arg(fcs_cl_launches *l)
{
    const cl_uint zero = 0;
    if (!l->failed)
        current(l)->random = (int)current(l)->arguments;
    for (int i = 0; i < 4; i++)
        argument(l, sizeof zero, &zero);
}

void fcs_cl_end(fcs_cl_launches *l, int64_t items, int64_t group, double work)
{
    if (l->failed)
        return;
    fcs_cl_launch *c = current(l);
    size_t limit = l->cl->group_limit, own = 0;
    if (clGetKernelWorkGroupInfo(c->kernel, l->cl->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof own, &own,
                                 NULL) == CL_SUCCESS &&
        own && own < limit)
        limit = own;
    c->local = (size_t)group < limit ? (size_t)group : limit ? limit : 1;
    c->global = ((size_t)items + c->local - 1) / c->local * c->local;
    c->work = work;
}

void fcs_cl_groups_end(fcs_cl_launches *l, int64_t groups, int64_t group, double work)
{
    if (l->failed)
        return;
    fcs_cl_launch *c = current(l);
    c->local = (size_t)group;
    c->global = (size_t)(groups * group);
    c->work = work;
}

/* Neighbours of a block: enough for a processor's core to be busy for a while, and blocks for all.
 */
static int64_t block_of(const fcs_cl *cl, int64_t n)
{
    int64_t block = n / 64;
    return !cl->cpu ? 1 : block < 64 ? 64 : block > 2048 ? 2048 : block;
}

void fcs_cl_items_arg(fcs_cl_launches *l, int64_t n)
{
    fcs_cl_int_arg(l, n);
    fcs_cl_int_arg(l, block_of(l->cl, n));
}

void fcs_cl_items_end(fcs_cl_launches *l, int64_t n, double work)
{
    int64_t block = block_of(l->cl, n);
    fcs_cl_end(l, (n + block - 1) / block, l->cl->cpu ? 1 : 64, work);
}

int fcs_cl_vector(const fcs_cl *cl, int64_t cs) { return cs % 16 ? 1 : cl->cpu ? 16 : 4; }

const char *fcs_cl_vector_option(int vector)
{
    return vector == 16 ? "-DFCS_V=16" : vector == 4 ? "-DFCS_V=4" : "-DFCS_V=1";
}

void fcs_cl_launches_free(fcs_cl_launches *l)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->items[i].kernel && !l->cl->lost)
            clReleaseKernel(l->items[i].kernel);
        free(l->items[i].blast);
    }
    free(l->items);
    l->items = NULL;
    l->n = l->capacity = 0;
}

/* ---- queueing ---- */
static cl_int set_random(const fcs_cl_launch *c, uint64_t seed, uint64_t step)
{
    const cl_uint words[4] = {(cl_uint)seed, (cl_uint)(seed >> 32), (cl_uint)step,
                              (cl_uint)(step >> 32)};
    cl_int code = CL_SUCCESS;
    for (cl_uint i = 0; i < 4 && code == CL_SUCCESS; i++)
        code = clSetKernelArg(c->kernel, (cl_uint)c->random + i, sizeof words[i], &words[i]);
    return code;
}

/* Waiting spins a core with some drivers of GPUs: where the same work was waited for before, the
 * most of that time is slept through. */
static void nap(const fcs_cl *cl)
{
    double left = cl->last_seconds - (fcs_seconds() - cl->waited);
    bool known = fabs(cl->queued - cl->last_work) <= 0.01 * cl->last_work;
    if (cl->cpu || cl->timing || !known || !(left > 0.002))
        return;
    left = 0.8 * left < 0.9 ? 0.8 * left : 0.9;
    nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e9)}, NULL);
}

fcs_status fcs_cl_finish(fcs_cl *cl)
{
    if (!fcs_cl_alive(cl))
        return FCS_FAILED;
    cl_int code = clFlush(cl->queue);
    if (code == CL_SUCCESS) {
        nap(cl);
        code = clFinish(cl->queue);
    }
    if (code != CL_SUCCESS)
        return fcs_cl_fail(cl, code, "waiting for it");
    double now = fcs_seconds(), took = now - cl->waited;
    if (cl->queued > 0 && took > 0) {
        cl->rate = cl->rate > 0 ? 0.5 * (cl->rate + cl->queued / took) : cl->queued / took;
        cl->last_work = cl->queued;
        cl->last_seconds = took;
    }
    cl->queued = cl->held = 0;
    cl->waited = now;
    return FCS_OK;
}

/* What was just queued, with this code, is `work`. */
static fcs_status count(fcs_cl *cl, cl_int code, const fcs_cl_launch *c, double work,
                        const char *where)
{
    double rate = cl->rate > 0 ? cl->rate : first_rate;
    cl->queued += work;
    cl->held += work;
    if (code == CL_SUCCESS && cl->sync)
        code = clFinish(cl->queue);
    else if (code == CL_SUCCESS && cl->held > rate * held_seconds) {
        code = clFlush(cl->queue);
        cl->held = 0;
    }
    if (code != CL_SUCCESS)
        return fcs_cl_fail(cl, code, "%s (kernel %s)", where, c->name);
    return cl->queued > rate * queued_seconds ? fcs_cl_finish(cl) : FCS_OK;
}

/* Groups first .. first + n - 1 of the launch, which are `work` of it. */
static fcs_status queue_piece(fcs_cl *cl, const fcs_cl_launch *c, size_t first, size_t n,
                              double work, const char *where)
{
    size_t offset = first * c->local, size = n * c->local;
    cl_int code = clEnqueueNDRangeKernel(cl->queue, c->kernel, 1, first ? &offset : NULL, &size,
                                         &c->local, 0, NULL, NULL);
    return count(cl, code, c, work, where);
}

static fcs_status queue_blast(fcs_cl *cl, const fcs_cl_launch *c, const char *where)
{
    if (!(cl->queued > 0))
        cl->waited = fcs_seconds();
    fcs_status s = fcs_cl_blast_queue(cl, c->blast, where);
    return s == FCS_OK ? count(cl, CL_SUCCESS, c, c->work, where) : s;
}

static fcs_status queue_one(fcs_cl *cl, const fcs_cl_launch *c, uint64_t seed, uint64_t step,
                            const char *where)
{
    double longest = (cl->rate > 0 ? cl->rate : first_rate) * kernel_seconds;
    size_t groups = c->global / c->local;
    size_t most = groups, first = 0;
    if (!cl->cpu && c->work > longest) /* a processor shares its time anyway */
        most = (size_t)((double)groups * longest / c->work) + 1;
    cl_int code = c->random >= 0 ? set_random(c, seed, step) : CL_SUCCESS;
    if (code != CL_SUCCESS)
        return fcs_cl_fail(cl, code, "%s (kernel %s)", where, c->name);
    if (!(cl->queued > 0))
        cl->waited = fcs_seconds();
    fcs_status s = FCS_OK;
    for (size_t n; s == FCS_OK && first < groups; first += n) {
        n = most < groups - first ? most : groups - first;
        s = queue_piece(cl, c, first, n, c->work * (double)n / (double)groups, where);
    }
    return s;
}

fcs_status fcs_cl_queue(fcs_cl_launches *l, size_t first, size_t end, uint64_t seed, uint64_t step,
                        const char *where)
{
    if (!fcs_cl_alive(l->cl))
        return FCS_FAILED;
    for (size_t i = first; i < end; i++) {
        const fcs_cl_launch *c = &l->items[i];
        fcs_status s =
            c->blast ? queue_blast(l->cl, c, where) : queue_one(l->cl, c, seed, step, where);
        if (s != FCS_OK)
            return s;
    }
    return FCS_OK;
}
