/* memory.c: values on the device. A tensor is one buffer; an arena is cut into slabs of the largest
 * buffer that the device takes, which no value crosses (src/graph/place.c). What is allocated is
 * filled at once: some drivers find out only then that memory is short. */
#include "opencl/opencl.h"

#include <stdlib.h>
#include <string.h>

static double mebibytes(size_t bytes) { return (double)bytes / 1048576; }

/* All but what a display and other programs need. */
static size_t usable_bytes(const fcs_cl *cl)
{
    const size_t kept = (size_t)400 << 20, share = cl->memory_bytes / 8;
    return cl->memory_bytes - (share < kept ? share : kept);
}

/* Tensors come first and the one arena last, so that this is what a run needs, said before it
 * begins. */
static bool has_room(fcs_cl *cl, size_t bytes)
{
    size_t usable = usable_bytes(cl);
    if (cl->used_bytes <= usable && bytes <= usable - cl->used_bytes)
        return true;
    fcs_fail(&cl->ctx->error, FCS_FAILED,
             "device %s: %.1f MiB are needed, it has %.1f MiB, %.1f MiB of them to be used: make "
             "crops, batch or tiles smaller, or use another device",
             cl->name, mebibytes(cl->used_bytes) + mebibytes(bytes), mebibytes(cl->memory_bytes),
             mebibytes(usable));
    return false;
}

static bool slab_new(fcs_cl *cl, size_t bytes, cl_mem *out)
{
    const float zero = 0;
    cl_int code;
    *out = clCreateBuffer(cl->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code != CL_SUCCESS) {
        *out = NULL; /* what the device holds is not touched: it is not given up */
        fcs_fail(&cl->ctx->error, FCS_FAILED,
                 "device %s: gives no buffer of %.1f MiB (error %d): it has %.1f MiB, %.1f MiB of "
                 "them are in use here, the rest by others?",
                 cl->name, mebibytes(bytes), (int)code, mebibytes(cl->memory_bytes),
                 mebibytes(cl->used_bytes));
        return false;
    }
    code = clEnqueueFillBuffer(cl->queue, *out, &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
    if (code == CL_SUCCESS)
        code = clFinish(cl->queue);
    if (code != CL_SUCCESS)
        fcs_cl_fail(cl, code, "%.1f MiB of memory (it has %.1f MiB)", mebibytes(bytes),
                    mebibytes(cl->memory_bytes));
    return code == CL_SUCCESS;
}

void *fcs_cl_memory_new(fcs_context *ctx, size_t bytes, bool zero)
{
    fcs_cl *cl = ctx->device;
    (void)zero; /* it always is */
    if (!fcs_cl_alive(cl) || !has_room(cl, bytes))
        return NULL;
    fcs_cl_memory *m = fcs_alloc(&ctx->error, sizeof *m);
    if (!m)
        return NULL;
    m->bytes = fcs_cl_lines(bytes ? bytes : 1);
    m->slab_bytes = cl->slab_bytes;
    size_t n = (m->bytes + m->slab_bytes - 1) / m->slab_bytes;
    m->slabs = fcs_alloc_array(&ctx->error, n, sizeof *m->slabs);
    bool good = m->slabs != NULL;
    for (size_t i = 0; i < n && good; i++) {
        size_t left = m->bytes - i * m->slab_bytes;
        good = slab_new(cl, left < m->slab_bytes ? left : m->slab_bytes, &m->slabs[i]);
        m->n_slabs += m->slabs[i] != NULL;
    }
    cl->used_bytes += m->bytes;
    if (good)
        return m;
    fcs_cl_memory_free(ctx, m);
    return NULL;
}

void fcs_cl_memory_free(fcs_context *ctx, void *memory)
{
    fcs_cl *cl = ctx->device;
    fcs_cl_memory *m = memory;
    if (!m)
        return;
    cl->used_bytes -= m->bytes;
    for (int i = 0; i < m->n_slabs && !cl->lost; i++)
        clReleaseMemObject(m->slabs[i]);
    free(m->slabs);
    free(m->mapped);
    free(m);
}

fcs_cl_view fcs_cl_view_of(const fcs_cl_memory *m, size_t offset, fcs_shape shape)
{
    return (fcs_cl_view){m->slabs[offset / m->slab_bytes],
                         (int64_t)(offset % m->slab_bytes / sizeof(float)), shape,
                         fcs_channel_stride(shape.n[FCS_C])};
}

fcs_cl_view fcs_cl_part(const fcs_cl_view *scratch, size_t bytes)
{
    fcs_cl_view v = *scratch;
    v.at += (int64_t)(bytes / sizeof(float));
    return v;
}

/* A copy to or from the slabs that the range lies in; blocking, so that all before it is done. */
static fcs_status transfer(fcs_cl *cl, const fcs_cl_memory *m)
{
    cl_int code = CL_SUCCESS;
    for (size_t done = 0; done < m->size && code == CL_SUCCESS;) {
        size_t at = m->offset + done, inside = at % m->slab_bytes;
        size_t n =
            m->slab_bytes - inside < m->size - done ? m->slab_bytes - inside : m->size - done;
        cl_mem slab = m->slabs[at / m->slab_bytes];
        char *host = (char *)m->mapped + done;
        code = m->mode == FCS_MAP_READ
                   ? clEnqueueReadBuffer(cl->queue, slab, CL_TRUE, inside, n, host, 0, NULL, NULL)
                   : clEnqueueWriteBuffer(cl->queue, slab, CL_TRUE, inside, n, host, 0, NULL, NULL);
        done += n;
    }
    return code == CL_SUCCESS
               ? FCS_OK
               : fcs_cl_fail(cl, code,
                             m->mode == FCS_MAP_READ ? "reading a value" : "writing a value");
}

float *fcs_cl_map(fcs_context *ctx, void *memory, size_t offset, size_t bytes, fcs_map_mode mode)
{
    fcs_cl *cl = ctx->device;
    fcs_cl_memory *m = memory;
    if (!fcs_cl_alive(cl) || (mode == FCS_MAP_READ && fcs_cl_finish(cl) != FCS_OK))
        return NULL;
    m->mapped = fcs_alloc_aligned(&ctx->error, bytes);
    m->offset = offset;
    m->size = bytes;
    m->mode = mode;
    if (m->mapped && mode == FCS_MAP_READ && transfer(cl, m) != FCS_OK) {
        free(m->mapped);
        m->mapped = NULL;
    }
    return m->mapped;
}

fcs_status fcs_cl_unmap(fcs_context *ctx, void *memory, float *mapped)
{
    fcs_cl_memory *m = memory;
    fcs_cl *cl = ctx->device;
    fcs_status s = m->mode == FCS_MAP_WRITE ? transfer(cl, m) : FCS_OK;
    free(mapped);
    m->mapped = NULL;
    return s;
}
