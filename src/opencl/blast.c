/* blast.c: products by CLBlast (github.com/CNugteren/CLBlast), a form of matmul that `facies tune`
 * checks and times like our own. It was found wrong on some devices (its issues 533, 542). */
#include "opencl/opencl.h"

#ifdef FCS_HAVE_CLBLAST
#include <clblast_c.h>

/* Columns are written alone: padding lanes are made zero before. */
static cl_int clear_padding(fcs_cl *cl, const fcs_cl_blast *p)
{
    const float zero = 0;
    if (p->y.cs == p->columns)
        return CL_SUCCESS;
    return clEnqueueFillBuffer(cl->queue, p->y.buffer, &zero, sizeof zero,
                               (size_t)p->y.at * sizeof zero,
                               (size_t)(p->rows * p->y.cs) * sizeof zero, 0, NULL, NULL);
}

fcs_status fcs_cl_blast_queue(fcs_cl *cl, const fcs_cl_blast *p, const char *where)
{
    cl_int code = clear_padding(cl, p);
    if (code == CL_SUCCESS)
        code = (cl_int)CLBlastSgemm(
            CLBlastLayoutRowMajor, p->ta ? CLBlastTransposeYes : CLBlastTransposeNo,
            p->tb ? CLBlastTransposeYes : CLBlastTransposeNo, (size_t)p->rows, (size_t)p->columns,
            (size_t)p->k, 1, p->a.buffer, (size_t)p->a.at, (size_t)p->a.cs, p->b.buffer,
            (size_t)p->b.at, (size_t)p->b.cs, 0, p->y.buffer, (size_t)p->y.at, (size_t)p->y.cs,
            &cl->queue, NULL);
    return code == CL_SUCCESS ? FCS_OK : fcs_cl_fail(cl, code, "%s (CLBlast)", where);
}

void fcs_cl_blast_forget(void) { CLBlastClearCache(); }
#else
fcs_status fcs_cl_blast_queue(fcs_cl *cl, const fcs_cl_blast *p, const char *where)
{
    (void)p;
    return fcs_fail(&cl->ctx->error, FCS_FAILED, "%s: facies was built without CLBlast", where);
}

void fcs_cl_blast_forget(void) {}
#endif
