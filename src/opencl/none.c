/* none.c: stands for the OpenCL backend where it is not built. */
#include "opencl/devices.h"

fcs_status fcs_devices_open(fcs_context *ctx, const char *word, bool untrusted)
{
    (void)untrusted;
    return fcs_fail(&ctx->error, FCS_FAILED,
                    "device \"%.100s\": this facies was built without OpenCL, it computes on the "
                    "cpu only",
                    word);
}

fcs_status fcs_devices_list(fcs_context *ctx, fcs_table *t)
{
    (void)t;
    fcs_note(ctx, "this facies was built without OpenCL");
    return FCS_OK;
}
