/* registry.c: the table of metrics. */
#include "metrics/metrics.h"

#define DSGAN "Ruffino et al. 2018"
#define TORQUATO "Torquato, Random Heterogeneous Materials, 2002"

const fcs_metric fcs_metrics[] = {
    {"tv_isotropic", "Total variation, isotropic",
     "mean per pixel of sqrt(dx^2 + dy^2), forward differences, values in [0,1]",
     "Rudin, Osher and Fatemi 1992; " DSGAN, FCS_METRIC_SCALAR, 1, 0, true, false,
     fcs_measure_tv_isotropic, 0},
    {"tv_anisotropic", "Total variation, anisotropic",
     "mean per pixel of |dx| + |dy|, forward differences, values in [0,1]", DSGAN,
     FCS_METRIC_SCALAR, 1, 0, true, false, fcs_measure_tv_anisotropic, 0},
    {"share", "Phase share", "share of the pixels that are of the phase", "counting",
     FCS_METRIC_SCALAR, 1, 0, false, true, fcs_measure_share, 0},
    {"lbp_r1", "Local binary patterns, R = 1",
     "half chi-square over 256 bins, averaged over bins and over pairs (generated, real); counts "
     "per image of the 8-neighbour pattern at radius 1, bilinear, zero outside",
     "Ojala et al. 2002; scikit-image local_binary_pattern(P=8, R=1, 'default')",
     FCS_METRIC_HISTOGRAM, 256, 0.5 / 256, true, false, fcs_measure_lbp1, 0},
    {"lbp_r2", "Local binary patterns, R = 2", "as lbp_r1, at radius 2",
     "Ojala et al. 2002; scikit-image local_binary_pattern(P=8, R=2, 'default')",
     FCS_METRIC_HISTOGRAM, 256, 0.5 / 256, true, false, fcs_measure_lbp2, 0},
    {"hog", "Oriented gradients",
     "chi-square over 10 bins, averaged over bins and over pairs (generated, real); shares of the "
     "HOG values on [0,1] (9 orientations, 8x8 cells, 3x3 blocks, L2-Hys)",
     "Dalal and Triggs 2005; scikit-image hog(9, (8, 8), (3, 3), 'L2-Hys')", FCS_METRIC_HISTOGRAM,
     10, 0.1, true, false, fcs_measure_hog, 0},
    {"tau", "Connectivity function tau",
     "conditional: pairs at the lag in one component / pairs at the lag both of the phase",
     "Renard and Allard 2013; " DSGAN, FCS_METRIC_CURVE, 0, 0, false, true, NULL, 0},
    {"c2", "Two-point cluster function C2",
     "unconditional: pairs at the lag in one component / all pairs at the lag",
     "Torquato, Beasley and Chiew 1988; " DSGAN, FCS_METRIC_CURVE, 0, 0, false, true, NULL, 1},
    {"s2", "Two-point correlation S2", "pairs at the lag both of the phase / all pairs at the lag",
     TORQUATO, FCS_METRIC_CURVE, 0, 0, false, true, NULL, 2},
};
const int fcs_metric_count = (int)(sizeof fcs_metrics / sizeof fcs_metrics[0]);
