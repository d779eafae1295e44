#define Eigen EigenAvx2
#define EIGEN_DONT_PARALLELIZE
#define AZIMUTH_KERNELS kernels_avx2
#define AZIMUTH_KERNELS_NAME "avx2"
#include "model/kernels_impl.h"
