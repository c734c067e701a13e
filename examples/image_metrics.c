/* image_metrics.c: makes a training image, writes it, reads it back and measures it.
 * usage: image_metrics OUTPUT.png
 * Build: cc image_metrics.c $(pkg-config --cflags --libs facies) */
#include <facies.h>

int main(int argc, char **argv)
{
    enum { SIDE = 256, LAGS = 64 };
    static uint32_t labels[SIDE * SIDE];
    fcs_context *ctx;
    fcs_image *made = NULL, *image = NULL;
    double isotropic = 0, anisotropic = 0, tau[LAGS + 1];
    uint32_t bodies = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: %s OUTPUT.png\n", argv[0]);
        return FCS_USAGE;
    }
    fcs_status status = fcs_open(&ctx, NULL);
    if (status == FCS_OK)
        status = fcs_synth(ctx, "channels", SIDE, SIDE, 1, 42, &made);
    if (status == FCS_OK)
        status = fcs_image_write(ctx, made, argv[1]);
    if (status == FCS_OK)
        status = fcs_image_read(ctx, argv[1], &image);
    if (status == FCS_OK)
        status = fcs_total_variation(ctx, image, &isotropic, &anisotropic);
    if (status == FCS_OK)
        status = fcs_components(ctx, image, 0.5, 1, 4, labels, &bodies);
    if (status == FCS_OK)
        status = fcs_connectivity(ctx, image, 0.5, 1, 4, 'x', LAGS, tau, NULL, NULL);
    if (status == FCS_OK)
        printf("total variation %.4f (isotropic), %.4f (anisotropic); %u channel bodies;\n"
               "two channel pixels %d apart along x are in the same body with probability %.3f\n",
               isotropic, anisotropic, (unsigned)bodies, LAGS, tau[LAGS]);
    else
        fprintf(stderr, "%s\n", fcs_message(ctx));
    fcs_image_free(made);
    fcs_image_free(image);
    fcs_close(ctx);
    return (int)status;
}
