#define Eigen EigenBaseline
#define EIGEN_DONT_PARALLELIZE
#define AZIMUTH_KERNELS kernels_baseline
#define AZIMUTH_KERNELS_NAME "baseline"
#include "model/kernels_impl.h"
