#define Eigen EigenAvx512
#define EIGEN_DONT_PARALLELIZE
#define AZIMUTH_KERNELS kernels_avx512
#define AZIMUTH_KERNELS_NAME "avx512"
#include "model/kernels_impl.h"
